package load

import (
	"net/netip"
	"slices"
	"strconv"

	"cordon/policy"
	"cordon/policy/message"
)

// seen is what may stand only once in a policy, with who has it.
type seen struct {
	interfaces  map[string]holder
	macs        map[policy.MAC]holder
	addresses   map[netip.Addr]holder
	networks    []network
	masquerades []masquerade
	routes      []routed
	vias        []word
	served      []served
	tags        map[tag]holder
	bridges     map[string]bool
}

type holder struct {
	name  string
	place place
}

type network struct {
	prefix  netip.Prefix
	segment string
	origin  policy.Origin
}

type masquerade struct {
	segment int
	place   place
}

type routed struct {
	prefix netip.Prefix
	place  place
}

// newSeen returns what nobody has yet, with room for so many devices.
func newSeen(devices int) seen {
	return seen{
		interfaces: map[string]holder{}, macs: make(map[policy.MAC]holder, devices), addresses: make(map[netip.Addr]holder, devices),
		tags: map[tag]holder{}, bridges: map[string]bool{},
	}
}

// claim gives an address to its machine; the second machine that claims it is reported.
func (l *loader) claim(a netip.Addr, name string, here place) {
	first, taken := l.seen.addresses[a]
	mine := holder{name: name, place: here}
	if taken {
		l.twice(first, mine, "duplicate-address", message.Args{"address": a.String()})
	}
	if !taken || before(here.origin, first.place.origin) < 0 {
		l.seen.addresses[a] = mine
	}
}

// twice reports what two hold, at the later of their places.
func (l *loader) twice(first, second holder, code string, args message.Args) {
	if before(second.place.origin, first.place.origin) < 0 {
		first, second = second, first
	}
	args["holder"] = first.name
	l.report.add(second.place, code, args, first.place.origin)
}

// checkNetworks holds the segments against one another.
func (l *loader) checkNetworks() {
	for i, b := range l.seen.networks {
		if !l.budget.pay(pairCost*i, b.origin) {
			return
		}
		for _, a := range l.seen.networks[:i] {
			if a.segment == b.segment || !a.prefix.Overlaps(b.prefix) || a.prefix.Bits() == 0 {
				continue
			}
			first, second := a, b
			if before(a.origin, b.origin) > 0 {
				first, second = b, a
			}
			l.report.add(at(second.origin), "overlap", message.Args{
				"network": second.prefix.String(), "other": first.prefix.String(), "segment": first.segment,
			}, first.origin)
		}
	}
	for _, m := range l.seen.masquerades {
		if s := l.out.Segments[m.segment]; s.Kind >= 0 && s.Kind != policy.ClientSegment {
			l.report.add(m.place, "masquerade-kind", message.Args{"segment": s.Name, "kind": s.Kind.String()})
		}
	}
	l.checkRoutes()
}

// A network within another one is no mistake: the longest prefix wins. Two equal ones leave nothing to choose by.
func (l *loader) checkRoutes() {
	taken := map[netip.Prefix]holder{}
	for _, n := range l.seen.networks {
		taken[n.prefix] = holder{place: at(n.origin)}
	}
	for _, r := range l.seen.routes {
		if first, ok := taken[r.prefix]; ok {
			l.twice(first, holder{place: r.place}, "route-twice", message.Args{"network": r.prefix.String()})
			continue
		}
		taken[r.prefix] = holder{place: r.place}
	}
	next := 0
	for _, s := range l.out.Segments {
		for _, r := range s.Routes {
			if !r.Via.IsValid() {
				continue
			}
			l.checkVia(s, r, l.seen.vias[next])
			next++
		}
	}
}

func (l *loader) checkVia(s policy.Segment, r policy.Route, via word) {
	for _, to := range r.To {
		if to.Addr().Is4() != r.Via.Is4() {
			l.report.add(via.place, "route-family", message.Args{"via": via.text, "network": to.String()})
			return
		}
	}
	if len(s.Addresses) == 0 {
		return
	}
	onLink := slices.ContainsFunc(s.Addresses, func(p netip.Prefix) bool { return p.Contains(r.Via) && p.Addr() != r.Via })
	if !onLink && !r.Via.IsLinkLocalUnicast() {
		l.report.add(via.place, "route-via", message.Args{"via": via.text, "segment": s.Name})
	}
}

// check holds the finished policy against what no single block can know.
func (l *loader) check() {
	if l.out.Site.Name != "" && l.out.Site.Scope == policy.ScopeBox && len(l.out.Manage) == 0 && !l.missingMay("manage") {
		l.report.add(at(l.out.Site.Origin), "no-manage", nil)
	}
	if !l.report.failed() {
		l.checkCovered()
	}
}

// checkAllow looks for what an allow opens by mistake. Its places are those of the services in its list.
func (l *loader) checkAllow(b block, a policy.Allow) {
	from, to := l.side(a.From), l.side(a.To)
	places := l.items[b.kind+"."+a.Name]
	for i, s := range a.Services {
		if i >= len(places) {
			break
		}
		if s.Any && from.kinds[policy.Camera]+from.kinds[policy.Recorder]+from.governed > 0 && to.uplink {
			l.report.add(places[i].place, "any-uplink", nil)
		}
		if from.kinds[policy.Camera] > 0 && to.kinds[policy.Recorder] > 0 && openedByRecorder(s) {
			l.report.warn(places[i].place, "wrong-direction", message.Args{"service": s.Name})
		}
		if id, answered := l.answered(from, s); answered {
			l.report.warn(places[i].place, "answered-here", message.Args{
				"service": s.Name, "segment": l.out.Segments[id].Name, "kind": b.kind,
			}, l.out.Segments[id].Serve.Origin)
		}
		if id, port, kept := l.kept(to, s); kept {
			l.report.warn(places[i].place, "replies-kept", message.Args{
				"service": s.Name, "port": strconv.Itoa(int(port)), "segment": l.out.Segments[id].Name,
			}, l.out.Segments[id].Serve.Origin)
		}
	}
	l.checkGateway(a)
	l.checkReach(b, a, from, to)
}

// answered returns a segment of those who open a service on which the gateway answers all of it itself, whoever is asked.
func (l *loader) answered(from side, s policy.Service) (policy.SegmentID, bool) {
	for _, id := range from.stands {
		if id >= 0 && intercepts(l.out.Segments[id], s) {
			return id, true
		}
	}
	return 0, false
}

func intercepts(segment policy.Segment, s policy.Service) bool {
	if s.Any || s.Ping || len(s.Ports) == 0 || segment.Mode != policy.Enforce {
		return false
	}
	return !slices.ContainsFunc(s.Ports, func(p policy.Ports) bool { return !catches(segment, p) })
}

// catches says whether a segment intercepts a single port.
func catches(segment policy.Segment, p policy.Ports) bool {
	time := segment.Serve.Time == policy.TimeIntercept && p.Protocol == policy.UDP && p.First == 123
	return p.First == p.Last && (time || segment.Serve.Names == policy.NamesSinkhole && p.First == 53)
}

// kept returns a segment of those for whom a service is opened on which a reply to the service's own port counts as a question, and that
// port. Some clients of such services ask from it: time by symmetric association (RFC 5905, section 9.1), and old resolvers.
func (l *loader) kept(to side, s policy.Service) (policy.SegmentID, uint16, bool) {
	for _, id := range to.stands {
		if id < 0 || s.Any || s.Ping || l.out.Segments[id].Mode != policy.Enforce {
			continue
		}
		for _, p := range s.Ports {
			if p.Protocol == policy.UDP && catches(l.out.Segments[id], p) {
				return id, p.First, true
			}
		}
	}
	return 0, 0, false
}

func (l *loader) checkGateway(a policy.Allow) {
	for _, e := range a.To {
		if e.Kind != policy.NetworkEndpoint || !e.Network.IsSingleIP() {
			continue
		}
		for _, s := range l.out.Segments {
			if slices.ContainsFunc(s.Addresses, func(p netip.Prefix) bool { return p.Addr() == e.Network.Addr() }) {
				l.report.add(at(e.Origin), "to-gateway", message.Args{"address": e.Name})
			}
		}
	}
}

// checkReach warns of an allow that opens less than it seems to.
func (l *loader) checkReach(b block, a policy.Allow, from, to side) {
	if l.partial || l.report.failed() {
		return
	}
	if from.nobody() || to.nobody() {
		l.report.warn(at(b.origin()), "opens-nothing", message.Args{"kind": b.kind, "name": a.Name})
		return
	}
	if one, ok := from.onlySegment(); ok {
		if other, ok := to.onlySegment(); ok && one == other && !bridged(l.out.Segments[one]) {
			l.report.warn(at(b.origin()), "same-segment", message.Args{
				"kind": b.kind, "name": a.Name, "segment": l.out.Segments[one].Name,
			})
		}
	}
	if from.families != both {
		return
	}
	count, first := 0, ""
	for _, id := range to.devices {
		if d := l.out.Devices[id]; families(d.Addresses) != both {
			if count++; first == "" {
				first = d.Reference()
			}
		}
	}
	if count > 0 {
		l.report.warn(at(b.origin()), "one-family", message.Args{
			"kind": b.kind, "name": a.Name, "device": first, "count": strconv.Itoa(count),
		})
	}
}

func (r *report) failed() bool { return r.errors }

// openedByRecorder says whether a service is one that a recorder opens towards a camera, never the other way.
func openedByRecorder(s policy.Service) bool {
	switch s.Name {
	case "rtsp", "rtsps", "onvif", "hikvision", "dahua":
		return true
	}
	if s.Any || s.Ping || s.Origin.Line == 0 {
		return false
	}
	return slices.ContainsFunc(s.Ports, func(p policy.Ports) bool {
		return p.Protocol == policy.TCP && p.First == p.Last && slices.Contains([]uint16{322, 554, 8000, 37777}, p.First)
	})
}
