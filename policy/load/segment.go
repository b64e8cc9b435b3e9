package load

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy"
	"cordon/policy/message"
)

func (l *loader) decodeSegments() {
	s := schemaOf("segment")
	for _, b := range l.blocks["segment"] {
		l.shape(b, s)
		l.out.Segments = append(l.out.Segments, l.segment(b))
	}
	l.share()
	l.checkTrunks()
	for i, b := range l.blocks["segment"] {
		l.checkAddressed(b, l.out.Segments[i])
	}
	l.checkNetworks()
}

func (l *loader) segment(b block) policy.Segment {
	s := policy.Segment{Name: b.name, Description: l.free(b, "description"), Origin: b.origin(), Kind: policy.SegmentKind(-1)}
	if kind, ok := l.choice(b, "kind", "camera", "recorder", "client", "uplink"); ok {
		s.Kind = policy.SegmentKind(kind)
	}
	l.link(b, &s)
	s.Addresses = l.gateways(b)
	if refuse, ok := l.choice(b, "refuse", "reject", "drop"); ok {
		s.Refuse = policy.Refuse(refuse)
	}
	s.Mode = l.mode(b, s.Kind)
	l.choice(b, "unknown", "deny")
	s.Masquerade, s.Translates = l.masquerade(b, s.Kind)
	for _, r := range l.nested(b, "route") {
		s.Routes = append(s.Routes, l.route(r))
	}
	s.Serve = l.serve(b, s)
	return s
}

// mode reads whether a segment's rules refuse. One that only counts is worth a word at every reading.
func (l *loader) mode(b block, kind policy.SegmentKind) policy.Mode {
	if mode, ok := l.choice(b, "mode", "enforce", "observe"); !ok || mode == 0 {
		return policy.Enforce
	}
	here := b.place(b.body.Attributes["mode"].Expr)
	if kind == policy.UplinkSegment {
		l.report.add(here, "observe-uplink", nil)
		return policy.Enforce
	}
	l.report.warn(here, "not-enforced", message.Args{"segment": b.name})
	return policy.Observe
}

// interfaceName reads an attribute that names an interface.
func (l *loader) interfaceName(b block, attribute string) (string, place, bool) {
	name, here, ok := l.word(b, attribute)
	return name, here, ok && l.validInterface(name, here)
}

func (l *loader) validInterface(name string, here place) bool {
	switch {
	case name == "":
		l.report.add(here, "empty-value", message.Args{"name": "ports"})
	case len(name) > 15:
		l.report.add(here, "interface-long", message.Args{"name": name})
	case name == "lo":
		l.report.add(here, "interface-loopback", nil)
	case name == "." || name == ".." || name == "all" || name == "default" || strings.ContainsFunc(name, badInName):
		l.report.add(here, "bad-interface", message.Args{"name": name})
	default:
		return true
	}
	return false
}

// The kernel takes more than this; nft's text does not carry the rest.
func badInName(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`/:*"'\`, r)
}

func (l *loader) gateways(b block) []netip.Prefix {
	var list []netip.Prefix
	for _, w := range l.words(b, "addresses") {
		p, err := netip.ParsePrefix(w.text)
		switch {
		case err != nil:
			l.report.add(w.place, "bad-gateway", message.Args{"value": w.text})
		case !usable(p.Addr()) || p.Bits() == 0:
			l.report.add(w.place, "unusable-address", message.Args{"address": w.text})
		case isNetwork(p):
			l.report.add(w.place, "gateway-is-network", message.Args{"address": w.text, "example": p.Addr().Next().String()})
		case isBroadcast(p, p.Addr()):
			l.report.add(w.place, "gateway-is-broadcast", message.Args{"address": w.text})
		default:
			list = append(list, p)
			l.claim(p.Addr(), b.name, w.place)
			l.seen.networks = append(l.seen.networks, network{prefix: p.Masked(), segment: b.name, origin: w.place.origin})
		}
	}
	return list
}

// usable says whether a machine can have the address on one network and no other: every link has IPv6 link-local addresses of its own,
// which nobody routes.
func usable(a netip.Addr) bool {
	everywhere := a.Is6() && a.IsLinkLocalUnicast()
	return a.IsValid() && !everywhere && !a.Is4In6() && a.Zone() == "" && !a.IsMulticast() && !a.IsUnspecified() && !a.IsLoopback() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// In a network of one or two addresses all of them are machines (RFC 3021, RFC 6164).
func isNetwork(p netip.Prefix) bool {
	return p.Addr() == p.Masked().Addr() && p.Addr().BitLen()-p.Bits() > 1
}

func isBroadcast(p netip.Prefix, a netip.Addr) bool {
	if !a.Is4() || !p.Addr().Is4() || 32-p.Bits() <= 1 {
		return false
	}
	return p.Contains(a) && !p.Contains(a.Next())
}

func (l *loader) masquerade(b block, kind policy.SegmentKind) ([]policy.SegmentID, bool) {
	a := b.body.Attributes["masquerade"]
	if a == nil {
		return nil, false
	}
	if kind != policy.UplinkSegment && kind >= 0 {
		l.report.add(at(origin(a.NameRange)), "masquerade-uplink-only", message.Args{"kind": kind.String()})
		return nil, false
	}
	values, _ := l.values(b, "masquerade", true)
	var ids []policy.SegmentID
	for _, v := range values {
		if r, ok := l.asReference(v, "segment"); ok {
			ids = append(ids, policy.SegmentID(r.id))
			l.seen.masquerades = append(l.seen.masquerades, masquerade{segment: r.id, place: v.place})
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), true
}

// nested returns the blocks of a kind that stand in another block, those of dynamic blocks among them.
func (l *loader) nested(b block, kind string) []block {
	var list []block
	for _, inner := range b.body.Blocks {
		switch {
		case inner.Type == kind:
			made := b
			made.kind, made.name, made.body, made.header = kind, "", inner.Body, origin(inner.DefRange())
			list = append(list, made)
		case isDynamic(inner, kind):
			list = append(list, l.expand(inner, b, schema{})...)
		}
	}
	return list
}

func isDynamic(b *hclsyntax.Block, kind string) bool {
	return b.Type == "dynamic" && len(b.Labels) > 0 && b.Labels[0] == kind
}

func (l *loader) route(b block) policy.Route {
	l.shape(b, routeSchema())
	r := policy.Route{Origin: b.origin()}
	for _, w := range l.words(b, "to") {
		if p, ok := l.prefix(w); ok {
			r.To = append(r.To, p)
			l.seen.routes = append(l.seen.routes, routed{prefix: p, place: w.place})
		}
	}
	text, here, ok := l.word(b, "via")
	if !ok {
		return r
	}
	via, err := netip.ParseAddr(text)
	if err != nil || !usable(via) {
		l.report.add(here, "bad-address", message.Args{"value": text})
		return r
	}
	r.Via = via
	l.seen.vias = append(l.seen.vias, word{text: text, place: here})
	return r
}

// prefix reads a network; one address is a network of one.
func (l *loader) prefix(w word) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(w.text); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(w.text)
	switch {
	case err != nil || p.Addr().Is4In6():
		l.report.add(w.place, "bad-prefix", message.Args{"value": w.text})
		return netip.Prefix{}, false
	case p != p.Masked():
		l.report.add(w.place, "prefix-host-bits", message.Args{
			"value": w.text, "network": p.Masked().String(), "address": p.Addr().String(),
		})
		return netip.Prefix{}, false
	}
	return p, true
}
