package simulate

import (
	"net/netip"
	"slices"

	"cordon/policy"
)

// refusedAtDoor decides whether a packet's source may come in by its interface.
func (o Oracle) refusedAtDoor(k policy.Packet, from place) (Decision, bool) {
	switch {
	case o.is(from, governed):
		return o.unverified(k, from)
	case o.is(from, client):
		return o.homeless(k, from)
	case o.own(k.Source) && !k.Source.IsLinkLocalUnicast() || o.inside(k.Source):
		return blocked(Elsewhere).bySegment(o.first(place{segments: o.owners(k.Source)})), true
	case o.anotherUplinks(k.Source, from) && (k.Source.Is4() || !isError(k)):
		return blocked(Elsewhere).bySegment(o.first(place{segments: o.owners(k.Source)})), true
	}
	return Decision{}, false
}

// anotherUplinks says whether an address belongs to another uplink than the one at a place. One whose addresses are not given owns what it
// is told. Routers that report in IPv6 have any address: it is the flow that has to leave there.
func (o Oracle) anotherUplinks(a netip.Addr, from place) bool {
	owned := place{segments: o.owners(a)}
	return o.is(from, uplink) && !o.is(from, leased) && o.is(owned, uplink) && !o.sameSide(owned, from) && !a.IsUnspecified()
}

// unverified refuses what no named device of a governed segment sends. On an observed segment a machine of which nothing is named
// passes; one of which half is named does not.
func (o Oracle) unverified(k policy.Packet, from place) (Decision, bool) {
	if k.Source.IsUnspecified() {
		return Decision{}, false // whoever has no address yet: only a lease is for him
	}
	if _, ok := o.sender(k, from); ok {
		return Decision{}, false
	}
	if d, ok := o.asksForLease(k, from); ok {
		return d, true
	}
	if isError(k) && o.is(from, func(s policy.Segment) bool { return reports(s, k.Source) }) && len(o.devices[k.Source]) == 0 &&
		slices.Equal(o.owners(k.Source), from.segments) {
		return Decision{}, false // a router on the way to recorders
	}
	byAddress, byMAC := o.devices[k.Source], o.machines[k.MAC]
	switch {
	case len(byAddress) > 0:
		return blocked(Identity).byDevice(o.policy.Devices[byAddress[0]]), true
	case len(byMAC) > 0:
		return blocked(Identity).byDevice(o.policy.Devices[byMAC[0]]), true
	case !o.is(from, enforced) && o.astray(k.Source, from):
		return blocked(Elsewhere).bySegment(o.first(from)), true
	case o.is(from, enforced):
		return blocked(UnknownDevice).bySegment(o.first(from)), true
	}
	return Decision{}, false
}

// astray says whether a source may not even come in by a segment that is observed: the gateway's own address, that of another segment, and
// what lives beyond an uplink where the kernel itself looks: in IPv4, whose reverse-path check IPv6 has not, and where IPv6 is off.
func (o Oracle) astray(a netip.Addr, from place) bool {
	if o.addresses[a] {
		return true
	}
	return !o.lives(a, from) && (o.inside(a) || a.Is4() || !o.is(from, o.speaksIPv6))
}

// speaksIPv6 says whether the gateway has an IPv6 address on a segment, or on one that shares its bridge.
func (o Oracle) speaksIPv6(s policy.Segment) bool {
	return slices.ContainsFunc(o.interfaces[s.Interface], func(id policy.SegmentID) bool {
		return slices.ContainsFunc(o.policy.Segments[id].Addresses, func(n netip.Prefix) bool { return n.Addr().Is6() })
	})
}

// reports says whether an address is of one of a recorder segment's routers, or behind one: an error binds identity on a camera's interface
// alone.
func reports(s policy.Segment, a netip.Addr) bool {
	return s.Kind == policy.RecorderSegment && slices.ContainsFunc(s.Routes, func(r policy.Route) bool {
		return r.Via == a || slices.ContainsFunc(r.To, func(n netip.Prefix) bool { return n.Contains(a) })
	})
}

// asksForLease decides what a machine that is not named here sends to keep its lease.
func (o Oracle) asksForLease(k policy.Packet, from place) (Decision, bool) {
	for _, id := range from.segments {
		if !o.newcomer(k, o.policy.Segments[id]) {
			continue
		}
		if d, ok := o.leases(k, id); ok {
			return d, true
		}
	}
	return Decision{}, false
}

// sender returns the named device whose MAC, address and interface a packet carries. A recorder or host without a MAC is known by
// interface and address; on a bridge of the gateway's it may have any MAC that is nobody's there.
func (o Oracle) sender(k policy.Packet, from place) (policy.Device, bool) {
	for _, id := range o.devices[k.Source] {
		d := o.policy.Devices[id]
		if slices.Contains(from.segments, d.Segment) && (d.MAC == k.MAC || d.MAC.IsZero() && !o.taken(d, k.MAC)) &&
			o.plugged(d, k.IIF) {
			return d, true
		}
	}
	return policy.Device{}, false
}

// taken says whether a MAC is another device's on the bridge that a device stands at: where its frames go would follow.
func (o Oracle) taken(d policy.Device, mac policy.MAC) bool {
	home := o.policy.Segments[d.Segment]
	return len(home.Ports) > 0 && slices.ContainsFunc(o.machines[mac], func(id policy.DeviceID) bool {
		return o.policy.Segments[o.policy.Devices[id].Segment].Interface == home.Interface
	})
}

// plugged says whether a device may stand at a port of its bridge. A packet that names the bridge does not say at which it came in.
func (o Oracle) plugged(d policy.Device, iif string) bool {
	return d.Port == "" || iif == d.Port || iif == o.policy.Segments[d.Segment].Interface
}

// lives says whether an address belongs to one of a place's segments.
func (o Oracle) lives(a netip.Addr, at place) bool {
	return slices.ContainsFunc(o.owners(a), func(id policy.SegmentID) bool { return slices.Contains(at.segments, id) })
}

// homeless refuses a client's packet whose source lives elsewhere, or comes without the MAC that it is bound to.
func (o Oracle) homeless(k policy.Packet, from place) (Decision, bool) {
	linkLocal := k.Source.Is6() && k.Source.IsLinkLocalUnicast()
	if k.Source.IsUnspecified() {
		return Decision{}, false // the gateway serves nothing to it
	}
	if !linkLocal && (!o.lives(k.Source, from) || o.own(k.Source)) {
		return blocked(Elsewhere).bySegment(o.first(from)), true
	}
	for _, id := range o.devices[k.Source] {
		d := o.policy.Devices[id]
		if !linkLocal && slices.Contains(from.segments, d.Segment) && !d.MAC.IsZero() && d.MAC != k.MAC {
			return blocked(Identity).byDevice(d), true
		}
	}
	return Decision{}, false
}
