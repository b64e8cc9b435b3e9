package compile

import (
	"slices"

	"cordon/gateway/ruleset"
	"cordon/policy"
)

// The priorities of our base chains. Ingress comes before whatever else looks at a packet there (flowtables, tc-like users at 0);
// leaving comes just before source NAT, while a packet still carries its own address.
const (
	priorityARP     = -510
	priorityIngress = -500
	priorityRaw     = -300
	priorityLast    = 1<<31 - 1
	priorityFilter  = 0
	priorityLeaving = 99
	priorityNAT     = 100
	priorityEgress  = 500
)

// ingressHook returns the base chain that judges what comes in by some interfaces. It stays small: the kernel makes it anew when an
// interface comes or goes.
func ingressHook(name, target string, devices []string) []ruleset.Chain {
	if len(devices) == 0 {
		return nil
	}
	hook := ruleset.Hook{Point: ruleset.Ingress, Priority: priorityIngress, Devices: devices, Drop: true}
	return []ruleset.Chain{base(name, hook,
		rule("", is(ruleset.MetaProtocol, ruleset.Short(0x0800)), goTo(target+"4")),
		rule("", is(ruleset.MetaProtocol, ruleset.Short(0x86dd)), goTo(target+"6")),
		refusal("neither IPv4 nor IPv6"),
	)}
}

// merged returns the rule for a look-up of interface, MAC, both addresses and a port in one key. The protocol is compared first, so
// that the other protocol's rule costs one comparison.
func (f family) merged(set string, p policy.Protocol, port ruleset.Field, effects ...ruleset.Statement) ruleset.Rule {
	name := map[policy.Protocol]string{policy.TCP: "tcp", policy.UDP: "udp"}[p] + set + f.suffix
	statements := []ruleset.Statement{
		protocol(uint8(p)),
		in(name, ruleset.IIFName, ruleset.EtherSource, f.source, f.destination, port),
	}
	return rule("", append(statements, effects...)...)
}

// answers and calls return the rules of the merged sets.
func (f family) answers(effects ...ruleset.Statement) []ruleset.Rule {
	return []ruleset.Rule{
		f.merged("answers", policy.TCP, ruleset.TCPSourcePort, effects...),
		f.merged("answers", policy.UDP, ruleset.UDPSourcePort, effects...),
	}
}

func (f family) calls(effects ...ruleset.Statement) []ruleset.Rule {
	return []ruleset.Rule{
		f.merged("calls", policy.TCP, ruleset.TCPDestinationPort, effects...),
		f.merged("calls", policy.UDP, ruleset.UDPDestinationPort, effects...),
	}
}

// wellFormed refuses what no camera needs and what others have hidden behind: IPv4 options and fragments, IPv6 extension headers.
func (f family) wellFormed() ruleset.Rule {
	if f.v4 {
		return rule("", ruleset.Compare{
			Field: ruleset.IPHead, Mask: "\xff\x00\x00\x00\x00\x00\x3f\xff", Not: true, Values: []string{"\x45\x00\x00\x00\x00\x00\x00\x00"},
		}, goTo("malformed"))
	}
	return rule("", isNot(ruleset.IP6NextHeader, ruleset.Octet(6), ruleset.Octet(17), ruleset.Octet(58)), goTo("noise6"))
}

// guards returns the chains that judge a governed interface's packets in one family: at ingress, and again in prerouting for what
// ingress did not see. Cameras mostly answer and recorders mostly call, so each asks its own sets first.
func (l *live) guards(serves, bridges bool) []ruleset.Chain {
	f := l.family
	answers, calls := f.answers(mark(markAnswer), accept()), f.calls(mark(markCall), accept())
	slow := rule("", goTo("slow"+f.suffix))
	camera := append([]ruleset.Rule{f.wellFormed()}, answers...)
	camera = append(append(camera, calls...), slow)
	recorder := append([]ruleset.Rule{f.wellFormed()}, calls...)
	recorder = append(append(recorder, answers...), slow)
	return []ruleset.Chain{
		chain("camera"+f.suffix, camera...),
		chain("recorder"+f.suffix, recorder...),
		f.slow(serves, bridges),
		l.known(serves),
		l.barely(),
	}
}

// slow asks who sent a packet that no merged element holds. Only a device with a MAC of its own is worth an answer: a refusal sent to
// a forged source would carry the camera's octets to wherever it likes.
func (f family) slow(serves, bridges bool) ruleset.Chain {
	s := f.suffix
	rules := []ruleset.Rule{rule("", in("devices"+s, ruleset.IIFName, ruleset.EtherSource, f.source), goTo("known"+s))}
	if bridges {
		rules = append(rules, taken(in("bare"+s, ruleset.IIFName, f.source)))
	}
	rules = append(rules, rule("a device without a MAC", in("bare"+s, ruleset.IIFName, f.source), goTo("barely"+s)))
	rules = append(rules, rule("a router on the way to recorders: forward asks conntrack", is(f.icmpType, types(f.errors)...),
		in("routers"+s, ruleset.IIFName, f.source), mark(markJudge), accept()))
	if f.v4 && serves {
		rules = append(rules, leased4())
	}
	if !f.v4 {
		// Nobody answers a probe for a duplicate address, so the device keeps its own (RFC 4862, section 5.4).
		rules = append(rules, rule("duplicate address detection", is(f.source, noAddress6()),
			is(f.icmpType, ruleset.Octet(ndSolicit)), counter(), drop()))
	}
	return chain("slow"+s, append(rules, overlooks("unnamed"+s), refusal("MAC, address and interface do not belong together"))...)
}

// known and barely let a device's packets go on to forward where forward alone can decide; what is left is refused, with an answer or
// without one.
func (l *live) known(serves bool) ruleset.Chain {
	start := l.discovery()
	if serves {
		start = append(start, l.questions()...)
	}
	end := []ruleset.Rule{overlooks("overlooked" + l.suffix), rule("", goTo("refused"))}
	return chain("known"+l.suffix, slices.Concat(start, l.family.onward(), l.onward(), end)...)
}

func (l *live) barely() ruleset.Chain {
	end := []ruleset.Rule{overlooks("overlooked" + l.suffix), refusal("refused, without a MAC")}
	return chain("barely"+l.suffix, slices.Concat(l.discovery(), l.family.onward(), l.onward(), end)...)
}

func (f family) onward() []ruleset.Rule {
	return []ruleset.Rule{
		rule("", in("reach"+f.suffix, ruleset.IIFName, f.destination), mark(markJudge), accept()),
		rule("what became of a packet: forward asks conntrack", is(f.icmpType, types(f.errors)...), mark(markJudge), accept()),
	}
}

// discovery sends neighbour discovery, which IPv4 does not have, to its own chain.
func (f family) discovery() []ruleset.Rule {
	if f.v4 {
		return nil
	}
	return []ruleset.Rule{rule("", is(f.icmpType, ndTypes()...), goTo("nd"))}
}

// The message types of neighbour discovery (RFC 4861).
const (
	ndSolicit uint8 = 135
	ndAdvert  uint8 = 136
)

// linkTypes are the messages that mean something on one link alone: of listeners (RFC 2710, RFC 3810) and of neighbour discovery. Conntrack
// does not track them, so that "any" would hold them.
func linkTypes() []uint8 { return []uint8{130, 131, 132, 133, 134, ndSolicit, ndAdvert, 137, 143} }

func ndTypes() []string { return types([]uint8{133, ndSolicit, ndAdvert, 134, 137}) }

func noAddress6() string { return string(make([]byte, 16)) }

// common returns the chains that both families end in.
func common() []ruleset.Chain {
	return []ruleset.Chain{
		chain("nd",
			rule("", isNot(ruleset.IP6HopLimit, ruleset.Octet(255)), counter(), drop()),
			rule("asks for the gateway", is(ruleset.ICMPv6Type, ruleset.Octet(ndSolicit)),
				in("gateway6", ruleset.IIFName, ruleset.NDTarget), mark(markJudge), accept()),
			rule("speaks for itself", is(ruleset.ICMPv6Type, ruleset.Octet(ndAdvert)),
				in("selves6", ruleset.IIFName, ruleset.EtherSource, ruleset.NDTarget), mark(markJudge), accept()),
			rule("speaks for a device without a MAC", is(ruleset.ICMPv6Type, ruleset.Octet(ndAdvert)),
				in("bareselves6", ruleset.IIFName, ruleset.NDTarget), mark(markJudge), accept()),
			overlooks("overlooked6"),
			refusal("router messages, redirects, neighbour discovery for others"),
		),
		chain("noise6",
			rule("listener reports", is(ruleset.IP6Destination, "\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x16"),
				counter(), drop()),
			rule("", goTo("malformed")),
		),
		chain("malformed",
			rule("", is(ruleset.NFProto, ruleset.Octet(2)), in("observed", ruleset.IIFName), goTo("whoever4")),
			rule("", is(ruleset.NFProto, ruleset.Octet(10)), in("observed", ruleset.IIFName), goTo("whoever6")),
			refusal("options, fragments, extension headers")),
		chain("refused",
			rule("", in("polite", ruleset.IIFName), goTo("polite")),
			refusal("refused"),
		),
		chain("polite", append(rejects("answers", ruleset.EtherSource), refusal("refused"))...),
	}
}

// rejects returns the rules that answer a refused packet: a reset for TCP, "prohibited" for UDP, so that a camera gives up instead of
// trying without end. A full set or a source that is too fast gets no answer, and the next rule drops.
func rejects(set string, source ruleset.Field) []ruleset.Rule {
	limited := func() ruleset.Update { return rated(set, answersAndErrors(), source) }
	noReset := ruleset.Compare{Field: ruleset.TCPFlags, Mask: "\x04", Values: []string{"\x00"}}
	return []ruleset.Rule{
		rule("", protocol(6), noReset, limited(), counter(), ruleset.Reject{Reset: true}),
		rule("", protocol(17), limited(), counter(), ruleset.Reject{}),
		rule(tooManyRefusals, protocol(6), noReset, counter(), drop()),
		rule(tooManyRefusals, protocol(17), counter(), drop()),
	}
}
