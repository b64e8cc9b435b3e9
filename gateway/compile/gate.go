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
//
// A segment stands for its networks because prerouting has checked that a source lives behind the interface it came in by.
type gate struct {
	family
	from, to       sideKind
	fromNet, toNet netip.Prefix // of oneNetwork
	service        service      // zero ports when the service is in the key
	inKey          bool
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

// key returns the fields of the set's key, for a packet of the opening's own direction or of its replies.
func (g gate) key(reply bool) []ruleset.Field {
	from, to, port := g.source, g.destination, ruleset.DestinationPort
	in, out := ruleset.IIFName, ruleset.OIFName
	if reply {
		from, to, port = g.destination, g.source, ruleset.SourcePort
		in, out = out, in
	}
	if !g.fromKey {
		from = in
	}
	if !g.toKey {
		to = out
	}
	fields := []ruleset.Field{from, to}
	if g.to == theGateway {
		fields = fields[:1]
	}
	if g.inKey {
		fields = append(fields, ruleset.L4Proto, port)
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
	return rule("", append(g.matches(reply), unmark(), accept())...)
}

// matches returns what holds for the gate's packets of one direction.
func (g gate) matches(reply bool) []ruleset.Statement {
	var statements []ruleset.Statement
	source, target := g.source, g.destination
	if reply {
		source, target = target, source
	}
	if g.from == oneNetwork {
		statements = append(statements, within(source, g.fromNet))
	}
	if g.to == oneNetwork {
		statements = append(statements, within(target, g.toNet))
	}
	statements = append(statements, g.serviceMatch(reply)...)
	return append(statements, ruleset.In{Fields: g.key(reply), Set: g.name()})
}

// serviceMatch returns the matches of a service that the key does not hold.
func (g gate) serviceMatch(reply bool) []ruleset.Statement {
	switch {
	case g.inKey || g.service.any:
		return nil
	case g.service.ping && reply:
		return []ruleset.Statement{is(g.icmpType, ruleset.Octet(g.echoReply))}
	case g.service.ping:
		return []ruleset.Statement{is(g.icmpType, ruleset.Octet(g.echo))}
	}
	port := ruleset.DestinationPort
	if reply {
		port = ruleset.SourcePort
	}
	return []ruleset.Statement{
		is(ruleset.L4Proto, ruleset.Octet(uint8(g.service.protocol))),
		ruleset.Between{Field: port, First: ruleset.Short(g.service.first), Last: ruleset.Short(g.service.last)},
	}
}

// within holds when an address lies in a prefix.
func within(f ruleset.Field, p netip.Prefix) ruleset.Between {
	return ruleset.Between{Field: f, First: ruleset.Addr(p.Masked().Addr()), Last: ruleset.Addr(lastAddr(p))}
}

// set returns the gate's set with its elements in the order of their keys.
func (g gate) set() ruleset.Set {
	return ruleset.Set{Name: g.name(), Key: g.key(false), Size: room(len(g.elements)), Elements: elements(g.elements)}
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

// gates sorts openings by shape. The four plain shapes always exist, so that the chains do not change with the first use of one.
func gates(f family, list []opening, plain []gate, comment func(opening) string) []gate {
	byName := map[string]*gate{}
	for i := range plain {
		plain[i].elements = map[string]string{}
		byName[plain[i].name()] = &plain[i]
	}
	for _, o := range list {
		if o.v4 != f.v4 {
			continue
		}
		shape := gateOf(f, o)
		g, ok := byName[shape.name()]
		if !ok {
			shape.elements = map[string]string{}
			g = &shape
			byName[shape.name()] = g
		}
		g.elements[g.element(o)] = comment(o)
	}
	all := make([]gate, 0, len(byName))
	for _, g := range byName {
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

// plainManage returns the two shapes of an exact service of the gateway itself.
func plainManage(f family) []gate {
	return []gate{
		{family: f, from: oneAddress, to: theGateway, inKey: true, fromKey: true},
		{family: f, from: wholeSegment, to: theGateway, inKey: true},
	}
}
