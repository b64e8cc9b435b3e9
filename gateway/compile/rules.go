package compile

import (
	"cmp"
	"maps"
	"slices"

	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
)

// The marks that ingress leaves for the later chains. Nobody else uses them: the high 28 bits are ours, and only a process that may
// program the kernel anyway can set one.
const (
	markAnswer uint32 = 0xc04d1a04 // found in answers: a reply of a governed device
	markCall   uint32 = 0xc04d1a05 // found in calls: opened by a governed device
	markJudge  uint32 = 0xc04d1a06 // verified identity; forward looks the flow up
	markMask   uint32 = 0xfffffffc
	// markBridged is left by the bridge's table on what it lets through, for kernels that show bridged packets to the IP layer, too.
	markBridged uint32 = 0xc04d1a08
)

// governedGroup is the device group of governed interfaces (RTNETLINK IFLA_GROUP): unlike the name, which hooks follow, it stays
// with the interface when somebody renames it.
const governedGroup = netstate.GovernedGroup

func rule(comment string, statements ...ruleset.Statement) ruleset.Rule {
	return ruleset.Rule{Statements: slices.DeleteFunc(statements, func(s ruleset.Statement) bool { return s == nil }), Comment: comment}
}

func is(f ruleset.Field, values ...string) ruleset.Compare {
	return ruleset.Compare{Field: f, Values: values}
}

func isNot(f ruleset.Field, values ...string) ruleset.Compare {
	return ruleset.Compare{Field: f, Values: values, Not: true}
}

func in(set string, fields ...ruleset.Field) ruleset.In { return ruleset.In{Fields: fields, Set: set} }

func accept() ruleset.Verdict { return ruleset.Verdict{Kind: ruleset.AcceptPacket} }
func drop() ruleset.Verdict   { return ruleset.Verdict{Kind: ruleset.DropPacket} }
func back() ruleset.Verdict   { return ruleset.Verdict{Kind: ruleset.ReturnPacket} }
func goTo(chain string) ruleset.Verdict {
	return ruleset.Verdict{Kind: ruleset.GotoChain, Chain: chain}
}

func jumpTo(chain string) ruleset.Verdict   { return ruleset.Verdict{Kind: ruleset.JumpTo, Chain: chain} }
func mark(value uint32) ruleset.SetMark     { return ruleset.SetMark{Value: value} }
func unmark() ruleset.SetMark               { return ruleset.SetMark{} }
func counter() ruleset.Counter              { return ruleset.Counter{} }
func protocol(number uint8) ruleset.Compare { return is(ruleset.L4Proto, ruleset.Octet(number)) }

// state holds when conntrack gives the packet one of the states.
func state(bits uint32) ruleset.Compare { return is(ruleset.CTState, ruleset.Word(bits)) }

// direction holds for packets of a flow's own direction, or of its replies. Untracked and invalid packets have none.
func direction(reply bool) ruleset.Compare {
	if reply {
		return is(ruleset.CTDirection, ruleset.Octet(1))
	}
	return is(ruleset.CTDirection, ruleset.Octet(0))
}

// refusal is the end of every chain: an explicit rule that counts. A policy of drop alone lets a packet through while a chain is
// being replaced (measured: about one a reload under flood).
func refusal(comment string) ruleset.Rule { return rule(comment, counter(), drop()) }

// types returns the register values of ICMP types.
func types(numbers []uint8) []string {
	values := make([]string, len(numbers))
	for i, n := range numbers {
		values[i] = ruleset.Octet(n)
	}
	return values
}

func chain(name string, rules ...ruleset.Rule) ruleset.Chain {
	return ruleset.Chain{Name: name, Rules: rules}
}

func base(name string, hook ruleset.Hook, rules ...ruleset.Rule) ruleset.Chain {
	return ruleset.Chain{Name: name, Hook: &hook, Rules: rules}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
