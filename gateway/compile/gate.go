package compile

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cordon/gateway/ruleset"
)

// gate is a rule and the set that it looks into: all openings of one shape. What an exact key can hold (an address, an interface, a
// protocol and port) is in the set's key; what it cannot (a literal network, a range of ports, echo requests) is a match in the rule.
//
//	flows4          ip saddr . ip daddr . meta l4proto . th dport    one address to one address
//	inward4         iifname . ip daddr . meta l4proto . th dport     a whole segment to one address
//	outward4        ip saddr . oifname . meta l4proto . th dport     one address to a whole segment
//	across4         iifname . oifname . meta l4proto . th dport      segment to segment
//	flows4_ping     ip saddr . ip daddr                              the same four again for each service that is not one port
//	quotedflows4    ip saddr . ip daddr . @th,136,8 . @th,240,16     the first four again for ICMP errors: flows that one may be about
//
// What an error quotes is asked for beside conntrack, which says that the quoted packet is one of a flow's, and keeps that flow's two
// addresses: nft cannot put conntrack's ports into a key. So the sets above serve errors too where their keys hold no port.
//
// A segment stands for its networks because prerouting has checked that a source lives behind the interface it came in by.
type gate struct {
	family
	from, to       sideKind
	fromNet, toNet netip.Prefix // of oneNetwork
	service        service      // zero ports when the service is in the key
	inKey          bool
	byError        bool              // for ICMP errors about an exact service
	elements       map[string]string // key → comment
	fromKey, toKey bool              // whether the side is an address in the key; else it is an interface
}

// gateOf returns the empty gate of an opening's shape.
func gateOf(f family, o opening) gate {
	g := gate{family: f, from: o.from.kind, to: o.to.kind, inKey: o.service.exact()}
	g.fromKey, g.toKey = g.from == oneAddress, g.to == oneAddress
	if g.from == oneNetwork {
		g.fromNet = o.from.network
	}
	if g.to == oneNetwork {
		g.toNet = o.to.network
	}
	if !g.inKey {
		g.service = o.service
	}
	return g
}

// name returns the set's name, which the shape decides alone, so that it stays the same from one policy to the next.
func (g gate) name() string {
	names := map[[2]bool]string{
		{true, true}: "flows", {false, true}: "inward", {true, false}: "outward", {false, false}: "across",
	}
	name := names[[2]bool{g.fromKey, g.toKey}]
	if g.to == theGateway {
		name = map[bool]string{true: "operators", false: "manage"}[g.fromKey]
	}
	if g.byError {
		name = "quoted" + name
	}
	name += g.suffix
	if !g.inKey {
		name += "_" + g.service.word()
	}
	if g.from == oneNetwork {
		name += "_from_" + word(g.fromNet)
	}
	if g.to == oneNetwork {
		name += "_to_" + word(g.toNet)
	}
	return name
}

func (s service) word() string {
	switch {
	case s.any:
		return "any"
	case s.ping:
		return "ping"
	}
	protocol := map[bool]string{true: "tcp", false: "udp"}[s.protocol == 6]
	return protocol + "_" + strconv.Itoa(int(s.first)) + "_" + strconv.Itoa(int(s.last))
}

// word spells a prefix with the characters that the name of a set may have.
func word(p netip.Prefix) string {
	return strings.NewReplacer(".", "_", ":", "_", "/", "_").Replace(p.String())
}

// view is the fields in which a packet shows an opening: its own source and destination, the interfaces of both sides, and the service.
type view struct {
	from, to, in, out, protocol, port, icmpType ruleset.Field
	echo                                        uint8
}

// shows returns the fields for a packet of an opening's own direction or of its replies.
func (f family) shows(reply bool) view {
	if reply {
		return view{
			f.destination, f.source, ruleset.OIFName, ruleset.IIFName, ruleset.L4Proto, ruleset.SourcePort, f.icmpType, f.echoReply,
		}
	}
	return view{
		f.source, f.destination, ruleset.IIFName, ruleset.OIFName, ruleset.L4Proto, ruleset.DestinationPort, f.icmpType, f.echo,
	}
}

// quotes returns the fields for an ICMP error of one of the two ends, which goes a flow's own way and quotes one of its replies, or comes
// back. Reports is the same for an error of whomever, where conntrack knows the ends.
func (f family) quotes(reply bool) view {
	v, q := f.shows(reply), f.quoted()
	v.protocol, v.port, v.icmpType, v.echo = q.protocol, q.sourcePort, f.quotedType(), f.echoReply
	if reply {
		v.port, v.echo = q.destinationPort, f.echo
	}
	return v
}

func (f family) reports(reply bool) view {
	v := f.quotes(reply)
	v.from, v.to = f.origSource, f.origTarget
	return v
}

// key returns the fields of the set's key.
func (g gate) key(v view) []ruleset.Field {
	from, to := v.from, v.to
	if !g.fromKey {
		from = v.in
	}
	if !g.toKey {
		to = v.out
	}
	fields := []ruleset.Field{from, to}
	if g.to == theGateway {
		fields = fields[:1]
	}
	if g.inKey {
		fields = append(fields, v.protocol, v.port)
	}
	return fields
}

// element returns the set's key for an opening.
func (g gate) element(o opening) string {
	values := []string{value(o.from), value(o.to)}
	if g.to == theGateway {
		values = values[:1]
	}
	if g.inKey {
		values = append(values, ruleset.Octet(uint8(o.service.protocol)), ruleset.Short(o.service.first))
	}
	return ruleset.Key(values...)
}

// value returns a side's part of a key: its address, or its segment's interface.
func value(s side) string {
	switch s.kind {
	case oneAddress:
		return ruleset.Addr(s.addr)
	case wholeSegment, oneNetwork:
		return ruleset.Name(s.segment.Interface)
	case theGateway:
	}
	return ""
}

// rule returns the gate's rule for one direction.
func (g gate) rule(reply bool) ruleset.Rule {
	v := g.shows(reply)
	return rule("", append(g.matches(v), unmark(), accept())...)
}

// about returns the gate's rule for ICMP errors that go one direction.
func (g gate) about(reply bool) ruleset.Rule {
	statements := append([]ruleset.Statement{direction(reply)}, g.matches(g.reports(reply))...)
	return rule("", append(statements, unmark(), accept())...)
}

func (g gate) matches(v view) []ruleset.Statement {
	var statements []ruleset.Statement
	if g.from == oneNetwork {
		statements = append(statements, within(v.from, g.fromNet))
	}
	if g.to == oneNetwork {
		statements = append(statements, within(v.to, g.toNet))
	}
	statements = append(statements, g.serviceMatch(v)...)
	return append(statements, ruleset.In{Fields: g.key(v), Set: g.name()})
}

// serviceMatch returns the matches of a service that the key does not hold.
func (g gate) serviceMatch(v view) []ruleset.Statement {
	switch {
	case g.inKey || g.service.any:
		return nil
	case g.service.ping && v.icmpType == g.quotedType():
		return []ruleset.Statement{is(v.protocol, ruleset.Octet(uint8(g.icmp))), is(v.icmpType, ruleset.Octet(v.echo))}
	case g.service.ping:
		return []ruleset.Statement{is(v.icmpType, ruleset.Octet(v.echo))}
	}
	return []ruleset.Statement{
		is(v.protocol, ruleset.Octet(uint8(g.service.protocol))),
		ruleset.Between{Field: v.port, First: ruleset.Short(g.service.first), Last: ruleset.Short(g.service.last)},
	}
}

// within holds when an address lies in a prefix.
func within(f ruleset.Field, p netip.Prefix) ruleset.Between {
	return ruleset.Between{Field: f, First: ruleset.Addr(p.Masked().Addr()), Last: ruleset.Addr(lastAddr(p))}
}

// set returns the gate's set with its elements in the order of their keys.
func (g gate) set() ruleset.Set {
	v := g.shows(false)
	if g.byError {
		v.protocol, v.port = g.quoted().protocol, g.quoted().destinationPort
	}
	return ruleset.Set{Name: g.name(), Key: g.key(v), Typeof: g.byError, Size: room(len(g.elements)), Elements: elements(g.elements)}
}

func elements(m map[string]string) []ruleset.Element {
	list := make([]ruleset.Element, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, ruleset.Element{Key: k, Comment: m[k]})
	}
	return list
}

// room returns how many elements a set is made for: twice what it holds, as a power of two. The kernel fixes the number when the
// set is made, and a set that has to grow is made anew.
func room(n int) int {
	size := 64
	for size < 2*n {
		size *= 2
	}
	return size
}

// gateSet is gates by the names of their sets.
type gateSet map[string]*gate

// newGates returns the plain shapes, which always exist, so that the chains do not change with the first use of one.
func newGates(plain []gate) gateSet {
	s := gateSet{}
	for i := range plain {
		plain[i].elements = map[string]string{}
		s[plain[i].name()] = &plain[i]
	}
	return s
}

// add writes an opening into the gate of its shape.
func (s gateSet) add(shape gate, o opening, comment string) {
	g, ok := s[shape.name()]
	if !ok {
		shape.elements = map[string]string{}
		g = &shape
		s[shape.name()] = g
	}
	g.elements[g.element(o)] = comment
}

// gates sorts openings by shape.
func gates(f family, list []opening, plain []gate, comment func(opening) string) []gate {
	s := newGates(plain)
	for _, o := range list {
		if o.v4 == f.v4 {
			s.add(gateOf(f, o), o, comment(o))
		}
	}
	return s.sorted()
}

// sorted returns the gates in the order in which they are asked.
func (s gateSet) sorted() []gate {
	all := make([]gate, 0, len(s))
	for _, g := range s {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b gate) int { return cmp.Or(a.rank()-b.rank(), cmp.Compare(a.name(), b.name())) })
	return all
}

// rank puts the plain shapes before the others and the exact ones first: they are asked most.
func (g gate) rank() int {
	n := 0
	if !g.inKey || g.from == oneNetwork || g.to == oneNetwork {
		n = 4
	}
	if !g.fromKey {
		n++
	}
	if !g.toKey {
		n += 2
	}
	return n
}

// plainGates returns the four shapes of an exact service.
func plainGates(f family) []gate {
	var all []gate
	for _, from := range [...]sideKind{oneAddress, wholeSegment} {
		for _, to := range [...]sideKind{oneAddress, wholeSegment} {
			all = append(all, gate{
				family: f, from: from, to: to, inKey: true, fromKey: from == oneAddress, toKey: to == oneAddress,
			})
		}
	}
	return all
}

// quotedGates are the same for ICMP errors.
func quotedGates(f family) []gate {
	all := plainGates(f)
	for i := range all {
		all[i].byError = true
	}
	return all
}

// plainManage returns the two shapes of an exact service of the gateway itself.
func plainManage(f family) []gate {
	return []gate{
		{family: f, from: oneAddress, to: theGateway, inKey: true, fromKey: true},
		{family: f, from: wholeSegment, to: theGateway, inKey: true},
	}
}
