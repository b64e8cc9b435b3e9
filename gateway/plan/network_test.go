package plan_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/policy"
)

const ours = netstate.RouteProtocol

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// site is a small gateway as it is wanted: a camera interface and a recorder behind lan0.
func site() netstate.State {
	mac := policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}
	return netstate.State{
		Links: []netstate.Link{{Name: "cam0", Up: true, Group: netstate.GovernedGroup}, {Name: "lan0", Up: true}},
		Addresses: []netstate.Address{
			{Interface: "cam0", Prefix: prefix("10.30.0.1/24"), Protocol: ours},
			{Interface: "lan0", Prefix: prefix("10.40.0.1/24"), Protocol: ours},
		},
		Routes: []netstate.Route{
			{Table: 88001, Destination: prefix("0.0.0.0/0"), Type: netstate.Blackhole, Metric: 9, Protocol: ours},
			{Table: 88001, Destination: prefix("10.40.0.10/32"), Interface: "lan0", Protocol: ours},
			{Table: netstate.CameraTable, Destination: prefix("10.30.0.0/24"), Interface: "cam0", Protocol: ours},
			{Table: netstate.CameraTable, Destination: prefix("10.31.0.0/24"), Interface: "cam0", Via: addr("10.30.0.2"), Protocol: ours},
			{Table: netstate.ShutTable, Destination: prefix("10.30.0.0/24"), Type: netstate.Blackhole, Metric: 9, Protocol: ours},
		},
		Rules: []netstate.Rule{
			{Family: 4, Priority: 877, IIF: "cam0", To: prefix("192.0.2.7/32"), Protocol: policy.TCP, Table: netstate.MainTable},
			{Family: 4, Priority: 879, IIF: "lan0", From: prefix("10.40.0.10/32"), To: prefix("10.30.0.0/24"), Table: 881},
			{Family: 4, Priority: 880, IIF: "cam0", Table: 88001},
			{Family: 4, Priority: 881, Table: netstate.ShutTable},
		},
		Neighbours: []netstate.Neighbour{{Interface: "cam0", Address: addr("10.30.0.11"), MAC: mac}},
		Sysctls: []netstate.Sysctl{
			{Name: "net/ipv4/ip_forward", Value: "1"},
			{Name: "net/ipv4/conf/cam0/rp_filter", Value: "1"},
			{Name: "net/ipv4/conf/all/rp_filter", Value: "1"},
			{Name: "net/ipv4/conf/all/accept_redirects", Value: "0"},
			{Name: "net/ipv6/conf/cam0/disable_ipv6", Value: "1"},
			{Name: "net/ipv6/conf/all/forwarding", Value: "0"},
		},
	}
}

// bare is the same machine before Cordon: interfaces down, settings as the kernel has them, another program's rule and routes.
func bare() netstate.State {
	return netstate.State{
		Links: []netstate.Link{{Name: "lo", Up: true}, {Name: "cam0", Index: 2}, {Name: "lan0", Index: 3, Group: 5, Up: true}},
		Routes: []netstate.Route{
			{Table: netstate.MainTable, Destination: prefix("0.0.0.0/0"), Via: addr("192.0.2.1"), Interface: "lan0", Protocol: 3},
		},
		Rules: []netstate.Rule{
			{Family: 4, Priority: 32766, Table: netstate.MainTable},
			{Family: 4, Priority: 5209, Mark: 1, Mask: 1, Table: 52},
		},
		Sysctls: []netstate.Sysctl{
			{Name: "net/ipv4/ip_forward", Value: "0"},
			{Name: "net/ipv4/conf/cam0/rp_filter", Value: "0"},
			{Name: "net/ipv4/conf/all/rp_filter", Value: "0"},
			{Name: "net/ipv4/conf/all/accept_redirects", Value: "1"},
			{Name: "net/ipv6/conf/cam0/disable_ipv6", Value: "0"},
			{Name: "net/ipv6/conf/all/forwarding", Value: "1"},
		},
	}
}

func text(steps []plan.Step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.String() + "\n")
	}
	return b.String()
}

func whole(n plan.Network) string {
	return "tighten\n" + text(n.Tighten) + "loosen\n" + text(n.Loosen) + "forward\n" + text(n.Forward)
}

func TestColdStartInOrder(t *testing.T) {
	const wanted = `tighten
change net/ipv4/conf/all/accept_redirects=0
change net/ipv6/conf/all/forwarding=0
change net/ipv4/conf/all/accept_redirects=0
change net/ipv4/conf/all/rp_filter=1
change net/ipv6/conf/cam0/disable_ipv6=1
change net/ipv4/conf/cam0/rp_filter=1
change dev cam0 group 67
add blackhole 10.30.0.0/24 metric 9 table 883 proto 67
add blackhole default metric 9 table 88001 proto 67
add pref 880 from all iif cam0 lookup 88001
add pref 881 from all lookup 883
loosen
change dev cam0 group 67 up
add 10.30.0.1/24 dev cam0
add 10.40.0.1/24 dev lan0
add 10.30.0.0/24 dev cam0 table 881 proto 67
add 10.40.0.10 dev lan0 table 88001 proto 67
add 10.31.0.0/24 via 10.30.0.2 dev cam0 table 881 proto 67
add pref 877 from all to 192.0.2.7 iif cam0 ipproto tcp lookup 254
add pref 879 from 10.40.0.10 to 10.30.0.0/24 iif lan0 lookup 881
add 10.30.0.11 lladdr 44:19:b6:00:00:01 dev cam0
forward
change net/ipv4/conf/all/accept_redirects=0
change net/ipv4/ip_forward=1
change net/ipv4/conf/all/accept_redirects=0
`
	if diff := cmp.Diff(wanted, whole(plan.NetworkBetween(bare(), site()))); diff != "" {
		t.Errorf("-wanted +planned:\n%s", diff)
	}
}

// When the policy is gone everything of ours goes, what opens first; what others made stays, and so do settings.
func TestEndInOrder(t *testing.T) {
	const wanted = `tighten
remove pref 877 from all to 192.0.2.7 iif cam0 ipproto tcp lookup 254
remove pref 879 from 10.40.0.10 to 10.30.0.0/24 iif lan0 lookup 881
remove 10.30.0.0/24 dev cam0 table 881 proto 67
remove 10.31.0.0/24 via 10.30.0.2 dev cam0 table 881 proto 67
remove 10.40.0.10 dev lan0 table 88001 proto 67
remove 10.30.0.11 lladdr 44:19:b6:00:00:01 dev cam0
remove 10.30.0.1/24 dev cam0
remove 10.40.0.1/24 dev lan0
loosen
remove pref 880 from all iif cam0 lookup 88001
remove pref 881 from all lookup 883
remove blackhole 10.30.0.0/24 metric 9 table 883 proto 67
remove blackhole default metric 9 table 88001 proto 67
change dev cam0 group 0 up
forward
`
	live := done(bare(), plan.NetworkBetween(bare(), site()))
	planned := plan.NetworkBetween(live, netstate.State{})
	if diff := cmp.Diff(wanted, whole(planned)); diff != "" {
		t.Errorf("-wanted +planned:\n%s", diff)
	}
}

// done is a model of the kernel that takes every step: enough to see that a second plan is empty.
func done(live netstate.State, n plan.Network) netstate.State {
	for _, step := range slices.Concat(n.Tighten, n.Loosen, n.Forward) {
		live = apply(live, step)
	}
	return live
}

func apply(live netstate.State, step plan.Step) netstate.State {
	switch o := step.Object.(type) {
	case netstate.Link:
		live.Links = take(live.Links, step, o)
	case netstate.Address:
		live.Addresses = take(live.Addresses, step, o)
	case netstate.Route:
		live.Routes = take(live.Routes, step, o)
	case netstate.Rule:
		live.Rules = take(live.Rules, step, o)
	case netstate.Neighbour:
		live.Neighbours = take(live.Neighbours, step, o)
	case netstate.Sysctl:
		live.Sysctls = slices.Clone(live.Sysctls)
		for i, s := range live.Sysctls {
			if s.Name == o.Name {
				live.Sysctls[i] = o
			}
		}
	}
	return live.Canonical()
}

func take[T interface {
	comparable
	netstate.Object
}](values []T, step plan.Step, object T) []T {
	gone := object
	if before, ok := step.Before.(T); ok {
		gone = before
	}
	values = slices.Clone(values)
	if step.Action != plan.Add {
		if i := slices.Index(values, gone); i >= 0 {
			values = slices.Delete(values, i, i+1)
		}
	}
	if step.Action != plan.Remove {
		values = append(values, object)
	}
	return values
}

func TestSecondPlanIsEmpty(t *testing.T) {
	first := plan.NetworkBetween(bare(), site())
	if first.Empty() {
		t.Fatal("the first plan is empty")
	}
	if second := plan.NetworkBetween(done(bare(), first), site()); !second.Empty() {
		t.Errorf("after the first plan there is left:\n%s", whole(second))
	}
}

func TestUndoLeadsBack(t *testing.T) {
	n := plan.NetworkBetween(bare(), site())
	steps := slices.Concat(n.Tighten, n.Loosen, n.Forward)
	for reached := range len(steps) + 1 {
		state := bare().Canonical()
		for _, s := range steps[:reached] {
			state = apply(state, s)
		}
		for _, s := range slices.Backward(steps[:reached]) {
			state = apply(state, s.Undo())
		}
		if diff := cmp.Diff(bare().Canonical(), state, identical()); diff != "" {
			t.Fatalf("undone after %d steps:\n%s", reached, diff)
		}
	}
	if len(steps) < 20 {
		t.Errorf("only %d steps", len(steps))
	}
}

func identical() cmp.Option {
	return cmp.Options{
		cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	}
}

// warm is something that differs between a gateway that holds its policy and what is wanted next, and the plan that follows.
type warm struct {
	name   string
	change func(live, wanted *netstate.State)
	plan   string
}

func warmChanges() []warm {
	return []warm{
		{"nothing", func(_, _ *netstate.State) {}, "tighten\nloosen\nforward\n"},
		{
			"a rule that opens goes", func(_, wanted *netstate.State) { wanted.Rules = wanted.Rules[1:] },
			"tighten\nremove pref 877 from all to 192.0.2.7 iif cam0 ipproto tcp lookup 254\nloosen\nforward\n",
		},
		{
			"a rule that shuts goes", func(_, wanted *netstate.State) { wanted.Rules = wanted.Rules[:3] },
			"tighten\nloosen\nremove pref 881 from all lookup 883\nforward\n",
		},
		{"somebody opens at the preference that shuts", func(live, _ *netstate.State) {
			live.Rules = append(live.Rules, netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", Table: netstate.MainTable})
		}, "tighten\nremove pref 880 from all iif cam0 lookup 254\nloosen\nforward\n"},
		{
			"a rule that stands twice", func(live, _ *netstate.State) { live.Rules = append(live.Rules, live.Rules[0]) },
			"tighten\nremove pref 877 from all to 192.0.2.7 iif cam0 ipproto tcp lookup 254\nloosen\nforward\n",
		},
		{
			"a rule that says something else besides", func(live, _ *netstate.State) { live.Rules[2].Other = "not" },
			"tighten\nadd pref 880 from all iif cam0 lookup 88001\nloosen\nremove pref 880 from all iif cam0 not lookup 88001\nforward\n",
		},
		{"a route into our table by somebody else", func(live, _ *netstate.State) {
			live.Routes = append(live.Routes, netstate.Route{Table: 88001, Destination: prefix("0.0.0.0/0"), Interface: "lan0", Protocol: 3})
		}, "tighten\nremove default dev lan0 table 88001 proto 3\nloosen\nforward\n"},
		{"the blackhole is somebody's open route", func(live, _ *netstate.State) {
			i := slices.IndexFunc(live.Routes, func(r netstate.Route) bool { return r.Table == 88001 && r.Destination.Bits() == 0 })
			live.Routes[i].Type, live.Routes[i].Interface = netstate.Unicast, "lan0"
		}, "tighten\nchange blackhole default metric 9 table 88001 proto 67\nloosen\nforward\n"},
		{"an equal route of another program", func(live, _ *netstate.State) {
			i := slices.IndexFunc(live.Routes, func(r netstate.Route) bool { return r.Via == addr("10.30.0.2") })
			live.Routes[i].Protocol = 3
		}, "tighten\nloosen\nforward\n"},
		{
			"another metric", func(_, wanted *netstate.State) { wanted.Routes[1].Metric = 5 },
			"tighten\nremove 10.40.0.10 dev lan0 table 88001 proto 67\nloosen\nadd 10.40.0.10 dev lan0 metric 5 table 88001 proto 67\nforward\n",
		},
		{
			"a camera is replaced", func(_, wanted *netstate.State) { wanted.Neighbours[0].MAC[5] = 2 },
			"tighten\nloosen\nchange 10.30.0.11 lladdr 44:19:b6:00:00:02 dev cam0\nforward\n",
		},
		{"others' neighbours stay", func(live, _ *netstate.State) {
			live.Neighbours = append(live.Neighbours, netstate.Neighbour{Interface: "lan0", Address: addr("10.40.0.99")},
				netstate.Neighbour{Interface: "cam0", Address: addr("10.30.0.99")})
		}, "tighten\nremove 10.30.0.99 lladdr 00:00:00:00:00:00 dev cam0\nloosen\nforward\n"},
		{"addresses that somebody else gave stay, and serve", func(live, _ *netstate.State) {
			live.Addresses[0].Protocol = 0
			live.Addresses = append(live.Addresses, netstate.Address{Interface: "cam0", Prefix: prefix("10.99.0.1/24")})
		}, "tighten\nloosen\nforward\n"},
		{"an old address of ours", func(live, _ *netstate.State) {
			live.Addresses = append(live.Addresses, netstate.Address{Interface: "cam0", Prefix: prefix("10.99.0.1/24"), Protocol: ours})
		}, "tighten\nremove 10.99.0.1/24 dev cam0\nloosen\nforward\n"},
		{"down and up again", func(live, _ *netstate.State) {
			live.Links = slices.Clone(live.Links)
			live.Links[0].Up = false
			live.Neighbours = nil
		}, "tighten\nloosen\nchange dev cam0 group 67 up\nadd 10.30.0.11 lladdr 44:19:b6:00:00:01 dev cam0\nforward\n"},
		{"forwarding switched off behind our back", func(live, _ *netstate.State) {
			live.Sysctls = set(live.Sysctls, "net/ipv4/ip_forward", "0")
		}, "tighten\nloosen\nforward\nchange net/ipv4/conf/all/accept_redirects=0\nchange net/ipv4/ip_forward=1\n" +
			"change net/ipv4/conf/all/accept_redirects=0\n"},
		{
			"every rule of ours gone", func(live, wanted *netstate.State) { live.Rules, wanted.Rules = live.Rules[4:], wanted.Rules[2:3] },
			"tighten\nadd pref 880 from all iif cam0 lookup 88001\nloosen\nforward\n",
		},
	}
}

func TestWarmChanges(t *testing.T) {
	cases := warmChanges()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			live, wanted := done(bare(), plan.NetworkBetween(bare(), site())), site()
			c.change(&live, &wanted)
			if diff := cmp.Diff(c.plan, whole(plan.NetworkBetween(live, wanted))); diff != "" {
				t.Errorf("-wanted +planned:\n%s", diff)
			}
		})
	}
	if len(cases) != 17 {
		t.Errorf("%d changes tried", len(cases))
	}
}

// TestLeavesThePolicy: an interface that is named no more gets what every interface begins with, before its group goes; what it never had,
// what is the same, and what belongs to others stays.
func TestLeavesThePolicy(t *testing.T) {
	live, wanted := done(bare(), plan.NetworkBetween(bare(), site())), site()
	want := "tighten\nremove 10.30.0.0/24 dev cam0 table 881 proto 67\nremove 10.31.0.0/24 via 10.30.0.2 dev cam0 table 881 proto 67\n" +
		"remove 10.30.0.11 lladdr 44:19:b6:00:00:01 dev cam0\nremove 10.30.0.1/24 dev cam0\nloosen\n" +
		"change net/ipv4/conf/cam0/arp_ignore=0\nchange net/ipv4/conf/cam0/rp_filter=0\nchange dev cam0 group 0 up\nforward\n"
	wanted = without(wanted, "cam0")
	live.Sysctls = slices.Concat(live.Sysctls, []netstate.Sysctl{
		{Name: "net/ipv4/conf/cam0/arp_ignore", Value: "2"},
		{Name: "net/ipv4/conf/default/arp_ignore", Value: "0"},
		{Name: "net/ipv4/conf/default/rp_filter", Value: "0"},
		{Name: "net/ipv4/conf/lan0/arp_ignore", Value: "1"},
		{Name: "net/ipv4/conf/cam0/arp_accept", Value: "0"},
		{Name: "net/ipv4/conf/default/arp_accept", Value: "0"},
		{Name: "net/ipv6/conf/cam0/seg6_enabled", Missing: true},
		{Name: "net/ipv6/conf/default/seg6_enabled", Value: "1"},
	})
	if diff := cmp.Diff(want, whole(plan.NetworkBetween(live, wanted))); diff != "" {
		t.Errorf("-wanted +planned:\n%s", diff)
	}
}

// without is a state that names an interface no more.
func without(s netstate.State, name string) netstate.State {
	s.Links = slices.DeleteFunc(slices.Clone(s.Links), func(l netstate.Link) bool { return l.Name == name })
	s.Addresses = slices.DeleteFunc(slices.Clone(s.Addresses), func(a netstate.Address) bool { return a.Interface == name })
	s.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(r netstate.Route) bool { return r.Interface == name })
	s.Neighbours = slices.DeleteFunc(slices.Clone(s.Neighbours), func(e netstate.Neighbour) bool { return e.Interface == name })
	s.Sysctls = slices.DeleteFunc(slices.Clone(s.Sysctls), func(v netstate.Sysctl) bool { return strings.Contains(v.Name, "/"+name+"/") })
	return s
}

func set(settings []netstate.Sysctl, name, value string) []netstate.Sysctl {
	settings = slices.Clone(settings)
	for i, s := range settings {
		if s.Name == name {
			settings[i].Value = value
		}
	}
	return settings
}

// An interface that is not there yet keeps nothing else from being locked; its rules stand by name and wait for it.
func TestAbsentInterfaceIsNamed(t *testing.T) {
	live, wanted := bare(), site()
	live.Links = slices.DeleteFunc(live.Links, func(l netstate.Link) bool { return l.Name == "cam0" })
	live.Sysctls = slices.DeleteFunc(live.Sysctls, func(s netstate.Sysctl) bool { return strings.Contains(s.Name, "cam0") })
	n := plan.NetworkBetween(live, wanted)
	if !slices.Equal(n.Absent, []string{"cam0"}) || len(n.Missing) != 0 {
		t.Errorf("absent %v, missing %v", n.Absent, n.Missing)
	}
	planned := whole(n)
	for _, never := range []string{"dev cam0", "conf/cam0"} {
		if strings.Contains(planned, never) {
			t.Errorf("%q is planned:\n%s", never, planned)
		}
	}
	for _, still := range []string{"pref 880 from all iif cam0", "pref 881", "blackhole default", "dev lan0"} {
		if !strings.Contains(planned, still) {
			t.Errorf("%q is not planned:\n%s", still, planned)
		}
	}
	if present := plan.NetworkBetween(bare(), wanted); len(present.Absent) != 0 {
		t.Errorf("control: absent %v", present.Absent)
	}
}

func TestMissingSettingIsNamed(t *testing.T) {
	live := bare()
	for i, s := range live.Sysctls {
		if strings.HasPrefix(s.Name, "net/ipv6/") {
			live.Sysctls[i] = netstate.Sysctl{Name: s.Name, Missing: true}
		}
	}
	n := plan.NetworkBetween(live, site())
	if len(n.Missing) != 2 || strings.Contains(whole(n), "ipv6") {
		t.Errorf("missing %v, plan:\n%s", n.Missing, whole(n))
	}
}

// Whatever is live and whatever is wanted: the plan reaches it, the next plan is empty, and nothing foreign is touched.
func TestAnyPlanIsReached(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		live, wanted := anyState(t, "live", 0), anyState(t, "wanted", ours)
		n := plan.NetworkBetween(live, wanted)
		after := done(live.Canonical(), n)
		if again := plan.NetworkBetween(after, wanted); !again.Empty() {
			t.Fatalf("left over:\n%s", whole(again))
		}
		for _, s := range slices.Concat(n.Tighten, n.Loosen) {
			if r, ok := s.Object.(netstate.Rule); ok && s.Action == plan.Remove && !r.Ours() {
				t.Fatalf("a foreign rule is removed: %s", r)
			}
		}
		for _, s := range n.Tighten {
			if r, ok := s.Object.(netstate.Rule); ok && r.Opens() != (s.Action == plan.Remove) {
				t.Fatalf("to tighten: %s", s)
			}
		}
	})
}

func anyState(t *rapid.T, label string, protocol uint8) netstate.State {
	links := []string{"cam0", "lan0"}
	state := netstate.State{Links: []netstate.Link{{Name: "cam0", Up: true}, {Name: "lan0", Up: true}}}
	priorities := []uint32{100, 877, 879, 880, 881}
	tables := []uint32{netstate.CameraTable, netstate.ShutTable, 88001}
	prefixes := []string{"10.30.0.0/24", "10.40.0.0/24", "0.0.0.0/0"}
	for range rapid.IntRange(0, 6).Draw(t, label+" rules") {
		r := netstate.Rule{
			Family: 4, Priority: rapid.SampledFrom(priorities).Draw(t, "priority"), IIF: rapid.SampledFrom(links).Draw(t, "iif"),
			Table: rapid.SampledFrom(append(tables, netstate.MainTable)).Draw(t, "table"),
		}
		if protocol == 0 || (r.Ours() && !slices.Contains(state.Rules, r)) {
			state.Rules = append(state.Rules, r)
		}
	}
	seen := map[string]bool{}
	for range rapid.IntRange(0, 6).Draw(t, label+" routes") {
		r := netstate.Route{
			Table: rapid.SampledFrom(tables).Draw(t, "table"), Destination: prefix(rapid.SampledFrom(prefixes).Draw(t, "to")),
			Metric: rapid.Uint32Range(1, 2).Draw(t, "metric"), Protocol: protocol, Type: netstate.Blackhole,
		}
		key := netstate.Route{Table: r.Table, Destination: r.Destination, Metric: r.Metric}.String()
		if rapid.Bool().Draw(t, "open") {
			r.Type, r.Interface = netstate.Unicast, rapid.SampledFrom(links).Draw(t, "dev")
		}
		if !seen[key] {
			seen[key], state.Routes = true, append(state.Routes, r)
		}
	}
	return state
}
