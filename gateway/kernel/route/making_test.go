package route_test

import (
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"cordon/gateway/netstate"
)

// A bridge and its port are made, read back as they were wanted, changed and removed; what has our name and not our mark stays.
func TestBridgeIsMadeAndReadBack(t *testing.T) {
	c := namespace(t)
	named := func(l netstate.Link) bool { return l.Name == "br9" }
	bridge := netstate.Link{Name: "br9", Kind: netstate.BridgeKind, Group: netstate.GovernedGroup}
	if err := c.Add(bridge); err != nil {
		t.Fatal(err)
	}
	made := link(t, c, "br9")
	if !made.Ours() || !made.SameMaking(bridge) || made.Snooping || made.Up || !made.Governed() {
		t.Errorf("made %+v", made)
	}
	before := link(t, c, "cam0")
	plugged := before
	plugged.Master, plugged.Isolated = "br9", true
	loose := plugged
	loose.Isolated = false
	for _, step := range [][2]netstate.Link{{before, plugged}, {plugged, loose}, {loose, plugged}, {plugged, before}} {
		if err := c.Change(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
		if got := link(t, c, "cam0"); got.Master != step[1].Master || got.Isolated != step[1].Isolated {
			t.Errorf("%s reads back as %s", step[1], got)
		}
	}
	if err := c.Remove(made); err != nil || slices.ContainsFunc(read(t, c).Links, named) {
		t.Errorf("ours is still there, %v", err)
	}
	foreign := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br9"}}
	if err := netlink.LinkAdd(foreign); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(made); err != nil || !slices.ContainsFunc(read(t, c).Links, named) {
		t.Errorf("somebody else's is gone, %v", err)
	}
	if err := netlink.LinkDel(foreign); err != nil {
		t.Fatal(err)
	}
}
