package compile

import (
	"slices"

	"cordon/gateway/ruleset"
	"cordon/policy"
)

// prerouting returns the chains that see a packet of every interface before routing and conntrack.
func prerouting(scope policy.Scope) []ruleset.Chain {
	hook := ruleset.Hook{Point: ruleset.Prerouting, Priority: priorityRaw, Drop: true}
	rules := []ruleset.Rule{
		rule("judged at ingress", ruleset.Compare{
			Field: ruleset.Mark, Mask: ruleset.Word(markMask), Values: []string{ruleset.Word(markAnswer & markMask)},
		}, accept()),
		rule("", ruleset.Dispatch{Fields: []ruleset.Field{ruleset.IIFName}, Map: "doors"}),
		rule("a governed interface under another name", is(ruleset.IIFGroup, ruleset.Word(governedGroup)), counter(), drop()),
	}
	end := refusal("an interface that the policy does not name")
	if scope == policy.ScopeSegments {
		end = rule("", goTo("uplink"))
	}
	return []ruleset.Chain{
		base("prerouting", hook, append(rules, end)...),
		second("camera"), second("recorder"), home(scope), uplink(scope),
	}
}

// second returns the chain that judges a governed interface again, for what ingress did not mark.
func second(name string) ruleset.Chain {
	return chain(name,
		rule("", is(ruleset.NFProto, ruleset.Octet(2)), jumpTo(name+"4")),
		rule("", is(ruleset.NFProto, ruleset.Octet(10)), jumpTo(name+"6")),
		refusal("refused"),
	)
}

// home checks that a client's source lives behind the interface it came in by, and comes with its MAC where the policy binds one. In
// scope "segments" a client that lives elsewhere is nobody's business until it turns to a governed segment: forward asks then.
func home(scope policy.Scope) ruleset.Chain {
	if scope == policy.ScopeSegments {
		return chain("home", append(sources("a camera's or recorder's address from elsewhere", "governed"),
			rule("not ours to decide", accept()))...)
	}
	return chain("home", resides(accept())...)
}

// crosser asks, in scope "segments", where the source of a packet towards a governed segment lives. What comes in by an interface that
// nobody names is asked as if it came from outside: an observed segment lets it pass.
func crosser() ruleset.Chain {
	return chain("crosser",
		rule("", in("governed", ruleset.IIFName), back()),
		rule("", in("clients", ruleset.IIFName), goTo("resident")),
		rule("", goTo("outsider")))
}

// resident is what home is in scope "box", asked in forward of a client's packets towards governed segments.
func resident() ruleset.Chain { return chain("resident", resides(back())...) }

func resides(then ruleset.Verdict) []ruleset.Rule {
	rules := []ruleset.Rule{ownSource()}
	for _, f := range families() {
		bound := in("bound"+f.suffix, ruleset.IIFName, f.source)
		stranger := in("devices"+f.suffix, ruleset.IIFName, ruleset.EtherSource, f.source)
		stranger.Not = true
		rules = append(rules,
			rule("not the MAC that this address is bound to", bound, stranger, counter(), drop()),
			rule("", in("home"+f.suffix, ruleset.IIFName, f.source), then))
	}
	return append(rules, refusal("a source that does not live here"))
}

// ownSource refuses what comes in with an address of the gateway's own. The kernel itself does so in IPv4 alone.
func ownSource() ruleset.Rule {
	return rule("the gateway's own address from elsewhere", in("own6", ruleset.IP6Source), counter(), drop())
}

// sources refuses the sources that two sets hold, one of each family.
func sources(comment, set string) []ruleset.Rule {
	var rules []ruleset.Rule
	for _, f := range families() {
		rules = append(rules, rule(comment, in(set+f.suffix, f.source), counter(), drop()))
	}
	return rules
}

// uplink refuses inside addresses that come from outside. In scope "segments" those of clients are asked about in forward, when they
// turn to a governed segment.
func uplink(scope policy.Scope) ruleset.Chain {
	if scope == policy.ScopeSegments {
		return chain("uplink", append(sources("a camera's or recorder's address from outside", "governed"), rule("", accept()))...)
	}
	return chain("uplink", append(outsider(accept()), rule("", accept()))...)
}

// outsider refuses what comes from outside with an inside address, or with one that another uplink owns. The latter the kernel itself does
// in IPv4 alone, and there strictly; in IPv6 routers on the way may report, whatever addresses they have: forward asks about which flow.
func outsider(otherwise ruleset.Verdict) []ruleset.Rule {
	rules := append([]ruleset.Rule{ownSource()}, sources("an inside address from outside", "inside")...)
	for _, f := range families() {
		if !f.v4 {
			rules = append(rules, rule("", is(f.icmpType, types(f.errors)...), otherwise))
		}
		rules = append(rules, rule("another uplink's address", in("astray"+f.suffix, ruleset.IIFName, f.source), counter(), drop()))
	}
	return rules
}

// forward returns the chains that decide what crosses the gateway. There is no "established, accept": each packet is judged in its own
// direction, so that a flow dies with the element that allowed it.
func forward(scope policy.Scope, byFamily map[string][]gate, limited []*live, bridges bool) []ruleset.Chain {
	hook := ruleset.Hook{Point: ruleset.Forward, Priority: priorityFilter, Drop: true}
	crossing := in("crossings", ruleset.IIFName, ruleset.OIFName)
	rules := []ruleset.Rule{
		rule("ingress found the flow, conntrack the direction, routing the way",
			is(ruleset.Mark, ruleset.Word(markAnswer)), direction(true), crossing, unmark(), accept()),
		rule("", is(ruleset.Mark, ruleset.Word(markCall)), state(ruleset.StateEstablished), direction(false), crossing, unmark(), accept()),
	}
	if bridges {
		rules = append(rules, rule("judged on the bridge", is(ruleset.Mark, ruleset.Word(markBridged)),
			in("bridged", ruleset.IIFName, ruleset.OIFName), unmark(), accept()))
	}
	judged := []ruleset.Rule{
		rule("", crossing, goTo("judge")),
		rule("", in("livecrossings", ruleset.IIFName, ruleset.OIFName), goTo("judge")),
	}
	chains := []ruleset.Chain{judge()}
	if scope == policy.ScopeBox {
		rules = append(append(rules, judged...), rule("", goTo("refuse")))
	} else {
		rules = append(rules, rule("", in("governed", ruleset.OIFName), jumpTo("crosser")))
		rules = append(append(rules, judged...),
			rule("", in("governed", ruleset.IIFName), goTo("refuse")),
			rule("", in("governed", ruleset.OIFName), goTo("refuse")),
			rule("not ours to decide", accept()))
		chains = append(chains, crosser(), resident(), chain("outsider", outsider(back())...))
	}
	chains = append(chains, base("forward", hook, rules...))
	for _, l := range limited {
		chains = append(chains, l.judge(byFamily[l.suffix])...)
	}
	return append(chains, refuse(), overlook(),
		chain("invalid", rule("", jumpTo("overlook")), refusal("belongs to no flow")))
}

func judge() ruleset.Chain {
	return chain("judge",
		rule("", state(ruleset.StateInvalid), goTo("invalid")),
		rule("", is(ruleset.NFProto, ruleset.Octet(2)), goTo("judge4")),
		rule("", is(ruleset.NFProto, ruleset.Octet(10)), goTo("judge6")),
		refusal("neither IPv4 nor IPv6"),
	)
}

// judge returns the family's chains: a packet of a flow's own direction, a reply, and an error about a flow.
func (l *live) judge(gates []gate) []ruleset.Chain {
	f := l.family
	var own []ruleset.Rule
	if !f.v4 {
		own = append(own, rule("what routers and listeners say stays on their link", is(f.icmpType, types(linkTypes())...), goTo("refuse")))
	}
	own = append(own,
		rule("", state(ruleset.StateRelated), is(f.icmpType, types(f.errors)...), goTo("errors"+f.suffix)),
		rule("", state(ruleset.StateRelated), protocol(uint8(f.icmp)), goTo("refuse")),
		rule("", direction(true), goTo("reply"+f.suffix)),
		rule("", state(ruleset.StateNew), in("cameras", ruleset.IIFName), jumpTo("new"+f.suffix)),
	)
	own = append(own, f.calls(unmark(), accept())...)
	reply := f.answers(unmark(), accept())
	for _, g := range gates {
		if !g.byError {
			own = append(own, g.rule(false))
			reply = append(reply, g.rule(true))
		}
	}
	own = append(own, l.crossing(false, unmark(), accept())...)
	reply = append(reply, l.crossing(true, unmark(), accept())...)
	end := rule("", goTo("refuse"))
	return slices.Concat([]ruleset.Chain{
		chain("judge"+f.suffix, append(own, end)...),
		chain("reply"+f.suffix, append(reply, end)...),
	}, f.fresh(), l.related(gates))
}

// related lets an ICMP error pass when conntrack ties it to a flow that may be open now, at a bounded rate: how much of a packet an error
// quotes is out of our sight.
func (l *live) related(gates []gate) []ruleset.Chain {
	f := l.family
	return []ruleset.Chain{
		chain("errors"+f.suffix,
			rule("", rated("reports"+f.suffix, answersAndErrors(), ruleset.IIFName, f.source), goTo("about"+f.suffix)),
			rule("", jumpTo("overlook")),
			refusal(tooManyErrors),
		),
		chain("about"+f.suffix,
			append(append(f.about(gates), l.about(both, nil, unmark(), accept())...), rule("", goTo("refuse")))...),
	}
}

// misplaced refuses an error that does not come in from the side to which the packet that it quotes was sent: who stands elsewhere has
// not seen that packet. Beyond uplinks is whatever nobody inside has, and beyond one of them what no other one owns.
func (f family) misplaced() []ruleset.Rule {
	var rules []ruleset.Rule
	for _, reply := range [...]bool{true, false} {
		far := map[bool]ruleset.Field{true: f.origTarget, false: f.origSource}[reply]
		inside, elsewhere := in("uplinks", ruleset.IIFName), in("stands"+f.suffix, ruleset.IIFName, far)
		inside.Not, elsewhere.Not = true, true
		rules = append(rules,
			rule("", direction(reply), in("uplinks", ruleset.IIFName), in("inside"+f.suffix, far), goTo("refuse")),
			rule("", direction(reply), in("astray"+f.suffix, ruleset.IIFName, far), goTo("refuse")),
			rule("", direction(reply), inside, elsewhere, goTo("refuse")))
	}
	return rules
}

// about returns the rules that look up the flow which an error is about: conntrack keeps its first packet's addresses, and says whether
// the error goes the flow's own way or back. The service is what the error quotes; options hide it.
func (f family) about(gates []gate) []ruleset.Rule {
	s, from, to := f.suffix, f.origSource, f.origTarget
	rules := f.misplaced()
	for _, reply := range [...]bool{true, false} {
		own := map[bool]ruleset.Field{true: to, false: from}[reply]
		other := in("themselves"+s, f.source, own)
		other.Not = true
		rules = append(rules, rule("about another device's flow", in("cameras", ruleset.IIFName), direction(reply), other, goTo("refuse")))
	}
	if f.v4 {
		rules = append(rules, rule("", isNot(ruleset.Octets(ruleset.TransportHeader, 8, 1), "\x45"), goTo("refuse")))
	}
	for _, g := range gates {
		if g.byError || !g.inKey {
			rules = append(rules, g.about(true), g.about(false))
		}
	}
	return rules
}

// fresh bounds how fast one camera may open flows, and how many it may have open: each costs an entry of conntrack, which all share. A
// recorder opens as many as it has cameras. Media that nobody answers stay new, but their flow is not: its first packet has left.
func (f family) fresh() []ruleset.Chain {
	known := is(ruleset.CTStatus, ruleset.Word(ruleset.StatusConfirmed))
	open := ruleset.Update{
		Fields: []ruleset.Field{f.source}, Set: "open" + f.suffix, Statements: []ruleset.Statement{ruleset.Flows{Most: mostFlows}},
	}
	return []ruleset.Chain{
		chain("new"+f.suffix,
			rule("not its first packet", known, back()),
			rule("", rated("news"+f.suffix, newFlows(), f.source), goTo("open"+f.suffix)),
			rule("", jumpTo("overlook")), refusal(tooFast)),
		chain("open"+f.suffix, rule("", open, back()), rule("", jumpTo("overlook")), refusal(tooMany)),
	}
}

// refuse is the end of what forward does not let through. Only a source that comes with its own MAC gets an answer.
func refuse() ruleset.Chain {
	rules := []ruleset.Rule{rule("", jumpTo("overlook"))}
	for _, f := range families() {
		rules = append(rules, rule("", in("polite", ruleset.IIFName), direction(false),
			in("devices"+f.suffix, ruleset.IIFName, ruleset.EtherSource, f.source), goTo("polite")))
	}
	return chain("refuse", append(rules, refusal("refused"))...)
}
