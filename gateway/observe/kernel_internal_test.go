package observe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
)

// inNamespace runs a function on a thread with a network of its own, which goes with the thread.
func inNamespace(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer close(done) // also when the test gives up in the middle
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		fn()
	}()
	if err := <-done; err != nil {
		t.Fatalf(`make a network namespace: %v (run with -exec "unshare -Urn")`, err)
	}
}

// storm adds and deletes a rule of routing many times.
func storm(t *testing.T, times int) {
	t.Helper()
	for range times {
		r := netlink.NewRule()
		r.Priority, r.Table, r.IifName = 880, 880, "cam0"
		for _, change := range []func(*netlink.Rule) error{netlink.RuleAdd, netlink.RuleDel} {
			if err := change(r); err != nil {
				t.Error(err)
			}
		}
	}
}

// deed is something that somebody does to a machine, and what is to be heard of it.
type deed struct {
	name string
	do   func() error
	want Kind
}

func deeds() []deed {
	cam := func(act func(netlink.Link) error) func() error {
		return func() error {
			l, err := netlink.LinkByName("cam0")
			if err != nil {
				return err
			}
			return act(l)
		}
	}
	prefix := func(text string) *net.IPNet {
		ip, n, _ := net.ParseCIDR(text) // of the tests' own
		return &net.IPNet{IP: ip, Mask: n.Mask}
	}
	write := func(name, value string) func() error {
		return func() error { return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0) }
	}
	route := func(l netlink.Link) *netlink.Route {
		return &netlink.Route{LinkIndex: l.Attrs().Index, Table: 881, Dst: prefix("10.99.0.0/16"), Scope: unix.RT_SCOPE_LINK}
	}
	permanent := func(l netlink.Link) *netlink.Neigh {
		return &netlink.Neigh{
			LinkIndex: l.Attrs().Index, State: unix.NUD_PERMANENT, IP: net.IPv4(10, 30, 0, 21), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1},
		}
	}
	return []deed{
		{"make a pair", func() error {
			return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cam0"}, PeerName: "far0"})
		}, Links},
		{"up", cam(netlink.LinkSetUp), Links},
		{"group", cam(func(l netlink.Link) error { return netlink.LinkSetGroup(l, 30) }), Links},
		{"address", cam(func(l netlink.Link) error { return netlink.AddrAdd(l, &netlink.Addr{IPNet: prefix("10.30.0.1/24")}) }), Addresses},
		{"IPv6 address", cam(func(l netlink.Link) error { return netlink.AddrAdd(l, &netlink.Addr{IPNet: prefix("fd30::1/64")}) }), Addresses},
		{"route", cam(func(l netlink.Link) error { return netlink.RouteAdd(route(l)) }), Routes},
		{"route gone", cam(func(l netlink.Link) error { return netlink.RouteDel(route(l)) }), Routes},
		{"rule", func() error {
			r := netlink.NewRule()
			r.Priority, r.Table = 880, 880
			return netlink.RuleAdd(r)
		}, Rules},
		{"neighbour", cam(func(l netlink.Link) error { return netlink.NeighAdd(permanent(l)) }), Neighbours},
		{"forwarding", write("ipv4/ip_forward", "1"), Settings},
		{"rp_filter", write("ipv4/conf/cam0/rp_filter", "1"), Settings},
		{"table", func() error { return transact("cordon") }, Tables},
		{"foreign table", func() error { return transact("docker") }, Foreign},
		{"rename", cam(func(l netlink.Link) error { return errors.Join(netlink.LinkSetDown(l), netlink.LinkSetName(l, "eth9")) }), Links},
	}
}

// transact makes and deletes a table by a socket of its own.
func transact(table string) error {
	return committed(func(b *wire.Batch) {
		b.Add(&wire.Table{Family: ruleset.Inet, Name: table})
		b.DeleteTable(wire.ID{Family: ruleset.Inet, Name: table})
	})
}

// committed sends one transaction by a socket of its own.
func committed(fill func(*wire.Batch)) error {
	conn, err := nft.Open()
	if err != nil {
		return err
	}
	defer conn.Close()
	b := wire.NewBatch(0)
	fill(b)
	return conn.Commit(context.Background(), b)
}

// TestSetsAreNamed does everything that changes a set, and holds that the kernel names it each time: who does not hear of a set trusts it.
func TestSetsAreNamed(t *testing.T) {
	id := wire.ID{Family: ruleset.Inet, Name: "cordon"}
	ports := wire.SetID{Table: id, Name: "ports"}
	elements := []ruleset.Element{{Key: ruleset.Short(554)}, {Key: ruleset.Short(80)}}
	tables := wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Name: "cordon", Sets: []ruleset.Set{
		{Name: "ports", Size: 16, Key: []ruleset.Field{ruleset.TCPDestinationPort}, Elements: elements},
	}}}})
	set := tables[0].Set("ports")
	inNamespace(t, func() {
		w, err := Open(Own{Table: "cordon"})
		if err != nil {
			t.Error(err)
			return
		}
		for _, c := range []struct {
			name string
			do   func(*wire.Batch)
		}{
			{"table with a set", func(b *wire.Batch) { b.Add(&tables[0]) }},
			{"elements gone", func(b *wire.Batch) { b.DeleteElements(id, "ports", set.Elements[:1]) }},
			{"elements come", func(b *wire.Batch) { b.AddElements(id, "ports", set.Elements[:1]) }},
			{"set gone", func(b *wire.Batch) { b.DeleteSet(id, "ports") }},
			{"set", func(b *wire.Batch) { b.AddSet(id, set) }},
			{"set made anew", func(b *wire.Batch) { b.DeleteSet(id, "ports"); b.AddSet(id, set) }},
			{"table gone", func(b *wire.Batch) { b.DeleteTable(id) }},
		} {
			if err := committed(c.do); err != nil {
				t.Errorf("%s: %v", c.name, err)
				break
			}
			if e := hear(t, w, deed{c.name, nil, Tables}); len(e.Sets) != 1 || e.Sets[0] != ports {
				t.Errorf("%s: heard of %v, want %v", c.name, e.Sets, ports)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// hear waits for an event that holds the wanted kinds.
func hear(t *testing.T, w *Watcher, d deed) Event {
	t.Helper()
	late := time.After(5 * time.Second)
	seen := Event{}
	for seen.Kinds&d.want != d.want {
		select {
		case e := <-w.Events():
			seen = seen.And(e)
		case <-late:
			t.Fatalf("%s: heard %s, want %s", d.name, seen.Kinds, d.want)
		}
	}
	return seen
}

// TestTheKernelSpeaks does everything that is watched for, and holds that it is heard; of tables, by whom.
func TestTheKernelSpeaks(t *testing.T) {
	inNamespace(t, func() {
		w, err := Open(Own{Table: "cordon"})
		if err != nil {
			t.Error(err)
			return
		}
		kinds := Kind(0)
		for _, d := range deeds() {
			if err := d.do(); err != nil {
				t.Errorf("%s: %v", d.name, err)
				continue
			}
			e := hear(t, w, d)
			kinds |= d.want
			if d.want == Tables && (len(e.By) != 1 || e.By[0].Name == "" || e.By[0].PID == 0) {
				t.Errorf("the tables were changed by %+v", e.By)
			}
		}
		if want := Tables | Foreign | Links | Addresses | Routes | Rules | Neighbours | Settings; kinds != want {
			t.Errorf("tried %s, want %s", kinds, want)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		for range w.Events() { // what was left
		}
	})
}

// TestOwnIsNotHeard holds that what one's own socket does is not heard, although the same by another one is.
func TestOwnIsNotHeard(t *testing.T) {
	inNamespace(t, func() {
		conn, err := nft.Open()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		w, err := Open(Own{Table: "cordon", Filter: conn.Port()})
		if err != nil {
			t.Error(err)
			return
		}
		b := wire.NewBatch(0)
		b.Add(&wire.Table{Family: ruleset.Inet, Name: "cordon"})
		if err := conn.Commit(t.Context(), b); err != nil {
			t.Error(err)
		}
		if err := transact("docker"); err != nil {
			t.Error(err)
		}
		if e := hear(t, w, deed{"docker", nil, Foreign}); e.Kinds != Foreign {
			t.Errorf("our own change was heard: %s", e.Kinds)
		}
		if err := transact("cordon"); err == nil {
			t.Log("the table was made and deleted by another socket")
		}
		if e := hear(t, w, deed{"cordon", nil, Tables}); e.Kinds != Tables {
			t.Errorf("control: %s", e.Kinds)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestNobodyListens holds that the sockets are read although nobody takes what they bring, and that all of it is there afterwards.
func TestNobodyListens(t *testing.T) {
	inNamespace(t, func() {
		w, err := Open(Own{Table: "cordon"})
		if err != nil {
			t.Error(err)
			return
		}
		storm(t, 2000)
		if err := transact("cordon"); err != nil {
			t.Error(err)
		}
		if e := hear(t, w, deed{"all", nil, Rules | Tables}); e.Kinds&Lost != 0 || slices.Contains(e.Fleeting, netip.Addr{}) {
			t.Errorf("heard %s", e.Kinds)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}
