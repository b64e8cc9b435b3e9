package simulate

import (
	"net/netip"

	"cordon/policy"
)

// Near is a block that nearly names a packet, and what keeps it from doing so.
type Near struct {
	Kind, Name string
	Origin     policy.Origin
	Differs    Difference
}

// Difference is the one thing in which a packet is not what a block names.
type Difference int

// The differences, the smallest first.
const (
	OtherSender      Difference = iota // it names the addresses and the service, but not whoever sends from there
	OtherDirection                     // the same two ends and service, opened the other way
	OtherService                       // the same two ends, another service
	OtherDestination                   // the same source and service, another destination
	OtherSource                        // the same destination and service, another source
)

// String returns the word of the JSON documents.
func (d Difference) String() string {
	words := [...]string{
		OtherSender: "sender", OtherService: "service", OtherDirection: "direction", OtherDestination: "destination", OtherSource: "source",
	}
	if d < 0 || int(d) >= len(words) {
		return "unknown"
	}
	return words[d]
}

// Nearest returns the block that comes nearest to naming a packet that is blocked; false where none has anything of it.
func (o Oracle) Nearest(k policy.Packet) (Near, bool) {
	f, ok := o.asked(k)
	if !ok {
		return Near{}, false
	}
	for d := OtherSender; d <= OtherSource; d++ {
		for _, b := range o.candidates(f) {
			if o.differs(b, f, d) {
				return Near{Kind: b.kind, Name: b.name, Origin: b.origin, Differs: d}, true
			}
		}
	}
	return Near{}, false
}

// asked returns the flow that a packet would belong to, whoever sends it.
func (o Oracle) asked(k policy.Packet) (flow, bool) {
	k.Source, k.Destination = k.Source.Unmap(), k.Destination.Unmap()
	if !wellFormed(k) || isError(k) {
		return flow{}, false
	}
	from := o.behind(k.IIF, k.Source)
	if k.IIF == "" {
		from = place{gateway: true, address: k.Source}
	}
	return flowOf(k, from, o.arrives(k))
}

func (o Oracle) candidates(f flow) []block {
	if f.to.gateway {
		return o.manage
	}
	return o.blocks
}

// differs says whether a block names a flow but for one thing.
func (o Oracle) differs(b block, f flow, d Difference) bool {
	from, to := o.anyHolds(b.from, f.from), f.to.gateway || o.anyHolds(b.to, f.to)
	switch service := b.covers(f); d {
	case OtherSender:
		return service && from && to
	case OtherService:
		return from && to
	case OtherDirection:
		return service && o.anyHolds(b.from, f.to) && o.anyHolds(b.to, f.from)
	case OtherDestination:
		return service && from
	case OtherSource:
		return service && to
	}
	return false
}

// Services returns what blocks name between the two ends of a packet, whatever the packet is and whatever the hour.
func (o Oracle) Services(k policy.Packet) []policy.Service {
	f, ok := o.asked(k)
	if !ok {
		return nil
	}
	var list []policy.Service
	for _, b := range o.candidates(f) {
		if o.differs(b, f, OtherService) {
			list = append(list, b.services...)
		}
	}
	return list
}

// Interface returns the interface behind which the policy expects an address: empty for the gateway's own addresses, and where no segment
// can have it.
func (o Oracle) Interface(a netip.Addr) string {
	at := o.target("", a.Unmap())
	if at.gateway || len(at.segments) == 0 {
		return ""
	}
	s := o.first(at)
	for _, id := range o.devices[at.address] {
		if d := o.policy.Devices[id]; d.Port != "" && o.policy.Segments[d.Segment].Name == s.Name {
			return d.Port
		}
	}
	if len(s.Ports) > 0 {
		return s.Ports[0]
	}
	return s.Interface
}
