package simulate

import (
	"net/netip"
	"slices"

	"cordon/policy"
)

// Packet decides one packet. For many packets of one policy, Of is faster.
func Packet(p policy.Policy, at policy.Moment, packet policy.Packet) Decision {
	return Of(p).Packet(at, packet)
}

// Oracle is a policy with the indexes that deciding needs.
type Oracle struct {
	policy     policy.Policy
	networks   []network
	uplinks    []policy.SegmentID
	interfaces map[string][]policy.SegmentID
	addresses  map[netip.Addr]bool // the gateway's own
	devices    map[netip.Addr][]policy.DeviceID
	machines   map[policy.MAC][]policy.DeviceID
	blocks     []block
	manage     []block
}

// Of reads a policy once.
func Of(p policy.Policy) Oracle {
	o := Oracle{
		policy: p, networks: networksOf(p), interfaces: map[string][]policy.SegmentID{}, addresses: map[netip.Addr]bool{},
		devices: map[netip.Addr][]policy.DeviceID{}, machines: map[policy.MAC][]policy.DeviceID{}, blocks: blocksOf(p), manage: manageOf(p),
	}
	for i, s := range p.Segments {
		id := policy.SegmentID(i)
		o.interfaces[s.Interface] = append(o.interfaces[s.Interface], id)
		for _, port := range s.Ports {
			o.interfaces[port] = append(o.interfaces[port], id)
		}
		if s.Kind == policy.UplinkSegment {
			o.uplinks = append(o.uplinks, id)
		}
		for _, a := range s.Addresses {
			o.addresses[a.Addr()] = true
		}
	}
	for i, d := range p.Devices {
		id := policy.DeviceID(i)
		for _, a := range d.Addresses {
			o.devices[a] = append(o.devices[a], id)
		}
		if d.MAC.IsZero() {
			continue
		}
		o.machines[d.MAC] = append(o.machines[d.MAC], id)
		local := linkLocal(d.MAC)
		o.devices[local] = append(o.devices[local], id)
	}
	return o
}

// linkLocal is the address that a device makes of its MAC: the modified EUI-64 of RFC 4291, appendix A.
func linkLocal(m policy.MAC) netip.Addr {
	a := netip.MustParseAddr("fe80::ff:fe00:0").As16()
	copy(a[8:11], m[:3])
	copy(a[13:], m[3:])
	a[8] ^= 1 << 1
	return netip.AddrFrom16(a)
}

// Packet decides one packet at a moment.
func (o Oracle) Packet(at policy.Moment, k policy.Packet) Decision {
	k.Source, k.Destination = k.Source.Unmap(), k.Destination.Unmap()
	if d, ok := beneath(k); ok {
		return d
	}
	if k.IIF == "" {
		return o.sent(at, k)
	}
	return o.arrived(at, k)
}

// beneath decides what is no business of any segment.
func beneath(k policy.Packet) (Decision, bool) {
	switch {
	case k.IIF == "lo" || (k.IIF == "" && k.OIF == "lo"):
		return allowed(LinkTraffic), true
	case !wellFormed(k):
		return blocked(Malformed), true
	case isMessage(k, 135, 136):
		return blocked(Unmodelled), true // neighbour discovery: the packet does not say whom it asks for
	}
	return Decision{}, false
}

// wellFormed says whether the addresses may stand in a packet on a wire.
func wellFormed(k policy.Packet) bool {
	from, to := k.Source, k.Destination
	switch {
	case !from.IsValid() || !to.IsValid() || from.Is4() != to.Is4():
		return false
	case from.IsMulticast() || from.IsLoopback() || from == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case to.IsLoopback() || to.IsUnspecified():
		return false
	case from.IsUnspecified(): // a client that has no address yet
		return k.Protocol == policy.UDP && k.SourcePort == 68 && k.DestinationPort == 67 || k.Protocol == policy.ICMPv6
	}
	return true
}

// arrived decides what comes in by an interface.
func (o Oracle) arrived(at policy.Moment, k policy.Packet) Decision {
	from, to := o.behind(k.IIF, k.Source), o.arrives(k)
	switch {
	case o.policy.Site.Scope == policy.ScopeSegments && !o.concerns(k, from, to):
		return allowed(Ungoverned)
	case len(from.segments) == 0 && o.policy.Site.Scope == policy.ScopeBox:
		return blocked(UnknownInterface)
	}
	if d, ok := o.link(k, from); ok {
		return d
	}
	if d, ok := o.refusedAtDoor(k, from); ok {
		return d
	}
	if k.Destination.IsMulticast() || o.broadcast(k.Destination) {
		return o.toMany(k, from)
	}
	if isRouters(k) {
		return o.lenient(from, to, blocked(Multicast))
	}
	if d, ok := o.intercepted(k, from); ok {
		return d
	}
	return o.judged(at, k, from, to)
}

// arrives is target for a packet that comes in: what an uplink that asks for its addresses brings is for the gateway, unless somebody
// inside owns the destination.
func (o Oracle) arrives(k policy.Packet) place {
	if o.own(k.Destination) || (k.OIF == "" && o.is(o.behind(k.IIF, k.Source), leased) && !o.inside(k.Destination)) {
		return place{gateway: true, address: k.Destination}
	}
	return o.target(k.OIF, k.Destination)
}

// concerns says whether a camera or recorder segment is involved on either side, be it by a source that belongs to one.
func (o Oracle) concerns(k policy.Packet, from, to place) bool {
	return o.is(from, governed) || o.is(to, governed) || o.is(place{segments: o.owners(k.Source)}, governed)
}

// link decides what the gateway needs for its own addresses on an uplink where none are given.
func (o Oracle) link(k policy.Packet, from place) (Decision, bool) {
	client := k.Protocol == policy.UDP && (k.SourcePort == 67 && k.DestinationPort == 68 || k.SourcePort == 547 && k.DestinationPort == 546)
	if o.is(from, leased) && !o.inside(k.Destination) && (client || isMessage(k, 134)) {
		return allowed(LinkTraffic).bySegment(o.first(from)), true
	}
	return Decision{}, false
}

// isRouters says whether a packet is what routers and listeners tell each other, or a redirect: none of it is asked for.
func isRouters(k policy.Packet) bool { return isMessage(k, 130, 131, 132, 133, 134, 137, 143) }

// toMany decides multicast and broadcast: only what the gateway serves is heard.
func (o Oracle) toMany(k policy.Packet, from place) Decision {
	for _, id := range from.segments {
		if d, ok := o.leases(k, id); ok {
			return d
		}
	}
	if d, ok := o.discovered(k, from); ok {
		return d
	}
	return blocked(Multicast)
}

// judged finds the flow that a packet belongs to, and whether that may be open now.
func (o Oracle) judged(at policy.Moment, k policy.Packet, from, to place) Decision {
	if isError(k) {
		return o.report(at, k, from)
	}
	f, ok := flowOf(k, from, to)
	if !ok {
		return o.lenient(from, to, blocked(NoFlow))
	}
	return o.opening(at, f)
}

// opening decides whether a flow may be open now.
func (o Oracle) opening(at policy.Moment, f flow) Decision {
	switch {
	case f.from.gateway:
		return o.opened(f)
	case f.to.gateway:
		return o.entering(at, f)
	}
	return o.crossing(at, f)
}

// crossing decides a flow between two segments.
func (o Oracle) crossing(at policy.Moment, f flow) Decision {
	refused := o.distinct(&f)
	if refused.Reason == NotNamed {
		refused = o.named(at, f, o.blocks)
	}
	if refused.Verdict == policy.Allowed {
		return refused
	}
	return o.lenient(f.from, f.to, refused)
}

// distinct takes out the segments that the flow would only come back to, and refuses what never crosses the gateway. On a bridge of the
// gateway's even neighbours do.
func (o Oracle) distinct(f *flow) Decision {
	if local(f.from.address) || local(f.to.address) {
		return blocked(OwnNetwork).bySegment(o.first(f.from))
	}
	left := slices.DeleteFunc(slices.Clone(f.to.segments), func(id policy.SegmentID) bool {
		return slices.Contains(f.from.segments, id) && len(o.policy.Segments[id].Ports) == 0
	})
	if len(left) == 0 && len(f.to.segments) > 0 {
		return blocked(OwnNetwork).bySegment(o.first(f.to))
	}
	f.to.segments = left
	return blocked(NotNamed)
}

// local says whether an address means something on one link alone: no router forwards what comes from it or goes to it.
func local(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// lenient lets pass what only an observed segment would refuse. Other segments' rules stay.
func (o Oracle) lenient(from, to place, d Decision) Decision {
	both := place{segments: append(slices.Clone(from.segments), to.segments...)}
	if from.gateway || to.gateway || local(from.address) || local(to.address) || !o.is(both, observed) || o.is(both, enforced) {
		return d
	}
	for _, id := range both.segments {
		if s := o.policy.Segments[id]; observed(s) {
			return allowed(Observed).bySegment(s)
		}
	}
	return d
}
