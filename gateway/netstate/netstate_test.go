package netstate_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cordon/gateway/netstate"
	"cordon/policy"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// phrase is an object and what ip(8) calls it.
type phrase struct {
	object interface{ String() string }
	text   string
}

func phrases() []phrase {
	full := ^uint32(0)
	return []phrase{
		{netstate.ForeignTable{Family: "ip", Name: "docker"}, "ip docker"},
		{netstate.Link{Name: "cam0", Group: 67, Up: true}, "dev cam0 group 67 up"},
		{netstate.Link{Name: "p1", Master: "br0"}, "dev p1 master br0 group 0"},
		{netstate.Address{Interface: "cam0", Prefix: prefix("10.30.0.1/24"), Protocol: 67}, "10.30.0.1/24 dev cam0"},
		{netstate.Address{Interface: "cam0", Prefix: prefix("fd30::1/128")}, "fd30::1/128 dev cam0"},
		{
			netstate.Route{Table: 254, Destination: prefix("0.0.0.0/0"), Via: addr("192.0.2.1"), Interface: "wan0"},
			"default via 192.0.2.1 dev wan0",
		},
		{
			netstate.Route{Table: 880, Destination: prefix("::/0"), Type: netstate.Blackhole, Metric: 9, Protocol: 67},
			"blackhole default metric 9 table 880 proto 67",
		},
		{
			netstate.Route{Table: 882, Destination: prefix("0.0.0.0/0"), Type: netstate.Local, Interface: "lo"},
			"local default dev lo table 882",
		},
		{
			netstate.Route{Table: 881, Destination: prefix("10.30.0.0/24"), Interface: "cam0", Other: "tos 8"},
			"10.30.0.0/24 dev cam0 table 881 tos 8",
		},
		{netstate.Route{Table: 881, Destination: prefix("10.40.0.10/32"), Type: netstate.Throw}, "throw 10.40.0.10 table 881"},
		{netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", Table: 880}, "pref 880 from all iif cam0 lookup 880"},
		{
			netstate.Rule{Family: 4, Priority: 881, To: prefix("10.30.0.0/24"), Action: netstate.RuleBlackhole},
			"pref 881 from all to 10.30.0.0/24 blackhole",
		},
		{
			netstate.Rule{
				Family: 6, Priority: 877, From: prefix("2001:db8::7/128"), OIF: "wan0", Protocol: policy.ICMPv6,
				Mark: 0x434f5244, Mask: full, Table: 881,
			},
			"pref 877 from 2001:db8::7 oif wan0 fwmark 0x434f5244 ipproto ipv6-icmp lookup 881",
		},
		{
			netstate.Rule{
				Priority: 1, Mark: 1, Mask: 0xff, Protocol: policy.TCP, SourcePorts: netstate.PortRange{1, 2},
				DestinationPorts: netstate.PortRange{443, 443}, Table: 254,
			},
			"pref 1 from all fwmark 0x1/0xff ipproto tcp sport 1-2 dport 443 lookup 254",
		},
		{
			netstate.Rule{Priority: 2, Protocol: policy.UDP, Action: netstate.Goto, Table: 9, Other: "not"},
			"pref 2 from all ipproto udp not goto 9",
		},
		{netstate.Rule{Priority: 3, Protocol: policy.ICMP, Action: netstate.RuleProhibit}, "pref 3 from all ipproto icmp prohibit"},
		{netstate.Rule{Priority: 3, Protocol: 132, Action: netstate.RuleUnreachable}, "pref 3 from all ipproto 132 unreachable"},
		{netstate.Rule{Priority: 4, Action: netstate.Nop}, "pref 4 from all nop"},
		{
			netstate.Neighbour{Interface: "cam0", Address: addr("10.30.0.11"), MAC: policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}},
			"10.30.0.11 lladdr 44:19:b6:00:00:01 dev cam0",
		},
		{netstate.Sysctl{Name: "net/ipv4/ip_forward", Value: "1"}, "net/ipv4/ip_forward=1"},
		{netstate.Sysctl{Name: "net/ipv6/conf/all/forwarding", Missing: true}, "net/ipv6/conf/all/forwarding is not in this kernel"},
		{
			netstate.Flow{
				Protocol: policy.TCP, Source: addr("10.30.0.11"), SourcePort: 40000,
				Destination: addr("10.40.0.10"), DestinationPort: 554,
			},
			"tcp 10.30.0.11 40000 → 10.40.0.10 554",
		},
		{
			netstate.Flow{Protocol: policy.ICMP, Source: addr("10.30.0.11"), Destination: addr("10.40.0.10"), ICMPType: 8, ICMPID: 7},
			"icmp 10.30.0.11 → 10.40.0.10 type 8 id 7",
		},
	}
}

func TestWordsOfIP(t *testing.T) {
	cases := phrases()
	for _, c := range cases {
		if got := c.object.String(); got != c.text {
			t.Errorf("got  %s\nwant %s", got, c.text)
		}
	}
	if len(cases) != 23 {
		t.Errorf("%d objects tried", len(cases))
	}
}

func TestRouteTypesAreNamed(t *testing.T) {
	names := map[string]bool{}
	for kind := netstate.Unicast; kind <= netstate.Throw; kind++ {
		names[kind.String()] = true
	}
	if len(names) != 9 || names["type 8"] || !names["throw"] || (netstate.Throw+1).String() != "type 9" {
		t.Errorf("names: %v", names)
	}
}

func TestCanonicalIsWhatTheKernelTells(t *testing.T) {
	none := netip.Prefix{}
	rules := []struct{ wanted, told netstate.Rule }{
		{netstate.Rule{From: prefix("0.0.0.0/0"), To: prefix("10.30.0.9/24")}, netstate.Rule{From: none, To: prefix("10.30.0.0/24")}},
		{netstate.Rule{SourcePorts: netstate.PortRange{1, 65535}, DestinationPorts: netstate.PortRange{0, 65535}}, netstate.Rule{}},
		{netstate.Rule{SourcePorts: netstate.PortRange{2, 65535}}, netstate.Rule{SourcePorts: netstate.PortRange{2, 65535}}},
		{netstate.Rule{Mark: 1}, netstate.Rule{Mark: 1, Mask: ^uint32(0)}},
		{netstate.Rule{Mark: 0, Mask: 3}, netstate.Rule{Mark: 0, Mask: 3}},
		{netstate.Rule{Action: netstate.RuleBlackhole, Table: 5}, netstate.Rule{Action: netstate.RuleBlackhole}},
		{netstate.Rule{Action: netstate.Goto, Table: 5}, netstate.Rule{Action: netstate.Goto, Table: 5}},
	}
	for _, c := range rules {
		if got := c.wanted.Canonical(); got != c.told {
			t.Errorf("%+v becomes %+v, want %+v", c.wanted, got, c.told)
		}
	}
	routes := []struct{ wanted, told netstate.Route }{
		{netstate.Route{Destination: prefix("10.30.0.9/24")}, netstate.Route{Destination: prefix("10.30.0.0/24")}},
		{netstate.Route{Destination: prefix("fd30::/64")}, netstate.Route{Destination: prefix("fd30::/64"), Metric: 1024}},
		{netstate.Route{Destination: prefix("fd30::/64"), Metric: 1}, netstate.Route{Destination: prefix("fd30::/64"), Metric: 1}},
		{
			netstate.Route{Destination: prefix("10.0.0.0/8"), Type: netstate.Blackhole, Interface: "lo"},
			netstate.Route{Destination: prefix("10.0.0.0/8"), Type: netstate.Blackhole},
		},
		{
			netstate.Route{Destination: prefix("10.0.0.0/8"), Type: netstate.Throw, Interface: "lo"},
			netstate.Route{Destination: prefix("10.0.0.0/8"), Type: netstate.Throw},
		},
		{
			netstate.Route{Destination: prefix("fd30::/64"), Type: netstate.Local, Interface: "lo", Protocol: 67},
			netstate.Route{Destination: prefix("fd30::/64"), Type: netstate.Local, Interface: "lo", Metric: 1024, Protocol: 67},
		},
		{
			netstate.Route{Destination: prefix("fe80::1/128"), Type: netstate.Local, Protocol: 2},
			netstate.Route{Destination: prefix("fe80::1/128"), Type: netstate.Local, Protocol: 2},
		},
	}
	for _, c := range routes {
		if got := c.wanted.Canonical(); got != c.told {
			t.Errorf("%+v becomes %+v, want %+v", c.wanted, got, c.told)
		}
	}
	if len(rules)+len(routes) != 14 {
		t.Errorf("%d forms tried", len(rules)+len(routes))
	}
}

func state() netstate.State {
	return netstate.State{
		Foreign: []netstate.ForeignTable{{Family: "inet", Name: "a"}, {Family: "ip", Name: "a"}, {Family: "ip", Name: "b"}},
		Links:   []netstate.Link{{Name: "cam0", Index: 2}, {Name: "cam1", Index: 3}, {Name: "lo", Index: 1}},
		Addresses: []netstate.Address{
			{Interface: "cam0", Prefix: prefix("10.0.0.1/24")},
			{Interface: "cam0", Prefix: prefix("10.1.0.1/24")},
			{Interface: "lo", Prefix: prefix("127.0.0.1/8")},
		},
		Routes: []netstate.Route{
			{Table: 254, Destination: prefix("0.0.0.0/0"), Metric: 1},
			{Table: 254, Destination: prefix("0.0.0.0/0"), Metric: 2},
			{Table: 880, Destination: prefix("10.0.0.0/8")},
			{Table: 880, Destination: prefix("fd00::/8"), Metric: 1024},
		},
		Rules: []netstate.Rule{
			{Family: 4, Priority: 880, IIF: "cam0"}, {Family: 4, Priority: 880, IIF: "cam1"}, {Family: 4, Priority: 881}, {Family: 6, Priority: 0},
		},
		Neighbours: []netstate.Neighbour{
			{Interface: "cam0", Address: addr("10.0.0.2")},
			{Interface: "cam0", Address: addr("10.0.0.3")},
			{Interface: "lo", Address: addr("10.0.0.2")},
		},
		Sysctls: []netstate.Sysctl{{Name: "a", Value: "1"}, {Name: "b", Value: "0"}, {Name: "c"}},
	}
}

// Any order becomes the one order, and the argument keeps its own.
func TestCanonicalSorts(t *testing.T) {
	same := cmpopts.EquateComparable(netstate.Address{}, netstate.Route{}, netstate.Rule{}, netstate.Neighbour{})
	shuffles := 0
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		mixed := state()
		for _, n := range []struct {
			many int
			swap func(i, j int)
		}{
			{len(mixed.Foreign), swapper(mixed.Foreign)},
			{len(mixed.Links), swapper(mixed.Links)},
			{len(mixed.Addresses), swapper(mixed.Addresses)},
			{len(mixed.Routes), swapper(mixed.Routes)},
			{len(mixed.Rules), swapper(mixed.Rules)},
			{len(mixed.Neighbours), swapper(mixed.Neighbours)},
			{len(mixed.Sysctls), swapper(mixed.Sysctls)},
		} {
			random.Shuffle(n.many, n.swap)
		}
		before := slices.Clone(mixed.Rules)
		if diff := cmp.Diff(state(), mixed.Canonical(), same); diff != "" {
			t.Errorf("seed %d:\n%s", seed, diff)
		}
		if !slices.Equal(before, mixed.Rules) {
			t.Error("the argument was sorted")
		}
		if !cmp.Equal(state(), mixed, same) {
			shuffles++
		}
	}
	if shuffles < 15 {
		t.Errorf("only %d orders differed", shuffles)
	}
}

func swapper[T any](s []T) func(i, j int) {
	return func(i, j int) { s[i], s[j] = s[j], s[i] }
}

func TestOursIsKnownByNumbers(t *testing.T) {
	rules := map[uint32]bool{0: false, 873: false, 874: true, 875: true, 876: true, 877: true, 879: true, 881: true, 882: false, 32766: false}
	for priority, ours := range rules {
		if got := (netstate.Rule{Priority: priority}).Ours(); got != ours {
			t.Errorf("rule %d is ours: %v", priority, got)
		}
	}
	routes := []struct {
		route netstate.Route
		ours  bool
	}{
		{netstate.Route{Table: 254}, false},
		{netstate.Route{Table: 254, Protocol: 3}, false},
		{netstate.Route{Table: 254, Protocol: netstate.RouteProtocol}, true},
		{netstate.Route{Table: netstate.CameraTable, Protocol: 3}, true},
		{netstate.Route{Table: netstate.ShutTable}, true},
		{netstate.Route{Table: 884}, false},
		{netstate.Route{Table: netstate.FirstPeerTable}, true},
		{netstate.Route{Table: netstate.LastPeerTable}, true},
		{netstate.Route{Table: netstate.LastPeerTable + 1}, false},
	}
	for _, c := range routes {
		if got := c.route.Ours(); got != c.ours {
			t.Errorf("%+v is ours: %v", c.route, got)
		}
	}
	if !(netstate.Address{Protocol: netstate.RouteProtocol}).Ours() || (netstate.Address{Protocol: 3}).Ours() {
		t.Error("an address is ours by its protocol")
	}
	if !(netstate.Link{Group: netstate.GovernedGroup}).Governed() || (netstate.Link{Group: 1}).Governed() {
		t.Error("a link is governed by its group")
	}
}

func TestWhatOpens(t *testing.T) {
	rules := []struct {
		rule  netstate.Rule
		opens bool
	}{
		{netstate.Rule{Priority: 877, Table: netstate.MainTable}, true},
		{netstate.Rule{Priority: 879, Table: netstate.CameraTable}, true},
		{netstate.Rule{Priority: 880, Table: netstate.FirstPeerTable}, false},
		{netstate.Rule{Priority: 880, Table: netstate.MainTable}, true},
		{netstate.Rule{Priority: 881, Table: netstate.ShutTable}, false},
		{netstate.Rule{Priority: 881, Action: netstate.RuleBlackhole}, false},
		{netstate.Rule{Priority: 878, Action: netstate.RuleBlackhole}, false},
	}
	for _, c := range rules {
		if got := c.rule.Opens(); got != c.opens {
			t.Errorf("%s opens: %v", c.rule, got)
		}
	}
	shut := 0
	for kind := netstate.Unicast; kind <= netstate.Throw; kind++ {
		if !(netstate.Route{Type: kind}).Opens() {
			shut++
		}
	}
	if shut != 3 {
		t.Errorf("%d types of route refuse", shut)
	}
}

func TestFamilies(t *testing.T) {
	if netstate.FamilyOf(addr("10.0.0.1")) != netstate.IPv4 || netstate.FamilyOf(addr("fe80::1")) != netstate.IPv6 {
		t.Error("families of addresses")
	}
	if netstate.IPv4.All() != prefix("0.0.0.0/0") || netstate.IPv6.All() != prefix("::/0") {
		t.Error("prefixes that hold everything")
	}
}
