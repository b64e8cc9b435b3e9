package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/netstate"
	"cordon/gateway/plan"
)

// onTrunk wants cameras on VLAN 30 of a trunk.
func onTrunk() netstate.State {
	return netstate.State{
		Links: []netstate.Link{
			{Name: "eth1", Up: true},
			{Name: "eth1.30", Kind: netstate.VLANKind, Parent: "eth1", VLAN: 30, Group: netstate.GovernedGroup, Up: true},
		},
		Addresses: []netstate.Address{{Interface: "eth1.30", Prefix: prefix("10.30.0.1/24"), Protocol: ours}},
		Sysctls: []netstate.Sysctl{
			{Name: "net/ipv4/conf/eth1.30/rp_filter", Value: "1"}, {Name: "net/ipv6/conf/eth1.30/disable_ipv6", Value: "1"},
		},
	}
}

// trunkOnly is a machine that has the trunk and nothing on it, and a kernel without one of the settings.
func trunkOnly(links ...netstate.Link) netstate.State {
	return netstate.State{
		Links: append([]netstate.Link{{Name: "eth1", Index: 2, Up: true}}, links...),
		Sysctls: []netstate.Sysctl{
			{Name: "net/ipv4/conf/default/rp_filter", Value: "0"},
			{Name: "net/ipv6/conf/default/disable_ipv6", Missing: true},
			{Name: "net/ipv4/conf/eth1.30/rp_filter", Missing: true},
			{Name: "net/ipv6/conf/eth1.30/disable_ipv6", Missing: true},
		},
	}
}

func TestLinksThatAreMade(t *testing.T) {
	vlan := netstate.Link{Name: "eth1.30", Index: 9, Kind: netstate.VLANKind, Parent: "eth1", VLAN: 30, Alias: netstate.LinkAlias}
	other, foreign, gone := vlan, vlan, vlan
	other.VLAN = 31
	foreign.Alias, foreign.VLAN = "", 31
	gone.Name, gone.VLAN = "eth1.50", 50
	const made = "add dev eth1.30 link eth1 type vlan id 30 group 67\nchange net/ipv4/conf/eth1.30/rp_filter=1\n" +
		"loosen\nchange dev eth1.30 link eth1 type vlan id 30 group 67 up\nadd 10.30.0.1/24 dev eth1.30\n"
	cases := []struct {
		name             string
		live             netstate.State
		plan             string
		absent, occupied []string
	}{
		{name: "it is not there", live: trunkOnly(), plan: "tighten\n" + made + "forward\n"},
		{
			name: "it is ours and another", live: trunkOnly(other),
			plan: "tighten\nremove dev eth1.30 link eth1 type vlan id 31 group 0\n" + made + "forward\n",
		},
		{
			name: "one of ours that nobody wants", live: trunkOnly(gone),
			plan: "tighten\n" + made + "remove dev eth1.50 link eth1 type vlan id 50 group 0\nforward\n",
		},
		{name: "somebody else's in the way", live: trunkOnly(foreign), occupied: []string{"eth1.30"}},
		{name: "no trunk", live: netstate.State{}, plan: "tighten\nloosen\nforward\n", absent: []string{"eth1"}},
	}
	for _, c := range cases {
		n := plan.NetworkBetween(c.live, onTrunk())
		var occupied []string
		for _, l := range n.Occupied {
			occupied = append(occupied, l.Name)
		}
		if !slices.Equal(n.Absent, c.absent) || !slices.Equal(occupied, c.occupied) {
			t.Errorf("%s: absent %v, occupied %v", c.name, n.Absent, occupied)
		}
		if diff := cmp.Diff(c.plan, whole(n)); c.plan != "" && diff != "" {
			t.Errorf("%s: -wanted +planned:\n%s", c.name, diff)
		}
	}
	if len(cases) != 5 {
		t.Errorf("%d cases", len(cases))
	}
}

func TestPortsOfABridge(t *testing.T) {
	bridge := netstate.Link{Name: "br", Kind: netstate.BridgeKind, Up: true}
	wanted := netstate.State{Links: []netstate.Link{bridge, {Name: "p1", Master: "br", Isolated: true, Up: true}}}
	there := bridge
	there.Alias = netstate.LinkAlias
	cases := []struct {
		name string
		live []netstate.Link
		plan string
	}{
		{
			"everything is to be made",
			[]netstate.Link{{Name: "p1"}},
			"tighten\nadd dev br type bridge vlan_filtering 0 mcast_snooping 0 group 0\n" +
				"loosen\nchange dev p1 master br isolated on group 0\nchange dev br type bridge vlan_filtering 0 mcast_snooping 0 group 0 up\n" +
				"change dev p1 group 0 up\nforward\n",
		},
		{"it is as it should be", []netstate.Link{there, {Name: "p1", Master: "br", Isolated: true, Up: true}}, "tighten\nloosen\nforward\n"},
		{
			"no longer isolated",
			[]netstate.Link{there, {Name: "p1", Master: "br", Up: true}},
			"tighten\nloosen\nchange dev p1 master br isolated on group 0 up\nforward\n",
		},
		{
			"unplugged",
			[]netstate.Link{there, {Name: "p1", Up: true}},
			"tighten\nloosen\nchange dev p1 master br isolated on group 0 up\nforward\n",
		},
		{
			"a stranger's port",
			[]netstate.Link{there, {Name: "p1", Master: "br", Isolated: true, Up: true}, {Name: "p2", Master: "br", Up: true}},
			"tighten\nchange dev p2 group 0 up\nloosen\nforward\n",
		},
		{"a bridge that looks at tags", []netstate.Link{
			{Name: "br", Kind: netstate.BridgeKind, Up: true, Filtering: true}, {Name: "p1", Master: "br", Isolated: true, Up: true},
		}, "tighten\nloosen\nchange dev br type bridge vlan_filtering 0 mcast_snooping 0 group 0 up\nforward\n"},
	}
	for _, c := range cases {
		n := plan.NetworkBetween(netstate.State{Links: c.live}, wanted)
		if diff := cmp.Diff(c.plan, whole(n)); diff != "" {
			t.Errorf("%s: -wanted +planned:\n%s", c.name, diff)
		}
	}
	if len(cases) != 6 {
		t.Errorf("%d cases", len(cases))
	}
}
