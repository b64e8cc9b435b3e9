package netstate

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
)

// metric6 is what the kernel gives an IPv6 route that has no metric (include/net/ip6_fib.h, IP6_RT_PRIO_USER).
const metric6 = 1024

// kernelProtocol is the originator of the routes that the kernel makes for its own addresses (linux/rtnetlink.h, RTPROT_KERNEL): those
// may have no metric.
const kernelProtocol = 2

// Canonical returns the state as the kernel would tell it: prefixes without host bits, sorted, so that two states that mean the same
// are equal. Tables stay in their order, which is part of what they mean. The argument's slices stay as they are.
func (s State) Canonical() State {
	return State{
		Tables:     s.Tables,
		Foreign:    sorted(s.Foreign, ForeignTable.Compare, nil),
		Links:      sorted(s.Links, Link.Compare, nil),
		Addresses:  sorted(s.Addresses, Address.Compare, nil),
		Routes:     sorted(s.Routes, Route.Compare, Route.Canonical),
		Rules:      sorted(s.Rules, Rule.Compare, Rule.Canonical),
		Neighbours: sorted(s.Neighbours, Neighbour.Compare, nil),
		Sysctls:    sorted(s.Sysctls, Sysctl.Compare, nil),
	}
}

// sorted returns a copy in order, each value passed through canonical when there is one.
func sorted[T any](values []T, compare func(a, b T) int, canonical func(T) T) []T {
	values = slices.Clone(values)
	if canonical != nil {
		for i, v := range values {
			values[i] = canonical(v)
		}
	}
	slices.SortStableFunc(values, compare)
	return values
}

// Canonical returns the route as it reads back: what leads nowhere has no interface, and IPv6 always has a metric.
func (r Route) Canonical() Route {
	r.Destination = r.Destination.Masked()
	if !r.Opens() || r.Type == Throw {
		r.Via, r.Interface = netip.Addr{}, ""
	}
	if r.Metric == 0 && r.Family() == IPv6 && r.Protocol != kernelProtocol {
		r.Metric = metric6
	}
	return r
}

// Canonical returns the rule as it reads back: a prefix of no bits is no prefix, every port is no port, and a mark
// has a mask.
func (r Rule) Canonical() Rule {
	r.From, r.To = selector(r.From), selector(r.To)
	r.SourcePorts, r.DestinationPorts = r.SourcePorts.selector(), r.DestinationPorts.selector()
	if r.Mark != 0 && r.Mask == 0 {
		r.Mask = ^uint32(0)
	}
	if r.Action != Lookup && r.Action != Goto {
		r.Table = 0
	}
	return r
}

func (p PortRange) selector() PortRange {
	if p[0] <= 1 && p[1] == math.MaxUint16 {
		return PortRange{}
	}
	return p
}

func selector(p netip.Prefix) netip.Prefix {
	if p.Bits() <= 0 {
		return netip.Prefix{}
	}
	return p.Masked()
}

// Compare orders tables by family and name.
func (t ForeignTable) Compare(u ForeignTable) int {
	return cmp.Or(cmp.Compare(t.Family, u.Family), cmp.Compare(t.Name, u.Name))
}

// Compare orders links by name.
func (l Link) Compare(m Link) int {
	return cmp.Or(cmp.Compare(l.Name, m.Name), cmp.Compare(l.Index, m.Index))
}

// Compare orders addresses by interface and address.
func (a Address) Compare(b Address) int {
	return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Prefix.Compare(b.Prefix))
}

// Compare orders routes by table, destination and metric.
func (r Route) Compare(s Route) int {
	return cmp.Or(cmp.Compare(r.Table, s.Table), r.Destination.Compare(s.Destination), cmp.Compare(r.Metric, s.Metric),
		cmp.Compare(r.Type, s.Type), cmp.Compare(r.Interface, s.Interface), r.Via.Compare(s.Via),
		cmp.Compare(r.Protocol, s.Protocol), cmp.Compare(r.Other, s.Other))
}

// Compare orders rules by family and priority. Rules of one priority keep no order of their own: the kernel asks them in the order in
// which they were added, so whoever adds several takes care that their order does not matter.
func (r Rule) Compare(s Rule) int {
	return cmp.Or(cmp.Compare(r.Family, s.Family), cmp.Compare(r.Priority, s.Priority), cmp.Compare(r.IIF, s.IIF),
		cmp.Compare(r.OIF, s.OIF), r.From.Compare(s.From), r.To.Compare(s.To), cmp.Compare(r.Protocol, s.Protocol),
		slices.Compare(r.SourcePorts[:], s.SourcePorts[:]), slices.Compare(r.DestinationPorts[:], s.DestinationPorts[:]),
		cmp.Compare(r.Mark, s.Mark), cmp.Compare(r.Mask, s.Mask), cmp.Compare(r.Action, s.Action), cmp.Compare(r.Table, s.Table),
		cmp.Compare(r.Other, s.Other))
}

// Compare orders entries by interface and address.
func (n Neighbour) Compare(o Neighbour) int {
	return cmp.Or(cmp.Compare(n.Interface, o.Interface), n.Address.Compare(o.Address), slices.Compare(n.MAC[:], o.MAC[:]))
}

// Compare orders settings by name.
func (s Sysctl) Compare(t Sysctl) int {
	return cmp.Or(cmp.Compare(s.Name, t.Name), cmp.Compare(s.Value, t.Value))
}
