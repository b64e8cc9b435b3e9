package simulate

import (
	"net/netip"
	"slices"

	"cordon/policy"
)

// place is where one end of a flow is: at the gateway, or behind a segment's interface. Several segments stand for one of them that the
// policy alone cannot tell: uplinks whose routes are not given, and segments that share a bridge.
type place struct {
	gateway  bool
	segments []policy.SegmentID
	address  netip.Addr
}

// network is what one segment owns.
type network struct {
	prefix  netip.Prefix
	segment policy.SegmentID
}

// networksOf lists what every segment owns, the longest prefixes first.
func networksOf(p policy.Policy) []network {
	var list []network
	for i, s := range p.Segments {
		for _, n := range s.Networks() {
			list = append(list, network{n.Masked(), policy.SegmentID(i)})
		}
	}
	slices.SortStableFunc(list, func(a, b network) int { return b.prefix.Bits() - a.prefix.Bits() })
	return list
}

// sharing adds the segments that have ports of the same bridge: one subnet, written at one of them.
func (o Oracle) sharing(id policy.SegmentID) []policy.SegmentID {
	if s := o.policy.Segments[id]; len(s.Ports) > 0 {
		return o.interfaces[s.Interface]
	}
	return []policy.SegmentID{id}
}

// owners returns the segments that an address belongs to: the longest prefix that holds it decides, else every uplink. A device that has
// the address tells segments of one bridge apart.
func (o Oracle) owners(a netip.Addr) []policy.SegmentID {
	for _, n := range o.networks {
		if n.prefix.Contains(a) {
			return o.narrowed(o.sharing(n.segment), a)
		}
	}
	return o.uplinks
}

// narrowed leaves of several segments the one in which a device has the address.
func (o Oracle) narrowed(segments []policy.SegmentID, a netip.Addr) []policy.SegmentID {
	if len(segments) < 2 {
		return segments
	}
	for _, id := range o.devices[a] {
		if s := o.policy.Devices[id].Segment; slices.Contains(segments, s) {
			return []policy.SegmentID{s}
		}
	}
	return segments
}

// inside says whether an address belongs to a segment that is no uplink.
func (o Oracle) inside(a netip.Addr) bool {
	return slices.ContainsFunc(o.owners(a), func(id policy.SegmentID) bool { return o.policy.Segments[id].Kind != policy.UplinkSegment })
}

// own says whether an address is the gateway's. A link-local one is met only by whoever sends to the gateway.
func (o Oracle) own(a netip.Addr) bool { return o.addresses[a] || (a.Is6() && a.IsLinkLocalUnicast()) }

// behind returns the place of an address behind an interface.
func (o Oracle) behind(iface string, a netip.Addr) place {
	return place{segments: o.narrowed(o.interfaces[iface], a), address: a}
}

// target returns where a packet goes: by its interface where that is known, else as routing finds it.
func (o Oracle) target(oif string, a netip.Addr) place {
	switch {
	case oif != "":
		return o.behind(oif, a)
	case o.own(a):
		return place{gateway: true, address: a}
	}
	return place{segments: o.owners(a), address: a}
}

// is says whether one of a place's segments has a property.
func (o Oracle) is(p place, property func(policy.Segment) bool) bool {
	return slices.ContainsFunc(p.segments, func(id policy.SegmentID) bool { return property(o.policy.Segments[id]) })
}

func governed(s policy.Segment) bool { return s.Kind.Governed() }
func camera(s policy.Segment) bool   { return s.Kind == policy.CameraSegment }
func client(s policy.Segment) bool   { return s.Kind == policy.ClientSegment }
func uplink(s policy.Segment) bool   { return s.Kind == policy.UplinkSegment }
func observed(s policy.Segment) bool { return s.Mode == policy.Observe }
func enforced(s policy.Segment) bool { return s.Kind.Governed() && s.Mode == policy.Enforce }

// leased says whether the gateway asks others for its addresses there.
func leased(s policy.Segment) bool { return s.Kind == policy.UplinkSegment && len(s.Addresses) == 0 }

// first returns a place's segment, for the decision to name.
func (o Oracle) first(p place) policy.Segment {
	if len(p.segments) == 0 {
		return policy.Segment{}
	}
	return o.policy.Segments[p.segments[0]]
}

// broadcast says whether an address means everybody on a network of the gateway. A network of two addresses has none (RFC 3021).
func (o Oracle) broadcast(a netip.Addr) bool {
	if a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	for _, s := range o.policy.Segments {
		for _, n := range s.Addresses {
			if a.Is4() && n.Addr().Is4() && n.Bits() < 31 && n.Contains(a) && !n.Contains(a.Next()) {
				return true
			}
		}
	}
	return false
}
