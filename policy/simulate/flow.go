package simulate

import (
	"slices"

	"cordon/policy"
)

// flow is what a block may open, in the direction in which it is opened.
type flow struct {
	from, to place
	protocol policy.Protocol
	port     uint16 // of the side that is opened
	echo     bool   // an echo request
}

// flowOf returns the flow that a packet belongs to; false where it can belong to none. A packet that conntrack does not know opens one.
func flowOf(k policy.Packet, from, to place) (flow, bool) {
	ask, answer := icmpTypes(k)
	if k.State == policy.Reply {
		f := flow{from: to, to: from, protocol: k.Protocol, port: k.SourcePort, echo: isMessage(k, 129) || isMessage4(k, 0)}
		return f, !isICMP(k) || slices.Contains(answer, k.ICMPType)
	}
	f := flow{from: from, to: to, protocol: k.Protocol, port: k.DestinationPort, echo: isMessage(k, 128) || isMessage4(k, 8)}
	return f, !isICMP(k) || slices.Contains(ask, k.ICMPType)
}

// isICMP says whether a packet is of its family's control protocol.
func isICMP(k policy.Packet) bool {
	return k.Protocol == policy.ICMP && k.Source.Is4() || k.Protocol == policy.ICMPv6 && k.Source.Is6()
}

// icmpTypes returns the messages that open a flow, and those that answer (RFC 792, RFC 950, RFC 4443, RFC 4620).
func icmpTypes(k policy.Packet) (ask, answer []uint8) {
	if k.Source.Is4() {
		return []uint8{8, 13, 15, 17}, []uint8{0, 14, 16, 18}
	}
	return []uint8{128, 139}, []uint8{129, 140}
}

// isMessage says whether a packet is one of some ICMPv6 messages, and isMessage4 the same of ICMP.
func isMessage(k policy.Packet, types ...uint8) bool {
	return k.Protocol == policy.ICMPv6 && k.Source.Is6() && slices.Contains(types, k.ICMPType)
}

func isMessage4(k policy.Packet, types ...uint8) bool {
	return k.Protocol == policy.ICMP && k.Source.Is4() && slices.Contains(types, k.ICMPType)
}

// block is what an allow, an exception or a manage block names.
type block struct {
	kind, name string
	origin     policy.Origin
	from, to   []policy.Endpoint
	services   []policy.Service
	during     []policy.Window
	exception  *policy.Exception
}

// blocksOf lists the policy's allows and exceptions.
func blocksOf(p policy.Policy) []block {
	var list []block
	for _, a := range p.Allows {
		list = append(list, block{
			kind: "allow", name: a.Name, origin: a.Origin, from: sorted(a.From), to: sorted(a.To), services: a.Services, during: a.During,
		})
	}
	for i := range p.Exceptions {
		e := &p.Exceptions[i]
		list = append(list, block{
			kind: "exception", name: e.Name, origin: e.Origin, from: sorted(e.From), to: sorted(e.To), services: e.Services, during: e.During,
			exception: e,
		})
	}
	return list
}

func manageOf(p policy.Policy) []block {
	var list []block
	for _, m := range p.Manage {
		list = append(list, block{kind: "manage", origin: m.Origin, from: sorted(m.From), services: m.Services})
	}
	return list
}

// sorted puts each endpoint's devices in order, to be searched.
func sorted(list []policy.Endpoint) []policy.Endpoint {
	list = slices.Clone(list)
	for i := range list {
		if !slices.IsSorted(list[i].Devices) {
			list[i].Devices = slices.Sorted(slices.Values(list[i].Devices))
		}
	}
	return list
}

// named asks blocks for a flow. One that is open decides, else the first that would name it at another time.
func (o Oracle) named(at policy.Moment, f flow, blocks []block) Decision {
	found := blocked(NotNamed)
	for _, b := range blocks {
		if !o.names(b, f) {
			continue
		}
		reason := b.openAt(at, o.policy.Site.Zone)
		if reason == Named {
			return allowed(Named).by(b.kind, b.name, b.origin)
		}
		if found.Kind == "" {
			found = blocked(reason).by(b.kind, b.name, b.origin)
		}
	}
	return found
}

// names says whether a block names a flow, whatever the hour.
func (o Oracle) names(b block, f flow) bool {
	return b.covers(f) && o.anyHolds(b.from, f.from) && (f.to.gateway || o.anyHolds(b.to, f.to))
}

// covers says whether one of a block's services is the flow's.
func (b block) covers(f flow) bool {
	return slices.ContainsFunc(b.services, func(s policy.Service) bool { return covers(s, f) })
}

func covers(s policy.Service, f flow) bool {
	return s.Any || s.Ping && f.echo || slices.ContainsFunc(s.Ports, func(r policy.Ports) bool {
		return r.Protocol == f.protocol && r.First <= f.port && f.port <= r.Last
	})
}

func (o Oracle) anyHolds(list []policy.Endpoint, p place) bool {
	return slices.ContainsFunc(list, func(e policy.Endpoint) bool { return o.holds(e, p) })
}

// holds says whether an endpoint means what is at a place.
func (o Oracle) holds(e policy.Endpoint, p place) bool {
	for _, id := range o.devices[p.address] {
		if _, named := slices.BinarySearch(e.Devices, id); named && slices.Contains(p.segments, o.policy.Devices[id].Segment) {
			return true
		}
	}
	return slices.ContainsFunc(e.Segments, func(id policy.SegmentID) bool {
		return slices.Contains(p.segments, id) && o.within(e, o.policy.Segments[id], id, p)
	})
}

// within says whether an address behind a segment's interface is one that the endpoint means: never one that another segment owns.
func (o Oracle) within(e policy.Endpoint, s policy.Segment, id policy.SegmentID, p place) bool {
	switch {
	case e.Kind == policy.DeviceEndpoint || (e.Kind == policy.SegmentEndpoint && governed(s)):
		return false // its devices are named one by one
	case e.Kind == policy.NetworkEndpoint && !e.Network.Contains(p.address):
		return false
	case governed(s):
		return o.verified(p, s) // whom no block names is denied, whatever literal holds the address
	case uplink(s):
		return !o.inside(p.address)
	}
	return slices.Contains(o.owners(p.address), id) || p.address.Is6() && p.address.IsLinkLocalUnicast()
}
