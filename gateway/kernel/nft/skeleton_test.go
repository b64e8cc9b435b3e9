package nft_test

import (
	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
)

const (
	iif, oif, mac            = ruleset.IIFName, ruleset.OIFName, ruleset.EtherSource
	src4, dst4, src6, dst6   = ruleset.IPSource, ruleset.IPDestination, ruleset.IP6Source, ruleset.IP6Destination
	proto, sport, dport      = ruleset.L4Proto, ruleset.SourcePort, ruleset.DestinationPort
	answerMark, callMark     = 0xc04d1a04, 0xc04d1a05
	established, onlyRelated = ruleset.StateEstablished, ruleset.StateRelated
)

type (
	fields     = []ruleset.Field
	statements = []ruleset.Statement
)

var (
	accept = ruleset.Verdict{Kind: ruleset.AcceptPacket}
	drop   = ruleset.Verdict{Kind: ruleset.DropPacket}
	back   = ruleset.Verdict{Kind: ruleset.ReturnPacket}
)

func jump(chain string) ruleset.Verdict {
	return ruleset.Verdict{Kind: ruleset.JumpTo, Chain: chain}
}

func goTo(chain string) ruleset.Verdict {
	return ruleset.Verdict{Kind: ruleset.GotoChain, Chain: chain}
}

func is(f ruleset.Field, values ...string) ruleset.Compare {
	return ruleset.Compare{Field: f, Values: values}
}

func not(f ruleset.Field, values ...string) ruleset.Compare {
	return ruleset.Compare{Field: f, Values: values, Not: true}
}

func line(comment string, s ...ruleset.Statement) ruleset.Rule {
	return ruleset.Rule{Statements: s, Comment: comment}
}

// skeleton has every kind of statement, set and hook that a ruleset can have.
func skeleton() ruleset.Ruleset {
	return ruleset.Ruleset{Tables: []ruleset.Table{guard(), gateway(), bridge()}}
}

func guard() ruleset.Table {
	return ruleset.Table{
		Family: ruleset.Netdev, Name: nft.Ours, Comment: "policy sha256:4b1d commit 9f3a",
		Sets: []ruleset.Set{
			{
				Name: "devices4", Comment: "who may speak ARP", Key: fields{iif, mac, ruleset.ARPSenderIP}, Size: 256,
				Elements: []ruleset.Element{{
					Key: ruleset.Key(ruleset.Name("cam0"), "\x44\x19\xb6\x00\x00\x01", address("10.31.0.21")), Comment: "f1:21",
				}},
			},
			{
				Name: "inside4", Key: fields{src4}, Size: 256, Interval: true,
				Elements: []ruleset.Element{
					{Key: address("10.31.0.0"), End: address("10.31.0.255"), Comment: "cameras"},
					{Key: address("10.31.1.0"), End: address("10.31.1.255")},
					{Key: address("10.50.0.1")},
					{Key: address("240.0.0.0"), End: address("255.255.255.255"), Comment: "to the end"},
				},
			},
			{
				Name: "inside6", Key: fields{src6}, Size: 256, Interval: true, Comment: "all of it",
				Elements: []ruleset.Element{{Key: address("::"), End: address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}},
			},
		},
		Chains: []ruleset.Chain{
			{Name: "fromarp", Rules: []ruleset.Rule{
				line("", is(ruleset.ARPHardwareType, "\x00\x01"), is(ruleset.ARPProtocolType, "\x08\x00"), is(ruleset.ARPHardwareLength, "\x06"),
					is(ruleset.ARPProtocolLength, "\x04"), is(ruleset.ARPOp, "\x00\x01", "\x00\x02"),
					ruleset.In{Fields: fields{iif, mac, ruleset.ARPSenderIP}, Set: "devices4"},
					ruleset.In{Fields: fields{iif, ruleset.ARPSenderEther, ruleset.ARPSenderIP}, Set: "devices4"}, accept),
				line("a device that does not speak for itself", ruleset.Counter{}, drop),
			}},
			{
				Name: "ingress",
				Hook: &ruleset.Hook{Point: ruleset.Ingress, Priority: -510, Devices: []string{"cam0", "cam1", "rec0"}, Drop: true},
				Rules: []ruleset.Rule{
					line("judged next", is(ruleset.EtherTypeField, "\x08\x00"), accept),
					line("", is(ruleset.EtherTypeField, "\x08\x06"), goTo("fromarp")),
					line("foreign ethertype", ruleset.Counter{}, drop),
				},
			},
			{
				Name: "egress",
				Hook: &ruleset.Hook{Point: ruleset.Egress, Priority: 500, Devices: []string{"wan0"}},
				Rules: []ruleset.Rule{
					line("", ruleset.In{Fields: fields{src4}, Set: "inside4"}, ruleset.Counter{}, drop),
					line("", ruleset.In{Fields: fields{dst6}, Set: "inside6"}, ruleset.Counter{}, drop),
				},
			},
		},
	}
}

func bridge() ruleset.Table {
	return ruleset.Table{
		Family: ruleset.Bridge, Name: nft.Ours,
		Sets: []ruleset.Set{{
			Name: "ports", Key: fields{iif}, Size: 64, Comment: "ports of cameras",
			Elements: []ruleset.Element{{Key: ruleset.Name("p1")}, {Key: ruleset.Name("p2"), Comment: "f1:2"}},
		}},
		Chains: []ruleset.Chain{{
			Name: "forward", Hook: &ruleset.Hook{Point: ruleset.Forward, Priority: -300},
			Rules: []ruleset.Rule{
				line("cameras do not meet", ruleset.In{Fields: fields{iif}, Set: "ports"}, ruleset.Counter{}, drop),
				line("", is(src4, address("10.0.0.1")), is(ruleset.ICMPType, "\x08"), drop),
			},
		}},
	}
}

func gateway() ruleset.Table {
	flow := func(protocol byte, port uint16) string {
		return ruleset.Key(address("10.31.0.21"), address("10.40.0.10"), ruleset.Octet(protocol), ruleset.Short(port))
	}
	return ruleset.Table{
		Family: ruleset.Inet, Name: nft.Ours, Comment: "policy sha256:4b1d commit 9f3a",
		Sets: []ruleset.Set{
			{Name: "tried4", Key: fields{iif, mac, src4, dst4, proto}, Size: 1024, Counted: true, Dynamic: true, Timeout: 3600},
			{Name: "strangers", Key: fields{iif, mac}, Size: 1024, Dynamic: true, Timeout: 3600, Comment: "who is that?"},
			{Name: "asks", Key: fields{mac}, Size: 256, Dynamic: true, Timeout: 60},
			{
				Name: "totals", Key: fields{mac}, Size: 256, Counted: true,
				Elements: []ruleset.Element{{Key: "\x44\x19\xb6\x00\x00\x01"}, {Key: "\x44\x19\xb6\x00\x00\x02", Comment: "f1:3"}},
			},
			{
				Name: "selves6", Key: fields{iif, mac, ruleset.NDTarget}, Typeof: true, Size: 256, Comment: "own addresses",
				Elements: []ruleset.Element{{
					Key: ruleset.Key(ruleset.Name("cam0"), "\x44\x19\xb6\x00\x00\x01", address("fd32::22")), Comment: "f1:28",
				}},
			},
			{
				Name: "flows4", Key: fields{src4, dst4, proto, dport}, Size: 256, Timed: true,
				Elements: []ruleset.Element{{Key: flow(6, 554), Comment: "f1:70"}, {Key: flow(17, 161), Timeout: 86400}, {Key: flow(1, 0)}},
			},
			{
				Name: "ranges4", Key: fields{oif, src4, dst4, sport, dport}, Size: 256, Interval: true, Timed: true,
				Elements: []ruleset.Element{
					{
						Key: ruleset.Key(ruleset.Name("rec0"), address("10.31.0.21"), address("10.40.0.10"), ruleset.Short(17), ruleset.Short(6100)),
						End: ruleset.Key(ruleset.Name("rec0"), address("10.31.0.21"), address("10.40.0.10"), ruleset.Short(17), ruleset.Short(6299)),
					},
					{
						Key:     ruleset.Key(ruleset.Name("rec0"), address("10.31.0.22"), address("10.40.0.10"), ruleset.Short(6), ruleset.Short(80)),
						Comment: "one",
					},
				},
			},
			{
				Name: "doors", Key: fields{iif}, Size: 64, Verdicts: true,
				Elements: []ruleset.Element{
					{Key: ruleset.Name("cam0"), Verdict: goTo("camera"), Comment: "f1:2"},
					{Key: ruleset.Name("cam1"), Verdict: jump("camera")},
					{Key: ruleset.Name("rec0"), Verdict: drop},
					{Key: ruleset.Name("wan0"), Verdict: accept},
					{Key: ruleset.Name("lan0"), Verdict: back},
				},
			},
			{
				Name: "paths", Key: fields{iif, oif}, Size: 64, Verdicts: true, Comment: "pairs",
				Elements: []ruleset.Element{{Key: ruleset.Key(ruleset.Name("cam0"), ruleset.Name("rec0")), Verdict: goTo("judge")}},
			},
		},
		Chains: append(hooks(), chains()...),
	}
}

func hooks() []ruleset.Chain {
	return []ruleset.Chain{
		{
			Name: "cameras",
			Hook: &ruleset.Hook{Point: ruleset.Ingress, Priority: -500, Devices: []string{"cam0", "cam1"}, Drop: true},
			Rules: []ruleset.Rule{
				line("", is(ruleset.MetaProtocol, "\x08\x00"), goTo("camera")),
				line("", ruleset.Counter{}, drop),
			},
		},
		{
			Name: "prerouting", Hook: &ruleset.Hook{Point: ruleset.Prerouting, Priority: -300, Drop: true},
			Rules: []ruleset.Rule{
				line("judged at ingress", ruleset.Compare{
					Field: ruleset.Mark, Mask: ruleset.Word(0xfffffffc), Values: []string{ruleset.Word(answerMark)},
				}, accept),
				line("", is(ruleset.Mark, ruleset.Word(callMark)), ruleset.Notrack{}, accept),
				line("", ruleset.Dispatch{Fields: fields{iif}, Map: "doors"}),
				line("", is(ruleset.IIFGroup, ruleset.Word(30)), ruleset.Counter{}, drop),
				line("", is(ruleset.Mark, ruleset.Word(7), ruleset.Word(8)), ruleset.SetMark{Value: 0}),
			},
		},
		{
			Name: "forward", Hook: &ruleset.Hook{Point: ruleset.Forward, Drop: true},
			Rules: []ruleset.Rule{
				line("", is(ruleset.Mark, ruleset.Word(answerMark)), is(ruleset.CTDirection, "\x01"), ruleset.SetMark{}, accept),
				line("", ruleset.Dispatch{Fields: fields{iif, oif}, Map: "paths"}),
				line("", goTo("refuse")),
			},
		},
		{
			Name: "input", Hook: &ruleset.Hook{Point: ruleset.Input, Drop: true},
			Rules: []ruleset.Rule{line("", is(iif, ruleset.Name("lo")), accept)},
		},
		{Name: "output", Hook: &ruleset.Hook{Point: ruleset.Output}},
		{
			Name: "postrouting", Hook: &ruleset.Hook{NAT: true, Point: ruleset.Postrouting, Priority: 100},
			Rules: []ruleset.Rule{line("", is(oif, ruleset.Name("wan0")), is(src4, address("10.50.0.1")), ruleset.Masquerade{})},
		},
	}
}

func chains() []ruleset.Chain {
	return []ruleset.Chain{
		{Name: "camera", Rules: []ruleset.Rule{
			line("options, fragments", ruleset.Compare{
				Field: ruleset.IPHead, Not: true, Mask: "\xff\x00\x00\x00\x00\x00\x3f\xff", Values: []string{"\x45\x00\x00\x00\x00\x00\x00\x00"},
			}, goTo("refuse")),
			line("", is(proto, "\x06"), ruleset.In{Fields: fields{iif, mac, src4, dst4, proto}, Set: "tried4"}, goTo("refuse")),
			line("", not(ruleset.IP6NextHeader, "\x06", "\x11", "\x3a"), drop),
			line("", ruleset.Between{Field: ruleset.ICMPv6Type, First: "\x85", Last: "\x89"}, goTo("nd")),
			line("", ruleset.Between{Field: ruleset.UDPDestinationPort, First: ruleset.Short(6100), Last: ruleset.Short(6299)}, accept),
			line("", ruleset.Limit{Rate: 50, Burst: 100}, accept),
			line("new flows", ruleset.In{Fields: fields{iif, mac}, Set: "strangers", Not: true}, ruleset.Limit{Rate: 20, Burst: 5},
				ruleset.Log{Group: 30, SnapLen: 128, Prefix: "stranger"}),
			line("", ruleset.Update{Fields: fields{iif, mac}, Set: "strangers", Refresh: true, Statements: statements{ruleset.Counter{}}}),
			line("", ruleset.Update{
				Fields: fields{iif, mac, src4, dst4, proto}, Set: "tried4", Statements: statements{ruleset.Counter{}},
			}, goTo("refuse")),
			line("", ruleset.In{Fields: fields{mac}, Set: "totals"}),
		}},
		{Name: "nd", Rules: []ruleset.Rule{
			line("", not(ruleset.IP6HopLimit, "\xff"), ruleset.Counter{}, drop),
			line("", is(ruleset.ICMPv6Type, "\x88"), ruleset.In{Fields: fields{iif, mac, ruleset.NDTarget}, Set: "selves6"}, accept),
		}},
		{Name: "judge", Rules: []ruleset.Rule{
			line("", is(ruleset.NFProto, "\x0a"), goTo("refuse")),
			line("", is(ruleset.CTState, ruleset.Word(onlyRelated)), is(ruleset.ICMPType, "\x03", "\x0b", "\x0c"), accept),
			line("", is(ruleset.CTState, ruleset.Word(established|onlyRelated)), accept),
			line("", ruleset.In{Fields: fields{src4, dst4, proto, dport}, Set: "flows4"}, accept),
			line("", ruleset.In{Fields: fields{dst4, src4, proto, sport}, Set: "flows4"}, accept),
			line("", ruleset.In{Fields: fields{oif, src4, dst4, sport, dport}, Set: "ranges4"}, accept),
			line("", is(ruleset.CTOriginalSource, address("10.0.0.1")), is(ruleset.CTOriginalDestination6, address("fd00::1")), drop),
			line("", is(ruleset.ICMPType, "\x03"), is(ruleset.ICMPCode, "\x0d"), accept),
		}},
		{Name: "refuse", Rules: []ruleset.Rule{
			line("", is(proto, "\x06"), ruleset.Compare{Field: ruleset.TCPFlags, Mask: "\x04", Values: []string{"\x00"}},
				ruleset.Update{Fields: fields{mac}, Set: "asks", Refresh: true, Statements: statements{ruleset.Limit{Rate: 20, Burst: 40}}},
				ruleset.Counter{}, ruleset.Reject{Reset: true}),
			line("", is(proto, "\x11"), ruleset.Counter{}, ruleset.Reject{}),
			line("refused", ruleset.Counter{}, drop),
		}},
	}
}
