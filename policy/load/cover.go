package load

import (
	"net/netip"
	"slices"
	"time"

	"cordon/policy"
	"cordon/policy/message"
)

// side is who one side of an allow means, all endpoints together.
type side struct {
	devices  []policy.DeviceID // ascending, each once
	member   []uint64          // the same as bits, from the word of the lowest one on: a policy has thousands of sides
	lowest   int               // which word that is
	segments []policy.SegmentID
	literals []policy.Endpoint
	kinds    [3]int // how many devices of each kind
	stands   []policy.SegmentID
	governed int // literals in camera and recorder segments
	uplink   bool
	families family
}

// family is a set of address families.
type family int

const (
	v4   family = 1
	v6   family = 2
	both family = v4 | v6
)

func families(list []netip.Addr) family {
	var f family
	for _, a := range list {
		f |= familyOf(a)
	}
	return f
}

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return v4
	}
	return v6
}

func (l *loader) side(endpoints []policy.Endpoint) side {
	s := spanning(endpoints)
	for _, e := range endpoints {
		if !l.budget.pay(len(s.member)+len(e.Devices)*2, e.Origin) {
			return side{}
		}
	}
	for _, e := range endpoints {
		s.uplink = s.uplink || l.isUplink(e.Segments)
		switch e.Kind {
		case policy.DeviceEndpoint:
			l.addDevices(&s, e.Devices)
		case policy.SegmentEndpoint:
			s.segments = append(s.segments, e.Segments...)
			s.stands = append(s.stands, e.Segments...)
			for _, p := range l.out.Segments[e.Segments[0]].Networks() {
				s.families |= familyOf(p.Addr())
			}
		case policy.AnyEndpoint:
			s.uplink = true
		case policy.NetworkEndpoint:
			s.literals = append(s.literals, e)
			s.stands = append(s.stands, e.Segments...)
			s.families |= familyOf(e.Network.Addr())
			for _, id := range e.Segments {
				if l.out.Segments[id].Kind.Governed() {
					s.governed++
				}
			}
		}
	}
	return s
}

// spanning returns a side with room for the devices of endpoints.
func spanning(endpoints []policy.Endpoint) side {
	first, last := -1, -1
	for _, e := range endpoints {
		if e.Kind != policy.DeviceEndpoint {
			continue
		}
		for _, id := range e.Devices {
			word := int(id) / 64
			if first < 0 || word < first {
				first = word
			}
			last = max(last, word)
		}
	}
	if first < 0 {
		return side{}
	}
	return side{member: make([]uint64, last-first+1), lowest: first}
}

func (l *loader) addDevices(s *side, ids []policy.DeviceID) {
	for _, id := range ids {
		if s.has(id) {
			continue
		}
		d := l.out.Devices[id]
		s.member[int(id)/64-s.lowest] |= 1 << (id % 64)
		s.devices = append(s.devices, id)
		s.kinds[d.Kind]++
		s.families |= families(d.Addresses)
		if len(s.stands) == 0 || s.stands[len(s.stands)-1] != d.Segment {
			s.stands = append(s.stands, d.Segment)
		}
	}
}

func (s side) has(id policy.DeviceID) bool {
	word := int(id)/64 - s.lowest
	return word >= 0 && word < len(s.member) && s.member[word]&(1<<(id%64)) != 0
}

func (s side) nobody() bool { return len(s.devices)+len(s.segments)+len(s.literals) == 0 }

// onlySegment returns the segment that everyone on this side stands in.
func (s side) onlySegment() (policy.SegmentID, bool) {
	for _, id := range s.stands {
		if id != s.stands[0] || id < 0 {
			return 0, false
		}
	}
	return s.stands[0], true
}

// covered is one allow or exception, ready to be compared with the others.
type covered struct {
	kind     string
	allow    policy.Allow
	until    time.Time // zero for an allow
	from, to side
	open     *minutes
}

// checkCovered warns of an allow or exception that another one makes needless.
func (l *loader) checkCovered() {
	list := make([]covered, 0, len(l.out.Allows)+len(l.out.Exceptions))
	for _, a := range l.out.Allows {
		list = append(list, covered{kind: "allow", allow: a, from: l.side(a.From), to: l.side(a.To), open: minutesOf(a.During)})
	}
	for _, e := range l.out.Exceptions {
		list = append(list, covered{
			kind: "exception", allow: opened(e), until: e.Until, from: l.side(e.From), to: l.side(e.To), open: minutesOf(e.During),
		})
	}
	from, to := newSides(), newSides()
	for i, c := range list {
		from.add(i, c.from)
		to.add(i, c.to)
	}
	for i, a := range list {
		if a.from.nobody() || a.to.nobody() {
			continue
		}
		candidates := l.candidates(a, from, to)
		if !l.budget.pay(coverCost*(1+len(candidates)), a.allow.Origin) {
			return
		}
		l.warnCovered(list, i, candidates)
	}
}

// warnCovered warns of an allow that the first of some others that covers it makes needless. Of two that cover one another it is the later.
func (l *loader) warnCovered(list []covered, i int, candidates []int) {
	a := list[i]
	for _, j := range candidates {
		b := list[j]
		if i == j || !l.covers(b, a) || l.covers(a, b) && before(a.allow.Origin, b.allow.Origin) < 0 {
			continue
		}
		l.report.warn(at(a.allow.Origin), "covered", message.Args{
			"kind": a.kind, "name": a.allow.Name, "other": b.kind + "." + b.allow.Name,
		}, b.allow.Origin)
		return
	}
}

func (l *loader) covers(outer, inner covered) bool {
	return outlasts(outer.until, inner.until) && servicesCover(outer.allow.Services, inner.allow.Services) &&
		l.sideCovers(outer.from, inner.from) && l.sideCovers(outer.to, inner.to) &&
		outer.open.cover(inner.open)
}

// outlasts compares two ends; the zero time is none.
func outlasts(outer, inner time.Time) bool {
	return outer.IsZero() || !inner.IsZero() && !outer.Before(inner)
}

func servicesCover(outer, inner []policy.Service) bool {
	for _, s := range inner {
		if !slices.ContainsFunc(outer, func(o policy.Service) bool { return serviceCovers(o, s) }) {
			return false
		}
	}
	return true
}

func serviceCovers(outer, inner policy.Service) bool {
	switch {
	case outer.Any:
		return true
	case inner.Any, inner.Ping && !outer.Ping:
		return false
	}
	for _, p := range inner.Ports {
		if !slices.ContainsFunc(outer.Ports, func(o policy.Ports) bool {
			return o.Protocol == p.Protocol && o.First <= p.First && p.Last <= o.Last
		}) {
			return false
		}
	}
	return true
}

func (l *loader) sideCovers(outer, inner side) bool {
	for _, id := range inner.segments {
		if !slices.Contains(outer.segments, id) {
			return false
		}
	}
	for _, e := range inner.literals {
		if !literalCovered(outer, e) {
			return false
		}
	}
	for _, id := range inner.devices {
		if !outer.has(id) && !l.deviceCovered(outer, l.out.Devices[id]) {
			return false
		}
	}
	return true
}

func literalCovered(outer side, e policy.Endpoint) bool {
	inSegment := func(id policy.SegmentID) bool { return slices.Contains(outer.segments, id) }
	if len(e.Segments) > 0 && !slices.ContainsFunc(e.Segments, func(id policy.SegmentID) bool { return !inSegment(id) }) {
		return true
	}
	return slices.ContainsFunc(outer.literals, func(o policy.Endpoint) bool { return holds(o.Network, e.Network) })
}

func (l *loader) deviceCovered(outer side, d policy.Device) bool {
	if slices.Contains(outer.segments, d.Segment) {
		return true
	}
	for _, a := range d.Addresses {
		if !slices.ContainsFunc(outer.literals, func(o policy.Endpoint) bool { return o.Network.Contains(a) }) {
			return false
		}
	}
	return len(outer.literals) > 0
}
