package load

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"cordon/policy"
	"cordon/policy/message"
)

// The length of a DHCP lease: without one given, the shortest and the longest. A shorter one would have every camera ask again and
// again; a longer one outlives the address plan.
const (
	defaultLease = 12 * time.Hour
	minLease     = 2 * time.Minute
	maxLease     = 365 * 24 * time.Hour
)

func serveSchema() schema {
	return schema{optional: []string{"time", "names", "records", "discovery"}, blocks: []string{"leases"}}
}

func leasesSchema() schema { return schema{required: []string{"range"}, optional: []string{"lease"}} }

// served is what can be held against the other segments and the devices only when they are known.
type served struct {
	segment   int // its place in Policy.Segments
	discovery []finder
	leases    place // of the range
}

// finder is a segment that may find cameras, and where it is named.
type finder struct {
	segment policy.SegmentID
	place   place
}

// one returns the only block of a kind that stands in another one.
func (l *loader) one(b block, kind string) (block, bool) {
	list := l.nested(b, kind)
	if len(list) == 0 {
		return block{}, false
	}
	for _, second := range list[1:] {
		l.report.add(at(second.header), "block-twice", message.Args{"name": kind, "kind": b.kind}, list[0].header)
	}
	return list[0], true
}

// serve reads what the gateway offers on a segment.
func (l *loader) serve(b block, s policy.Segment) policy.Serve {
	inner, ok := l.one(b, "serve")
	if !ok {
		return policy.Serve{}
	}
	l.shape(inner, serveSchema())
	if s.Kind >= 0 && !s.Kind.Governed() {
		l.report.add(at(inner.header), "serve-segment", message.Args{"segment": b.name, "kind": s.Kind.String()})
		return policy.Serve{}
	}
	serve := policy.Serve{Origin: inner.origin()}
	if choice, ok := l.choice(inner, "time", "off", "local", "intercept"); ok {
		serve.Time = policy.TimeService(choice)
	}
	names, known := l.choice(inner, "names", "off", "sinkhole")
	serve.Names = policy.NamesService(names)
	serve.Records = l.records(inner)
	if a := inner.body.Attributes["records"]; a != nil && serve.Names == policy.NamesOff && (known || inner.body.Attributes["names"] == nil) {
		l.report.add(at(origin(a.NameRange)), "records-unserved", nil)
	}
	later := served{segment: len(l.out.Segments)}
	later.discovery = l.finders(inner)
	for _, f := range later.discovery {
		serve.Discovery = append(serve.Discovery, f.segment)
	}
	slices.Sort(serve.Discovery)
	serve.Discovery = slices.Compact(serve.Discovery)
	serve.Leases, later.leases = l.leases(inner)
	l.seen.served = append(l.seen.served, later)
	return serve
}

// records reads the names that the gateway answers for, ordered by name.
func (l *loader) records(b block) []policy.Record {
	pairs, _, ok := l.pairs(b, "records")
	if !ok {
		return nil
	}
	where := l.entries(b, "records")
	var list []policy.Record
	taken := map[string]bool{}
	for name, text := range pairs {
		a, err := netip.ParseAddr(text)
		here := where(name)
		spelt := strings.ToLower(strings.TrimSuffix(name, "."))
		switch {
		case !isName(spelt):
			l.report.add(here, "bad-domain", message.Args{"name": name})
		case err != nil || !usable(a):
			l.report.add(here, "record-address", message.Args{"name": name, "value": text})
		case taken[spelt]:
			l.report.add(here, "record-twice", message.Args{"name": spelt})
		default:
			taken[spelt] = true
			list = append(list, policy.Record{Name: spelt, Address: a})
		}
	}
	slices.SortFunc(list, func(a, b policy.Record) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (l *loader) finders(b block) []finder {
	values, _ := l.values(b, "discovery", true)
	var list []finder
	for _, v := range values {
		if r, ok := l.asReference(v, "segment"); ok {
			list = append(list, finder{policy.SegmentID(r.id), v.place})
		}
	}
	return list
}

// leases reads the range of addresses that devices without one are given.
func (l *loader) leases(b block) (*policy.Leases, place) {
	inner, ok := l.one(b, "leases")
	if !ok {
		return nil, place{}
	}
	l.shape(inner, leasesSchema())
	leases := &policy.Leases{Lease: l.duration(inner, "lease", defaultLease)}
	if leases.Lease < minLease || leases.Lease > maxLease {
		l.report.add(inner.place(inner.body.Attributes["lease"].Expr), "lease-length", message.Args{"value": spellDuration(leases.Lease)})
	}
	text, here, ok := l.word(inner, "range")
	if !ok {
		l.missing(inner, "range")
		return nil, place{}
	}
	first, last, ok := parseRange(text)
	if !ok {
		l.report.add(here, "bad-range", message.Args{"value": text})
		return nil, place{}
	}
	leases.First, leases.Last = first, last
	return leases, here
}

// parseRange reads "10.30.0.100-10.30.0.199".
func parseRange(text string) (first, last netip.Addr, ok bool) {
	low, high, _ := strings.Cut(text, "-")
	first, err := netip.ParseAddr(strings.TrimSpace(low))
	last, fault := netip.ParseAddr(strings.TrimSpace(high))
	return first, last, err == nil && fault == nil && first.Is4() && last.Is4() && first.Compare(last) <= 0
}

// rangeFits holds a range of leases against the segment's own network.
func (l *loader) rangeFits(leases policy.Leases, s policy.Segment, here place) bool {
	if len(s.Addresses) == 0 {
		return true // which is reported already
	}
	for _, own := range s.Addresses {
		if !own.Contains(leases.First) || !own.Contains(leases.Last) {
			continue
		}
		taken, unfit := notForLease(leases, own)
		if unfit {
			l.report.add(here, "leases-hold", message.Args{"address": taken.String()})
		}
		return !unfit
	}
	l.report.add(here, "leases-outside", message.Args{"segment": s.Name, "networks": networksOf(s)})
	return false
}

// notForLease returns an address of a range that no machine of a network can have.
func notForLease(leases policy.Leases, own netip.Prefix) (netip.Addr, bool) {
	switch network := own.Masked(); {
	case leased(leases, own.Addr()):
		return own.Addr(), true
	case leases.First == network.Addr() && isNetwork(network):
		return leases.First, true
	case isBroadcast(own, leases.Last):
		return leases.Last, true
	}
	return netip.Addr{}, false
}

func leased(leases policy.Leases, a netip.Addr) bool {
	return leases.First.Compare(a) <= 0 && a.Compare(leases.Last) <= 0
}

// checkServed holds what is served against the other segments and the devices.
func (l *loader) checkServed() {
	for _, served := range l.seen.served {
		s := l.out.Segments[served.segment]
		for _, f := range served.discovery {
			l.checkFinder(s, policy.SegmentID(served.segment), f)
		}
		if s.Serve.Leases != nil && l.rangeFits(*s.Serve.Leases, s, served.leases) {
			l.checkLeases(s, policy.SegmentID(served.segment), served.leases)
		}
	}
}

// checkFinder holds a segment that may find cameras against what it is for.
func (l *loader) checkFinder(s policy.Segment, id policy.SegmentID, f finder) {
	other := l.out.Segments[f.segment]
	switch {
	case s.Kind == policy.RecorderSegment:
		l.report.add(f.place, "discovery-cameras", message.Args{"segment": s.Name})
	case f.segment == id || other.Kind == policy.UplinkSegment || other.Kind == policy.CameraSegment:
		l.report.add(f.place, "discovery-segment", message.Args{"segment": other.Name, "kind": other.Kind.String()})
	}
}

// checkLeases looks for machines whose address might be leased to another one: without a MAC there is nothing to reserve it by, and what
// stands in another segment of the bridge asks another server.
func (l *loader) checkLeases(s policy.Segment, id policy.SegmentID, here place) {
	for _, d := range l.out.Devices {
		if d.Segment < 0 || d.Segment == id && !d.MAC.IsZero() || !neighbours(s, l.out.Segments[d.Segment]) {
			continue
		}
		for _, a := range d.Addresses {
			if leased(*s.Serve.Leases, a) {
				l.report.add(here, "leases-device", message.Args{"address": a.String(), "device": d.Reference()}, d.Origin)
			}
		}
	}
	for _, other := range l.out.Segments[:id] {
		if theirs := other.Serve.Leases; theirs != nil && neighbours(s, other) &&
			theirs.First.Compare(s.Serve.Leases.Last) <= 0 && s.Serve.Leases.First.Compare(theirs.Last) <= 0 {
			l.report.add(here, "leases-shared", message.Args{"segment": other.Name}, other.Serve.Origin)
		}
	}
}

// neighbours says whether two segments are one, or ports of one bridge and so one subnet.
func neighbours(a, b policy.Segment) bool {
	return a.Name == b.Name || bridged(a) && bridged(b) && a.Interface == b.Interface
}
