package beside_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/kernel/beside"
	"cordon/gateway/netstate"
)

// TestFilters holds that filters of the ingress hook are read by interface, each kind once, and that a discipline without any says nothing.
func TestFilters(t *testing.T) {
	runtime.LockOSThread() // and never unlocked: the namespace ends with the thread
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf(`make a network namespace: %v (run with -exec "unshare -Urn")`, err)
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = "eth1"
	check(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: "eth2"}))
	for _, discipline := range []struct{ link, kind string }{{"eth1", "clsact"}, {"eth2", "ingress"}} {
		parent := map[string]uint32{"clsact": netlink.HANDLE_CLSACT, "ingress": netlink.HANDLE_INGRESS}[discipline.kind]
		check(t, netlink.QdiscAdd(&netlink.GenericQdisc{QdiscType: discipline.kind, QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: index(t, discipline.link), Handle: netlink.MakeHandle(0xffff, 0), Parent: parent,
		}}))
	}
	if got := read(t); len(got) > 0 {
		t.Errorf("control: %v", got)
	}
	filter(t, "eth1", netlink.HANDLE_MIN_INGRESS, 1)
	filter(t, "eth1", netlink.HANDLE_MIN_INGRESS, 2)
	filter(t, "eth1", netlink.HANDLE_MIN_EGRESS, 1)
	filter(t, "eth2", netlink.MakeHandle(0xffff, 0), 1)
	want := []netstate.Program{
		{Interface: "eth1", Layer: netstate.Traffic, Name: "clsact egress u32"},
		{Interface: "eth1", Layer: netstate.Traffic, Name: "clsact ingress u32"},
		{Interface: "eth2", Layer: netstate.Traffic, Name: "ingress u32"},
	}
	if got := read(t); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func read(t *testing.T) []netstate.Program {
	t.Helper()
	got, err := beside.Read()
	check(t, err)
	return got
}

func filter(t *testing.T, link string, parent uint32, priority uint16) {
	t.Helper()
	check(t, netlink.FilterAdd(&netlink.U32{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: index(t, link), Parent: parent, Priority: priority, Protocol: unix.ETH_P_IP},
		Sel:         &netlink.TcU32Sel{Keys: []netlink.TcU32Key{{}}, Flags: netlink.TC_U32_TERMINAL},
	}))
}

func index(t *testing.T, name string) int {
	t.Helper()
	link, err := netlink.LinkByName(name)
	check(t, err)
	return link.Attrs().Index
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
