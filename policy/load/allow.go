package load

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"cordon/policy"
	"cordon/policy/message"
)

func (l *loader) decodeAllows() {
	s := schemaOf("allow")
	for _, b := range l.blocks["allow"] {
		l.shape(b, s)
		a := policy.Allow{Name: b.name, Description: l.free(b, "description"), Origin: b.origin()}
		a.From = l.endpoints(b, "from")
		a.To = l.endpoints(b, "to")
		a.Services = l.servicesOf(b)
		a.During = l.during(b)
		l.checkNames(b, a.From)
		l.out.Allows = append(l.out.Allows, a)
		l.checkAllow(b, a)
	}
}

func (l *loader) decodeManage() {
	s := schemaOf("manage")
	blocks := l.blocks["manage"]
	slices.SortStableFunc(blocks, func(a, b block) int { return before(a.origin(), b.origin()) })
	for _, b := range blocks {
		l.shape(b, s)
		m := policy.Manage{Origin: b.origin()}
		values, complete := l.values(b, "from", false)
		for _, v := range values {
			if e, ok := l.endpoint(v, ends{}); ok && l.mayManage(e, v.place) {
				m.From = append(m.From, e)
			}
		}
		m.Services = l.servicesOf(b)
		if complete && len(values) > 0 && b.body.Attributes["services"] == nil {
			l.report.add(at(b.header), "missing-attribute", message.Args{"name": "services", "kind": "manage"})
		}
		l.out.Manage = append(l.out.Manage, m)
	}
}

func (l *loader) endpoints(b block, name string) []policy.Endpoint {
	a := b.body.Attributes[name]
	if a == nil {
		return nil
	}
	values, complete := l.values(b, name, false)
	if complete && len(values) == 0 {
		l.report.add(b.place(a.Expr), "names-nothing", message.Args{"name": name})
	}
	may := endsOf(b.kind, name)
	var list []policy.Endpoint
	for _, v := range values {
		if e, ok := l.endpoint(v, may); ok {
			list = append(list, e)
		}
	}
	if may.names {
		l.keepNames(b, values)
	}
	return list
}

// ends is what an attribute may name besides references and literals.
type ends struct {
	any     bool // every destination
	names   bool // DNS names
	segment bool // a camera or recorder segment is more than its named devices
}

func endsOf(kind, attribute string) ends {
	if kind == "expect" {
		return ends{any: attribute == "to", names: attribute == "except", segment: true}
	}
	return ends{names: attribute == "to"}
}

func (l *loader) endpoint(v value, may ends) (policy.Endpoint, bool) {
	if r, ok := l.refOf(v.cty); ok {
		return l.referred(r, v, may)
	}
	text, ok := plain(v.cty)
	if !ok {
		l.report.add(v.place, "want-endpoint", nil)
		return policy.Endpoint{}, false
	}
	if l.quoted(v.place, text) {
		return policy.Endpoint{}, false
	}
	switch {
	case text == "any" && may.any:
		return policy.Endpoint{Kind: policy.AnyEndpoint, Name: text, Origin: v.place.origin}, true
	case text == "any":
		l.report.add(v.place, "any-endpoint", nil)
		return policy.Endpoint{}, false
	case isDomain(text):
		if !may.names {
			l.report.add(v.place, "name-place", message.Args{"name": text})
		}
		return policy.Endpoint{}, false
	}
	return l.literal(word{text: text, place: v.place})
}

func (l *loader) referred(r *ref, v value, may ends) (policy.Endpoint, bool) {
	e := policy.Endpoint{Kind: policy.DeviceEndpoint, Name: r.kind + "." + r.name, Origin: v.place.origin}
	switch r.kind {
	case "camera", "recorder", "host":
		e.Devices = []policy.DeviceID{l.deviceID(r)}
	case "group":
		e.Devices = l.out.Groups[r.id].Cameras
	case "segment":
		if s := l.out.Segments[r.id]; s.Kind < 0 || s.Kind.Governed() {
			e.Devices = l.devicesIn(policy.SegmentID(r.id))
			if may.segment {
				e.Kind, e.Segments = policy.SegmentEndpoint, []policy.SegmentID{policy.SegmentID(r.id)}
			}
			return e, s.Kind >= 0
		}
		e.Kind, e.Segments = policy.SegmentEndpoint, []policy.SegmentID{policy.SegmentID(r.id)}
	default:
		l.report.add(v.place, "wrong-kind", message.Args{"reference": e.Name, "want": "camera, group, recorder, host, segment"})
		return e, false
	}
	return e, true
}

func (l *loader) devicesIn(id policy.SegmentID) []policy.DeviceID {
	if l.members == nil {
		l.members = make([][]policy.DeviceID, len(l.out.Segments))
		for i, d := range l.out.Devices {
			if d.Segment >= 0 {
				l.members[d.Segment] = append(l.members[d.Segment], policy.DeviceID(i))
			}
		}
	}
	return slices.Clip(l.members[id])
}

func (l *loader) literal(w word) (policy.Endpoint, bool) {
	p, ok := l.prefix(w)
	if !ok || !l.budget.pay(segmentCost*len(l.out.Segments), w.place.origin) {
		return policy.Endpoint{}, false
	}
	e := policy.Endpoint{Kind: policy.NetworkEndpoint, Name: w.text, Network: p, Origin: w.place.origin}
	switch {
	case p.Addr().IsMulticast() || l.isBroadcastOfSegment(p):
		l.report.add(w.place, "multicast-literal", message.Args{"address": w.text})
		return e, false
	case p.IsSingleIP() && p.Addr().IsLoopback(), p.IsSingleIP() && p.Addr().IsUnspecified():
		l.report.add(w.place, "unusable-address", message.Args{"address": w.text})
		return e, false
	}
	e.Segments = l.owners(p)
	if len(e.Segments) == 0 && !l.missingMay("segment") {
		l.report.add(w.place, "nowhere", message.Args{"address": w.text})
		return e, false
	}
	if l.isUplink(e.Segments) && isPrivate(p.Addr()) && !l.declared(p) {
		l.report.warn(w.place, "private-uplink", message.Args{"address": w.text})
	}
	return e, true
}

func (l *loader) isBroadcastOfSegment(p netip.Prefix) bool {
	if !p.IsSingleIP() {
		return false
	}
	if p.Addr() == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	for _, s := range l.out.Segments {
		for _, own := range s.Addresses {
			if isBroadcast(own, p.Addr()) {
				return true
			}
		}
	}
	return false
}

func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}

// owners returns the segments that a literal belongs to: the one whose range holds it, of several the one with the longest prefix, those
// that share a bridge all together, else every uplink.
func (l *loader) owners(p netip.Prefix) []policy.SegmentID {
	best := -1
	var owners, uplinks []policy.SegmentID
	for i, s := range l.out.Segments {
		if s.Kind == policy.UplinkSegment {
			uplinks = append(uplinks, policy.SegmentID(i))
		}
		for _, n := range s.Networks() {
			if !holds(n, p) || n.Bits() < best {
				continue
			}
			if n.Bits() > best {
				best, owners = n.Bits(), nil
			}
			owners = append(owners, policy.SegmentID(i))
		}
	}
	switch {
	case len(owners) == 0:
		return uplinks
	case len(owners) > 1 && p.IsSingleIP():
		return l.standing(p.Addr(), owners)
	}
	return slices.Compact(owners)
}

// standing returns which of the segments that share a bridge holds the device of an address: each of them may hold one that has no name.
func (l *loader) standing(a netip.Addr, owners []policy.SegmentID) []policy.SegmentID {
	if l.stands == nil {
		l.stands = map[netip.Addr]policy.SegmentID{}
		for _, d := range l.out.Devices {
			for _, own := range d.Addresses {
				if _, taken := l.stands[own]; !taken {
					l.stands[own] = d.Segment
				}
			}
		}
	}
	if id, named := l.stands[a]; named && slices.Contains(owners, id) {
		return []policy.SegmentID{id}
	}
	return slices.Compact(owners)
}

func holds(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

func (l *loader) isUplink(ids []policy.SegmentID) bool {
	return len(ids) > 0 && l.out.Segments[ids[0]].Kind == policy.UplinkSegment
}

// declared says whether a network other than a default route holds the literal: it is meant then.
func (l *loader) declared(p netip.Prefix) bool {
	for _, s := range l.out.Segments {
		for _, n := range s.Networks() {
			if n.Bits() > 0 && holds(n, p) {
				return true
			}
		}
	}
	return false
}

func (l *loader) servicesOf(b block) []policy.Service {
	a := b.body.Attributes["services"]
	if a == nil {
		return nil
	}
	values, complete := l.values(b, "services", true)
	if complete && len(values) == 0 {
		l.report.add(b.place(a.Expr), "names-nothing", message.Args{"name": "services"})
	}
	var list []policy.Service
	named := map[string]bool{}
	for _, v := range values {
		s, ok := l.serviceOf(v)
		if !ok || named[s.Name] {
			continue
		}
		named[s.Name] = true
		list = append(list, s)
		l.items[b.kind+"."+b.name] = append(l.items[b.kind+"."+b.name], value{place: v.place})
	}
	return list
}

func (l *loader) serviceOf(v value) (policy.Service, bool) {
	if r, ok := l.refOf(v.cty); ok {
		if r.kind == "service" {
			return l.out.Services[r.id], true
		}
		l.report.add(v.place, "wrong-kind", message.Args{"reference": r.kind + "." + r.name, "want": "service"})
		return policy.Service{}, false
	}
	name, ok := l.asText(v)
	if !ok || l.quoted(v.place, name) {
		return policy.Service{}, false
	}
	if s, ok := l.builtins[name]; ok {
		return s, true
	}
	if _, declared := l.ids["service"][name]; declared {
		l.report.add(v.place, "service-quoted", message.Args{"name": name})
		return policy.Service{}, false
	}
	if strings.Trim(name, "0123456789-/cdptu") == "" {
		l.report.add(v.place, "service-port", message.Args{"value": name})
		return policy.Service{}, false
	}
	args := withNearestOf(&l.hints, name, l.ids["service"], message.Args{"name": name})
	if args["nearest"] == "" {
		args = withNearest(name, slices.Sorted(maps.Keys(l.builtins)), args)
	}
	l.report.add(v.place, "unknown-service", args)
	return policy.Service{}, false
}

// mayManage says whether the gateway's own services may be opened from there: from client segments only.
func (l *loader) mayManage(e policy.Endpoint, here place) bool {
	segments := slices.Clone(e.Segments)
	for _, id := range e.Devices {
		segments = append(segments, l.out.Devices[id].Segment)
	}
	governed := strings.HasPrefix(e.Name, "camera.") || strings.HasPrefix(e.Name, "group.") ||
		e.Kind == policy.DeviceEndpoint && strings.HasPrefix(e.Name, "segment.")
	for _, id := range segments {
		governed = governed || id >= 0 && l.out.Segments[id].Kind != policy.ClientSegment
	}
	if governed {
		l.report.add(here, "manage-from", message.Args{"endpoint": e.Name})
	}
	return !governed
}
