package compile

import (
	"iter"
	"net/netip"
	"slices"
	"strconv"

	"cordon/gateway/ruleset"
	"cordon/policy"
)

// collected is what the sets of one family hold: key → comment.
type collected struct {
	family
	devices, bare, bound, selves, gateway map[string]string
	tcpAnswers, udpAnswers                map[string]string
	tcpCalls, udpCalls                    map[string]string
	crossings                             map[string]string
	abroad, translated                    map[string]string
	themselves, bareSelves                map[string]string
	reach                                 map[string][]netip.Prefix // interface → peers that forward decides about
	withCameras                           map[string]bool           // interfaces of camera segments
	flows                                 []opening                 // what the gates judge
	about                                 gateSet                   // which flows of exact services an ICMP error may be about
}

func newCollected(f family) *collected {
	c := &collected{family: f, reach: map[string][]netip.Prefix{}, withCameras: map[string]bool{}, about: newGates(quotedGates(f))}
	for _, m := range []*map[string]string{
		&c.devices, &c.bare, &c.bound, &c.selves, &c.gateway, &c.tcpAnswers, &c.udpAnswers, &c.tcpCalls, &c.udpCalls,
		&c.crossings, &c.abroad, &c.translated, &c.themselves, &c.bareSelves,
	} {
		*m = map[string]string{}
	}
	return c
}

// collect sorts devices and openings of one family into the sets.
func collect(f family, p policy.Policy, all iter.Seq[opening], comment func(policy.Origin) string) *collected {
	c := newCollected(f)
	for _, name := range interfaces(p, kind(policy.CameraSegment)) {
		c.withCameras[name] = true
	}
	for i := range p.Devices {
		d := &p.Devices[i]
		// Only the sets that say who a device is carry its name: the others are looked into for every packet.
		c.device(p, d, shortened(comment(d.Origin)+" "+d.Reference()))
	}
	for i := range p.Segments {
		c.gateways(&p.Segments[i])
	}
	for o := range all {
		switch {
		case o.v4 != f.v4:
		case o.bridged():
			c.bridged(o, comment(o.origin))
		case !o.term.limited:
			c.opening(p, o, comment(o.origin))
		}
	}
	return c
}

// device writes who a device is: with a MAC in devices, without one in bare, and in bound where an address has to come with its MAC
// though the segment has no guard at ingress.
func (c *collected) device(p policy.Policy, d *policy.Device, comment string) {
	s := &p.Segments[d.Segment]
	for _, a := range identities(s, d) {
		if a.Is4() != c.v4 {
			continue
		}
		for _, name := range entrances(s, d) {
			c.identity(s, d, ruleset.Name(name), a, comment)
		}
	}
}

// identity writes a device's address under one name of its interface.
func (c *collected) identity(s *policy.Segment, d *policy.Device, iface string, a netip.Addr, comment string) {
	addr := ruleset.Addr(a)
	if c.withCameras[s.Interface] {
		c.themselves[ruleset.Key(addr, addr)] = ""
	}
	switch {
	case d.MAC.IsZero() && s.Kind.Governed():
		c.bare[ruleset.Key(iface, addr)] = comment
	case d.MAC.IsZero():
		return
	case !s.Kind.Governed():
		c.bound[ruleset.Key(iface, addr)] = comment
		fallthrough
	default:
		c.devices[ruleset.Key(iface, string(d.MAC[:]), addr)] = comment
	}
	switch {
	case c.v4 || !s.Kind.Governed():
	case d.MAC.IsZero():
		c.bareSelves[ruleset.Key(iface, addr)] = comment
	default:
		c.selves[ruleset.Key(iface, string(d.MAC[:]), addr)] = comment
	}
}

// gateways writes the gateway's own addresses on governed segments: what a device may ask for.
func (c *collected) gateways(s *policy.Segment) {
	if !s.Kind.Governed() {
		return
	}
	for _, a := range s.Addresses {
		if a.Addr().Is4() == c.v4 {
			for _, name := range entrances(s, nil) {
				c.gateway[ruleset.Key(ruleset.Name(name), ruleset.Addr(a.Addr()))] = ""
			}
		}
	}
}

// opening writes one opening: into the merged sets of the sides that ingress knows whole, and into a gate for what they cannot hold.
func (c *collected) opening(p policy.Policy, o opening, comment string) {
	c.cross(p, o)
	if o.service.exact() {
		shape := gateOf(c.family, o)
		shape.byError = true
		c.about.add(shape, o, "")
	}
	hot := o.service.exact() && o.from.kind == oneAddress && o.to.kind == oneAddress
	if hot {
		c.merge(o, comment)
	}
	calls := hot && !o.caught()
	if !calls || !o.from.bound() || !o.to.bound() {
		c.flows = append(c.flows, o)
	}
	c.reaches(o.from, o.to, calls)
	c.reaches(o.to, o.from, hot)
	c.leaves(o, comment)
}

// bridged writes what ingress has to know of an opening between ports of one bridge: whom each end asks for, and, unless it ends by
// itself, its flow. The bridge's own table decides about it.
func (c *collected) bridged(o opening, comment string) {
	c.introduce(o.from, o.to)
	c.introduce(o.to, o.from)
	if o.term.limited {
		return
	}
	hot := o.service.exact()
	if hot {
		c.merge(o, comment)
	}
	c.reaches(o.from, o.to, hot)
	c.reaches(o.to, o.from, hot)
}

// introduce lets a side ask for its peer by ARP or neighbour discovery, as it may ask for the gateway.
func (c *collected) introduce(own, peer side) {
	for _, name := range entrances(own.segment, own.device)[1:] {
		for _, a := range identities(peer.segment, peer.device) {
			if a.Is4() == c.v4 {
				c.gateway[ruleset.Key(ruleset.Name(name), ruleset.Addr(a))] = ""
			}
		}
	}
}

// merge writes the elements in which interface, MAC, both addresses and the port are one key.
func (c *collected) merge(o opening, comment string) {
	calls, answers := c.tcpCalls, c.tcpAnswers
	if o.service.protocol == policy.UDP {
		calls, answers = c.udpCalls, c.udpAnswers
	}
	if o.from.bound() && !o.caught() {
		wholes(calls, o.from, o.to, o.service, comment)
	}
	if o.to.bound() {
		wholes(answers, o.to, o.from, o.service, comment)
	}
}

// caught says whether an opening is of what its segment intercepts: that goes no further than the gateway while the segment is enforced,
// so it is no call, of which ingress asks nothing more. While the segment is observed it goes the way of whatever is no call.
func (o opening) caught() bool {
	return slices.Contains(intercepted(o.from.segment), question{o.service.protocol, o.service.first})
}

func wholes(set map[string]string, own, peer side, s service, comment string) {
	for _, name := range entrances(own.segment, own.device) {
		set[ruleset.Key(ruleset.Name(name), string(own.device.MAC[:]), ruleset.Addr(own.addr),
			ruleset.Addr(peer.addr), ruleset.Short(s.first))] = comment
	}
}

// reaches lets a governed side's packets to the peer past ingress, where a merged element does not: forward then decides.
func (c *collected) reaches(own, peer side, hot bool) {
	if !own.segment.Kind.Governed() || (hot && own.bound()) {
		return
	}
	for _, name := range entrances(own.segment, own.device) {
		c.reach[name] = append(c.reach[name], peer.networks(c.v4)...)
	}
}

// cross writes the two interfaces that an opening connects. In scope "segments" what touches no governed segment is not ours.
func (c *collected) cross(p policy.Policy, o opening) {
	if p.Site.Scope == policy.ScopeSegments && !o.from.segment.Kind.Governed() && !o.to.segment.Kind.Governed() {
		return
	}
	from, to := ruleset.Name(o.from.segment.Interface), ruleset.Name(o.to.segment.Interface)
	c.crossings[ruleset.Key(from, to)] = ""
	c.crossings[ruleset.Key(to, from)] = ""
}

// leaves writes which governed devices an allow lets through an uplink, and which of them are translated there.
func (c *collected) leaves(o opening, comment string) {
	for _, ends := range [][2]side{{o.from, o.to}, {o.to, o.from}} {
		own, peer := ends[0], ends[1]
		if own.device == nil || !own.segment.Kind.Governed() || peer.segment.Kind != policy.UplinkSegment {
			continue
		}
		c.abroad[ruleset.Addr(own.addr)] = comment
		if peer.segment.Translates {
			c.translated[ruleset.Key(ruleset.Name(peer.segment.Interface), ruleset.Addr(own.addr))] = comment
		}
	}
}

// ranges turns prefixes by interface into elements of an interval set. A prefix inside another one is left out: the kernel refuses
// elements that overlap.
func ranges(byInterface map[string][]netip.Prefix) []ruleset.Element {
	var list []ruleset.Element
	for _, iface := range sortedKeys(byInterface) {
		for _, n := range outermost(byInterface[iface]) {
			list = append(list, ruleset.Element{
				Key: ruleset.Key(ruleset.Name(iface), ruleset.Addr(n.Addr())),
				End: ruleset.Key(ruleset.Name(iface), ruleset.Addr(lastAddr(n))),
			})
		}
	}
	return list
}

// prefixes turns prefixes into elements of an interval set with one field.
func prefixes(list []netip.Prefix) []ruleset.Element {
	elements := make([]ruleset.Element, 0, len(list))
	for _, n := range outermost(list) {
		elements = append(elements, ruleset.Element{Key: ruleset.Addr(n.Addr()), End: ruleset.Addr(lastAddr(n))})
	}
	return elements
}

// outermost returns the prefixes, sorted, without those that lie in another one.
func outermost(list []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		if a.Bits() != b.Bits() {
			return a.Bits() - b.Bits()
		}
		return a.Addr().Compare(b.Addr())
	})
	var kept []netip.Prefix
	for _, n := range sorted {
		if !slices.ContainsFunc(kept, func(k netip.Prefix) bool { return k.Overlaps(n) }) {
			kept = append(kept, n.Masked())
		}
	}
	slices.SortFunc(kept, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return kept
}

// without cuts holes out of a prefix, as the prefixes that are left.
func without(n netip.Prefix, holes []netip.Prefix) []netip.Prefix {
	inside := slices.DeleteFunc(slices.Clone(holes), func(h netip.Prefix) bool { return !n.Overlaps(h) })
	switch {
	case len(inside) == 0:
		return []netip.Prefix{n}
	case slices.ContainsFunc(inside, func(h netip.Prefix) bool { return h.Bits() <= n.Bits() }):
		return nil
	}
	low := netip.PrefixFrom(n.Masked().Addr(), n.Bits()+1)
	high := netip.PrefixFrom(lastAddr(n), n.Bits()+1).Masked()
	return append(without(low, inside), without(high, inside)...)
}

// lastAddr returns the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	octets := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(octets); bit++ {
		octets[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(octets)
	return last
}

// identities returns what a device is known by: its addresses, and the link-local one of its MAC where the segment speaks IPv6.
func identities(s *policy.Segment, d *policy.Device) []netip.Addr {
	if s.Kind.Governed() && !d.MAC.IsZero() && speaksV6(s) {
		return append(slices.Clone(d.Addresses), linkLocal(d.MAC))
	}
	return d.Addresses
}

// linkLocal returns the address that a device makes of its MAC (RFC 4291, appendix A).
func linkLocal(m policy.MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
}

// speaksV6 says whether the gateway has an IPv6 address on the segment.
func speaksV6(s *policy.Segment) bool {
	return slices.ContainsFunc(s.Addresses, func(a netip.Prefix) bool { return a.Addr().Is6() })
}

// files gives each file of a policy a short code, for a comment on every element costs memory that the packet path then misses.
type files map[string]string

func codes(p policy.Policy) files {
	f := files{}
	for i, name := range p.Files {
		f[name] = "f" + strconv.Itoa(i)
	}
	return f
}

// comment returns the short form of an origin: the file's code and the line.
func (f files) comment(o policy.Origin) string {
	if o.Line == 0 {
		return ""
	}
	return f[o.File] + ":" + strconv.Itoa(o.Line)
}
