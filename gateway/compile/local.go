package compile

import (
	"net/netip"

	"cordon/gateway/ruleset"
	"cordon/policy"
)

// input returns the chains that decide what reaches the gateway itself.
func input(scope policy.Scope, byFamily map[string][]gate, serves bool) []ruleset.Chain {
	hook := ruleset.Hook{Point: ruleset.Input, Priority: priorityFilter, Drop: true}
	rules := []ruleset.Rule{rule("", is(ruleset.IIFName, ruleset.Name("lo")), accept())}
	if scope == policy.ScopeSegments {
		others := in("governed", ruleset.IIFName)
		others.Not = true
		rules = append(rules, rule("not ours to decide", others, accept()))
	}
	governed := "shut"
	if serves {
		governed = "offered"
	}
	rules = append(rules,
		rule("", is(ruleset.ICMPv6Type, types([]uint8{ndSolicit, ndAdvert})...), is(ruleset.IP6HopLimit, ruleset.Octet(255)),
			unmark(), accept()),
		rule("", in("governed", ruleset.IIFName), goTo(governed)),
		rule("replies to the gateway's own", state(ruleset.StateEstablished), direction(true), accept()),
	)
	rules = append(rules, ownErrors()...)
	rules = append(rules, clientOfLeases()...)
	if serves {
		rules = append(rules, finding()...)
	}
	rules = append(rules, toMany()...)
	rules = append(rules, rule("belongs to no flow and opens none", state(ruleset.StateInvalid), goTo("shut")))
	for _, f := range families() {
		for _, g := range byFamily[f.suffix] {
			rules = append(rules, g.rule(false))
		}
	}
	return []ruleset.Chain{
		base("input", hook, append(rules, rule("", goTo("shut")))...),
		chain("shut", refusal("the gateway serves nobody here")),
	}
}

// ownErrors lets errors about the gateway's own flows in.
func ownErrors() []ruleset.Rule {
	var rules []ruleset.Rule
	for _, f := range families() {
		rules = append(rules, rule("", state(ruleset.StateRelated), is(f.icmpType, types(f.errors)...), accept()))
	}
	return rules
}

// toMany refuses what is said to everybody on a network, and what routers and listeners say there: who may manage the gateway asks for the
// gateway.
func toMany() []ruleset.Rule {
	return []ruleset.Rule{
		rule("broadcast", is(ruleset.DestinationKind, ruleset.Word(ruleset.KindBroadcast)), goTo("shut")),
		rule("multicast", within(ruleset.IPDestination, netip.MustParsePrefix("224.0.0.0/4")), goTo("shut")),
		rule("multicast", within(ruleset.IP6Destination, netip.MustParsePrefix("ff00::/8")), goTo("shut")),
		rule("routers and listeners", is(ruleset.ICMPv6Type, types(linkTypes())...), goTo("shut")),
	}
}

// clientOfLeases lets the gateway be a client of DHCP and of routers, on uplinks whose addresses the policy does not give.
func clientOfLeases() []ruleset.Rule {
	leased := in("leased", ruleset.IIFName)
	port := func(f ruleset.Field, p uint16) ruleset.Compare { return is(f, ruleset.Short(p)) }
	return []ruleset.Rule{
		rule("DHCP", leased, port(ruleset.UDPSourcePort, 67), port(ruleset.UDPDestinationPort, 68), accept()),
		rule("DHCPv6", leased, port(ruleset.UDPSourcePort, 547), port(ruleset.UDPDestinationPort, 546), accept()),
		rule("router advertisements", leased, is(ruleset.ICMPv6Type, ruleset.Octet(134)),
			is(ruleset.IP6HopLimit, ruleset.Octet(255)), accept()),
	}
}

// output returns the chains that decide what the gateway itself sends: nothing towards governed segments but what keeps their links
// working.
func output(scope policy.Scope, serves bool) []ruleset.Chain {
	hook := ruleset.Hook{Point: ruleset.Output, Priority: priorityFilter, Drop: true}
	reset := ruleset.Compare{Field: ruleset.TCPFlags, Mask: "\x04", Values: []string{"\x04"}}
	polite := in("polite", ruleset.OIFName)
	rules := []ruleset.Rule{
		rule("", is(ruleset.ICMPv6Type, types([]uint8{ndSolicit, ndAdvert, 143})...), accept()),
	}
	rules = append(rules, ownErrors()...)
	if serves {
		rules = append(rules, rule("", jumpTo("answer")))
	}
	rules = append(rules,
		rule("the answer of refuse = reject", polite, reset, accept()),
		rule("the answer of refuse = reject", polite, is(ruleset.ICMPType, ruleset.Octet(3)),
			is(ruleset.ICMPCode, ruleset.Octet(13)), accept()),
		rule("the answer of refuse = reject", polite, is(ruleset.ICMPv6Type, ruleset.Octet(1)),
			is(ruleset.ICMPv6CodeField, ruleset.Octet(1)), accept()),
		refusal("the gateway opens nothing towards cameras and recorders"),
	)
	own := []ruleset.Rule{rule("", in("governed", ruleset.OIFName), goTo("inside"))}
	if scope == policy.ScopeBox {
		own = append(own,
			rule("", is(ruleset.OIFName, ruleset.Name("lo")), accept()),
			rule("the gateway's own", in("clients", ruleset.OIFName), counter(), accept()),
			rule("the gateway's own", in("uplinks", ruleset.OIFName), counter(), accept()),
			refusal("an interface that the policy does not name"))
	} else {
		own = append(own, rule("the gateway's own", counter(), accept()))
	}
	return []ruleset.Chain{base("output", hook, own...), chain("inside", rules...)}
}

// leaving returns the chains after routing: no governed address leaves by an uplink unless an allow names the device, and source NAT.
func leaving(nat bool, limited []*live) []ruleset.Chain {
	hook := ruleset.Hook{Point: ruleset.Postrouting, Priority: priorityLeaving}
	guard := []ruleset.Rule{
		rule("an allow names this device", in("abroad4", ruleset.IPSource), accept()),
		rule("an allow names this device", in("abroad6", ruleset.IP6Source), accept()),
	}
	for _, l := range limited {
		guard = append(guard, l.leaving()...)
	}
	chains := []ruleset.Chain{
		base("postrouting", hook, rule("", in("uplinks", ruleset.OIFName), goTo("leaving"))),
		chain("leaving", append(guard,
			rule("a camera's or recorder's address", in("guarded4", ruleset.IPSource), counter(), drop()),
			rule("a camera's or recorder's address", in("guarded6", ruleset.IP6Source), counter(), drop()))...),
	}
	if !nat {
		return chains
	}
	translate := ruleset.Hook{NAT: true, Point: ruleset.Postrouting, Priority: priorityNAT}
	var rules []ruleset.Rule
	for _, l := range limited {
		rules = append(rules,
			rule("", in("masquerade"+l.suffix, ruleset.OIFName, l.source), ruleset.Masquerade{}),
			rule("", in("translated"+l.suffix, ruleset.OIFName, l.source), ruleset.Masquerade{}))
		if !l.none() {
			rules = append(rules, rule("", in("livetranslated"+l.suffix, ruleset.OIFName, l.source), ruleset.Masquerade{}))
		}
	}
	return append(chains, base("translate", translate, rules...))
}

// links returns the table below IP: who may speak ARP, which ethertypes there are, and the last look at what leaves by an uplink.
func links(governed, uplinks []string, carried []ruleset.Rule, limited []*live, bridges bool) []ruleset.Chain {
	var chains []ruleset.Chain
	if len(governed) > 0 {
		hook := ruleset.Hook{Point: ruleset.Ingress, Priority: priorityARP, Devices: governed, Drop: true}
		chains = append(chains, base("ingress", hook,
			rule("the inet table judges it next; a VLAN tag does not match", is(ruleset.EtherTypeField, ruleset.Short(0x0800)), accept()),
			rule("", is(ruleset.EtherTypeField, ruleset.Short(0x86dd)), accept()),
			rule("", is(ruleset.EtherTypeField, ruleset.Short(0x0806)), goTo("speaks")),
			rule("", goTo("foreign"))), speaks(bridges))
		chains = append(chains, heard()...)
	}
	if len(uplinks) > 0 {
		hook := ruleset.Hook{Point: ruleset.Egress, Priority: priorityEgress, Devices: uplinks}
		chains = append(chains, base("egress", hook, append(carried,
			rule("to a camera's or recorder's address", in("guarded4", ruleset.IPDestination), counter(), drop()),
			rule("to a camera's or recorder's address", in("guarded6", ruleset.IP6Destination), counter(), drop()),
			rule("", in("guarded4", ruleset.IPSource), goTo("leak")),
			rule("", in("guarded6", ruleset.IP6Source), goTo("leak")))...),
			leak(limited))
	}
	return chains
}

// leak lets the devices of allows and what is open for now keep their own address on an uplink.
func leak(limited []*live) ruleset.Chain {
	rules := []ruleset.Rule{
		rule("an allow names this device", in("abroad4", ruleset.IPSource), accept()),
		rule("an allow names this device", in("abroad6", ruleset.IP6Source), accept()),
	}
	for _, l := range limited {
		rules = append(rules, l.leaks()...)
	}
	return chain("leak", append(rules, refusal("a camera's or recorder's address on an uplink"))...)
}

// speaks lets a device say its own address, and only to the gateway: what it says of others would poison the neighbour table.
func speaks(bridges bool) ruleset.Chain {
	request := is(ruleset.ARPOp, ruleset.Short(1), ruleset.Short(2))
	form := []ruleset.Statement{
		is(ruleset.ARPHardwareType, ruleset.Short(1)), is(ruleset.ARPProtocolType, ruleset.Short(0x0800)),
		is(ruleset.ARPHardwareLength, ruleset.Octet(6)), is(ruleset.ARPProtocolLength, ruleset.Octet(4)), request,
		in("gateway4", ruleset.IIFName, ruleset.ARPTargetIP),
	}
	named := append(append([]ruleset.Statement{}, form...),
		in("devices4", ruleset.IIFName, ruleset.EtherSource, ruleset.ARPSenderIP),
		in("devices4", ruleset.IIFName, ruleset.ARPSenderEther, ruleset.ARPSenderIP), accept())
	itself := in("bare4", ruleset.IIFName, ruleset.ARPSenderIP)
	bare := append(append([]ruleset.Statement{}, form...), itself, accept())
	rules := []ruleset.Rule{rule("a named device, for itself, to the gateway", named...)}
	if bridges {
		rules = append(rules, taken(itself))
	}
	return chain("speaks", append(rules,
		rule("a device without a MAC, to the gateway", bare...),
		overlooks("heard"),
		refusal("ARP that is not a named device speaking for itself to the gateway"))...)
}
