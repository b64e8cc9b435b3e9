package load

import (
	"net/netip"
	"slices"

	"cordon/policy"
)

// sides finds the allows that have something on one of their two sides. To hold each allow against every other would take minutes for
// 20,000 of them.
type sides struct {
	devices  map[policy.DeviceID][]int
	segments map[policy.SegmentID][]int
	networks map[netip.Prefix][]int
	lengths  map[int]bool // the prefix lengths that networks has
}

func newSides() sides {
	return sides{
		devices: map[policy.DeviceID][]int{}, segments: map[policy.SegmentID][]int{},
		networks: map[netip.Prefix][]int{}, lengths: map[int]bool{},
	}
}

func (x sides) add(i int, s side) {
	for _, id := range s.devices {
		x.devices[id] = append(x.devices[id], i)
	}
	for _, id := range s.segments {
		x.segments[id] = append(x.segments[id], i)
	}
	for _, e := range s.literals {
		n := e.Network.Masked()
		x.networks[n] = append(x.networks[n], i)
		x.lengths[n.Bits()] = true
	}
}

// holding returns the allows with a network that holds another one.
func (x sides) holding(inner netip.Prefix) []int {
	var found []int
	for length := range x.lengths {
		if outer, err := inner.Addr().Prefix(length); err == nil && length <= inner.Bits() {
			found = append(found, x.networks[outer]...)
		}
	}
	return found
}

// covering returns the allows that may cover one thing of a side: whoever covers the side covers that.
func (x sides) covering(l *loader, s side) []int {
	switch {
	case len(s.segments) > 0:
		return slices.Clone(x.segments[s.segments[0]])
	case len(s.literals) > 0:
		e := s.literals[0]
		found := x.holding(e.Network)
		if len(e.Segments) > 0 {
			found = append(found, x.segments[e.Segments[0]]...)
		}
		return found
	}
	d := l.out.Devices[s.devices[0]]
	found := slices.Clone(x.devices[s.devices[0]])
	if d.Segment >= 0 {
		found = append(found, x.segments[d.Segment]...)
	}
	if len(d.Addresses) > 0 {
		a := d.Addresses[0]
		return append(found, x.holding(netip.PrefixFrom(a, a.BitLen()))...)
	}
	for _, several := range x.networks { // a device without an address is within any network
		found = append(found, several...)
	}
	return found
}

// candidates returns the allows that may cover one, in the order of the list: those of its rarer side.
func (l *loader) candidates(a covered, from, to sides) []int {
	found := from.covering(l, a.from)
	if other := to.covering(l, a.to); len(other) < len(found) {
		found = other
	}
	slices.Sort(found)
	return slices.Compact(found)
}
