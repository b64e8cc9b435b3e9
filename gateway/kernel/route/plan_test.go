package route_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cordon/gateway/kernel/route"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/policy"
)

// do does one step on the kernel.
func do(t *testing.T, conn *route.Conn, step plan.Step) {
	t.Helper()
	var err error
	switch step.Action {
	case plan.Add:
		err = conn.Add(step.Object)
	case plan.Amend:
		err = conn.Change(step.Before, step.Object)
	case plan.Remove:
		err = conn.Remove(step.Object)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func all(n plan.Network) []plan.Step { return slices.Concat(n.Tighten, n.Loosen, n.Forward) }

// site is a camera interface and a peer behind far0, with routers, in both families.
func site(t *testing.T) netstate.State {
	t.Helper()
	const ours = netstate.RouteProtocol
	return netstate.State{
		Links: []netstate.Link{{Name: "cam0", Up: true, Group: netstate.GovernedGroup}, {Name: "far0", Up: true}},
		Addresses: []netstate.Address{
			{Interface: "cam0", Prefix: prefix("10.30.0.1/24"), Protocol: ours},
			{Interface: "cam0", Prefix: prefix("fd30::1/64"), Protocol: ours},
			{Interface: "far0", Prefix: prefix("10.40.0.1/24"), Protocol: ours},
			{Interface: "far0", Prefix: prefix("fd40::1/64"), Protocol: ours},
		},
		Routes: []netstate.Route{
			{Table: 88001, Destination: prefix("0.0.0.0/0"), Type: netstate.Blackhole, Metric: 9, Protocol: ours},
			{Table: 88001, Destination: prefix("::/0"), Type: netstate.Blackhole, Metric: 9, Protocol: ours},
			{Table: 88001, Destination: prefix("10.41.0.0/24"), Interface: "far0", Via: addr("10.40.0.2"), Protocol: ours},
			{Table: 88001, Destination: prefix("fd41::/64"), Interface: "far0", Via: addr("fd40::2"), Protocol: ours},
			{Table: netstate.CameraTable, Destination: prefix("10.30.0.0/24"), Interface: "cam0", Protocol: ours},
			{Table: netstate.CameraTable, Destination: prefix("fd30::/64"), Interface: "cam0", Protocol: ours},
			{Table: netstate.CameraTable, Destination: prefix("10.31.0.0/24"), Interface: "cam0", Via: addr("10.30.0.2"), Protocol: ours},
			{Table: netstate.CameraTable, Destination: prefix("fd31::/64"), Interface: "cam0", Via: addr("fd30::2"), Protocol: ours},
			{Table: netstate.MainTable, Destination: prefix("10.42.0.0/24"), Interface: "far0", Via: addr("10.40.0.2"), Protocol: ours},
			{Table: netstate.ShutTable, Destination: prefix("10.30.0.0/24"), Type: netstate.Blackhole, Metric: 9, Protocol: ours},
			{Table: netstate.ShutTable, Destination: prefix("fd30::/64"), Type: netstate.Blackhole, Metric: 9, Protocol: ours},
		},
		Rules: []netstate.Rule{
			{Family: 4, Priority: 879, IIF: "lo", Table: 881},
			{Family: 6, Priority: 879, IIF: "lo", Table: 881},
			{Family: 4, Priority: 880, IIF: "cam0", Table: 88001},
			{Family: 6, Priority: 880, IIF: "cam0", Table: 88001},
			{Family: 4, Priority: 881, Table: netstate.ShutTable},
			{Family: 6, Priority: 881, Table: netstate.ShutTable},
		},
		Neighbours: []netstate.Neighbour{
			{Interface: "cam0", Address: addr("10.30.0.11"), MAC: policy.MAC{2, 0, 0, 0, 0, 1}},
			{Interface: "cam0", Address: addr("fd30::11"), MAC: policy.MAC{2, 0, 0, 0, 0, 1}},
		},
	}
}

// machine is the namespace's links, down and without addresses: what a fresh machine has.
func machine(t *testing.T) *route.Conn {
	t.Helper()
	conn := namespace(t)
	for _, name := range []string{"cam0", "far0"} {
		up := link(t, conn, name)
		down := up
		down.Up = false
		if err := conn.Change(up, down); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

func TestKernelTakesThePlanAndTakesItBack(t *testing.T) {
	conn, wanted := machine(t), site(t)
	before := read(t, conn)
	first := plan.NetworkBetween(before, wanted)
	if len(all(first)) != 26 {
		t.Errorf("%d steps", len(all(first)))
	}
	for _, step := range all(first) {
		do(t, conn, step)
	}
	if again := plan.NetworkBetween(read(t, conn), wanted); !again.Empty() {
		t.Errorf("left to do: %v", all(again))
	}
	for _, step := range slices.Backward(all(first)) {
		do(t, conn, step.Undo())
	}
	same := cmp.Options{
		cmpopts.EquateComparable(netstate.Route{}, netstate.Rule{}, netstate.Address{}, netstate.Neighbour{}), cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(before, read(t, conn), same); diff != "" {
		t.Errorf("after undoing everything:\n%s", diff)
	}
}

// A link that goes down and up again loses routes, permanent neighbours and IPv6 addresses; the next plan puts back what went.
func TestPlanMendsADownAndUp(t *testing.T) {
	conn, wanted := machine(t), site(t)
	for _, step := range all(plan.NetworkBetween(read(t, conn), wanted)) {
		do(t, conn, step)
	}
	up := link(t, conn, "cam0")
	down := up
	down.Up = false
	for _, change := range [][2]netstate.Link{{up, down}, {down, up}} {
		if err := conn.Change(change[0], change[1]); err != nil {
			t.Fatal(err)
		}
	}
	mend := plan.NetworkBetween(read(t, conn), wanted)
	if len(mend.Tighten) != 0 || len(mend.Loosen) != 7 {
		t.Errorf("to mend: %v", all(mend))
	}
	for _, step := range all(mend) {
		do(t, conn, step)
	}
	if again := plan.NetworkBetween(read(t, conn), wanted); !again.Empty() {
		t.Errorf("left to do: %v", all(again))
	}
}

// What somebody adds in our places goes again, and nothing else does.
func TestPlanRemovesWhatIsPlanted(t *testing.T) {
	conn, wanted := machine(t), site(t)
	for _, step := range all(plan.NetworkBetween(read(t, conn), wanted)) {
		do(t, conn, step)
	}
	foreign := netstate.Rule{Family: 4, Priority: 5000, IIF: "cam0", Table: 300}
	planted := []netstate.Object{
		netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", To: prefix("8.8.8.8/32"), Table: netstate.MainTable},
		netstate.Rule{Family: 6, Priority: 877, IIF: "cam0", Table: netstate.MainTable},
		netstate.Route{Table: 88001, Destination: prefix("8.8.8.0/24"), Interface: "far0", Protocol: 3},
		netstate.Route{Table: 88001, Destination: prefix("2001:db8::/32"), Interface: "far0", Protocol: 3},
		netstate.Neighbour{Interface: "cam0", Address: addr("10.30.0.99"), MAC: policy.MAC{2, 0, 0, 0, 0, 9}},
	}
	for _, o := range append(planted, foreign) {
		if err := conn.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	mend := plan.NetworkBetween(read(t, conn), wanted)
	if len(mend.Tighten) != len(planted) || len(mend.Loosen) != 0 {
		t.Errorf("to mend: %v", all(mend))
	}
	for _, step := range all(mend) {
		do(t, conn, step)
	}
	after := read(t, conn)
	if again := plan.NetworkBetween(after, wanted); !again.Empty() || !slices.Contains(after.Rules, foreign) {
		t.Errorf("left to do: %v; rules %v", all(again), after.Rules)
	}
}
