package main

import "slices"

// mutants returns the defects: what somebody could get wrong without a compiler's complaint.
func mutants() []mutant {
	return slices.Concat(identities(), directions(), services(), terms(), sides())
}

const (
	sets    = "gateway/compile/sets.go"
	gates   = "gateway/compile/gate.go"
	forward = "gateway/compile/forward.go"
	ingress = "gateway/compile/ingress.go"
	open    = "gateway/compile/opening.go"
	whole   = "gateway/compile/compile.go"
	term    = "gateway/compile/term.go"
	live    = "gateway/compile/live.go"
	observe = "gateway/compile/observe.go"
	plan    = "gateway/plan/tables.go"
)

// identities are defects of who a packet is from.
func identities() []mutant {
	return []mutant{
		{
			"a camera's MAC is not compared", sets,
			"case d.MAC.IsZero() && s.Kind.Governed():\n\t\tc.bare[ruleset.Key(iface, addr)] = comment\n",
			"case s.Kind.Governed():\n\t\tc.bare[ruleset.Key(iface, addr)] = comment\n",
		},
		{
			"a host's MAC is not compared", forward,
			"rule(\"not the MAC that this address is bound to\", bound, stranger, counter(), drop()),", "rule(\"\", bound, stranger, counter()),",
		},
		{
			"clients are not bound to their interface", whole,
			"m[s.Interface] = append(m[s.Interface], networks(p, v4, func(other *policy.Segment) bool { return other == s })...)",
			"m[s.Interface] = append(m[s.Interface], networks(p, v4, isInside)...)",
		},
		{
			"one member of a group is lost", open,
			"for _, id := range e.Devices {", "for _, id := range e.Devices[min(1, len(e.Devices)):] {",
		},
		{"a device's second address is lost", open, "for _, a := range d.Addresses {", "for _, a := range d.Addresses[:1] {"},
		{
			"inside addresses may come from outside", forward,
			"append([]ruleset.Rule{ownSource()}, sources(\"an inside address from outside\", \"inside\")...)", "[]ruleset.Rule{ownSource()}",
		},
		{
			"a literal network is not compared", gates,
			"if g.from == oneNetwork {\n\t\tstatements = append(statements, within(v.from, g.fromNet))",
			"if g.from == oneNetwork {\n\t\tstatements = append(statements, counter())",
		},
		{
			"a literal network is twice as wide", gates, "Last: ruleset.Addr(lastAddr(p))}",
			"Last: ruleset.Addr(lastAddr(netip.PrefixFrom(p.Addr(), max(p.Bits()-1, 0))))}",
		},
	}
}

// directions are defects of which way a packet goes.
func directions() []mutant {
	return []mutant{
		{
			"direction swapped", forward, "rule(\"\", direction(true), goTo(\"reply\"+f.suffix)),",
			"rule(\"\", direction(false), goTo(\"reply\"+f.suffix)),",
		},
		{
			"answers need no flow", forward, "is(ruleset.Mark, ruleset.Word(markAnswer)), direction(true), crossing,",
			"is(ruleset.Mark, ruleset.Word(markAnswer)), crossing,",
		},
		{"IPv6 forgotten", open, "for _, v4 := range [...]bool{true, false} {", "for _, v4 := range [...]bool{true} {"},
		{
			"interfaces are not compared", forward,
			"rule(\"\", crossing, goTo(\"judge\")),", "rule(\"\", goTo(\"judge\")),",
		},
		{"replies have no way back", sets, "c.crossings[ruleset.Key(to, from)] = \"\"\n", ""},
		{
			"replies of ranges do not pass ingress", sets, "c.reaches(o.to, o.from, hot)\n\tc.leaves(o, comment)\n", "c.leaves(o, comment)\n",
		},
		{
			"any ICMP message is an error", forward, "state(ruleset.StateRelated), is(f.icmpType, types(f.errors)...), goTo(",
			"state(ruleset.StateRelated), protocol(uint8(f.icmp)), goTo(",
		},
	}
}

// services are defects of what is opened.
func services() []mutant {
	return []mutant{
		{"a range ends one port later", gates, "Last: ruleset.Short(g.service.last)}", "Last: ruleset.Short(g.service.last + 1)}"},
		{"a range begins one port earlier", gates, "First: ruleset.Short(g.service.first),", "First: ruleset.Short(g.service.first - 1),"},
		{"a range is of any protocol", gates, "is(v.protocol, ruleset.Octet(uint8(g.service.protocol))),", ""},
		{
			"ping is anything", gates, "case g.service.ping:\n\t\treturn []ruleset.Statement{is(v.icmpType, ruleset.Octet(v.echo))}",
			"case g.service.ping:\n\t\treturn nil",
		},
		{"a service has one run of ports", open, "for _, r := range s.Ports {", "for _, r := range s.Ports[:min(1, len(s.Ports))] {"},
		{"UDP is not in the calls", sets, "if o.service.protocol == policy.UDP {", "if false {"},
	}
}

// terms are defects of how long something is open.
func terms() []mutant {
	return []mutant{
		{
			"a stale element", plan, "left = append(left, live[i])",
			"if slices.ContainsFunc(entered, func(e wire.Element) bool { return e.Key == live[i].Key }) {\n" +
				"\t\t\t\tleft = append(left, live[i])\n\t\t\t}",
		},
		{"an exception never ends", open, "e.Until, at)", "time.Time{}, at)"},
		{
			"schedules are always open", term, "until, open := s.OpenAt(at.Time)",
			"until, open := s.OpenAt(at.Time)\n\tif !open {\n\t\tuntil, open = at.Time.Add(time.Hour), true\n\t}",
		},
		{"a clock that nobody trusts opens", term, "case !open || !at.Trusted:", "case !open:"},
		{"limited openings have no crossing", whole, "for k, e := range l.crossings {", "for k, e := range (liveElements{}) {\n\t\t\t_ = l"},
	}
}

// sides are defects of which segment a packet comes from and goes to.
func sides() []mutant {
	return []mutant{
		{
			"what is observed passes to what is enforced", observe,
			"rule(\"observed: would be refused\", in(\"observed\", sides[0]), other, counter(), unmark(), accept()))",
			"rule(\"observed: would be refused\", in(\"observed\", sides[0]), counter(), unmark(), accept()))",
		},
		{
			"an observed segment's addresses come in anywhere", observe,
			"prefixes(networks(p, f.v4, governed)), f.source)\n}\n\n// settled",
			"prefixes(networks(p, f.v4, enforced)), f.source)\n}\n\n// settled",
		},
		{
			"nobody asks where a source lives that turns to a governed segment", forward,
			"rules = append(rules, rule(\"\", in(\"governed\", ruleset.OIFName), jumpTo(\"crosser\")))\n", "",
		},
		{
			"an exception at one uplink is one at all of them", live,
			"g.matches(g.shows(reply), true), g.uplinks(reply, both), effects)", "g.matches(g.shows(reply), true), effects)",
		},
		{
			"one uplink's addresses come in by another", whole,
			"func(other *policy.Segment) bool { return isUplink(other) && other != s }", "leased",
		},
	}
}
