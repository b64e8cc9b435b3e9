package plan

import (
	"slices"
	"testing"

	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/policy"
)

// TestAbsentHooksWait holds that a chain is bound to the interfaces that are there and to those that the plan makes, that one without any
// is left out, and that a live chain which names them all is let be.
func TestAbsentHooksWait(t *testing.T) {
	table := func(devices ...string) []wire.Table {
		return []wire.Table{{Family: ruleset.Netdev, Name: "cordon", Chains: []wire.Chain{
			{Name: "judge"}, {Name: "ingress", Hook: &wire.Hook{Type: "filter", Devices: devices}},
		}}}
	}
	for _, c := range []struct {
		name         string
		live         []wire.Table
		fresh        []string
		want, absent []string
	}{
		{"one is there", nil, nil, []string{"cam0"}, []string{"cam1"}},
		{"one is made", nil, []string{"cam1"}, []string{"cam0", "cam1"}, nil},
		{"the chain lost it", table("cam0"), nil, []string{"cam0"}, []string{"cam1"}},
		{"the chain still names it", table("cam1", "cam0"), nil, []string{"cam0", "cam1"}, []string{"cam1"}},
	} {
		live := netstate.State{Links: []netstate.Link{{Name: "cam0"}}, Tables: c.live}
		tables, absent := bound(live, table("cam0", "cam1"), Network{Fresh: c.fresh})
		hook := tables[0].Chain("ingress").Hook
		if !slices.Equal(hook.Devices, c.want) || !slices.Equal(absent, c.absent) || len(tables[0].Chains) != 2 {
			t.Errorf("%s: bound to %v, absent %v", c.name, hook.Devices, absent)
		}
	}
	tables, absent := bound(netstate.State{}, table("cam0"), Network{Absent: []string{"cam0"}})
	if tables[0].Chain("ingress") != nil || tables[0].Chain("judge") == nil || !slices.Equal(absent, []string{"cam0"}) {
		t.Errorf("without any: %+v, absent %v", tables[0].Chains, absent)
	}
}

// TestStrangeInterfaceKeepsItsGroup holds that an interface which carries our group and that no policy knows keeps it as long as a
// governed one is missing, since it may be that one. The control is the same with nothing missing.
func TestStrangeInterfaceKeepsItsGroup(t *testing.T) {
	strange := netstate.Link{Name: "strange0", Group: netstate.GovernedGroup}
	wanted := netstate.State{Links: []netstate.Link{{Name: "cam0", Group: netstate.GovernedGroup}}}
	missing := NetworkBetween(netstate.State{Links: []netstate.Link{strange}}, wanted)
	if !missing.Empty() || !slices.Equal(missing.Absent, []string{"cam0"}) {
		t.Errorf("cam0 is missing: %+v", missing)
	}
	there := netstate.State{Links: []netstate.Link{strange, wanted.Links[0]}}
	if whole := NetworkBetween(there, wanted); len(whole.Loosen) != 1 {
		t.Errorf("control: nothing is missing: %+v", whole)
	}
}

// TestOrderOfTablesIsNoChange holds that tables which the kernel lists in another order say the same of what a policy names.
func TestOrderOfTablesIsNoChange(t *testing.T) {
	set := func(family ruleset.Family, key string) wire.Table {
		comment := "\x00\x0cf0:1 camera.c\x00" // libnftnl: type, length, text
		return wire.Table{Family: family, Name: "cordon", Sets: []wire.Set{
			{Name: "devices4", Elements: []wire.Element{{Key: key, Userdata: comment}}},
		}}
	}
	one, other := set(ruleset.Inet, "a"), set(ruleset.Netdev, "b")
	if got := named(policy.Policy{}, []wire.Table{other, one}, []wire.Table{one, other}); len(got) != 0 {
		t.Errorf("another order is %+v", got)
	}
	if got := named(policy.Policy{}, []wire.Table{one}, []wire.Table{one, other}); len(got) != 1 {
		t.Errorf("control: another table is %+v", got)
	}
}
