package compile

import (
	"slices"

	"cordon/gateway/ruleset"
)

// neighbourhood is what devices on one bridge may open towards each other in one family.
type neighbourhood struct {
	family
	gates                     []gate // those of ICMP errors, too
	limited                   *live
	devices, bare, themselves map[string]string
	many                      int // devices
}

func (c compiler) neighbourhood(f family, between []opening) neighbourhood {
	n := neighbourhood{
		family: f, limited: liveOf(f, c.Policy, slices.Values(between), c.comment),
		devices: map[string]string{}, bare: map[string]string{}, themselves: map[string]string{},
		many: len(c.Devices),
	}
	plain := gate{family: f, from: oneAddress, to: oneAddress, inKey: true, fromKey: true, toKey: true}
	quoted := plain
	quoted.byError = true
	standing := newGates([]gate{plain, quoted})
	for _, o := range between {
		if o.v4 != f.v4 {
			continue
		}
		n.named(o.from)
		n.named(o.to)
		if o.term.limited {
			continue
		}
		shape := gateOf(f, o)
		standing.add(shape, o, c.comment(o.origin))
		if shape.byError = true; shape.inKey {
			standing.add(shape, o, "")
		}
	}
	n.gates = standing.sorted()
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

// all returns every gate but those of ICMP errors.
func (n neighbourhood) all() []opens {
	var list []opens
	for _, g := range n.gates {
		if g.byError {
			continue
		}
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
		taken(in("bare"+n.suffix, ruleset.IIFName, n.source)),
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
	return chain("new"+n.suffix, rule("", rated("news"+n.suffix, newFlows(), ruleset.EtherSource), back()), refusal(tooFast))
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

// reports lets who was sent a packet, and nobody else, say to who sent it what became of it, where its flow is allowed now.
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
	for _, reply := range [...]bool{true, false} {
		for _, g := range n.gates {
			if g.byError || !g.inKey {
				rules = append(rules, rule("", append(g.matches(g.quotes(reply)), then)...))
			}
		}
		for _, g := range sortedGates(n.limited.tied) {
			rules = append(rules, rule("", append(g.matches(g.quotes(reply), true), then)...))
		}
	}
	return rules
}

// about lets an error pass whose quotation is of a flow that was opened, at a bounded rate.
func (n neighbourhood) about() []ruleset.Rule {
	rate := rated("reports"+n.suffix, answersAndErrors(), ruleset.EtherSource)
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
