package route_test

import (
	"errors"
	"io/fs"
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

	"cordon/gateway/kernel/route"
	"cordon/gateway/netstate"
	"cordon/policy"
)

// namespace gives the test's thread a network of its own with lo and the two ends of a cable, cam0 and far0, all up. The thread is
// never given back, so the network goes with it.
func namespace(t *testing.T) *route.Conn {
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
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cam0"}, PeerName: "far0"}
	if err := handle.LinkAdd(cable); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lo", "cam0", "far0"} {
		// The kernel gives a link its own address, with routes, some time after it came up: not in the middle of a test.
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
	conn, err := route.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func read(t *testing.T, conn *route.Conn) netstate.State {
	t.Helper()
	state, err := conn.Read()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func mac(t *testing.T, s string) policy.MAC {
	t.Helper()
	m, err := policy.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// cycle holds the kernel to: added once or twice it is there exactly, removed once or twice it is gone, and nothing else moved.
func cycle[T interface {
	comparable
	netstate.Object
}](t *testing.T, conn *route.Conn, list func(netstate.State) []T, object T) {
	t.Helper()
	before := list(read(t, conn))
	if slices.Contains(before, object) {
		t.Fatalf("%s is there before it is added", object)
	}
	for range 2 {
		if err := conn.Add(object); err != nil {
			t.Fatal(err)
		}
		added := slices.DeleteFunc(list(read(t, conn)), func(o T) bool { return slices.Contains(before, o) })
		if diff := cmp.Diff([]T{object}, added, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
			t.Fatalf("%s reads back otherwise (-added +read):\n%s", object, diff)
		}
	}
	for range 2 {
		if err := conn.Remove(object); err != nil {
			t.Fatal(err)
		}
		if after := list(read(t, conn)); !slices.Equal(before, after) {
			t.Fatalf("after the removal of %s:\n%s", object, cmp.Diff(before, after, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})))
		}
	}
}

func rules(s netstate.State) []netstate.Rule { return s.Rules }

// routes leaves out those that the kernel makes for its own addresses (protocol 2): it makes them when a link's carrier settles.
func routes(s netstate.State) []netstate.Route {
	return slices.DeleteFunc(s.Routes, func(r netstate.Route) bool { return r.Protocol == 2 })
}

func TestRulesReadBackExactly(t *testing.T) {
	conn, full := namespace(t), ^uint32(0)
	cases := []netstate.Rule{
		{Family: 4, Priority: 880, IIF: "cam0", Table: 880},
		{Family: 6, Priority: 880, IIF: "cam0", Table: 880},
		{Family: 4, Priority: 880, IIF: "not-there-yet", Table: 880},
		{Family: 4, Priority: 881, To: prefix("10.30.0.0/24"), Action: netstate.RuleBlackhole},
		{Family: 6, Priority: 881, To: prefix("fd30::/64"), Action: netstate.RuleBlackhole},
		{Family: 4, Priority: 879, From: prefix("10.40.0.10/32"), To: prefix("10.30.0.0/24"), IIF: "far0", Table: 881},
		{Family: 6, Priority: 879, From: prefix("fd40::10/128"), To: prefix("fd30::/64"), IIF: "far0", Table: 881},
		{Family: 4, Priority: 879, To: prefix("10.30.0.0/24"), IIF: "lo", Table: 881},
		{Family: 4, Priority: 878, IIF: "cam0", Protocol: policy.UDP, DestinationPorts: netstate.PortRange{123, 123}, Table: 882},
		{Family: 6, Priority: 878, IIF: "cam0", Protocol: policy.TCP, DestinationPorts: netstate.PortRange{53, 53}, Table: 882},
		{
			Family: 4, Priority: 877, IIF: "cam0", To: prefix("192.0.2.7/32"), Protocol: policy.TCP, DestinationPorts: netstate.PortRange{443, 443},
			Mark: netstate.ExceptionMark, Mask: full, Table: netstate.MainTable,
		},
		{
			Family: 6, Priority: 877, IIF: "far0", From: prefix("2001:db8::7/128"), To: prefix("fd30::/64"), Protocol: policy.TCP,
			SourcePorts: netstate.PortRange{8000, 8999}, Mark: netstate.ExceptionMark, Mask: full, Table: 881,
		},
		{Family: 4, Priority: 877, IIF: "cam0", Protocol: policy.ICMP, Mark: netstate.ErrorMark, Mask: full, Table: netstate.MainTable},
		{Family: 6, Priority: 877, IIF: "far0", Protocol: policy.ICMPv6, Mark: netstate.ErrorMark, Mask: full, Table: 881},
		{Family: 4, Priority: 900, OIF: "far0", Mark: 1, Mask: 0xff, Table: 70000},
		{Family: 4, Priority: 901, Mark: 0, Mask: 0xff, Action: netstate.RuleUnreachable},
		{Family: 6, Priority: 902, Action: netstate.RuleProhibit},
		{Family: 4, Priority: 903, Action: netstate.Goto, Table: 32766},
	}
	for _, r := range cases {
		cycle(t, conn, rules, r)
	}
	if len(cases) != 18 {
		t.Errorf("%d rules tried", len(cases))
	}
}

func TestRoutesReadBackExactly(t *testing.T) {
	conn := namespace(t)
	for _, a := range []string{"10.30.0.1/24", "fd30::1/64"} {
		if err := conn.Add(netstate.Address{Interface: "cam0", Prefix: prefix(a), Protocol: netstate.RouteProtocol}); err != nil {
			t.Fatal(err)
		}
	}
	const ours = netstate.RouteProtocol
	cases := []netstate.Route{
		{Table: 880, Destination: prefix("0.0.0.0/0"), Type: netstate.Blackhole, Metric: 4278198272, Protocol: ours},
		{Table: 880, Destination: prefix("::/0"), Type: netstate.Blackhole, Metric: 4278198272, Protocol: ours},
		{Table: 880, Destination: prefix("10.40.0.10/32"), Interface: "far0", Protocol: ours},
		{Table: 880, Destination: prefix("fd40::10/128"), Interface: "far0", Metric: 1024, Protocol: ours},
		{Table: 880, Destination: prefix("192.0.2.7/32"), Type: netstate.Throw, Protocol: ours},
		{Table: 880, Destination: prefix("2001:db8::7/128"), Type: netstate.Throw, Metric: 1024, Protocol: ours},
		{Table: 881, Destination: prefix("10.30.0.0/24"), Interface: "cam0", Protocol: ours},
		{Table: 881, Destination: prefix("10.31.0.0/24"), Interface: "cam0", Via: addr("10.30.0.2"), Metric: 7, Protocol: ours},
		{Table: 881, Destination: prefix("fd31::/64"), Interface: "cam0", Via: addr("fd30::2"), Metric: 7, Protocol: ours},
		{Table: 882, Destination: prefix("0.0.0.0/0"), Type: netstate.Local, Interface: "lo", Protocol: ours},
		{Table: 882, Destination: prefix("::/0"), Type: netstate.Local, Interface: "lo", Metric: 1024, Protocol: ours},
		{Table: netstate.MainTable, Destination: prefix("10.60.0.0/16"), Interface: "cam0", Via: addr("10.30.0.2"), Protocol: ours},
		{Table: netstate.MainTable, Destination: prefix("fd60::/48"), Interface: "cam0", Via: addr("fd30::2"), Metric: 1024, Protocol: ours},
		{Table: netstate.MainTable, Destination: prefix("10.61.0.0/16"), Type: netstate.Unreachable, Metric: 1, Protocol: ours},
		{Table: netstate.MainTable, Destination: prefix("fd61::/48"), Type: netstate.Prohibit, Metric: 1, Protocol: ours},
		{Table: 70000, Destination: prefix("10.62.0.0/16"), Interface: "cam0", Protocol: 3},
	}
	for _, r := range cases {
		cycle(t, conn, routes, r)
	}
	if len(cases) != 16 {
		t.Errorf("%d routes tried", len(cases))
	}
}

func TestWantedWithoutMetricReadsBackAsCanonical(t *testing.T) {
	conn := namespace(t)
	wanted := netstate.Route{
		Table: 880, Destination: prefix("::/0"), Type: netstate.Blackhole, Interface: "lo", Protocol: netstate.RouteProtocol,
	}
	if err := conn.Add(wanted); err != nil {
		t.Fatal(err)
	}
	got := routes(read(t, conn))
	if !slices.Contains(got, wanted.Canonical()) || slices.Contains(got, wanted) {
		t.Errorf("neither %v nor its canonical form alone in %v", wanted, got)
	}
}

func TestAddressesReadBackExactly(t *testing.T) {
	conn := namespace(t)
	list := func(s netstate.State) []netstate.Address { return s.Addresses }
	for _, p := range []string{"10.30.0.1/24", "10.99.0.1/32", "10.98.0.0/31", "fd30::1/64", "fd99::1/128"} {
		cycle(t, conn, list, netstate.Address{Interface: "cam0", Prefix: prefix(p), Protocol: netstate.RouteProtocol})
	}
	cycle(t, conn, list, netstate.Address{Interface: "cam0", Prefix: prefix("10.97.0.1/24")})
}

func TestNeighboursReadBackExactly(t *testing.T) {
	conn := namespace(t)
	list := func(s netstate.State) []netstate.Neighbour { return s.Neighbours }
	for _, a := range []string{"10.30.0.11", "fd30::11", "fe80::4619:b6ff:fe00:1"} {
		n := netstate.Neighbour{Interface: "cam0", Address: addr(a), MAC: mac(t, "44:19:b6:00:00:01")}
		cycle(t, conn, list, n)
		if err := conn.Add(n); err != nil {
			t.Fatal(err)
		}
		changed := n
		changed.MAC = mac(t, "44:19:b6:00:00:02")
		if err := conn.Change(n, changed); err != nil {
			t.Fatal(err)
		}
		if got := list(read(t, conn)); !slices.Equal(got, []netstate.Neighbour{changed}) {
			t.Errorf("after the change to %s: %v", changed, got)
		}
		if err := conn.Remove(changed); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, conn *route.Conn, name string) netstate.Link {
	t.Helper()
	links, err := conn.Links()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("no link %s in %v", name, links)
	return netstate.Link{}
}

func TestLinkChangesOnlyWhatDiffers(t *testing.T) {
	conn := namespace(t)
	before := link(t, conn, "cam0")
	if before.Kind != "veth" || !before.Up || before.Group != 0 || before.MAC.IsZero() || before.Index == 0 {
		t.Fatalf("cam0 reads as %+v", before)
	}
	governed := before
	governed.Group = netstate.GovernedGroup
	down := governed
	down.Up = false
	for _, step := range [][2]netstate.Link{{before, governed}, {before, governed}, {governed, down}, {down, before}} {
		if err := conn.Change(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step[1], link(t, conn, "cam0")); diff != "" {
			t.Errorf("change to %s (-wanted +read):\n%s", step[1], diff)
		}
	}
}

func TestMasterIsNamed(t *testing.T) {
	conn := namespace(t)
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	if err := handle.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	port, err := handle.LinkByName("cam0")
	if err != nil {
		t.Fatal(err)
	}
	if got := link(t, conn, "cam0").Master; got != "" {
		t.Errorf("before: master %q", got)
	}
	if err := handle.LinkSetMaster(port, bridge); err != nil {
		t.Fatal(err)
	}
	if got := link(t, conn, "cam0").Master; got != "br0" {
		t.Errorf("master %q", got)
	}
}

// A request leaves out what our rule does not say, and the kernel takes that for "any": a rule that says more and stands before ours
// fits the request too.
func TestRemovalTakesThisRuleOnly(t *testing.T) {
	conn := namespace(t)
	ours := netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", Table: 880}
	more := netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", To: prefix("10.0.0.0/8"), Table: 880}
	last := netstate.Rule{Family: 4, Priority: 880, IIF: "far0", Table: 880}
	for _, r := range []netstate.Rule{more, ours, last} {
		if err := conn.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Remove(ours); err != nil {
		t.Fatal(err)
	}
	got := rules(read(t, conn))
	if slices.Contains(got, ours) || !slices.Contains(got, more) || !slices.Contains(got, last) {
		t.Errorf("left: %v", got)
	}
}

// What a request leaves out fits anything where the kernel looks for one that is there already, too: a rule for every address is added
// beside one for some, whichever comes first, alone and among others. The control is the same rule twice, which stays one.
func TestAWiderRuleIsAdded(t *testing.T) {
	wide := netstate.Rule{
		Family: 4, Priority: 877, IIF: "cam0", Protocol: policy.TCP, DestinationPorts: netstate.PortRange{443, 443}, Table: 254,
	}
	from, to, six := wide, wide, wide
	from.From, to.To = prefix("10.30.0.0/24"), prefix("192.0.2.7/32")
	both := from
	both.To = to.To
	six.Family, six.From = 6, prefix("fd30::/64")
	six6 := six
	six6.To = prefix("2001:db8::7/128")
	for _, pair := range [][2]netstate.Rule{{from, wide}, {to, wide}, {both, from}, {both, to}, {both, wide}, {six6, six}} {
		for _, order := range [][]netstate.Object{{pair[0], pair[1], pair[1]}, {pair[1], pair[0], pair[0]}} {
			for name, add := range map[string]func(*route.Conn) error{
				"one by one": func(c *route.Conn) error { return errors.Join(c.Add(order[0]), c.Add(order[1]), c.Add(order[2])) },
				"together": func(c *route.Conn) error {
					added, err := c.AddAll(order)
					if len(added) != len(order) {
						t.Errorf("%d of %d added", len(added), len(order))
					}
					return err
				},
			} {
				conn := namespace(t)
				if err := add(conn); err != nil {
					t.Fatal(err)
				}
				got := rules(read(t, conn))
				for _, r := range pair {
					if n := len(slices.DeleteFunc(slices.Clone(got), func(o netstate.Rule) bool { return o != r })); n != 1 {
						t.Errorf("%s, %v: %d times there: %s", name, order, n, r)
					}
				}
			}
		}
	}
}

func TestRemovalTakesThisRouteOnly(t *testing.T) {
	conn := namespace(t)
	for _, d := range []string{"10.77.0.0/16", "fd77::/48"} {
		other := netstate.Route{Table: 881, Destination: prefix(d), Interface: "cam0", Metric: 50, Protocol: netstate.RouteProtocol}
		if err := conn.Add(other); err != nil {
			t.Fatal(err)
		}
		absent := other
		absent.Metric = 0
		if err := conn.Remove(absent); err != nil {
			t.Fatal(err)
		}
		if got := routes(read(t, conn)); !slices.Contains(got, other) {
			t.Errorf("%s went although only %s was to be removed", other, absent)
		}
	}
}

func TestChangeReplacesARoute(t *testing.T) {
	conn := namespace(t)
	for _, d := range []string{"10.77.0.0/16", "fd77::/48"} {
		shut := netstate.Route{Table: 880, Destination: prefix(d), Type: netstate.Blackhole, Metric: 9, Protocol: netstate.RouteProtocol}
		open := netstate.Route{Table: 880, Destination: prefix(d), Interface: "cam0", Metric: 9, Protocol: netstate.RouteProtocol}
		moved := open
		moved.Interface = "far0"
		if err := conn.Add(shut); err != nil {
			t.Fatal(err)
		}
		if err := conn.Add(open); !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), shut.String()) {
			t.Errorf("add in an occupied place: %v", err)
		}
		steps := []netstate.Route{shut, open, moved, open, shut}
		for i := range steps[1:] {
			if err := conn.Change(steps[i], steps[i+1]); err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(routes(read(t, conn)), func(r netstate.Route) bool { return r.Destination != prefix(d) })
			if !slices.Equal(got, steps[i+1:i+2]) {
				t.Errorf("change to %s left %v", steps[i+1], got)
			}
		}
	}
}

func TestWhatValuesDoNotHoldIsNamed(t *testing.T) {
	conn := namespace(t)
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	foreign := netlink.NewRule()
	foreign.Priority, foreign.IifName, foreign.Table, foreign.Invert, foreign.Tos = 880, "cam0", 880, true, 8
	if err := handle.RuleAdd(foreign); err != nil {
		t.Fatal(err)
	}
	ours := netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", Table: 880}
	other := ours
	other.Other = "not tos 8"
	if got := rules(read(t, conn)); !slices.Contains(got, other) || slices.Contains(got, ours) {
		t.Errorf("read: %v", got)
	}
	if err := conn.Add(other); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("add what cannot be written: %v", err)
	}
	if err := conn.Remove(other); err != nil {
		t.Fatal(err)
	}
	if got := rules(read(t, conn)); slices.Contains(got, other) {
		t.Errorf("still there: %v", got)
	}
}

func TestSeveralNextHopsAreSeveralRoutes(t *testing.T) {
	conn := namespace(t)
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	var hops []*netlink.NexthopInfo
	for _, name := range []string{"cam0", "far0"} {
		hops = append(hops, &netlink.NexthopInfo{LinkIndex: link(t, conn, name).Index})
	}
	destination, err := netlink.ParseIPNet("10.78.0.0/16")
	if err != nil {
		t.Fatal(err)
	}
	if err := handle.RouteAdd(&netlink.Route{Dst: destination, MultiPath: hops, Table: 300}); err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, r := range routes(read(t, conn)) {
		if r.Table == 300 {
			links = append(links, r.Interface)
		}
	}
	if !slices.Equal(links, []string{"cam0", "far0"}) {
		t.Errorf("next hops: %v", links)
	}
}

func TestErrorsNameTheObject(t *testing.T) {
	conn := namespace(t)
	absent := "nic9"
	cases := []struct {
		object netstate.Object
		errno  error
		words  string
	}{
		{
			netstate.Address{Interface: absent, Prefix: prefix("10.1.0.1/24")},
			unix.ENODEV,
			`add address 10.1.0.1/24 dev nic9: interface "nic9"`,
		},
		{
			netstate.Route{Table: 880, Destination: prefix("10.1.0.0/24"), Interface: absent},
			unix.ENODEV,
			`add route 10.1.0.0/24 dev nic9 table 880: interface "nic9"`,
		},
		{
			netstate.Neighbour{Interface: absent, Address: addr("10.1.0.2")},
			unix.ENODEV,
			`add neighbour 10.1.0.2 lladdr 00:00:00:00:00:00 dev nic9: interface "nic9"`,
		},
		{
			netstate.Route{Table: 880, Destination: prefix("10.1.0.0/24"), Interface: "cam0", Via: addr("172.16.0.1")},
			unix.ENETUNREACH,
			"add route 10.1.0.0/24 via 172.16.0.1 dev cam0 table 880",
		},
		{
			netstate.Address{Interface: "a-name-that-is-far-too-long", Prefix: prefix("10.1.0.1/24")},
			unix.ENODEV,
			`interface "a-name-that-is-far-too-long"`,
		},
		{
			netstate.Rule{Family: 4, Priority: 877, DestinationPorts: netstate.PortRange{1024, 65535}, Table: 254},
			unix.EINVAL, "add rule pref 877 from all dport 1024-65535 lookup 254: invalid argument: Invalid dport range",
		},
		{netstate.Link{Name: absent}, errors.ErrUnsupported, "add link dev nic9"},
	}
	for _, c := range cases {
		err := conn.Add(c.object)
		if !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("add %s: %v, want %v and %q", c.object, err, c.errno, c.words)
		}
	}
	if len(cases) != 7 {
		t.Errorf("%d errors tried", len(cases))
	}
	if err := conn.Remove(netstate.Address{Interface: absent, Prefix: prefix("10.1.0.1/24")}); err != nil {
		t.Errorf("remove from an absent interface: %v", err)
	}
}

// Without CAP_NET_ADMIN the kernel refuses, and the error can be told from others.
func TestPermissionIsRecognised(t *testing.T) {
	conn := namespace(t)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	err := conn.Add(netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", Table: 880})
	if !errors.Is(err, unix.EPERM) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("add a rule without the capability: %v", err)
	}
	if _, err := conn.Read(); err != nil {
		t.Errorf("reading needs no capability: %v", err)
	}
}
