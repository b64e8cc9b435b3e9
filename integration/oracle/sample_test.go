package oracle_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"cordon/integration/lab/frame"
	"cordon/policy"
)

// sample is one packet to judge: what the oracle is asked, and what it takes to send it.
type sample struct {
	packet policy.Packet
	flags  frame.Flags // of TCP
	tags   tags
	of     opening // what it was made from
	// answers is the packet that opened the flow which this one belongs to, and how it came out.
	answers *sample
	out     arrival
}

// opening is anything by which a policy opens something.
type opening struct {
	from, to []policy.Endpoint // to is nil for the gateway itself
	services []policy.Service
	tags     tags
}

// marksman makes packets for a policy.
type marksman struct {
	*rand.Rand
	policy.Policy
	all  []opening
	port uint16 // the last one that a flow was opened from: no two flows of a policy are one
	news int    // how many newcomers have asked for a lease: a segment has a rate
	sent map[tuple]bool
}

// tuple is what conntrack knows a flow by.
type tuple struct {
	protocol             policy.Protocol
	from, to             netip.Addr
	fromPort, towardPort uint16
}

// answers says whether a packet goes the way of an answer to an earlier one, whose flow conntrack still has: two packets from the port of
// one service to that of another may meet. It is then no question, and takes note of the packet otherwise.
func (m *marksman) answers(p policy.Packet) bool {
	if m.sent[tuple{p.Protocol, p.Destination, p.Source, p.DestinationPort, p.SourcePort}] {
		return true
	}
	m.sent[tuple{p.Protocol, p.Source, p.Destination, p.SourcePort, p.DestinationPort}] = true
	return false
}

// openings returns everything by which a policy opens something, at a moment or at another one.
func openings(p policy.Policy, at policy.Moment) []opening {
	var all []opening
	for _, a := range p.Allows {
		all = append(all, opening{a.From, a.To, a.Services, endsTags(a.From, a.To) | scheduleTag(p, a.During, at)})
	}
	for _, e := range p.Exceptions {
		t := endsTags(e.From, e.To) | scheduleTag(p, e.During, at) | exceptionOver
		if _, open := (policy.Schedule{Windows: e.During, Zone: p.Site.Zone}).OpenAt(at.Time); open && at.Trusted && e.Until.After(at.Time) {
			t = t&^exceptionOver | exceptionLive
		}
		if t&exceptionLive != 0 && ofTwo(p, slices.Concat(e.From, e.To)) {
			t |= ofTwoUplinks
		}
		all = append(all, opening{e.From, e.To, e.Services, t})
	}
	for _, m := range p.Manage {
		if len(m.From) > 0 {
			all = append(all, opening{m.From, nil, m.Services, endsTags(m.From, nil) | manage | ownAddress})
		}
	}
	for i := range p.Segments {
		all = append(append(all, questions(p, policy.SegmentID(i))...), looks(p, policy.SegmentID(i))...)
	}
	return all
}

// ofTwo says whether one of some ends lies behind an uplink of several.
func ofTwo(p policy.Policy, ends []policy.Endpoint) bool {
	isUplink := func(s policy.Segment) bool { return s.Kind == policy.UplinkSegment }
	first := slices.IndexFunc(p.Segments, isUplink)
	return slices.ContainsFunc(p.Segments[first+1:], isUplink) && slices.ContainsFunc(ends, func(e policy.Endpoint) bool {
		return slices.ContainsFunc(e.Segments, func(id policy.SegmentID) bool { return isUplink(p.Segments[id]) })
	})
}

// questions returns what the gateway serves the devices of a segment as openings: at its own addresses, and at other people's.
func questions(p policy.Policy, id policy.SegmentID) []opening {
	var of []policy.Service
	if s := p.Segments[id].Serve; s.Time != policy.TimeOff {
		of = append(of, policy.Service{Ports: []policy.Ports{{Protocol: policy.UDP, First: 123, Last: 123}}})
	}
	if p.Segments[id].Serve.Names != policy.NamesOff {
		of = append(of, policy.Service{Ports: []policy.Ports{
			{Protocol: policy.UDP, First: 53, Last: 53}, {Protocol: policy.TCP, First: 53, Last: 53},
		}})
	}
	from := policy.Endpoint{Kind: policy.DeviceEndpoint}
	for i, d := range p.Devices {
		if d.Segment == id {
			from.Devices = append(from.Devices, policy.DeviceID(i))
		}
	}
	if len(of) == 0 || len(from.Devices) == 0 {
		return nil
	}
	var others []policy.Endpoint
	for _, n := range []string{"198.51.100.0/24", "2001:db8:1::/48"} {
		others = append(others, policy.Endpoint{Kind: policy.NetworkEndpoint, Network: netip.MustParsePrefix(n)})
	}
	ends := []policy.Endpoint{from}
	return []opening{{ends, nil, of, served | ownAddress}, {ends, others, of, served}}
}

// looks returns the leases of a segment, and the search for its cameras: their own words, and those of whoever may find them.
func looks(p policy.Policy, id policy.SegmentID) []opening {
	s := p.Segments[id]
	on := func(id policy.SegmentID, port uint16, t tags) opening {
		from := policy.Endpoint{Kind: policy.SegmentEndpoint, Segments: []policy.SegmentID{id}}
		service := policy.Service{Ports: []policy.Ports{{Protocol: policy.UDP, First: port, Last: port}}}
		return opening{[]policy.Endpoint{from}, nil, []policy.Service{service}, served | ownAddress | t}
	}
	var all []opening
	if s.Serve.Leases != nil {
		all = append(all, slices.Repeat([]opening{on(id, 67, leases)}, 3)...)
	}
	for _, other := range s.Serve.Discovery {
		all = append(all, on(other, 3702, discovery), on(id, 3702, discovery))
		all = append(all, slices.Repeat([]opening{on(other, 3702, discovery|toTheGroup), on(id, 3702, discovery|toTheGroup)}, 3)...)
	}
	return all
}

// lease returns a question for a lease, of a named device or of a newcomer: to everybody, or to the gateway.
func (m *marksman) lease(o opening) *sample {
	id := o.from[0].Segments[0]
	segment := m.Segments[id]
	s := &sample{tags: o.tags, of: o}
	p := &s.packet
	p.IIF, p.MAC, p.Protocol, p.SourcePort, p.DestinationPort = segment.Interface, m.stranger(), policy.UDP, 68, 67
	own := one(m.Rand, one(m.Rand, m.addressed()).Addresses).Addr()
	p.Destination = one(m.Rand, []netip.Addr{everybody(), own, segment.Addresses[0].Addr()})
	for range 8 {
		if d := one(m.Rand, m.Devices); d.Segment == id && d.Addresses[0].Is4() {
			p.MAC, p.Source = d.MAC, d.Addresses[0]
			break
		}
	}
	if m.news < 8 && m.IntN(4) == 0 {
		m.news++
		p.MAC = m.stranger()
		p.Source = one(m.Rand, []netip.Addr{netip.IPv4Unspecified(), segment.Serve.Leases.First, segment.Serve.Leases.Last.Next()})
	}
	if p.Source.BitLen() != p.Destination.BitLen() {
		return nil
	}
	return s
}

func scheduleTag(p policy.Policy, windows []policy.Window, at policy.Moment) tags {
	if len(windows) == 0 {
		return 0
	}
	if _, open := (policy.Schedule{Windows: windows, Zone: p.Site.Zone}).OpenAt(at.Time); open && at.Trusted {
		return scheduleIn
	}
	return scheduleOut
}

func endsTags(from, to []policy.Endpoint) tags {
	var t tags
	for _, e := range slices.Concat(from, to) {
		switch {
		case e.Kind == policy.NetworkEndpoint:
			t |= literal
		case strings.HasPrefix(e.Name, "group."):
			t |= group
		}
	}
	return t
}

// sample returns a packet of one of the policy's openings, as it is meant or with one thing changed.
func (m *marksman) sample() *sample {
	s := m.straight(one(m.Rand, m.all))
	if s == nil {
		return nil
	}
	if m.IntN(100) >= 42 {
		m.change(s)
	}
	if s.packet.Source.IsUnspecified() && s.packet.Destination != everybody() {
		return nil // Linux takes a packet from no address to everybody alone
	}
	if m.unusual(s.packet.Source) {
		return nil // nor one from everybody on a network of its own
	}
	if to := s.packet.Destination; to.IsMulticast() && !slices.Contains(searched(), to) {
		return nil // nobody listens there
	}
	if m.Site.Scope == policy.ScopeSegments && isGateway(m.Policy, s.packet.Source) {
		return nil // Linux itself takes no packet of its own address from a wire, whoever governs it
	}
	if to := owner(m.Policy, s.packet.Destination); to != nil && to.Serve.Origin.Line > 0 && s.ported() && wellKnown(s.packet.SourcePort) {
		return nil // what answers it is a question to the gateway, and so it has no way back
	}
	if s.ported() && m.answers(s.packet) {
		return nil
	}
	return m.finish(s)
}

// looksAway says whether what comes in by an interface is only observed.
func (m *marksman) looksAway(iface string) bool {
	return slices.ContainsFunc(m.Segments, func(s policy.Segment) bool { return s.Interface == iface && s.Mode == policy.Observe })
}

// wellKnown says whether a port is one that the gateway may serve.
func wellKnown(port uint16) bool { return port == 53 || port == 123 }

// finish tells what can be told of a packet alone.
func (m *marksman) finish(s *sample) *sample {
	p := &s.packet
	switch p.Protocol {
	case policy.TCP:
		s.tags |= tcp
	case policy.UDP:
		s.tags |= udp
	default:
		s.tags |= icmp
	}
	s.tags |= ipv4
	if p.Source.Is6() {
		s.tags = s.tags&^ipv4 | ipv6
	}
	if isGateway(m.Policy, p.Destination) {
		s.tags |= ownAddress
	}
	if m.looksAway(p.IIF) {
		s.tags |= observe
	}
	if !many(p.Destination) {
		s.tags &^= toTheGroup
	}
	if owner(m.Policy, p.Destination) == nil && !many(p.Destination) {
		s.tags |= nowhere
	}
	return s
}

// straight returns a packet that an opening means, or nil where its ends have no family in common.
func (m *marksman) straight(o opening) *sample {
	if o.tags&leases != 0 {
		return m.lease(o)
	}
	for range 8 {
		from, to := m.address(one(m.Rand, o.from)), m.target(o)
		if from.BitLen() != to.BitLen() || from.BitLen() == 0 {
			continue
		}
		s := &sample{tags: o.tags, flags: frame.SYN, of: o}
		s.packet.Source, s.packet.Destination = from, to
		m.comesFrom(s, from)
		m.service(s, one(m.Rand, o.services))
		return s
	}
	return nil
}

// comesFrom gives a packet the interface and MAC of its source.
func (m *marksman) comesFrom(s *sample, from netip.Addr) {
	s.packet.IIF, s.packet.MAC = unnamed, m.stranger()
	if segment := owner(m.Policy, from); segment != nil {
		s.packet.IIF = segment.Interface
	}
	if d := deviceAt(m.Policy, from); d != nil && !d.MAC.IsZero() {
		s.packet.MAC = d.MAC
	}
}

func (m *marksman) stranger() policy.MAC {
	return policy.MAC{0x02, 0x77, byte(m.IntN(256)), byte(m.IntN(256)), byte(m.IntN(256)), byte(m.IntN(256))}
}

// target returns an address that an opening leads to.
func (m *marksman) target(o opening) netip.Addr {
	if o.tags&toTheGroup != 0 {
		return one(m.Rand, searched())
	}
	if o.to == nil {
		at := m.addressed()
		if here, ok := m.home(o); ok && len(here.Addresses) > 0 && m.IntN(2) == 0 {
			at = []policy.Segment{here}
		}
		return one(m.Rand, one(m.Rand, at).Addresses).Addr()
	}
	return m.address(one(m.Rand, o.to))
}

// home returns the segment whose machines look for cameras, where an opening is of that.
func (m *marksman) home(o opening) (policy.Segment, bool) {
	if o.tags&discovery == 0 {
		return policy.Segment{}, false
	}
	return m.Segments[o.from[0].Segments[0]], true
}

// addressed returns the segments in which the gateway has an address.
func (m *marksman) addressed() []policy.Segment {
	return slices.DeleteFunc(slices.Clone(m.Segments), func(s policy.Segment) bool { return len(s.Addresses) == 0 })
}

// address returns one of an endpoint's: often the first or the last of a network, where a mistake would show.
func (m *marksman) address(e policy.Endpoint) netip.Addr {
	switch e.Kind {
	case policy.DeviceEndpoint:
		if len(e.Devices) == 0 {
			return netip.Addr{}
		}
		return one(m.Rand, m.Devices[one(m.Rand, e.Devices)].Addresses)
	case policy.SegmentEndpoint:
		s := m.Segments[one(m.Rand, e.Segments)]
		if s.Kind == policy.UplinkSegment {
			return m.abroad()
		}
		return inside(m.Rand, one(m.Rand, s.Networks()))
	case policy.NetworkEndpoint:
		return m.edge(e.Network)
	case policy.AnyEndpoint:
	}
	return netip.Addr{}
}

// edge returns an address of a network: one of its ends where a machine may have it.
func (m *marksman) edge(n netip.Prefix) netip.Addr {
	a := inside(m.Rand, n)
	switch m.IntN(4) {
	case 0:
		a = n.Masked().Addr()
	case 1:
		a = last(n)
	}
	if m.unusual(a) {
		return inside(m.Rand, n)
	}
	return a
}

// unusual says whether an address is the network's own or the broadcast address of one of the gateway's networks: the kernel takes
// those for itself.
func (m *marksman) unusual(a netip.Addr) bool {
	for _, s := range m.Segments {
		for _, n := range s.Addresses {
			if n.Contains(a) && (a == n.Masked().Addr() || a.Is4() && a == last(n)) {
				return true
			}
		}
	}
	return false
}

// abroad returns an address that only an uplink can own, be it of a family that none has a way for.
func (m *marksman) abroad() netip.Addr {
	networks := []string{"198.51.100.0/24", "192.0.2.0/24", "203.0.113.0/25", "9.0.0.0/8", "2001:db8::/64", "2001:db8:1::/48", "2620::/16"}
	return inside(m.Rand, netip.MustParsePrefix(one(m.Rand, networks)))
}

// service gives a packet the protocol and port of a service.
func (m *marksman) service(s *sample, of policy.Service) {
	p := &s.packet
	switch {
	case of.Any:
		m.anything(s)
	case of.Ping:
		m.echo(s)
	default:
		run := one(m.Rand, of.Ports)
		p.Protocol = run.Protocol
		p.DestinationPort = one(m.Rand, []uint16{run.First, run.Last, run.First + uint16(m.IntN(int(run.Last-run.First)+1))})
		p.SourcePort = m.fresh()
		if run.First != run.Last {
			s.tags |= portRange
		}
	}
}

func (m *marksman) anything(s *sample) {
	s.packet.Protocol = one(m.Rand, []policy.Protocol{policy.TCP, policy.UDP})
	s.packet.SourcePort, s.packet.DestinationPort = m.fresh(), uint16(1+m.IntN(19999))
}

func (m *marksman) echo(s *sample) {
	s.packet.Protocol, s.packet.ICMPType = policy.ICMP, frame.EchoRequest
	if s.packet.Source.Is6() {
		s.packet.Protocol, s.packet.ICMPType = policy.ICMPv6, frame.EchoRequestV6
	}
	s.packet.SourcePort, s.packet.DestinationPort = m.fresh(), 0
}

// fresh returns a port that no flow of late was opened from.
func (m *marksman) fresh() uint16 {
	const first, many = 20000, 40000
	m.port = (m.port + 1) % many
	return first + m.port
}

// ported says whether a packet has ports that can be changed.
func (s *sample) ported() bool {
	return s.packet.Protocol == policy.TCP || s.packet.Protocol == policy.UDP
}

// change changes one thing of a packet, which mostly turns its verdict.
func (m *marksman) change(s *sample) {
	p := &s.packet
	switch m.IntN(18) {
	case 0, 1:
		if d := deviceAt(m.Policy, p.Source); d != nil && !d.MAC.IsZero() {
			s.tags |= wrongMAC
		}
		p.MAC = m.otherMAC()
	case 2, 3:
		p.IIF = m.otherInterface(p.IIF)
		s.tags |= wrongInterface
	case 4:
		m.otherPort(s)
	case 5:
		m.otherProtocol(s)
	case 6:
		m.backwards(s)
	case 7, 8:
		m.fromServicePort(s)
	case 9, 14, 15:
		p.Source = m.beyond(s.of.from, p.Source)
	case 10, 16, 17:
		p.Destination = m.beyond(s.of.to, p.Destination)
	case 11:
		if own := m.gatewayLike(p.Source); own.IsValid() {
			p.Destination = own
		}
	case 12:
		if other := m.anyone(); other.BitLen() == p.Destination.BitLen() {
			p.Destination = other
		}
	case 13:
		if p.Protocol == policy.TCP {
			s.flags = frame.ACK | frame.PSH
		}
		if other := m.anyone(); other.BitLen() == p.Source.BitLen() {
			p.Source = other
			m.comesFrom(s, other)
		}
	}
}

// otherMAC returns the MAC of another device, or a stranger's.
func (m *marksman) otherMAC() policy.MAC {
	if d := one(m.Rand, m.Devices); m.IntN(2) == 0 && !d.MAC.IsZero() {
		return d.MAC
	}
	return m.stranger()
}

func (m *marksman) otherInterface(than string) string {
	if other := otherUplink(than); other != "" && m.IntN(2) == 0 {
		return other
	}
	for {
		if other := one(m.Rand, cables()); other != than {
			return other
		}
	}
}

// otherUplink returns the interface beside an uplink's.
func otherUplink(than string) string { return map[string]string{"wan0": "wan1", "wan1": "wan0"}[than] }

// otherPort moves the destination port: by one, out of its range, or anywhere.
func (m *marksman) otherPort(s *sample) {
	p := &s.packet
	if !s.ported() {
		p.ICMPType = one(m.Rand, []uint8{13, 17, 8, 15})
		if p.Source.Is6() {
			p.ICMPType = one(m.Rand, []uint8{139, 144, 130, 200})
		}
		return
	}
	p.DestinationPort = max(1, one(m.Rand, []uint16{p.DestinationPort + 1, p.DestinationPort - 1, m.outside(p), uint16(1 + m.IntN(19999))}))
}

// outside returns the port just below or above a range that holds a packet's port.
func (m *marksman) outside(p *policy.Packet) uint16 {
	for _, s := range m.Services {
		for _, run := range s.Ports {
			if run.Protocol == p.Protocol && run.First <= p.DestinationPort && p.DestinationPort <= run.Last {
				return one(m.Rand, []uint16{run.First - 1, run.Last + 1})
			}
		}
	}
	return p.DestinationPort + 2
}

func (m *marksman) otherProtocol(s *sample) {
	switch p := &s.packet; p.Protocol {
	case policy.TCP:
		p.Protocol = policy.UDP
	case policy.UDP:
		p.Protocol = policy.TCP
	default:
		m.anything(s)
		p.ICMPType = 0
	}
}

// backwards sends a packet the other way as if it opened the flow: from the side that is only ever opened.
func (m *marksman) backwards(s *sample) {
	p := &s.packet
	if isGateway(m.Policy, p.Destination) {
		return
	}
	p.Source, p.Destination = p.Destination, p.Source
	m.comesFrom(s, p.Source)
	if s.ported() && m.IntN(2) == 0 {
		p.SourcePort, p.DestinationPort = p.DestinationPort, p.SourcePort
		s.tags |= servicePort
	}
}

// fromServicePort sends a packet from the port of a service, as if it answered; to the port that is opened, or to another.
func (m *marksman) fromServicePort(s *sample) {
	p := &s.packet
	if !s.ported() {
		return
	}
	s.tags |= servicePort
	p.SourcePort = m.servicePort(p.Protocol)
	switch m.IntN(4) {
	case 0:
		p.DestinationPort = m.servicePort(p.Protocol)
	case 1:
		p.SourcePort, p.DestinationPort = p.DestinationPort, m.fresh()
	}
}

func (m *marksman) servicePort(protocol policy.Protocol) uint16 {
	for range 20 {
		if of := one(m.Rand, one(m.Rand, m.all).services); len(of.Ports) > 0 {
			if run := one(m.Rand, of.Ports); run.Protocol == protocol {
				return run.First
			}
		}
	}
	return 554
}

// beyond returns an address just outside of the literal network that holds another one, or beside the other one.
func (m *marksman) beyond(ends []policy.Endpoint, a netip.Addr) netip.Addr {
	for _, e := range ends {
		if e.Kind != policy.NetworkEndpoint || !e.Network.Contains(a) {
			continue
		}
		out := last(e.Network).Next()
		if m.IntN(2) == 0 {
			out = e.Network.Masked().Addr().Prev()
		}
		if out.IsValid() && !m.unusual(out) && owner(m.Policy, out) == owner(m.Policy, a) {
			return out
		}
	}
	return m.near(a)
}

// near returns an address beside another one: its neighbour, or the other side of a boundary.
func (m *marksman) near(a netip.Addr) netip.Addr {
	next := a.Next()
	if m.IntN(2) == 0 {
		next = a.Prev()
	}
	if !next.IsValid() || m.unusual(next) {
		return a
	}
	return next
}

// gatewayLike returns one of the gateway's addresses, of another one's family.
func (m *marksman) gatewayLike(a netip.Addr) netip.Addr {
	for range 8 {
		if own := one(m.Rand, one(m.Rand, m.addressed()).Addresses).Addr(); own.BitLen() == a.BitLen() {
			return own
		}
	}
	return netip.Addr{}
}

// anyone returns the address of some machine: a device, somebody on a network, somebody outside, or the gateway.
func (m *marksman) anyone() netip.Addr {
	switch m.IntN(4) {
	case 0:
		return one(m.Rand, one(m.Rand, m.Devices).Addresses)
	case 1:
		return m.abroad()
	case 2:
		return one(m.Rand, one(m.Rand, m.addressed()).Addresses).Addr()
	}
	for {
		if s := one(m.Rand, m.Segments); s.Kind != policy.UplinkSegment {
			return inside(m.Rand, one(m.Rand, s.Networks()))
		}
	}
}
