package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/history"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// keeper is a gateway that holds what was applied, and what it has said.
type keeper struct {
	hold  *gateway.Holder
	store history.Store
	news  chan gateway.News
	stop  func()
}

// applied is a policy text as the state directory keeps it.
func applied(p policy.Policy, text string) history.Applied {
	return history.Applied{
		Time: time.Now(), Who: "test", Digest: p.Digest,
		Directories: []history.Directory{{Name: "site", Files: map[string][]byte{"site.hcl": []byte(text)}}},
	}
}

// hold applies a policy to the site's gateway and holds it until the test ends.
func hold(t *testing.T, l *lab.Lab) *keeper {
	t.Helper()
	h := &keeper{store: history.In(t.TempDir())}
	text := head + allows
	p := read(t, text)
	writing(t, l, h.store, func(w *gateway.Writer) error {
		proposal, err := w.Propose(t.Context(), p, "")
		if err != nil {
			return err
		}
		_, _, err = w.Apply(t.Context(), proposal, applied(p, text), gateway.Confirmation{})
		return err
	})
	h.run(t, l)
	return h
}

// run begins to hold, and returns when what was applied is in force.
func (h *keeper) run(t *testing.T, l *lab.Lab) {
	t.Helper()
	h.runBy(t, l, gateway.SystemClock(time.Now, true))
}

// runBy does so by a clock, which the loop asks in the gateway.
func (h *keeper) runBy(t *testing.T, l *lab.Lab, clock gateway.Clock) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h.news = make(chan gateway.News, 4096)
	began, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- l.Gateway().Do(func() error {
			g, err := gateway.Open(clock)
			if err != nil {
				return err
			}
			defer g.Close()
			h.hold = gateway.NewHolder(&gateway.Writer{Gateway: g, Store: h.store, Now: time.Now}, func(n gateway.News) { h.news <- n })
			close(began)
			return h.hold.Run(ctx)
		})
	}()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	<-began
}

// forget drops what has been said so far.
func (h *keeper) forget() {
	for {
		select {
		case <-h.news:
		default:
			return
		}
	}
}

// await waits for news of a kind and returns it with all that came before.
func (h *keeper) await(t *testing.T, what gateway.What) (gateway.News, []gateway.News) {
	t.Helper()
	late := time.After(10 * time.Second)
	var before []gateway.News
	for {
		select {
		case n := <-h.news:
			if n.What == what {
				return n, before
			}
			before = append(before, n)
		case <-late:
			t.Fatalf("nothing is %s; heard %v", what, before)
		}
	}
}

// writing runs a function as the writer of the site's gateway.
func writing(t *testing.T, l *lab.Lab, store history.Store, fn func(*gateway.Writer) error) {
	t.Helper()
	inside(t, l, func(_ context.Context, g *gateway.Gateway) error {
		return fn(&gateway.Writer{Gateway: g, Store: store, Now: time.Now})
	})
}

// marker is in every packet of a flood.
const marker = "forbidden flood"

// flood sends what is forbidden for as long as a test goes on, and counts what of it arrives where it must not.
type flood struct {
	watches map[string]*lab.Watch
	stop    func() int // returns how many packets were sent
}

// forbidden are the packets of a flood: to the internet, to the other segment and to the recorder's other ports, in both families.
func forbidden(t *testing.T, l *lab.Lab) map[string][][]byte {
	t.Helper()
	frames := map[string][][]byte{}
	for _, f := range []struct{ from, source, to string }{
		{c1, "10.30.0.21", "198.51.100.7"},
		{c1, "fd30::21", "2001:db8:1::7"},
		{c1, "10.30.0.21", "10.50.0.77"},
		{c1, "fd30::21", "fd50::5"},
		{stranger, "10.30.0.99", "198.51.100.7"},
		{stranger, "fd30::99", "2001:db8:1::7"},
		{nvr, "10.40.0.10", "198.51.100.7"},
		{internet, "198.51.100.7", "10.30.0.21"},
		{internet, "2001:db8:1::7", "fd30::21"},
		{office, "10.50.0.77", "10.30.0.21"},
	} {
		m, err := l.Machine(f.from)
		if err != nil {
			t.Fatal(err)
		}
		from, to := netip.MustParseAddr(f.source), netip.MustParseAddr(f.to)
		udp := frame.UDP{SourcePort: 4000, DestinationPort: 9, Payload: []byte(marker)}.Bytes(from, to)
		packet, kind := frame.IP(from, to, policy.UDP, udp)
		e := frame.Ethernet{Destination: m.Segment.MAC, Source: m.MAC, Type: kind, Payload: packet}
		frames[f.from] = append(frames[f.from], e.Bytes())
	}
	return frames
}

// watchFlood watches the internet, the office and the cameras for what is forbidden.
func watchFlood(t *testing.T, l *lab.Lab) *flood {
	t.Helper()
	f := &flood{watches: map[string]*lab.Watch{}}
	inside := netip.MustParsePrefix("10.30.0.0/24")
	inside6 := netip.MustParsePrefix("fd30::/64")
	from := func(p frame.Packet) bool {
		cameras := inside.Contains(p.From) || inside6.Contains(p.From) || p.From == netip.MustParseAddr("10.40.0.10")
		return cameras && p.Carries([]byte(marker)) && !p.IsError()
	}
	into := func(p frame.Packet) bool {
		return p.Carries([]byte(marker)) && !p.IsError() && !inside.Contains(p.From) && !inside6.Contains(p.From)
	}
	for _, name := range []string{internet, office, c1, c2, stranger} {
		m, err := l.Machine(name)
		if err != nil {
			t.Fatal(err)
		}
		match := into
		if name == internet || name == office {
			match = from
		}
		if f.watches[name], err = m.Watch(match); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.watches[name].Close)
	}
	return f
}

// begin floods, and watches.
func begin(t *testing.T, l *lab.Lab) *flood {
	t.Helper()
	f := watchFlood(t, l)
	frames := forbidden(t, l)
	end, sent := make(chan struct{}), make(chan int)
	tick := time.NewTicker(time.Millisecond)
	t.Cleanup(tick.Stop)
	go func() { sent <- send(l, frames, tick.C, end) }()
	f.stop = sync.OnceValue(func() int {
		close(end)
		return <-sent
	})
	t.Cleanup(func() { f.stop() })
	return f
}

// send puts every frame on its machine's wire at each beat, and returns how many it was. An interface that is down takes none.
func send(l *lab.Lab, frames map[string][][]byte, beat <-chan time.Time, end <-chan struct{}) int {
	n := 0
	for {
		for name, list := range frames {
			m, _ := l.Machine(name) // it has been found before
			for _, raw := range list {
				if m.SendFrame(raw) == nil {
					n++
				}
			}
		}
		select {
		case <-end:
			return n
		case <-beat:
		}
	}
}

// arrived counts what has arrived where it must not.
func (f *flood) arrived() map[string]int {
	counts := map[string]int{}
	for name, w := range f.watches {
		if n := w.Count(); n > 0 {
			counts[name] = n
		}
	}
	return counts
}

// damage is what somebody does to a gateway, and the time within which it has to be as it was.
type damage struct {
	name   string
	within time.Duration
	do     func(*lab.Lab) error
}

// Times within which a gateway has to be as it was, by what was broken. The quickest repair is held to the time itself, and the median,
// which on a machine with other things to do is theirs as well, to ten times as much. Where one look at the gateway takes very long,
// as on an emulated processor, it is the time of so many looks instead.
const (
	ofRules = 50 * time.Millisecond
	ofLinks = 250 * time.Millisecond
	busy    = 10
	looks   = 8
)

// damages is everything that somebody else's nft, ip, sysctl or udev does.
func damages() []damage {
	return slices.Concat(damagesOfFilter(), damagesOfRouting(), damagesOfLinks(), damagesOfSettings())
}

// filter changes the packet filter by a socket of its own, given our table of the inet family or all tables.
func filter(act func(b *wire.Batch, tables []wire.Table)) func(*lab.Lab) error {
	return func(l *lab.Lab) error {
		return l.Gateway().Do(func() error {
			conn, err := nft.Open()
			if err != nil {
				return err
			}
			defer conn.Close()
			reading, err := conn.Read(context.Background())
			if err != nil {
				return err
			}
			b := wire.NewBatch(0)
			act(b, reading.Ours)
			if b.Empty() {
				return errors.New("there is nothing to damage")
			}
			return conn.Commit(context.Background(), b)
		})
	}
}

func damagesOfFilter() []damage {
	inet := func(tables []wire.Table) *wire.Table {
		i := slices.IndexFunc(tables, func(t wire.Table) bool { return t.Family == ruleset.Inet })
		return &tables[i]
	}
	id := wire.ID{Family: ruleset.Inet, Name: nft.Ours}
	chains := func(only func(wire.Chain) bool, act func(*wire.Batch, string)) func(*lab.Lab) error {
		return filter(func(b *wire.Batch, tables []wire.Table) {
			for _, c := range inet(tables).Chains {
				if only(c) {
					act(b, c.Name)
				}
			}
		})
	}
	base := func(c wire.Chain) bool { return c.Hook != nil }
	called := func(name string) func(wire.Chain) bool { return func(c wire.Chain) bool { return c.Name == name } }
	flush := func(b *wire.Batch, name string) { b.FlushChain(id, name) }
	remove := func(b *wire.Batch, name string) {
		b.FlushChain(id, name)
		b.DeleteChain(id, name)
	}
	elements := func(set string) func(*lab.Lab) error {
		return filter(func(b *wire.Batch, tables []wire.Table) { b.DeleteElements(id, set, inet(tables).Set(set).Elements) })
	}
	all := func(wire.Chain) bool { return true }
	return []damage{
		{"nft flush ruleset", ofRules, filter(func(b *wire.Batch, tables []wire.Table) {
			for i := range tables {
				b.DeleteTable(tables[i].ID())
			}
		})},
		{"nft delete table inet cordon", ofRules, filter(func(b *wire.Batch, _ []wire.Table) { b.DeleteTable(id) })},
		{"nft delete table netdev cordon", ofRules, filter(func(b *wire.Batch, _ []wire.Table) {
			b.DeleteTable(wire.ID{Family: ruleset.Netdev, Name: nft.Ours})
		})},
		{"nft flush table", ofRules, chains(all, flush)},
		{"nft flush chain forward", ofRules, chains(called("forward"), flush)},
		{"nft flush every base chain", ofRules, chains(base, flush)},
		{"nft delete chain forward", ofRules, chains(called("forward"), remove)},
		{"nft delete every base chain", ofRules, chains(base, remove)},
		{"nft flush set flows4", ofRules, elements("flows4")},
		{"nft flush set devices4", ofRules, elements("devices4")},
		{"nft flush every set without ranges", ofRules, filter(func(b *wire.Batch, tables []wire.Table) {
			for _, s := range inet(tables).Sets {
				if !s.Anonymous() && !s.Written() && !s.Ranges() {
					b.DeleteElements(id, s.Name, s.Elements)
				}
			}
		})},
		{"nft add element flows4", ofRules, filter(func(b *wire.Batch, tables []wire.Table) {
			e := inet(tables).Set("flows4").Elements[0]
			e.Key = "z" + e.Key[1:] // another interface
			b.AddElements(id, "flows4", []wire.Element{e})
		})},
		{"an accept in front of forward", ofRules, filter(func(b *wire.Batch, tables []wire.Table) {
			t := inet(tables)
			b.FlushChain(id, "forward")
			accept := wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Name: nft.Ours, Chains: []ruleset.Chain{acceptAll()}}}})
			for _, r := range accept[0].Chains[0].Rules {
				b.AddRule(t, "forward", r)
			}
		})},
		{"another chain in our table", ofRules, filter(func(b *wire.Batch, _ []wire.Table) { b.AddChain(id, wire.Chain{Name: "other"}) })},
		{"another table of our name", ofRules, filter(func(b *wire.Batch, _ []wire.Table) {
			b.Add(&wire.Table{Family: 2, Name: nft.Ours})
		})},
	}
}

// link changes an interface of the gateway by its name.
func link(name string, act func(*netlink.Handle, netlink.Link) error) func(*lab.Lab) error {
	return func(l *lab.Lab) error {
		return l.Gateway().Do(func() error {
			handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			defer handle.Close()
			found, err := handle.LinkByName(name)
			if err != nil {
				return err
			}
			return act(handle, found)
		})
	}
}

func damagesOfLinks() []damage {
	bounce := func(h *netlink.Handle, l netlink.Link) error { return errors.Join(h.LinkSetDown(l), h.LinkSetUp(l)) }
	rename := func(h *netlink.Handle, l netlink.Link) error {
		there := errors.Join(h.LinkSetDown(l), h.LinkSetName(l, "strange0"), h.LinkSetUp(l))
		return errors.Join(there, h.LinkSetDown(l), h.LinkSetName(l, l.Attrs().Name), h.LinkSetUp(l))
	}
	replug := func(segment string) func(*lab.Lab) error { return func(l *lab.Lab) error { return l.Replug(segment) } }
	return []damage{
		{"ip link set cam0 down, up", ofLinks, link("cam0", bounce)},
		{"ip link set rec0 down, up", ofLinks, link("rec0", bounce)},
		{"ip link set cam0 down", ofLinks, link("cam0", (*netlink.Handle).LinkSetDown)},
		{"cam0 renamed, and back", ofLinks, link("cam0", rename)},
		{"cam0 deleted, made again", ofLinks, replug("cameras")},
		{"rec0 deleted, made again", ofLinks, replug("recorders")},
		{"ip link set cam0 group 0", ofLinks, link("cam0", func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetGroup(l, 0) })},
		{"ip address flush dev cam0", ofLinks, link("cam0", func(h *netlink.Handle, l netlink.Link) error {
			list, err := h.AddrList(l, netlink.FAMILY_ALL)
			for i := range list {
				if !list[i].IP.IsLinkLocalUnicast() {
					err = errors.Join(err, h.AddrDel(l, &list[i]))
				}
			}
			return err
		})},
		{"ip neighbour flush dev cam0", ofLinks, link("cam0", func(h *netlink.Handle, l netlink.Link) error {
			list, err := h.NeighList(l.Attrs().Index, netlink.FAMILY_ALL)
			for i := range list {
				if list[i].State&unix.NUD_PERMANENT != 0 && !list[i].IP.IsMulticast() {
					err = errors.Join(err, h.NeighDel(&list[i]))
				}
			}
			return err
		})},
		{"a neighbour of another MAC", ofLinks, link("cam0", func(h *netlink.Handle, l netlink.Link) error {
			return h.NeighSet(&netlink.Neigh{
				LinkIndex: l.Attrs().Index, State: unix.NUD_PERMANENT, IP: net.IPv4(10, 30, 0, 21), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9},
			})
		})},
	}
}

func damagesOfRouting() []damage {
	rules := func(only func(netlink.Rule) bool) func(*lab.Lab) error {
		return link("lo", func(h *netlink.Handle, _ netlink.Link) error {
			for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
				list, err := h.RuleList(family)
				if err != nil {
					return err
				}
				for _, r := range list {
					r.Family = family
					if (netstate.Rule{Priority: uint32(r.Priority)}).Ours() && only(r) {
						if err := h.RuleDel(&r); err != nil {
							return err
						}
					}
				}
			}
			return nil
		})
	}
	routes := func(table int) func(*lab.Lab) error {
		return link("lo", func(h *netlink.Handle, _ netlink.Link) error {
			var err error
			for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
				list, listErr := h.RouteListFiltered(family, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
				err = errors.Join(err, listErr)
				for i := range list {
					err = errors.Join(err, h.RouteDel(&list[i]))
				}
			}
			return err
		})
	}
	return []damage{
		{"ip rule flush, ours", ofLinks, rules(func(netlink.Rule) bool { return true })},
		{"ip rule del pref 880", ofLinks, rules(func(r netlink.Rule) bool { return r.Priority == int(netstate.PeerPreference) })},
		{"ip route flush table 881", ofLinks, routes(int(netstate.CameraTable))},
		{"ip rule add pref 875 to main", ofLinks, link("lo", func(h *netlink.Handle, _ netlink.Link) error {
			r := netlink.NewRule()
			r.Family, r.Priority, r.Table, r.IifName = netlink.FAMILY_V4, int(netstate.LivePreference), unix.RT_TABLE_MAIN, "cam0"
			return h.RuleAdd(r)
		})},
	}
}

func damagesOfSettings() []damage {
	set := func(name, value string) func(*lab.Lab) error {
		return func(l *lab.Lab) error { return l.Gateway().SetSysctl(name, value) }
	}
	return []damage{
		{"sysctl ip_forward=0", ofLinks, set("ipv4/ip_forward", "0")},
		{"sysctl conf.cam0.rp_filter=0", ofLinks, set("ipv4/conf/cam0/rp_filter", "0")},
		{"sysctl conf.cam0.disable_ipv6=1", 2500 * time.Millisecond, set("ipv6/conf/cam0/disable_ipv6", "1")},
		{"sysctl conf.cam0.accept_redirects=1", 2500 * time.Millisecond, set("ipv6/conf/cam0/accept_redirects", "1")},
	}
}

// acceptAll is a chain that lets everything through.
func acceptAll() ruleset.Chain {
	accept := []ruleset.Statement{ruleset.Verdict{Kind: ruleset.AcceptPacket}}
	return ruleset.Chain{Name: "forward", Rules: []ruleset.Rule{{Statements: accept}}}
}

// whole says what the gateway lacks of a policy, in words.
func whole(t *testing.T, l *lab.Lab, p policy.Policy) string {
	t.Helper()
	var lacks []string
	inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
		proposal, err := g.Propose(ctx, p, "")
		for _, c := range proposal.Plan.Changes {
			lacks = append(lacks, fmt.Sprintf("%s %s %s", c.Action, c.Kind, c.Name))
		}
		if !proposal.Plan.Empty() {
			lacks = append(lacks, "not empty")
		}
		return err
	})
	return strings.Join(lacks, ", ")
}

// TestDamageIsRepaired breaks everything that somebody else may break, one after another under a flood of what is forbidden: none of it
// arrives, what was broken is back in time, and recording goes on. TestDamageStays is the control.
func TestDamageIsRepaired(t *testing.T) {
	l := open(t)
	text := head + allows
	p := read(t, text)
	h := hold(t, l)
	h.await(t, gateway.Holding)
	record := flow{name: "record", from: nvr, to: "10.30.0.21", protocol: policy.TCP, port: 554}
	f := begin(t, l)
	times := map[time.Duration][]time.Duration{}
	look := time.Now()
	if lacks := whole(t, l, p); lacks != "" {
		t.Errorf("at the beginning: %s", lacks)
	}
	slow := looks * time.Since(look)
	for _, d := range damages() {
		h.forget()
		began := time.Now()
		if err := d.do(l); err != nil {
			t.Errorf("%s: %v", d.name, err)
			continue
		}
		news, _ := h.await(t, gateway.Repaired)
		took := time.Since(began)
		idle(t, h)
		// What takes several steps may be repaired in several, on a machine that is busy with others between them.
		for lacks := whole(t, l, p); lacks != ""; lacks = whole(t, l, p) {
			if took = time.Since(began); took > 10*time.Second {
				t.Fatalf("%s: still lacking %s", d.name, lacks)
			}
		}
		if !arrives(t, l, record) {
			t.Errorf("%s: recording does not come back", d.name)
		}
		if n := f.arrived(); len(n) > 0 {
			t.Fatalf("%s: forbidden packets arrived: %v", d.name, n)
		}
		times[d.within] = append(times[d.within], took)
		t.Logf("%-38s %8s (%s by itself; %s by %v; %d changes)", d.name, took.Round(100*time.Microsecond), news.Took.Round(100*time.Microsecond),
			news.Kinds, news.By, len(news.Changes))
	}
	if n := f.stop(); n < 1000 {
		t.Errorf("only %d forbidden packets were sent", n)
	} else {
		t.Logf("%d forbidden packets were sent, %v arrived", n, f.arrived())
	}
	count := 0
	for within, list := range times {
		slices.Sort(list)
		count += len(list)
		least, median, most := list[0], list[len(list)/2], list[len(list)-1]
		t.Logf("within %s: %d damages, least %s, median %s, most %s", within, len(list), least, median, most)
		if bound := max(within, slow); least > bound || median > busy*bound {
			t.Errorf("repairs took %s at least and %s in the median; want %s", least, median, within)
		}
	}
	if count != 33 {
		t.Errorf("%d damages tried", count)
	}
}

// idle waits until the holder has nothing more to do: a request is served behind what is due.
func idle(t *testing.T, h *keeper) {
	t.Helper()
	if err := h.hold.Do(t.Context(), func(*gateway.Writer) {}); err != nil {
		t.Fatal(err)
	}
}

// TestWhoIsNamed asks the holder something in the moment in which somebody breaks what it holds: the repair that comes of the request
// knows as well who it was.
func TestWhoIsNamed(t *testing.T) {
	l := open(t)
	h := hold(t, l)
	h.await(t, gateway.Holding)
	flush := damagesOfFilter()[0]
	asked := 0
	for i := range 10 {
		idle(t, h)
		h.forget()
		end, ended := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			for {
				_ = h.hold.Do(t.Context(), func(*gateway.Writer) {})
				n++
				select {
				case <-end:
					ended <- n
					return
				default:
				}
			}
		}()
		err := flush.do(l)
		news, _ := h.await(t, gateway.Repaired)
		close(end)
		asked += <-ended
		if err != nil || len(news.By) == 0 {
			t.Errorf("round %d: %v, broken by %v (%s)", i, err, news.By, news.Kinds)
		}
	}
	t.Logf("%d requests beside ten damages", asked)
}

// TestDamageStays is the control of TestDamageIsRepaired: where nobody holds what was applied, all damage stays, and with both locks
// broken the flood arrives.
func TestDamageStays(t *testing.T) {
	l := open(t)
	p := read(t, head+allows)
	apply(t, l, p)
	f := begin(t, l)
	for _, d := range damages() {
		if err := d.do(l); err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
		if whole(t, l, p) == "" {
			t.Errorf("%s breaks nothing", d.name)
		}
		apply(t, l, p)
	}
	flushTables(t, l)
	flushRules(t, l)
	for _, name := range []string{internet, office} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if n, err := f.watches[name].Await(ctx, 10); n < 10 || err != nil {
			t.Errorf("control: without both locks %d packets reach %s: %v", n, name, err)
		}
		cancel()
	}
}

// TestEndlessDamageLocksDown breaks the packet filter again and again: it is repaired as often as is borne, and then everything is locked
// down, which stays so and is written down. The control is recording, which goes on until then.
func TestEndlessDamageLocksDown(t *testing.T) {
	l := open(t)
	h := hold(t, l)
	h.await(t, gateway.Holding)
	f := begin(t, l)
	record := flow{name: "record", from: nvr, to: "10.30.0.21", protocol: policy.TCP, port: 554}
	if !arrives(t, l, record) {
		t.Fatal("control: the recorder does not reach its camera")
	}
	table := damages()[1]
	repaired := 0
	news := gateway.News{}
	for ; news.What != gateway.LockedDown && repaired < 100; repaired++ {
		if err := table.do(l); err != nil {
			t.Fatal(err)
		}
		h.await(t, gateway.Repaired)
		idle(t, h)
		select {
		case news = <-h.news:
		default:
		}
	}
	if news.What != gateway.LockedDown || news.Err != nil {
		t.Fatalf("after %d repairs: %+v", repaired, news)
	}
	idle(t, h)
	lockdown, locked, err := h.store.Lockdown()
	if !locked || err != nil || lockdown.Who != gateway.Itself {
		t.Errorf("written down: %+v, %t, %v", lockdown, locked, err)
	}
	t.Logf("after %d repairs: %s, by %v", repaired, lockdown.Because, news.By)
	if arrives(t, l, record) {
		t.Error("locked down, the recorder reaches its camera")
	}
	if err := table.do(l); err != nil {
		t.Fatal(err)
	}
	if n, _ := h.await(t, gateway.Repaired); n.Took > 2*time.Second {
		t.Errorf("locked down, a repair takes %s", n.Took)
	}
	if doErr := h.hold.Do(t.Context(), func(w *gateway.Writer) { _, err = w.Release(t.Context()) }); doErr != nil || err != nil {
		t.Fatal(doErr, err)
	}
	if !arrives(t, l, record) {
		t.Error("released, the recorder does not reach its camera")
	}
	if n := f.arrived(); len(n) > 0 {
		t.Errorf("forbidden packets arrived: %v", n)
	}
}

// TestRestartChangesNothing ends the one who holds and begins again: not one transaction comes of it, and neither does one of the end
// alone. The control is damage in between, which is repaired at the beginning.
func TestRestartChangesNothing(t *testing.T) {
	l := open(t)
	text := head + allows
	p := read(t, text)
	h := hold(t, l)
	h.await(t, gateway.Holding)
	before, state := generation(t, l), ours(holding(t, l, p))
	for range 3 {
		h.stop()
		h.run(t, l)
		if _, others := h.await(t, gateway.Holding); len(others) != 0 {
			t.Errorf("the beginning did more: %+v", others)
		}
	}
	if after := generation(t, l); after != before {
		t.Errorf("the packet filter was changed: generation %d, then %d", before, after)
	}
	if diff := cmp.Diff(state, ours(holding(t, l, p))); diff != "" {
		t.Errorf("the machine is not what it was (-before +after):\n%s", diff)
	}
	h.stop()
	if err := damages()[0].do(l); err != nil {
		t.Fatal(err)
	}
	h.run(t, l)
	if n, _ := h.await(t, gateway.Repaired); len(n.Changes) == 0 || generation(t, l) == before {
		t.Errorf("control: the damage of the meantime: %+v", n)
	}
}

// generation is what every transaction of the packet filter raises.
func generation(t *testing.T, l *lab.Lab) (number uint32) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		number, err = conn.Generation(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// TestAbsentInterfaceWaits takes an interface of the policy away under a strange name: the rest is held, also against damage; strangers by
// the strange name get nowhere; and everything comes back with the name.
func TestAbsentInterfaceWaits(t *testing.T) {
	l := open(t)
	text := head + allows
	p := read(t, text)
	h := hold(t, l)
	h.await(t, gateway.Holding)
	watch := flow{name: "watch", from: office, to: "10.40.0.10", protocol: policy.TCP, port: 443, allowed: true}
	record := flow{name: "record", from: nvr, to: "10.30.0.21", protocol: policy.TCP, port: 554, allowed: true}
	serveAll(t, l, []flow{watch, record})
	f := begin(t, l)
	to := func(name string) func(*netlink.Handle, netlink.Link) error {
		return func(h *netlink.Handle, l netlink.Link) error {
			return errors.Join(h.LinkSetDown(l), h.LinkSetName(l, name), h.LinkSetUp(l))
		}
	}
	if err := link("cam0", to("strange0"))(l); err != nil {
		t.Fatal(err)
	}
	if n, _ := h.await(t, gateway.Missing); !slices.Equal(n.Absent, []string{"cam0"}) {
		t.Errorf("absent: %v", n.Absent)
	}
	// A strange interface has no rules of routing: without the packet filter, until it is back, nothing else shuts it.
	if n := f.stop(); n < 100 || len(f.arrived()) > 0 {
		t.Errorf("of %d forbidden packets arrived: %v", n, f.arrived())
	}
	for _, d := range []damage{damages()[0], damages()[1], damages()[7]} {
		if err := d.do(l); err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
		if n, _ := h.await(t, gateway.Repaired); n.Err != nil {
			t.Errorf("%s: %v", d.name, n.Err)
		}
		idle(t, h)
		if !arrives(t, l, watch) {
			t.Errorf("%s: what has nothing to do with the absent interface does not come back", d.name)
		}
	}
	f = begin(t, l)
	if err := link("strange0", to("cam0"))(l); err != nil {
		t.Fatal(err)
	}
	if n, _ := h.await(t, gateway.Missing); len(n.Absent) != 0 {
		t.Errorf("absent: %v", n.Absent)
	}
	idle(t, h)
	if lacks := whole(t, l, p); lacks != "" {
		t.Errorf("still lacking %s", lacks)
	}
	if !arrives(t, l, record) {
		t.Error("recording does not come back")
	}
	if n := f.arrived(); len(n) > 0 {
		t.Errorf("forbidden packets arrived: %v", n)
	}
}
