package kernel_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/gateway/wire"
	"cordon/policy"
)

// deleteTables deletes what is ours of the packet filter, as somebody else.
func deleteTables(t *testing.T) {
	t.Helper()
	conn, err := nft.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	held, err := conn.Read(t.Context())
	if err != nil || len(held.Ours) != 1 {
		t.Fatalf("%d tables, %v", len(held.Ours), err)
	}
	batch := wire.NewBatch(0)
	batch.DeleteTable(held.Ours[0].ID())
	if err := conn.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// rename gives the interface another name, as somebody else. Before Linux 6.2 one that is up keeps its name.
func rename(t *testing.T) {
	t.Helper()
	link, err := netlink.LinkByName("cam0")
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(netlink.LinkSetDown(link), netlink.LinkSetName(link, "nic9"), netlink.LinkSetUp(link))
	if err != nil {
		t.Fatal(err)
	}
}

// TestUndoGoesOn has a change fail when all is done, and somebody break what its undoing needs: what could not be undone is said, and all
// the rest is undone. The control breaks nothing: then nothing is said but why the change failed.
func TestUndoGoesOn(t *testing.T) {
	refused := errors.New("the reading says otherwise")
	const ttl = "net/ipv4/ip_default_ttl"
	stuck := plan.Step{Action: plan.Amend, Before: netstate.Sysctl{Name: ttl, Value: "none"}, Object: netstate.Sysctl{Name: ttl, Value: "63"}}
	for _, c := range []struct {
		name   string
		more   []plan.Step // behind all others
		breaks func(*testing.T)
		undone bool // everything
		fails  bool
	}{
		{"nothing is broken", nil, func(*testing.T) {}, true, false},
		{"the kernel takes the old value no more", []plan.Step{stuck}, func(*testing.T) {}, true, true},
		{"the tables are gone", nil, deleteTables, true, false},
		{"the interface has another name", nil, rename, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := machine(t)
			before := reading(t, k)
			p := plan.Between(policy.Policy{}, before.State, goal(before.State), before.Generation)
			p.Loosen = append(p.Loosen, c.more...)
			_, err := k.Apply(t.Context(), p, nobody, func(_ context.Context, forwarding bool) error {
				if !forwarding {
					return nil
				}
				if now := reading(t, k).State; len(now.Tables) != 1 || now.Sysctls[0].Value != "1" {
					t.Errorf("control: there is nothing to undo: %d tables, %v", len(now.Tables), now.Sysctls)
				}
				c.breaks(t)
				return refused
			})
			if fails := err != nil && strings.Contains(err.Error(), "undo: "); !errors.Is(err, refused) || fails != c.fails {
				t.Errorf("error: %v", err)
			}
			after := reading(t, k).State
			if diff := difference(before.State, after); c.undone && diff != "" {
				t.Errorf("after undoing (-before +after):\n%s", diff)
			}
			if left := stays(before.State, after); len(left) > 0 {
				t.Errorf("not undone, although it could be: %v", left)
			}
		})
	}
}

// stays is what of a change is left that needs no interface.
func stays(before, after netstate.State) []string {
	var left []string
	if len(after.Tables) > len(before.Tables) {
		left = append(left, "a table")
	}
	for _, r := range after.Routes {
		if r.Ours() && r.Interface == "" {
			left = append(left, r.String())
		}
	}
	for _, r := range after.Rules {
		if !slices.Contains(before.Rules, r) { // a rule knows its interface by name, there or not
			left = append(left, r.String())
		}
	}
	for i, s := range after.Sysctls {
		if s != before.Sysctls[i] {
			left = append(left, s.String())
		}
	}
	return left
}
