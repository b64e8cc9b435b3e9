package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/kernel"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/policy"
)

// machine gives the test's thread a network of its own with a cable, cam0 and far0. The thread is never given back, so the network
// goes with it.
func machine(t *testing.T) *kernel.Kernel {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf(`make a network namespace: %v (run with -exec "unshare -Urn")`, err)
	}
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	if err := handle.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cam0"}, PeerName: "far0"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lo", "cam0", "far0"} {
		// The kernel gives a link its own address some time after it came up: not in the middle of a test.
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/addr_gen_mode", []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
		link, err := handle.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := handle.LinkSetUp(link); err != nil {
			t.Fatal(err)
		}
	}
	k, err := kernel.Open(kernel.Settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

const forwarding = "net/ipv4/ip_forward"

func reading(t *testing.T, k *kernel.Kernel) kernel.Reading {
	t.Helper()
	r, err := k.Read(t.Context(), []string{forwarding})
	if err != nil {
		t.Fatal(err)
	}
	// What the kernel makes by itself for its addresses comes when a link's carrier settles.
	r.State.Routes = slices.DeleteFunc(r.State.Routes, func(r netstate.Route) bool { return r.Protocol == 2 })
	return r
}

// wanted is the machine with an address, routes, a rule, forwarding and n cameras more.
func wanted(live netstate.State, n int) netstate.State {
	const ours = netstate.RouteProtocol
	prefix := netip.MustParsePrefix
	live.Links = []netstate.Link{{Name: "cam0", Up: true, Group: netstate.GovernedGroup}}
	live.Addresses = append(slices.Clone(live.Addresses),
		netstate.Address{Interface: "cam0", Prefix: prefix("10.30.0.1/16"), Protocol: ours})
	live.Routes = append(slices.Clone(live.Routes),
		netstate.Route{Table: 880, Destination: prefix("0.0.0.0/0"), Type: netstate.Blackhole, Metric: 9, Protocol: ours},
		netstate.Route{Table: 881, Destination: prefix("10.30.0.0/16"), Interface: "cam0", Protocol: ours})
	live.Rules = append(slices.Clone(live.Rules), netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", Table: 880})
	live.Sysctls = []netstate.Sysctl{{Name: forwarding, Value: "1"}}
	for i := range n {
		live.Neighbours = append(live.Neighbours, netstate.Neighbour{
			Interface: "cam0", Address: netip.AddrFrom4([4]byte{10, 30, byte(i >> 8), byte(i)}),
			MAC: policy.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)},
		})
	}
	return live
}

func difference(a, b netstate.State) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(),
		cmpopts.EquateComparable(netstate.Route{}, netstate.Rule{}, netstate.Address{}, netstate.Neighbour{}))
}

func nobody(netstate.Flow) bool { return false }

func content(context.Context, bool) error { return nil }

func TestApplyAndNothingIsLeftToDo(t *testing.T) {
	k := machine(t)
	before := reading(t, k)
	w := wanted(before.State, 700)
	if _, err := k.Apply(t.Context(), plan.Between(policy.Policy{}, before.State, w, before.Generation), nobody, content); err != nil {
		t.Fatal(err)
	}
	after := reading(t, k)
	if left := plan.NetworkBetween(after.State, w); !left.Empty() || len(after.State.Neighbours) != 700 {
		t.Errorf("left to do: %v; %d neighbours", left, len(after.State.Neighbours))
	}
}

// Whatever fails, in whatever place among many alike, the machine is what it was; the control is the same plan without the mistake.
func TestAMistakeUndoesEverything(t *testing.T) {
	bad := plan.Step{Action: plan.Add, Object: netstate.Neighbour{Interface: "nic9", Address: netip.MustParseAddr("10.1.0.2")}}
	refused := errors.New("the reading says otherwise")
	tried := 0
	for _, at := range []int{0, 1, 3, 130, 300, 703} {
		t.Run(fmt.Sprintf("at step %d", at), func(t *testing.T) {
			k := machine(t)
			before := reading(t, k)
			p := plan.Between(policy.Policy{}, before.State, wanted(before.State, 700), before.Generation)
			p.Loosen = slices.Insert(p.Loosen, min(at, len(p.Loosen)), bad)
			_, err := k.Apply(t.Context(), p, nobody, content)
			if !errors.Is(err, unix.ENODEV) || strings.Count(err.Error(), "\n") != 0 {
				t.Errorf("error: %v", err)
			}
			if diff := difference(before.State, reading(t, k).State); diff != "" {
				t.Errorf("after undoing everything:\n%s", diff)
			}
		})
		tried++
	}
	if tried != 6 {
		t.Errorf("%d places tried", tried)
	}
	for _, last := range []bool{false, true} {
		t.Run(fmt.Sprintf("when all is done, forwarding %t", last), func(t *testing.T) {
			k := machine(t)
			before := reading(t, k)
			p := plan.Between(policy.Policy{}, before.State, wanted(before.State, 700), before.Generation)
			_, err := k.Apply(t.Context(), p, nobody, func(_ context.Context, forwarding bool) error {
				if forwarding != last {
					return nil
				}
				if n := len(reading(t, k).State.Neighbours); n != 700 {
					t.Errorf("control: %d neighbours to undo", n)
				}
				return refused
			})
			if !errors.Is(err, refused) {
				t.Errorf("error: %v", err)
			}
			if diff := difference(before.State, reading(t, k).State); diff != "" {
				t.Errorf("after undoing everything:\n%s", diff)
			}
		})
	}
}

// TestLostAnswerIsReadBack has the kernel say more than the socket holds: the change did not happen, and what was done before it is
// undone.
func TestLostAnswerIsReadBack(t *testing.T) {
	k := machine(t)
	before := reading(t, k)
	goal := wanted(before.State, 1)
	goal.Tables = []wire.Table{{Family: ruleset.Inet, Name: nft.Ours}}
	p := plan.Between(policy.Policy{}, before.State, goal, before.Generation)
	for range 60_000 {
		p.Batch.DeleteTable(wire.ID{Family: ruleset.Bridge, Name: "nonesuch"})
	}
	if _, err := k.Apply(t.Context(), p, nobody, content); !errors.Is(err, nft.ErrOverrun) {
		t.Errorf("the error is %v, want ErrOverrun", err)
	}
	if d := difference(before.State, reading(t, k).State); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
}
