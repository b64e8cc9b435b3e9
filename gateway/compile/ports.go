package compile

import (
	"slices"

	"cordon/gateway/ruleset"
	"cordon/policy"
)

// What the ports of a bridge exchange is not routed, and a table of the bridge family decides it. Ingress has judged it at its port, as it
// judges everything; here a packet's two ports have to be a pair that an allow connects, and its flow one that the allow opens.
//
//	forward ──▶ paths    the two ports ──▶ judge
//	judge4               ingress has seen it, or else its port, MAC and address are a named device's
//	flow4   ──▶ reply4   its reverse was opened, and is allowed still
//	        ──▶ open4    its own direction is allowed: note4 writes it down
//	        ──▶ icmp4    echo, and errors about a flow that was opened
//
// No kernel's bridge tracks connections in the way that routing does, so that the table keeps its own record: a reply lives on its flow
// being opened and on it being allowed now. A port of an address alone proves nothing: a camera may send from the port that it serves at.

// priorityBridge is before the hooks that show bridged packets to the IP layer.
const priorityBridge = -300

// How long an opened flow and an echo request are remembered after their last packet, in seconds, and how many are.
const (
	flowsLast  = 300
	echoesLast = 10
	flowsRoom  = 65536
	echoesRoom = 4096
)

// bridgePorts returns the ports that the wanted segments have of bridges.
func (c compiler) bridgePorts(wanted func(*policy.Segment) bool) []string {
	var list []string
	for i := range c.Segments {
		if s := &c.Segments[i]; wanted(s) {
			list = append(list, s.Ports...)
		}
	}
	return list
}

// bridgeTable returns the table of the bridge family. Without an allow between ports of one bridge nothing passes.
func (c compiler) bridgeTable(ports []string, all func(func(opening) bool)) ruleset.Table {
	var between []opening
	for o := range all {
		if o.bridged() {
			between = append(between, o)
		}
	}
	t := ruleset.Table{Family: ruleset.Bridge, Name: TableName, Sets: []ruleset.Set{
		hash("ports", "ports of cameras and recorders", names(ports), ruleset.IIFName),
		hash("cameras", "ports of cameras", names(c.bridgePorts(kind(policy.CameraSegment))), ruleset.IIFName),
		hash("observed", "mode = observe: what would be refused is counted and goes on", names(c.bridgePorts(observed)), ruleset.IIFName),
		paths(between),
	}}
	if len(between) > 0 {
		for _, f := range families() {
			n := c.neighbourhood(f, between)
			t.Sets = append(t.Sets, n.sets()...)
			t.Chains = append(t.Chains, n.chains()...)
		}
		t.Chains = append(t.Chains, chain("judge",
			rule("guarded at ingress", is(ruleset.EtherTypeField, ruleset.Short(0x0806)), accept()),
			rule("", is(ruleset.EtherTypeField, ruleset.Short(0x0800)), goTo("judge4")),
			rule("", is(ruleset.EtherTypeField, ruleset.Short(0x86dd)), goTo("judge6")),
			rule("", goTo("refuse"))))
	}
	hook := ruleset.Hook{Point: ruleset.Forward, Priority: priorityBridge, Drop: true}
	rules := []ruleset.Rule{
		rule("", in("ports", ruleset.IIFName), goTo("refuse")),
		rule("", in("ports", ruleset.OIFName), goTo("refuse")),
		rule("another bridge", accept()),
	}
	if len(between) > 0 {
		pair := ruleset.Dispatch{Fields: []ruleset.Field{ruleset.IIFName, ruleset.OIFName}, Map: "paths"}
		rules = append([]ruleset.Rule{rule("", pair)}, rules...)
	}
	would := append([]ruleset.Statement{counter()}, carry()...)
	t.Chains = append(t.Chains, base("forward", hook, rules...), chain("refuse",
		rule("observed: would be refused", append([]ruleset.Statement{in("observed", ruleset.IIFName)}, would...)...),
		rule("observed: would be refused", append([]ruleset.Statement{in("observed", ruleset.OIFName)}, would...)...),
		refusal("refused between ports")))
	return t
}

// carry lets a frame cross the bridge.
func carry() []ruleset.Statement { return []ruleset.Statement{mark(markBridged), accept()} }

// paths is the map of the pairs of ports that some opening connects.
func paths(between []opening) ruleset.Set {
	pairs := map[string]string{}
	for _, o := range between {
		for _, a := range o.from.ports() {
			for _, b := range o.to.ports() {
				if a != b {
					pairs[ruleset.Key(ruleset.Name(a), ruleset.Name(b))] = ""
					pairs[ruleset.Key(ruleset.Name(b), ruleset.Name(a))] = ""
				}
			}
		}
	}
	set := ruleset.Set{
		Name: "paths", Comment: "pairs of ports that an allow connects", Key: []ruleset.Field{ruleset.IIFName, ruleset.OIFName},
		Verdicts: true, Size: room(len(pairs)), Elements: elements(pairs),
	}
	for i := range set.Elements {
		set.Elements[i].Verdict = goTo("judge")
	}
	return set
}

// ports returns the ports at which a side of a bridged opening may stand.
func (s side) ports() []string { return entrances(s.segment, s.device)[1:] }

// meetings returns the ports that must not be isolated: of the two ends of each bridged opening that of the recorder, and between equals
// that of who is called. What is isolated passes nothing to what is isolated, whatever any table says.
func meetings(all func(func(opening) bool)) map[string]bool {
	meets := map[string]bool{}
	for o := range all {
		if !o.bridged() {
			continue
		}
		end := o.to
		if o.from.records() > o.to.records() {
			end = o.from
		}
		for _, port := range end.ports() {
			meets[port] = true
		}
	}
	return meets
}

// records ranks a side by how much it is a recorder: by its segment before itself.
func (s side) records() int {
	rank := 0
	if s.segment.Kind == policy.RecorderSegment {
		rank += 2
	}
	if s.device.Kind == policy.Recorder {
		rank++
	}
	return rank
}

// octets are a packet's own octets in one family, and those of the packet that an ICMP error quotes. The keys of what a rule writes down
// hold no names of fields: nft keeps an address and the same octets of a quotation apart.
type octets struct {
	source, destination, protocol, sourcePort, destinationPort, id ruleset.Field
}

// own returns the octets of a packet itself. There are no options and no fragments: judge asks.
func (f family) own() octets {
	o := f.at(ruleset.NetworkHeader, 0)
	o.id = ruleset.Octets(ruleset.TransportHeader, 4, 2)
	return o
}

// quoted returns the octets of the packet behind the eight octets of an ICMP error (RFC 792, RFC 4443).
func (f family) quoted() octets { return f.at(ruleset.TransportHeader, 8) }

// quotedType returns the type of an ICMP message that an error quotes.
func (f family) quotedType() ruleset.Field {
	if f.v4 {
		return ruleset.Octets(ruleset.TransportHeader, 28, 1)
	}
	return ruleset.Octets(ruleset.TransportHeader, 48, 1)
}

func (f family) at(h ruleset.Header, start int) octets {
	field := func(offset, length int) ruleset.Field { return ruleset.Octets(h, start+offset, length) }
	if f.v4 {
		return octets{field(12, 4), field(16, 4), field(9, 1), field(20, 2), field(22, 2), field(24, 2)}
	}
	return octets{field(8, 16), field(24, 16), field(6, 1), field(40, 2), field(42, 2), field(44, 2)}
}

// turned returns the octets as the other end would send them.
func (o octets) turned() octets {
	return octets{o.destination, o.source, o.protocol, o.destinationPort, o.sourcePort, o.id}
}

// flow, echo and speech are the keys of what is remembered: of TCP and UDP, of echo requests, and of every other protocol.
func (o octets) flow() []ruleset.Field {
	return []ruleset.Field{o.source, o.destination, o.sourcePort, o.destinationPort}
}
func (o octets) echo() []ruleset.Field   { return []ruleset.Field{o.source, o.destination, o.id} }
func (o octets) speech() []ruleset.Field { return []ruleset.Field{o.source, o.destination, o.protocol} }

// memory is one set of what was opened, for the protocols that one key fits.
type memory struct {
	name      string
	protocols ruleset.Compare
	key       func(octets) []ruleset.Field
	last      int
	size      int
}

// memories are the sets of what was opened: TCP, UDP, and in IPv4 every other protocol, for IPv6 has no others here.
func (f family) memories() []memory {
	list := []memory{
		{"tcpopened" + f.suffix, protocol(6), octets.flow, flowsLast, flowsRoom},
		{"udpopened" + f.suffix, protocol(17), octets.flow, flowsLast, flowsRoom},
	}
	if f.v4 {
		others := isNot(ruleset.L4Proto, ruleset.Octet(6), ruleset.Octet(17), ruleset.Octet(uint8(f.icmp)))
		list = append(list, memory{"spoken" + f.suffix, others, octets.speech, flowsLast, echoesRoom})
	}
	return list
}

func (m memory) set(own octets) ruleset.Set {
	return ruleset.Set{
		Name: m.name, Comment: "what was opened: replies live on it", Key: m.key(own), Typeof: true, Dynamic: true,
		Timeout: m.last, Size: m.size,
	}
}

// holds holds for a packet whose octets are remembered, and renews writes them down.
func (m memory) holds(o octets) ruleset.In { return in(m.name, m.key(o)...) }

func (m memory) renews(o octets) ruleset.Update {
	return ruleset.Update{Fields: m.key(o), Set: m.name, Refresh: true}
}

func (f family) echoes() memory {
	return memory{"pinged" + f.suffix, protocol(uint8(f.icmp)), octets.echo, echoesLast, echoesRoom}
}

// neighbourhood is what devices on one bridge may open towards each other in one family.
type neighbourhood struct {
	family
	gates                            []gate
	limited                          *live
	devices, bare, themselves, pairs map[string]string
	many                             int // devices
}

func (c compiler) neighbourhood(f family, between []opening) neighbourhood {
	n := neighbourhood{
		family: f, limited: liveOf(f, c.Policy, slices.Values(between), c.comment),
		devices: map[string]string{}, bare: map[string]string{}, themselves: map[string]string{}, pairs: map[string]string{},
		many: len(c.Devices),
	}
	plain := []gate{{family: f, from: oneAddress, to: oneAddress, inKey: true, fromKey: true, toKey: true}}
	lasting := slices.Collect(standing(slices.Values(between)))
	n.gates = gates(f, lasting, plain, func(o opening) string { return c.comment(o.origin) })
	for _, o := range between {
		if o.v4 != f.v4 {
			continue
		}
		n.named(o.from)
		n.named(o.to)
		if !o.term.limited {
			n.pairs[ruleset.Key(ruleset.Addr(o.from.addr), ruleset.Addr(o.to.addr))] = ""
			n.pairs[ruleset.Key(ruleset.Addr(o.to.addr), ruleset.Addr(o.from.addr))] = ""
		}
	}
	return n
}

// named writes who a side is, at each of its ports.
func (n neighbourhood) named(s side) {
	n.themselves[ruleset.Key(ruleset.Addr(s.addr), ruleset.Addr(s.addr))] = ""
	for _, a := range identities(s.segment, s.device) {
		for _, port := range s.ports() {
			switch {
			case a.Is4() != n.v4:
			case s.device.MAC.IsZero():
				n.bare[ruleset.Key(ruleset.Name(port), ruleset.Addr(a))] = ""
			default:
				n.devices[ruleset.Key(ruleset.Name(port), string(s.device.MAC[:]), ruleset.Addr(a))] = ""
			}
		}
	}
}

func (n neighbourhood) sets() []ruleset.Set {
	s, own, quoted := n.suffix, n.own(), n.quoted()
	ends := hash("themselves"+s, "a device on the bridge, twice", n.themselves, own.source, quoted.destination)
	ends.Typeof = true
	list := []ruleset.Set{
		hash("devices"+s, "who: port, MAC, address", n.devices, ruleset.IIFName, ruleset.EtherSource, n.source),
		hash("bare"+s, "who, without a MAC", n.bare, ruleset.IIFName, n.source),
		ends,
		hash("pairs"+s, "whose flows an error may be about", n.pairs, n.source, n.destination),
		rates("reports"+s, "errors of one device", n.many, ruleset.EtherSource),
		rates("news"+s, "new flows of one camera", n.many, ruleset.EtherSource),
	}
	for _, m := range append(n.memories(), n.echoes()) {
		list = append(list, m.set(own))
	}
	for _, g := range n.gates {
		list = append(list, g.set())
	}
	for _, g := range append(sortedGates(n.limited.gates), sortedGates(n.limited.tied)...) {
		list = append(list, g.set())
	}
	return list
}

// opens is one gate of an opening between two ports, standing or limited.
type opens struct {
	service service // of an exact one nothing: the key holds it
	matches func(reply bool) []ruleset.Statement
}

// all returns every gate.
func (n neighbourhood) all() []opens {
	var list []opens
	for _, g := range n.gates {
		list = append(list, opens{g.service, func(reply bool) []ruleset.Statement { return g.matches(g.shows(reply)) }})
	}
	for _, g := range sortedGates(n.limited.gates) {
		list = append(list, opens{g.shape, func(reply bool) []ruleset.Statement { return g.matches(g.shows(reply), true) }})
	}
	return list
}

// rules returns a rule for each gate but those of echo requests, in one direction.
func (n neighbourhood) rules(reply bool, then ruleset.Verdict) []ruleset.Rule {
	var list []ruleset.Rule
	for _, g := range n.all() {
		if !g.service.ping {
			list = append(list, rule("", append(g.matches(reply), then)...))
		}
	}
	return list
}

func (n neighbourhood) chains() []ruleset.Chain {
	s := n.suffix
	refused := rule("", goTo("refuse"))
	return []ruleset.Chain{
		chain("judge"+s, n.judge()...),
		chain("flow"+s, n.flow()...),
		chain("open"+s, append(n.rules(false, goTo("note"+s)), refused)...),
		chain("note"+s, n.note()...),
		chain("reply"+s, append(n.rules(true, goTo("renew"+s)), rule("", goTo("open"+s)))...),
		chain("renew"+s, append(n.renew(n.own().turned()), refused)...),
		n.fresh(),
		chain("icmp"+s, append(n.messages(), refused)...),
		chain("echo"+s, rule("", append([]ruleset.Statement{n.echoes().renews(n.own())}, carry()...)...), refusal("no room to remember an echo")),
		chain("errors"+s, append(n.reports(), refused)...),
		chain("about"+s, append(n.about(), refused)...),
	}
}

// judge asks who sent a packet, unless ingress has. Where the kernel shows bridged packets to the IP layer, unlock has put its own mark in
// the place of ingress's.
func (n neighbourhood) judge() []ruleset.Rule {
	form := n.wellFormed()
	form.Statements[len(form.Statements)-1] = goTo("refuse")
	next := goTo("flow" + n.suffix)
	return []ruleset.Rule{
		form,
		rule("judged at ingress", ruleset.Compare{
			Field: ruleset.Mark, Mask: ruleset.Word(markMask), Values: []string{ruleset.Word(markAnswer & markMask)},
		}, next),
		rule("", in("devices"+n.suffix, ruleset.IIFName, ruleset.EtherSource, n.source), next),
		rule("a device without a MAC", in("bare"+n.suffix, ruleset.IIFName, n.source), next),
		rule("", goTo("refuse")),
	}
}

// flow finds out which way a packet goes. Who sends the first packet of TCP opens, whatever its ports.
func (n neighbourhood) flow() []ruleset.Rule {
	var rules []ruleset.Rule
	if !n.v4 {
		rules = append(rules, rule("guarded at ingress", append([]ruleset.Statement{
			is(n.icmpType, types([]uint8{ndSolicit, ndAdvert})...), is(ruleset.IP6HopLimit, ruleset.Octet(255)),
		}, carry()...)...))
	}
	first := ruleset.Compare{Field: ruleset.TCPFlags, Mask: "\x12", Values: []string{"\x02"}}
	rules = append(rules,
		rule("", protocol(6), first, goTo("open"+n.suffix)),
		rule("", protocol(uint8(n.icmp)), goTo("icmp"+n.suffix)))
	for _, m := range n.memories() {
		rules = append(rules, rule("", m.protocols, m.holds(n.own().turned()), goTo("reply"+n.suffix)))
	}
	return append(rules, rule("", goTo("open"+n.suffix)))
}

// note writes down that a flow was opened. A full set refuses, and one camera does not fill it.
func (n neighbourhood) note() []ruleset.Rule {
	var rules []ruleset.Rule
	for _, m := range n.memories() {
		rules = append(rules, rule("", slices.Concat([]ruleset.Statement{m.protocols, m.holds(n.own()), m.renews(n.own())}, carry())...))
	}
	rules = append(rules, rule("", in("cameras", ruleset.IIFName), jumpTo("new"+n.suffix)))
	return append(append(rules, n.renew(n.own())...), refusal("no room to remember a flow"))
}

func (n neighbourhood) renew(o octets) []ruleset.Rule {
	var rules []ruleset.Rule
	for _, m := range n.memories() {
		rules = append(rules, rule("", append([]ruleset.Statement{m.protocols, m.renews(o)}, carry()...)...))
	}
	return rules
}

// fresh bounds how fast one camera opens flows, as forward does.
func (n neighbourhood) fresh() ruleset.Chain {
	rate := ruleset.Update{
		Fields: []ruleset.Field{ruleset.EtherSource}, Set: "news" + n.suffix, Refresh: true,
		Statements: []ruleset.Statement{ruleset.Limit{Rate: 50, Burst: 200}},
	}
	return chain("new"+n.suffix, rule("", rate, back()), refusal("more new flows than a device needs"))
}

// questionTypes returns the ICMP messages that ask, and those that answer (RFC 792, RFC 950, RFC 4443).
func (f family) questionTypes() (ask, answer []uint8) {
	if f.v4 {
		return []uint8{8, 13, 15, 17}, []uint8{0, 14, 16, 18}
	}
	return []uint8{f.echo}, []uint8{f.echoReply}
}

// messages lets what a gate opens be asked, what was asked be answered, and errors be told.
func (n neighbourhood) messages() []ruleset.Rule {
	ask, answer := n.questionTypes()
	var rules []ruleset.Rule
	for _, g := range n.all() {
		if !g.service.ping && !g.service.any {
			continue
		}
		asked := []ruleset.Statement{is(n.icmpType, types(ask)...)}
		answered := []ruleset.Statement{is(n.icmpType, types(answer)...)}
		if g.service.ping {
			asked, answered = nil, nil // the gate's own match is narrower
		}
		rules = append(rules,
			rule("", slices.Concat(asked, g.matches(false), []ruleset.Statement{goTo("echo" + n.suffix)})...),
			rule("", slices.Concat(answered, g.matches(true), []ruleset.Statement{n.echoes().holds(n.own().turned())}, carry())...))
	}
	return append(rules, rule("", is(n.icmpType, types(n.errors)...), goTo("errors"+n.suffix)))
}

// reports lets who was sent a packet, and nobody else, say to who sent it what became of it, where some flow between the two is allowed
// now.
func (n neighbourhood) reports() []ruleset.Rule {
	own, quoted := n.own(), n.quoted()
	var rules []ruleset.Rule
	if n.v4 {
		head := ruleset.Octets(ruleset.TransportHeader, 8, 1)
		rules = append(rules, rule("the quotation has no options", isNot(head, "\x45"), goTo("refuse")))
	}
	for _, ends := range [...][2]ruleset.Field{{own.source, quoted.destination}, {own.destination, quoted.source}} {
		same := in("themselves"+n.suffix, ends[0], ends[1])
		same.Not = true
		rules = append(rules, rule("about another device's flow", same, goTo("refuse")))
	}
	then := goTo("about" + n.suffix)
	rules = append(rules, rule("", in("pairs"+n.suffix, n.source, n.destination), then))
	for _, g := range sortedGates(n.limited.tied) {
		for _, reply := range [...]bool{false, true} {
			rules = append(rules, rule("", append(g.matches(g.quotes(reply), true), then)...))
		}
	}
	return rules
}

// about lets an error pass whose quotation is of a flow that was opened, at a bounded rate.
func (n neighbourhood) about() []ruleset.Rule {
	rate := ruleset.Update{
		Fields: []ruleset.Field{ruleset.EtherSource}, Set: "reports" + n.suffix, Refresh: true,
		Statements: []ruleset.Statement{ruleset.Limit{Rate: 20, Burst: 40}},
	}
	var rules []ruleset.Rule
	for _, m := range append(n.memories(), n.echoes()) {
		inside := m.protocols
		inside.Field = n.quoted().protocol
		for _, o := range [...]octets{n.quoted(), n.quoted().turned()} {
			rules = append(rules, rule("", slices.Concat([]ruleset.Statement{inside, m.holds(o), rate}, carry())...))
		}
	}
	return rules
}
