package kernel_test

import (
	"testing"

	"github.com/vishvananda/netlink"

	"cordon/gateway/kernel"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/policy"
)

// goal is the machine of wanted with cam0 up, and a packet filter of one table.
func goal(live netstate.State) netstate.State {
	w := wanted(live, 20)
	w.Tables = []wire.Table{{Family: ruleset.Inet, Name: "cordon"}}
	return w
}

// kept is a way back that has been on disk.
func kept(t *testing.T, p plan.Plan) plan.Back {
	t.Helper()
	content, err := p.Back(0).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var way plan.Back
	if err := way.UnmarshalBinary(content); err != nil {
		t.Fatal(err)
	}
	return way
}

// damage is what may have happened to a machine between a change and its way back.
type damage struct {
	name string
	do   func(t *testing.T, k *kernel.Kernel, changed plan.Plan)
}

func damages() []damage {
	link := func(t *testing.T, act func(netlink.Link) error) {
		t.Helper()
		l, err := netlink.LinkByName("cam0")
		if err != nil {
			t.Fatal(err)
		}
		if err := act(l); err != nil {
			t.Fatal(err)
		}
	}
	return []damage{
		{"nothing", func(*testing.T, *kernel.Kernel, plan.Plan) {}},
		{"the interface went down and up", func(t *testing.T, _ *kernel.Kernel, _ plan.Plan) {
			t.Helper()
			link(t, netlink.LinkSetDown)
			link(t, netlink.LinkSetUp)
		}},
		{"the rules are gone", func(t *testing.T, _ *kernel.Kernel, _ plan.Plan) {
			t.Helper()
			r := netlink.NewRule()
			r.Priority, r.Table, r.IifName = 880, 880, "cam0"
			if err := netlink.RuleDel(r); err != nil {
				t.Fatal(err)
			}
		}},
		{"it was taken back already", func(t *testing.T, k *kernel.Kernel, changed plan.Plan) {
			t.Helper()
			way := changed.Back(0)
			now := reading(t, k)
			if _, err := k.Apply(t.Context(), way.Plan(now.State, now.Generation, 0), nobody, content); err != nil {
				t.Fatal(err)
			}
		}},
	}
}

// TestBack changes a machine whose interface was down, and takes it back from wherever it has come to since.
func TestBack(t *testing.T) {
	tried := 0
	for _, d := range damages() {
		t.Run(d.name, func(t *testing.T) {
			k := machine(t)
			l, err := netlink.LinkByName("cam0")
			if err != nil {
				t.Fatal(err)
			}
			if err := netlink.LinkSetDown(l); err != nil {
				t.Fatal(err)
			}
			before := reading(t, k)
			changed := plan.Between(policy.Policy{}, before.State, goal(before.State), before.Generation)
			way := kept(t, changed)
			if _, err := k.Apply(t.Context(), changed, nobody, content); err != nil {
				t.Fatal(err)
			}
			if difference(before.State, reading(t, k).State) == "" {
				t.Fatal("control: the change changed nothing")
			}
			d.do(t, k, changed)
			now := reading(t, k)
			if _, err := k.Apply(t.Context(), way.Plan(now.State, now.Generation, 0), nobody, content); err != nil {
				t.Fatal(err)
			}
			after := reading(t, k)
			if diff := difference(before.State, after.State); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
			if p := way.Plan(after.State, after.Generation, 0); !p.Empty() {
				t.Errorf("there is more to take back: %v", p.Changes)
			}
		})
		tried++
	}
	if tried != 4 {
		t.Errorf("%d damages tried", tried)
	}
}
