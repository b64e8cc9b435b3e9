package simulate

import (
	"net/netip"
	"slices"

	"cordon/policy"
)

// The ports of what the gateway serves.
const (
	portDNS         = 53
	portLeaseServer = 67
	portLeaseClient = 68
	portTime        = 123
	portDiscovery   = 3702 // WS-Discovery

	igmp policy.Protocol = 2
)

// sent decides what the gateway itself sends. By uplinks and client segments it sends whatever it likes; towards cameras and recorders
// only answers, errors about their flows, and what discovery asks.
func (o Oracle) sent(at policy.Moment, k policy.Packet) Decision {
	to := o.leaves(k)
	switch {
	case to.gateway:
		return allowed(LinkTraffic)
	case len(to.segments) == 0 && o.policy.Site.Scope == policy.ScopeBox:
		return blocked(UnknownInterface)
	case !o.is(to, governed):
		return allowed(OwnTraffic)
	case isMessage(k, 143), k.Protocol == igmp && k.Destination.String() == "224.0.0.22" && o.discovers(to):
		return allowed(LinkTraffic) // reports to switches that snoop
	}
	if d, ok := o.answered(k, to); ok {
		return d
	}
	if isError(k) {
		return o.ownReport(at, k, to)
	}
	f, ok := flowOf(k, place{gateway: true, address: k.Source}, to)
	if !ok {
		return blocked(NoFlow)
	}
	return o.opening(at, f)
}

// discovers says whether the gateway hears there who looks for cameras.
func (o Oracle) discovers(p place) bool {
	return slices.ContainsFunc(o.policy.Segments, func(s policy.Segment) bool {
		return slices.ContainsFunc(s.Serve.Discovery, func(id policy.SegmentID) bool { return slices.Contains(p.segments, id) })
	}) || o.is(p, func(s policy.Segment) bool { return len(s.Serve.Discovery) > 0 })
}

// leaves is target for what the gateway sends: multicast has no owner, and an address of its own is not on a wire.
func (o Oracle) leaves(k policy.Packet) place {
	if k.OIF == "" && o.addresses[k.Destination] {
		return place{gateway: true}
	}
	if k.OIF == "" {
		return place{segments: o.owners(k.Destination), address: k.Destination}
	}
	return o.behind(k.OIF, k.Destination)
}

// answered decides the gateway's answers to what it serves: no flow is tracked there. A refusal's answer looks like any error.
func (o Oracle) answered(k policy.Packet, to place) (Decision, bool) {
	for _, id := range to.segments {
		s := o.policy.Segments[id]
		lease := k.Protocol == policy.UDP && k.Source.Is4() && k.SourcePort == portLeaseServer && k.DestinationPort == portLeaseClient
		if s.Serve.Leases != nil && lease {
			return allowed(Named).by("serve", s.Name, s.Serve.Origin), true
		}
		prohibited := isMessage4(k, 3) && k.ICMPCode == 13 || isMessage(k, 1) && k.ICMPCode == 1
		if prohibited && s.Refuse == policy.RefuseReject {
			return allowed(RefusalAnswer).bySegment(s), true
		}
		question := flow{from: to, to: place{gateway: true, address: k.Source}, protocol: k.Protocol, port: k.SourcePort}
		if s, ok := o.offers(id, question); ok && k.State != policy.New {
			return allowed(Named).by("serve", s.Name, s.Serve.Origin), true
		}
	}
	return Decision{}, false
}

// opened decides what the gateway opens: the one thing that it asks cameras for is who is there.
func (o Oracle) opened(f flow) Decision {
	if !o.is(f.to, governed) {
		return allowed(OwnTraffic)
	}
	for _, id := range f.to.segments {
		if s := o.policy.Segments[id]; len(s.Serve.Discovery) > 0 && f.protocol == policy.UDP && f.port == portDiscovery {
			return allowed(Named).by("serve", s.Name, s.Serve.Origin)
		}
	}
	return blocked(NotNamed)
}

// entering decides a flow to the gateway itself.
func (o Oracle) entering(at policy.Moment, f flow) Decision {
	for _, id := range f.from.segments {
		if s, ok := o.offers(id, f); ok {
			return allowed(Named).by("serve", s.Name, s.Serve.Origin)
		}
	}
	d := o.named(at, f, o.manage)
	if d.Reason == NotNamed {
		d.Reason = GatewayItself
	}
	return d
}

// intercepted decides what the gateway answers whoever is asked. Nothing is intercepted on an observed segment.
func (o Oracle) intercepted(k policy.Packet, from place) (Decision, bool) {
	f, ok := flowOf(k, from, place{address: k.Destination})
	if !ok || k.State == policy.Reply || isError(k) {
		return Decision{}, false
	}
	for _, id := range from.segments {
		s := o.policy.Segments[id]
		if d, ok := o.leases(k, id); ok {
			return d, true
		}
		if o.serves(s, f) {
			return allowed(Named).by("serve", s.Name, s.Serve.Origin), true
		}
		if enforced(s) && catches(s, f) {
			return blocked(GatewayItself).by("serve", s.Name, s.Serve.Origin), true
		}
	}
	return Decision{}, false
}

// catches says whether a question goes to the gateway whoever is asked: nobody else gets it, whatever an allow opens to whom.
func catches(s policy.Segment, f flow) bool {
	switch {
	case f.protocol == policy.UDP && f.port == portTime:
		return s.Serve.Time == policy.TimeIntercept
	case (f.protocol == policy.UDP || f.protocol == policy.TCP) && f.port == portDNS:
		return s.Serve.Names == policy.NamesSinkhole
	}
	return false
}

// serves says whether a segment's devices are served what they ask for: at the gateway's own address there, or wherever they ask but for
// the gateway's addresses on other segments.
func (o Oracle) serves(s policy.Segment, f flow) bool {
	if !o.verified(f.from, s) || o.bare(f.from) {
		return false
	}
	here := slices.ContainsFunc(o.policy.Segments, func(other policy.Segment) bool {
		return other.Interface == s.Interface && ownAddress(other, f.to)
	})
	switch {
	case catches(s, f):
		return here || s.Mode == policy.Enforce && !o.elsewhere(f.to.address)
	case f.protocol == policy.UDP && f.port == portTime:
		return s.Serve.Time == policy.TimeLocal && here
	case f.protocol == policy.UDP && f.port == portDiscovery:
		return len(s.Serve.Discovery) > 0 && here
	}
	return false
}

// offers returns the segment whose block serves what a segment's machine asks the gateway: that segment's own, or the one whose cameras it
// may find.
func (o Oracle) offers(id policy.SegmentID, f flow) (policy.Segment, bool) {
	s := o.policy.Segments[id]
	if o.serves(s, f) {
		return s, true
	}
	if f.protocol != policy.UDP || f.port != portDiscovery || !ownAddress(s, f.to) || !o.known(f.from, s) {
		return policy.Segment{}, false
	}
	i := slices.IndexFunc(o.policy.Segments, func(other policy.Segment) bool { return slices.Contains(other.Serve.Discovery, id) })
	if i < 0 {
		return policy.Segment{}, false
	}
	return o.policy.Segments[i], true
}

// known says whether a governed segment's machine is verified. Of others only where they live is.
func (o Oracle) known(p place, s policy.Segment) bool {
	return !governed(s) || o.verified(p, s) && !o.bare(p)
}

// elsewhere says whether an address is the gateway's on whichever segment: its own, or that of any router there (RFC 4291, section 2.6.1).
func (o Oracle) elsewhere(a netip.Addr) bool {
	return o.addresses[a] || slices.ContainsFunc(o.networks, func(n network) bool {
		own := slices.ContainsFunc(o.policy.Segments[n.segment].Addresses, func(p netip.Prefix) bool { return p.Masked() == n.prefix })
		return own && a.Is6() && n.prefix.Bits() < 127 && n.prefix.Addr() == a
	})
}

func ownAddress(s policy.Segment, p place) bool {
	for _, a := range s.Addresses {
		if a.Addr() == p.address {
			return true
		}
	}
	return false
}

// bare says whether the device at a place is known by its address alone: nobody verified it.
func (o Oracle) bare(p place) bool {
	return slices.ContainsFunc(o.devices[p.address], func(id policy.DeviceID) bool { return o.policy.Devices[id].MAC.IsZero() })
}

// verified says whether a named device of the segment is at a place.
func (o Oracle) verified(p place, s policy.Segment) bool {
	return slices.ContainsFunc(o.devices[p.address], func(id policy.DeviceID) bool {
		d := o.policy.Devices[id]
		return o.policy.Segments[d.Segment].Name == s.Name && slices.Contains(p.segments, d.Segment)
	})
}

// leases decides a client of DHCP, which IPv6 has not: a named device, and whoever has no address yet or one of the range that is leased.
// It asks everybody or the gateway's own address there.
func (o Oracle) leases(k policy.Packet, id policy.SegmentID) (Decision, bool) {
	s := o.policy.Segments[id]
	if s.Serve.Leases == nil || k.Protocol != policy.UDP || !k.Source.Is4() || k.DestinationPort != portLeaseServer {
		return Decision{}, false
	}
	known := o.known(place{segments: []policy.SegmentID{id}, address: k.Source}, s)
	if k.Destination != everybody() && !ownAddress(s, place{address: k.Destination}) || !known && !o.newcomer(k, s) {
		return Decision{}, false
	}
	return allowed(Named).by("serve", s.Name, s.Serve.Origin), true
}

// newcomer says whether a packet comes from somebody without a name who asks for a lease, or to keep one.
func (o Oracle) newcomer(k policy.Packet, s policy.Segment) bool {
	l := s.Serve.Leases
	if l == nil || k.Protocol != policy.UDP || k.SourcePort != portLeaseClient || k.DestinationPort != portLeaseServer {
		return false
	}
	return k.Source.IsUnspecified() || l.First.Compare(k.Source) <= 0 && k.Source.Compare(l.Last) <= 0 && len(o.devices[k.Source]) == 0
}

func everybody() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// discovered decides a question of WS-Discovery to everybody: from the segments that may find cameras, and from the cameras themselves.
func (o Oracle) discovered(k policy.Packet, from place) (Decision, bool) {
	if k.Protocol != policy.UDP || k.DestinationPort != portDiscovery || !slices.Contains(discoveryGroups(), k.Destination.String()) {
		return Decision{}, false
	}
	for _, s := range o.policy.Segments {
		finds := slices.ContainsFunc(s.Serve.Discovery, func(id policy.SegmentID) bool {
			return slices.Contains(from.segments, id) && o.known(place{segments: from.segments, address: k.Source}, o.policy.Segments[id])
		})
		if finds || len(s.Serve.Discovery) > 0 && o.known(place{segments: from.segments, address: k.Source}, s) {
			return allowed(Named).by("serve", s.Name, s.Serve.Origin), true
		}
	}
	return Decision{}, false
}

// discoveryGroups are the addresses that WS-Discovery asks (OASIS WS-Discovery 1.1, section 2.4).
func discoveryGroups() []string { return []string{"239.255.255.250", "ff02::c"} }
