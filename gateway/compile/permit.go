package compile

import (
	"net/netip"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// Doors answers, for a connection that the kernel tracks, whether the policy lets it be open now. It exists for the entries that an
// apply has to delete: the rules refuse their packets already.
type Doors struct {
	policy   policy.Policy
	open     map[ends][]service
	literals []netip.Prefix
}

// ends are the two sides of an opening: each an address, a segment or a literal network.
type ends struct {
	from, to end
}

type end struct {
	addr    netip.Addr
	segment *policy.Segment
	network netip.Prefix
}

// DoorsOf indexes what a policy opens.
func DoorsOf(p policy.Policy, at policy.Moment) Doors {
	d := Doors{policy: p, open: map[ends][]service{}}
	known := map[netip.Prefix]bool{}
	for o := range openings(p, at) {
		if o.term.shut() {
			continue
		}
		k := ends{endOf(o.from), endOf(o.to)}
		d.open[k] = append(d.open[k], o.service)
		for _, n := range [...]netip.Prefix{k.from.network, k.to.network} {
			if n.IsValid() && !known[n] {
				known[n] = true
				d.literals = append(d.literals, n)
			}
		}
	}
	return d
}

func endOf(s side) end {
	switch s.kind {
	case oneAddress:
		return end{addr: s.addr}
	case oneNetwork:
		return end{network: s.network}
	case wholeSegment:
		return end{segment: s.segment}
	case theGateway:
	}
	return end{}
}

// Permit says whether a flow may go on. The gateway's own flows may, and in scope "segments" those that touch no governed segment:
// they are not the policy's to end.
func (d Doors) Permit(f netstate.Flow) bool {
	from, to := d.owner(f.Source), d.owner(f.Destination)
	if d.own(f.Source) || d.own(f.Destination) {
		return !d.betweenUs(f, from, to)
	}
	if d.policy.Site.Scope == policy.ScopeSegments && !governs(from) && !governs(to) {
		return true
	}
	if observed(from) && !enforced(to) || observed(to) && !enforced(from) {
		return true // what is only counted is not cut either
	}
	for _, a := range d.ends(f.Source, from) {
		for _, b := range d.ends(f.Destination, to) {
			for _, s := range d.open[ends{a, b}] {
				if s.covers(f) {
					return true
				}
			}
		}
	}
	return false
}

// betweenUs says whether a flow runs between the gateway itself and a governed device: neither opens anything towards the other.
func (d Doors) betweenUs(f netstate.Flow, from, to *policy.Segment) bool {
	return d.own(f.Destination) && governs(from) && !d.own(f.Source) || d.own(f.Source) && governs(to) && !d.own(f.Destination)
}

func governs(s *policy.Segment) bool { return s != nil && s.Kind.Governed() }

// ends returns every way in which an opening may name an address.
func (d Doors) ends(a netip.Addr, s *policy.Segment) []end {
	list := []end{{addr: a}, {segment: s}}
	for _, n := range d.literals {
		if n.Contains(a) {
			list = append(list, end{network: n})
		}
	}
	return list
}

// owner returns the segment that an address belongs to: the one with the longest prefix that holds it, else an uplink.
func (d Doors) owner(a netip.Addr) *policy.Segment {
	var owner *policy.Segment
	longest := -1
	for i := range d.policy.Segments {
		s := &d.policy.Segments[i]
		if s.Kind == policy.UplinkSegment && longest < 0 && owner == nil {
			owner = s
		}
		for _, n := range s.Networks() {
			if n.Contains(a) && n.Bits() > longest {
				owner, longest = s, n.Bits()
			}
		}
	}
	return owner
}

// own says whether an address is the gateway's.
func (d Doors) own(a netip.Addr) bool {
	for i := range d.policy.Segments {
		for _, p := range d.policy.Segments[i].Addresses {
			if p.Addr() == a {
				return true
			}
		}
	}
	return a.IsLoopback()
}

// covers says whether a service opens a flow's protocol and port.
func (s service) covers(f netstate.Flow) bool {
	switch {
	case s.any:
		return true
	case s.ping:
		return (f.Protocol == policy.ICMP && f.ICMPType == 8) || (f.Protocol == policy.ICMPv6 && f.ICMPType == 128)
	}
	return f.Protocol == s.protocol && s.first <= f.DestinationPort && f.DestinationPort <= s.last
}
