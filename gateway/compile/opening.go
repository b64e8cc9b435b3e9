package compile

import (
	"iter"
	"net/netip"
	"slices"
	"time"

	"cordon/policy"
)

// sideKind is how exactly a side of an opening is known.
type sideKind int

const (
	oneAddress   sideKind = iota // a device, or a literal of one address
	wholeSegment                 // a client segment or an uplink: whatever its interface carries
	oneNetwork                   // a literal prefix inside a segment
	theGateway                   // the gateway itself, in manage
)

// side is one end of an opening.
type side struct {
	kind    sideKind
	segment *policy.Segment
	device  *policy.Device // nil for a literal
	addr    netip.Addr
	network netip.Prefix
}

// bound says whether ingress can know the side by interface, MAC and address together.
func (s side) bound() bool {
	return s.device != nil && s.segment.Kind.Governed() && !s.device.MAC.IsZero()
}

// networks returns where the side lives, as prefixes: what the coarse checks (reach, jail) let through. A camera counts as its
// whole network there, for those checks are walked one by one and must not grow with the number of cameras.
func (s side) networks(v4 bool) []netip.Prefix {
	switch s.kind {
	case oneAddress:
		if s.device != nil && s.device.Kind == policy.Camera {
			return s.home()
		}
		return []netip.Prefix{netip.PrefixFrom(s.addr, s.addr.BitLen())}
	case oneNetwork:
		return []netip.Prefix{s.network}
	case wholeSegment:
		return segmentNetworks(s.segment, v4)
	case theGateway:
	}
	return nil
}

// home returns the network of the side's segment that holds its address.
func (s side) home() []netip.Prefix {
	for _, n := range s.segment.Networks() {
		if n.Contains(s.addr) {
			return []netip.Prefix{n}
		}
	}
	return []netip.Prefix{netip.PrefixFrom(s.addr, s.addr.BitLen())}
}

// segmentNetworks returns a segment's networks of one family; an uplink is everything.
func segmentNetworks(s *policy.Segment, v4 bool) []netip.Prefix {
	if s.Kind == policy.UplinkSegment {
		if v4 {
			return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
		}
		return []netip.Prefix{netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	}
	return slices.DeleteFunc(s.Networks(), func(p netip.Prefix) bool { return p.Addr().Is4() != v4 })
}

// service is what an opening opens: one run of ports, echo requests, or everything.
type service struct {
	any, ping   bool
	protocol    policy.Protocol
	first, last uint16
}

// exact says whether the service is one port of one protocol, which fits into the key of a set.
func (s service) exact() bool { return !s.any && !s.ping && s.first == s.last }

// opening is one thing that may be opened: from one side to the other, in one family, one service.
type opening struct {
	v4       bool
	from, to side
	service  service
	term     term
	origin   policy.Origin
}

// openings yields everything that the policy's allows and exceptions open, one at a time: there are as many as devices times peers times
// services. What is shut at the moment is yielded too, what is over is not.
func openings(p policy.Policy, at policy.Moment) iter.Seq[opening] {
	return func(yield func(opening) bool) {
		for i := range p.Allows {
			a := &p.Allows[i]
			t, _ := termOf(policy.Schedule{Windows: a.During, Zone: p.Site.Zone}, time.Time{}, at)
			if !between(sides(p, a.From), sides(p, a.To), flatten(a.Services), opening{term: t, origin: a.Origin}, yield) {
				return
			}
		}
		for i := range p.Exceptions {
			e := &p.Exceptions[i]
			t, ok := termOf(policy.Schedule{Windows: e.During, Zone: p.Site.Zone}, e.Until, at)
			if ok && !between(sides(p, e.From), sides(p, e.To), flatten(e.Services), opening{term: t, origin: e.Origin}, yield) {
				return
			}
		}
	}
}

// managed yields what `manage` opens on the gateway itself.
func managed(p policy.Policy) iter.Seq[opening] {
	return func(yield func(opening) bool) {
		for i := range p.Manage {
			m := &p.Manage[i]
			if !between(sides(p, m.From), []side{{kind: theGateway}}, flatten(m.Services), opening{origin: m.Origin}, yield) {
				return
			}
		}
	}
}

// between yields the openings between two lists of sides, for each family that both ends have. A side does not open towards itself, nor
// through the gateway to its own segment: behind a switch those packets are out of the gateway's sight, on its own bridge they are not.
func between(from, to []side, services []service, o opening, yield func(opening) bool) bool {
	for _, f := range from {
		for _, t := range to {
			if f.segment == t.segment && !f.neighbours(t) {
				continue
			}
			for _, v4 := range [...]bool{true, false} {
				o.v4, o.from, o.to = v4, f, t
				if f.speaks(v4) && t.speaks(v4) && !each(services, o, yield) {
					return false
				}
			}
		}
	}
	return true
}

// neighbours says whether two sides are two devices of a segment whose switch the gateway is.
func (s side) neighbours(other side) bool {
	return s.device != nil && other.device != nil && s.device != other.device && len(s.segment.Ports) > 0 && s.segment.Kind.Governed()
}

// bridged says whether an opening's two ends stand at ports of one bridge: its packets cross that and are not routed.
func (o opening) bridged() bool {
	for _, s := range [...]side{o.from, o.to} {
		if s.device == nil || len(s.segment.Ports) == 0 || !s.segment.Kind.Governed() {
			return false
		}
	}
	return o.from.segment.Interface == o.to.segment.Interface
}

// each yields an opening once for each service.
func each(services []service, o opening, yield func(opening) bool) bool {
	for _, s := range services {
		o.service = s
		if !yield(o) {
			return false
		}
	}
	return true
}

// speaks says whether the side has an address of the family.
func (s side) speaks(v4 bool) bool {
	switch s.kind {
	case oneAddress:
		return s.addr.Is4() == v4
	case oneNetwork:
		return s.network.Addr().Is4() == v4
	case wholeSegment:
		return len(segmentNetworks(s.segment, v4)) > 0
	case theGateway:
	}
	return true
}

// sides resolves endpoints into sides: one for each address of each device, each segment, each literal in each segment it may be in. A
// literal in a camera or recorder segment stands for the named devices there: nobody else may send, and nobody else is to be reached.
func sides(p policy.Policy, endpoints []policy.Endpoint) []side {
	var all []side
	for _, e := range endpoints {
		for _, id := range e.Devices {
			all = append(all, deviceSides(p, id)...)
		}
		for _, id := range e.Segments {
			if p.Segments[id].Kind.Governed() && e.Kind == policy.NetworkEndpoint {
				all = append(all, residents(p, id, e.Network)...)
				continue
			}
			all = append(all, segmentSide(e, &p.Segments[id]))
		}
	}
	return all
}

func deviceSides(p policy.Policy, id policy.DeviceID) []side {
	d := &p.Devices[id]
	all := make([]side, 0, len(d.Addresses))
	for _, a := range d.Addresses {
		all = append(all, side{kind: oneAddress, segment: &p.Segments[d.Segment], device: d, addr: a})
	}
	return all
}

// residents returns a side for each address that a segment's devices have in a network.
func residents(p policy.Policy, segment policy.SegmentID, network netip.Prefix) []side {
	var all []side
	for i := range p.Devices {
		if p.Devices[i].Segment != segment {
			continue
		}
		for _, s := range deviceSides(p, policy.DeviceID(i)) {
			if network.Contains(s.addr) {
				all = append(all, s)
			}
		}
	}
	return all
}

func segmentSide(e policy.Endpoint, s *policy.Segment) side {
	switch {
	case e.Kind != policy.NetworkEndpoint:
		return side{kind: wholeSegment, segment: s}
	case e.Network.IsSingleIP():
		return side{kind: oneAddress, segment: s, addr: e.Network.Addr()}
	default:
		return side{kind: oneNetwork, segment: s, network: e.Network}
	}
}

func flatten(services []policy.Service) []service {
	var all []service
	for _, s := range services {
		if s.Any {
			return []service{{any: true}}
		}
		if s.Ping {
			all = append(all, service{ping: true})
		}
		for _, r := range s.Ports {
			all = append(all, service{protocol: r.Protocol, first: r.First, last: r.Last})
		}
	}
	return all
}
