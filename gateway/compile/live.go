package compile

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"time"

	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// live is what exceptions and schedules open in one family: sets of their own, whose elements have the time that is left and end in the
// kernel. Rules and sets stand as long as the policy has the block; that a window opens or ends is a matter of elements alone.
//
//	live4                  ip saddr . ip daddr . meta l4proto . th dport     one address to one address
//	live4_to_10_50_0_0_24  ip saddr . meta l4proto . th dport               the rule asks for the network
//	live4_to.wan.          ip saddr . ip daddr . meta l4proto . th dport     the address lies behind the uplink "wan": forward asks for it
//	livequoted4            ip saddr . ip daddr . @th,136,8 . @th,240,16      which flows an ICMP error may be about
//	livecrossings          iifname . oifname                                 pairs of interfaces
//
// Ordinary openings are not in them: a set whose elements may have a timeout is a slower kind of table.
type live struct {
	family
	gates, tied map[string]*liveGate
	crossings   liveElements
	translated  liveElements
}

// liveElements are keys, what they come from and how long they stay. Of two that are the same the longer one stays.
type liveElements map[string]liveElement

type liveElement struct {
	comment string
	left    time.Duration
}

func (m liveElements) put(key, comment string, t term) {
	if !t.shut() && m[key].left < t.left {
		m[key] = liveElement{comment, t.left}
	}
}

func (m liveElements) set(name, comment string, key ...ruleset.Field) ruleset.Set {
	set := ruleset.Set{Name: name, Comment: comment, Key: key, Timed: true, Size: room(len(m))}
	for _, k := range sortedKeys(m) {
		e := ruleset.Element{Key: k, Comment: m[k].comment}
		if m[k].left != endless {
			e.Timeout = int(m[k].left / time.Second)
		}
		set.Elements = append(set.Elements, e)
	}
	return set
}

// liveOf sorts a family's limited openings.
func liveOf(f family, p policy.Policy, all iter.Seq[opening], comment func(policy.Origin) string) *live {
	l := &live{
		family: f, gates: map[string]*liveGate{}, tied: map[string]*liveGate{}, crossings: liveElements{}, translated: liveElements{},
	}
	for o := range all {
		if o.v4 == f.v4 && o.term.limited {
			l.opening(p, o, comment(o.origin))
		}
	}
	return l
}

// none says whether the policy has nothing of the kind.
func (l *live) none() bool { return len(l.gates) == 0 }

func (l *live) opening(p policy.Policy, o opening, comment string) {
	for _, from := range places(p, o.from, o.v4) {
		for _, to := range places(p, o.to, o.v4) {
			l.put(l.gates, liveGate{family: l.family, prefix: "live", from: from, to: to, service: o.service}, o, comment)
			l.put(l.tied, liveGate{family: l.family, prefix: "livequoted", from: from, to: to, service: o.service}, o, comment)
		}
	}
	if o.bridged() {
		return // it is never routed
	}
	from, to := ruleset.Name(o.from.segment.Interface), ruleset.Name(o.to.segment.Interface)
	if p.Site.Scope == policy.ScopeBox || o.from.segment.Kind.Governed() || o.to.segment.Kind.Governed() {
		l.crossings.put(ruleset.Key(from, to), comment, o.term)
		l.crossings.put(ruleset.Key(to, from), comment, o.term)
	}
	for _, ends := range [...][2]side{{o.from, o.to}, {o.to, o.from}} {
		if own, peer := ends[0], ends[1]; crossesUplink(own, peer) && peer.segment.Translates {
			l.translated.put(ruleset.Key(ruleset.Name(peer.segment.Interface), ruleset.Addr(own.addr)), comment, o.term)
		}
	}
}

// crossesUplink says whether a side is a governed device and its peer lies behind an uplink.
func crossesUplink(own, peer side) bool {
	return own.device != nil && own.segment.Kind.Governed() && peer.segment.Kind == policy.UplinkSegment
}

func (l *live) put(gates map[string]*liveGate, shape liveGate, o opening, comment string) {
	if !shape.service.exact() {
		shape.shape = shape.service
	}
	shape.leaves = crossesUplink(o.from, o.to) || crossesUplink(o.to, o.from)
	g, ok := gates[shape.name()]
	if !ok {
		shape.elements = liveElements{}
		g = &shape
		gates[shape.name()] = g
	}
	g.leaves = g.leaves || shape.leaves
	g.elements.put(g.element(o), comment, o.term)
}

// place is where a side of a limited opening stands: an address, which is in the key; a network, which the rule asks for; or whatever no
// segment inside owns. Interfaces are in none of them, for before routing only one is known: that a source lives behind the interface it
// came in by is checked before, and forward checks the pair, and which uplink it is.
type place struct {
	address bool
	network netip.Prefix
	uplink  string // the segment's name, of what lies behind an uplink: each has its own sets, for no address says which one
	iface   string // the uplink's interface
}

func (w place) outside() bool { return !w.address && !w.network.IsValid() }

// places takes a side apart, and says which uplink it lies behind.
func places(p policy.Policy, s side, v4 bool) []place {
	list := parts(p, s, v4)
	if s.segment.Kind == policy.UplinkSegment {
		for i := range list {
			list[i].uplink, list[i].iface = s.segment.Name, s.segment.Interface
		}
	}
	return list
}

// parts takes a side apart by its addresses. Of a network, what other segments own inside it is cut out.
func parts(p policy.Policy, s side, v4 bool) []place {
	var list []place
	switch {
	case s.kind == oneAddress:
		return []place{{address: true}}
	case s.kind == wholeSegment && s.segment.Kind == policy.UplinkSegment:
		return []place{{}}
	case s.kind == oneNetwork:
		for _, n := range without(s.network, nested(p, indexOf(p, s.segment), s.network)) {
			list = append(list, place{network: n})
		}
		return list
	}
	for _, n := range networks(p, v4, func(other *policy.Segment) bool { return other == s.segment }) {
		list = append(list, place{network: n})
	}
	return list
}

func indexOf(p policy.Policy, s *policy.Segment) int {
	return slices.IndexFunc(p.Segments, func(other policy.Segment) bool { return other.Name == s.Name })
}

// liveGate is a set of limited openings of one shape, and the matches that its key cannot hold.
type liveGate struct {
	family
	prefix   string
	from, to place
	service  service // of an exact service its ports are in the key
	shape    service // what the rule asks for; zero when the key holds the service
	leaves   bool    // some of its devices leave by an uplink
	elements liveElements
}

func (g *liveGate) inKey() bool { return g.service.exact() }

// name returns the set's name, which the shape decides alone.
func (g *liveGate) name() string {
	name := g.prefix + g.suffix
	if !g.inKey() {
		name += "_" + g.service.word()
	}
	return name + g.from.word("_from") + g.to.word("_to")
}

// word names a place. No name of a segment holds a dot, so that no two places have one name.
func (w place) word(direction string) string {
	uplink := ""
	if w.uplink != "" {
		uplink = direction + "." + w.uplink + "."
	}
	switch {
	case w.address:
		return uplink
	case w.outside():
		return uplink + direction + "_outside"
	}
	return uplink + direction + "_" + word(w.network)
}

// key returns the fields of the set's key. A key of networks alone would be empty: the family stands for it.
func (g *liveGate) key(v view) []ruleset.Field {
	var fields []ruleset.Field
	if g.from.address {
		fields = append(fields, v.from)
	}
	if g.to.address {
		fields = append(fields, v.to)
	}
	if g.inKey() {
		fields = append(fields, v.protocol, v.port)
	}
	if fields == nil {
		fields = []ruleset.Field{ruleset.NFProto}
	}
	return fields
}

func (g *liveGate) element(o opening) string {
	var values []string
	if g.from.address {
		values = append(values, ruleset.Addr(o.from.addr))
	}
	if g.to.address {
		values = append(values, ruleset.Addr(o.to.addr))
	}
	if g.inKey() {
		values = append(values, ruleset.Octet(uint8(o.service.protocol)), ruleset.Short(o.service.first))
	}
	if values == nil {
		values = []string{ruleset.Octet(g.nfproto)}
	}
	return ruleset.Key(values...)
}

// matches returns what holds for a packet in which a view shows the gate's openings: the service, then both ends. Where the inside's
// networks are not at hand, whatever leaves by an uplink is outside.
func (g *liveGate) matches(v view, inside bool) []ruleset.Statement {
	list := gate{family: g.family, service: g.shape, inKey: g.inKey()}.serviceMatch(v)
	for _, end := range [...]struct {
		place
		field ruleset.Field
	}{{g.from, v.from}, {g.to, v.to}} {
		switch {
		case end.address:
		case !end.outside():
			list = append(list, within(end.field, end.network))
		case inside:
			own := in("inside"+g.suffix, end.field)
			own.Not = true
			list = append(list, own)
		}
	}
	return append(list, ruleset.In{Fields: g.key(v), Set: g.name()})
}

// rule returns the gate's rule for one direction, which conntrack knows, with what is done then.
func (g *liveGate) rule(reply bool, effects ...ruleset.Statement) ruleset.Rule {
	return rule("", slices.Concat(g.matches(g.shows(reply), true), effects)...)
}

// known says which interfaces of a packet a hook knows.
type known int

const (
	incoming known = 1 << iota
	outgoing
	both known = incoming | outgoing
)

// uplinks returns the matches of the uplinks that a packet of one direction comes in and leaves by, as far as they are known: what one
// uplink's peer may do, nobody behind another uplink may.
func (g *liveGate) uplinks(reply bool, k known) []ruleset.Statement {
	came, leaves := g.from.iface, g.to.iface
	if reply {
		came, leaves = leaves, came
	}
	var list []ruleset.Statement
	if came != "" && k&incoming != 0 {
		list = append(list, is(ruleset.IIFName, ruleset.Name(came)))
	}
	if leaves != "" && k&outgoing != 0 {
		list = append(list, is(ruleset.OIFName, ruleset.Name(leaves)))
	}
	return list
}

// set returns the gate's set. One for what errors quote is declared by its fields, for nft knows those as octets only.
func (g *liveGate) set() ruleset.Set {
	v := g.shows(false)
	quotes := g.prefix == "livequoted" && g.inKey()
	if quotes {
		v.protocol, v.port = g.quoted().protocol, g.quoted().destinationPort
	}
	set := g.elements.set(g.name(), "", g.key(v)...)
	set.Typeof = quotes
	return set
}

// sorted returns gates in the order of their names.
func sortedGates(gates map[string]*liveGate) []*liveGate {
	list := make([]*liveGate, 0, len(gates))
	for _, name := range sortedKeys(gates) {
		list = append(list, gates[name])
	}
	slices.SortStableFunc(list, func(a, b *liveGate) int { return cmp.Compare(len(a.name()), len(b.name())) })
	return list
}

// rules returns the rules of every gate for one direction.
func (l *live) rules(reply bool, effects ...ruleset.Statement) []ruleset.Rule {
	var list []ruleset.Rule
	for _, g := range sortedGates(l.gates) {
		list = append(list, g.rule(reply, effects...))
	}
	return list
}

// crossing returns the rules of every gate for one direction, in forward.
func (l *live) crossing(reply bool, effects ...ruleset.Statement) []ruleset.Rule {
	var list []ruleset.Rule
	for _, g := range sortedGates(l.gates) {
		list = append(list, rule("", slices.Concat(g.matches(g.shows(reply), true), g.uplinks(reply, both), effects)...))
	}
	return list
}

// onward lets a verified device's packets go on to forward where something limited may be open, either way: nobody has asked conntrack yet.
func (l *live) onward() []ruleset.Rule {
	return append(l.rules(false, mark(markJudge), accept()), l.rules(true, mark(markJudge), accept())...)
}

// about returns the rules for ICMP errors about a limited opening's flow, which conntrack knows.
func (l *live) about(k known, before []ruleset.Statement, effects ...ruleset.Statement) []ruleset.Rule {
	var list []ruleset.Rule
	for _, reply := range [...]bool{true, false} {
		for _, g := range sortedGates(l.tied) {
			list = append(list, rule("", slices.Concat(before, []ruleset.Statement{direction(reply)},
				g.matches(g.reports(reply), true), g.uplinks(reply, k), effects)...))
		}
	}
	return list
}

// leaving returns the rules that let what is open pass the guards of an uplink, before source NAT.
func (l *live) leaving() []ruleset.Rule {
	list := append(l.rules(false, accept()), l.rules(true, accept())...)
	return append(list, l.about(outgoing, l.reported(), accept())...)
}

// reported holds for an ICMP error that conntrack ties to a flow.
func (l *live) reported() []ruleset.Statement {
	return []ruleset.Statement{state(ruleset.StateRelated), is(l.icmpType, types(l.errors)...)}
}

// leaks is leaving for the egress hook, where conntrack is not known, and addresses that NAT has left as they were.
func (l *live) leaks() []ruleset.Rule {
	var list []ruleset.Rule
	for _, reply := range [...]bool{false, true} {
		for _, g := range sortedGates(l.gates) {
			if g.leaves {
				list = append(list, rule("", append(g.matches(g.shows(reply), false), accept())...))
			}
		}
		for _, g := range sortedGates(l.tied) {
			if g.leaves {
				report := []ruleset.Statement{is(l.icmpType, types(l.errors)...)}
				list = append(list, rule("", slices.Concat(report, g.matches(g.quotes(reply), false), []ruleset.Statement{accept()})...))
			}
		}
	}
	return list
}

// sets returns the family's sets.
func (l *live) sets() []ruleset.Set {
	if l.none() {
		return nil
	}
	var list []ruleset.Set
	for _, g := range append(sortedGates(l.gates), sortedGates(l.tied)...) {
		list = append(list, g.set())
	}
	return append(list, l.translated.set("livetranslated"+l.suffix, "", ruleset.OIFName, l.source))
}

// leakSets returns the sets that the egress hook's table needs a copy of.
func (l *live) leakSets() []ruleset.Set {
	var list []ruleset.Set
	for _, g := range append(sortedGates(l.gates), sortedGates(l.tied)...) {
		if g.leaves {
			list = append(list, g.set())
		}
	}
	return list
}

// unlock returns the chain behind every address translation and before routing that marks what limited openings let through: policy
// routing asks for the mark, so that the way ends when the elements do. Nobody else's packet has the marks behind it. Whatever ingress
// found whole has a way of its own.
//
// ICMP errors about what goes through an uplink, or to a segment with routers, have a mark of their own: the routers that send them, and
// those that they are sent to, are no peers.
func unlock(all []*live, standing bool) ruleset.Chain {
	hook := ruleset.Hook{Point: ruleset.Prerouting, Priority: priorityLast}
	rules := []ruleset.Rule{
		rule("nobody else's", is(ruleset.Mark, ruleset.Word(netstate.ExceptionMark), ruleset.Word(netstate.ErrorMark)), unmark()),
		rule("", is(ruleset.Mark, ruleset.Word(markAnswer), ruleset.Word(markCall)), accept()),
	}
	for _, l := range all {
		related := l.reported()
		if standing {
			for _, side := range [...]string{"uplinks", "governed", "clients"} {
				rules = append(rules, rule("", slices.Concat([]ruleset.Statement{in(side, ruleset.IIFName)}, related,
					[]ruleset.Statement{mark(netstate.ErrorMark), accept()})...))
			}
		}
		rules = append(rules, l.rules(false, direction(false), mark(netstate.ExceptionMark), accept())...)
		rules = append(rules, l.rules(true, direction(true), mark(netstate.ExceptionMark), accept())...)
		rules = append(rules, l.about(incoming, related, mark(netstate.ErrorMark), accept())...)
	}
	return base("unlock", hook, rules...)
}
