package integration_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// uploadPort is where the recorder takes files from cameras.
const uploadPort = 2121

// uploads lets both cameras open connections to the recorder.
const uploads = `
service "upload" {
  tcp = ["2121"]
}
allow "upload" {
  from     = segment.cameras
  to       = recorder.nvr
  services = [service.upload]
}
`

// bitten returns what each bound has refused so far, by the name of its counter.
func bitten(t *testing.T, l *lab.Lab) map[string]uint64 {
	t.Helper()
	count := map[string]uint64{}
	err := l.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		reading, err := conn.Read(t.Context())
		for i := range reading.Ours {
			for _, chain := range reading.Ours[i].Chains {
				for _, r := range chain.Rules {
					for _, e := range r.Exprs {
						packets, _, _ := e.Counted()
						count[wire.Comment(r.Userdata)] += packets
					}
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// The counters of what bounds a camera's flows.
const (
	tooFast = "new flows faster than a camera needs"
	tooMany = "more open flows than a camera needs"
)

// hoard has a camera open connections to the recorder and keep them until so many are refused one after another. It tries about as often
// as the rate lets it.
func hoard(t *testing.T, l *lab.Lab, camera, to string, refusals int) []net.Conn {
	t.Helper()
	m, err := l.Machine(camera)
	if err != nil {
		t.Fatal(err)
	}
	remote := netip.AddrPortFrom(netip.MustParseAddr(to), uploadPort)
	var open []net.Conn
	for refused := 0; refused < refusals && len(open) < 400; {
		ctx, cancel := context.WithTimeout(t.Context(), 80*time.Millisecond)
		conn, err := m.Dial(ctx, "tcp", netip.AddrPort{}, remote)
		cancel()
		if err != nil {
			refused++
			continue
		}
		refused = 0
		open = append(open, conn)
		t.Cleanup(func() { _ = conn.Close() }) // some are closed before
	}
	return open
}

// TestOneCameraHoldsFewFlows holds that a camera which opens one allowed connection after another, and closes none, takes 256 of a
// family of conntrack's entries and no more, at whatever pace; that it loses none of those which it has, that media pass, its own and
// another's, at 40 megabits a second, and that nobody else is refused anything. The controls are the other family, the other camera, the
// recorder, which opens more, and the same camera when it has closed some.
func TestOneCameraHoldsFewFlows(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+uploads))
	echo(t, l, nvr, uploadPort)
	echo(t, l, c1, 554)
	media := []*train{newTrain(t, l, c1, inRecorder, mediaPort), newTrain(t, l, c2, inRecorder, mediaPort+1)}
	for _, m := range media {
		m.padding = 1200
		if err := m.send(); err != nil {
			t.Fatal(err)
		}
	}
	held := hoard(t, l, c1, inRecorder, 8)
	// The media are one of the flows.
	if n := flows(t, l, netip.MustParseAddr(inCamera)); n < 250 || n > 257 || len(held) != n-1 {
		t.Errorf("%d connections are open, and conntrack has %d entries; want 256 in all", len(held), n)
	}
	bites := bitten(t, l)
	if bites[tooMany] == 0 {
		t.Errorf("nothing is counted as %q: %v", tooMany, bites)
	}
	t.Logf("%d connections; counted %d as %q, %d as %q", len(held), bites[tooFast], tooFast, bites[tooMany], tooMany)

	for _, other := range []struct{ from, to string }{{c1, inRecorder6}, {c2, inRecorder}} {
		if !dial(t, l, other.from, other.to, uploadPort).alive(t) {
			t.Errorf("%s cannot open a connection to %s", other.from, other.to)
		}
	}
	for _, conn := range []net.Conn{held[0], held[len(held)-1]} {
		if c := (conversation{c1 + "'s own", conn}); !c.alive(t) {
			t.Error("a connection within the bound is dead")
		}
	}
	for i := range 300 {
		if !dial(t, l, nvr, inCamera, 554).alive(t) {
			t.Fatalf("control: the recorder has no connection number %d", i+1)
		}
	}
	for _, m := range media {
		megabits(t, m, 40)
	}
	for _, conn := range held[:50] {
		if tcp, ok := conn.(*net.TCPConn); !ok || tcp.SetLinger(0) != nil {
			t.Fatal("a connection cannot be reset")
		}
		_ = conn.Close() // at once: nothing is waited for
	}
	if again := hoard(t, l, c1, inRecorder, 8); len(again) < 45 || len(again) > 55 {
		t.Errorf("after 50 connections were closed %d could be opened", len(again))
	}
}

// megabits sends a train's packets for half a second at a rate, and holds that all of them arrive. What it was too late to send at once it
// sends little by little; an emulated processor, which is the only one, is always late.
func megabits(t *testing.T, media *train, rate int) {
	t.Helper()
	begin, bytes := time.Now(), 0
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 500 {
		for n := 0; n < 20 && bytes*8 < int(time.Since(begin).Seconds()*float64(rate)*1e6); n++ {
			if err := media.send(); err != nil {
				t.Fatal(err)
			}
			bytes += media.padding
		}
		<-tick.C
	}
	took := time.Since(begin)
	if !within(t, media.watch, int(media.sent)) {
		t.Errorf("%d of %d media packets arrive", media.watch.Count(), media.sent)
	}
	reached := float64(bytes) * 8 / took.Seconds() / 1e6
	if t.Logf("%.1f Mbit/s of media, %d packets, none lost", reached, media.sent); reached < 0.9*float64(rate) && runtime.NumCPU() > 1 {
		t.Errorf("%.1f Mbit/s were sent, want %d", reached, rate)
	}
}

// throng is a way to make the gateway remember addresses that nobody has.
type throng struct {
	name, from string
	// frame is the one of number i, from 1 to thronging.
	frame func(m *lab.Machine, i int) frame.Ethernet
}

// thronging is more than the 1,024 neighbours that a kernel remembers by itself.
const thronging = 1500

func throngs() []throng {
	four := func(network string, i int) netip.Addr {
		a := netip.MustParseAddr(network).As4()
		a[2], a[3] = byte(i/200), byte(i%200+30)
		return netip.AddrFrom4(a)
	}
	six := func(network string, i int) netip.Addr {
		a := netip.MustParseAddr(network).As16()
		a[14], a[15] = byte(0x50+i>>8), byte(i)
		return netip.AddrFrom16(a)
	}
	mac := func(i int) policy.MAC { return policy.MAC{2, 0x66, 0, 0, byte(i >> 8), byte(i)} }
	ip := func(m *lab.Machine, as policy.MAC, from, to netip.Addr) frame.Ethernet {
		packet, etherType := frame.IP(from, to, policy.UDP, frame.UDP{SourcePort: 4000, DestinationPort: 4001}.Bytes(from, to))
		return frame.Ethernet{Destination: m.Segment.MAC, Source: as, Type: etherType, Payload: packet}
	}
	solicit := func(m *lab.Machine, i int) frame.Ethernet {
		from, to, as := six("fd30::", i), netip.MustParseAddr("fd30::1"), mac(i)
		about := to.As16()
		message := frame.ICMP{Type: frame.NeighbourSolicit, Payload: append(about[:], append([]byte{1, 1}, as[:]...)...)}
		packet := frame.IPv6{Source: from, Destination: to, HopLimit: 255, Next: policy.ICMPv6, Payload: message.Bytes(from, to)}
		return frame.Ethernet{Destination: m.Segment.MAC, Source: as, Type: frame.TypeIPv6, Payload: packet.Bytes()}
	}
	return []throng{
		{"questions of many, ARP", stranger, func(_ *lab.Machine, i int) frame.Ethernet {
			question := frame.ARP{
				Operation: frame.ARPRequest, SenderMAC: mac(i), Sender: four("10.30.0.0", i%200), Target: netip.MustParseAddr("10.30.0.1"),
			}
			return frame.Ethernet{Destination: frame.Broadcast(), Source: mac(i), Type: frame.TypeARP, Payload: question.Bytes()}
		}},
		{"questions of many, IPv6", stranger, solicit},
		{"questions of many, IPv6, by a camera", c1, solicit},
		{"packets of many to the gateway", stranger, func(m *lab.Machine, i int) frame.Ethernet {
			return ip(m, mac(i), six("fd30::", i), netip.MustParseAddr("fd30::1"))
		}},
		{"packets to nobody among the cameras, from the office", office, func(m *lab.Machine, i int) frame.Ethernet {
			return ip(m, m.MAC, netip.MustParseAddr("fd50::5"), six("fd30::", i))
		}},
		{"packets to nobody among the cameras, from the internet", internet, func(m *lab.Machine, i int) frame.Ethernet {
			return ip(m, m.MAC, netip.MustParseAddr(outside6), six("fd30::", i))
		}},
		{"packets to nobody among the recorders, by a camera", c1, func(m *lab.Machine, i int) frame.Ethernet {
			return ip(m, m.MAC, netip.MustParseAddr(inCamera6), six("fd40::", i))
		}},
		{"packets to nobody among the cameras, by the recorder", nvr, func(m *lab.Machine, i int) frame.Ethernet {
			return ip(m, m.MAC, netip.MustParseAddr(inRecorder6), six("fd30::", i))
		}},
	}
}

// neighbours counts whom the gateway remembers on the cameras' and the recorders' interfaces.
func neighbours(t *testing.T, l *lab.Lab) int {
	t.Helper()
	n := 0
	err := l.Gateway().Do(func() error {
		for _, name := range []string{"cam0", "rec0"} {
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			list, err := netlink.NeighList(link.Attrs().Index, 0)
			if err != nil {
				return err
			}
			n += len(list)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestStrangersFillNoTable holds that the table of neighbours, of which a kernel has one for all interfaces, is not filled from a governed
// segment, nor by scanning one: an entry that is forced out there is a recording that stops. The control is the same without a policy.
func TestStrangersFillNoTable(t *testing.T) {
	l := open(t)
	pass := func(c throng) int {
		t.Helper()
		m, err := l.Machine(c.from)
		if err != nil {
			t.Fatal(err)
		}
		before := neighbours(t, l)
		for i := 1; i <= thronging; i++ {
			if err := m.SendFrame(c.frame(m, i).Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		return neighbours(t, l) - before
	}
	all := throngs()
	for _, c := range all {
		n := pass(c)
		if n < 30 { // what the gateway answers at a bounded rate makes fewer
			t.Errorf("control: %d packets, %s: %d neighbours more without a policy", thronging, c.name, n)
		}
		t.Logf("%-56s %4d neighbours without a policy", c.name, n)
		for _, iface := range []string{"cam0", "rec0"} {
			if err := l.Gateway().ForgetNeighbours(iface); err != nil {
				t.Fatal(err)
			}
		}
	}
	apply(t, l, read(t, head+allows))
	for _, c := range all {
		if n := pass(c); n > 0 {
			t.Errorf("%d packets, %s: %d neighbours more", thronging, c.name, n)
		}
	}
	if !arrives(t, l, flow{name: "record", from: nvr, to: inCamera, protocol: policy.TCP, port: 554}) {
		t.Error("recording stops")
	}
}

// TestFullSetsRefuse fills the sets that rules write, which only another program can: the camera then opens nothing new, and no flow that
// it has ends. The control is the same camera when the sets have room again.
func TestFullSetsRefuse(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+uploads))
	echo(t, l, nvr, uploadPort)
	opens := func() bool {
		return arrives(t, l, flow{name: "upload", from: c2, to: inRecorder, protocol: policy.TCP, port: uploadPort})
	}
	for _, set := range []string{"news4", "open4"} {
		running := dial(t, l, c1, inRecorder, uploadPort)
		if !running.alive(t) {
			t.Fatalf("control: %s is not answered", running.name)
		}
		list := filling(t, l, set)
		if opens() {
			t.Errorf("%s is full of %d strangers, and a camera opens a connection", set, len(list))
		}
		if !running.alive(t) {
			t.Errorf("%s is full, and a connection dies", set)
		}
		written(t, l, func(b *wire.Batch, id wire.ID) { b.DeleteElements(id, set, list) })
		if !opens() {
			t.Errorf("control: %s has room again, and the camera opens nothing", set)
		}
	}
}

// written has another program change our table.
func written(t *testing.T, l *lab.Lab, change func(*wire.Batch, wire.ID)) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		b := wire.NewBatch(0)
		change(b, wire.ID{Family: ruleset.Inet, Name: nft.Ours})
		return conn.Commit(t.Context(), b)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// filling puts addresses of nobody into a set of addresses until nothing more fits, and returns them.
func filling(t *testing.T, l *lab.Lab, set string) []wire.Element {
	t.Helper()
	var list []wire.Element
	err := l.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		id := wire.ID{Family: ruleset.Inet, Name: nft.Ours}
		held, err := conn.Elements(t.Context(), id, set)
		if err != nil {
			return err
		}
		gone := wire.NewBatch(0)
		gone.DeleteElements(id, set, held) // so that the sender's own is not in it
		if err := conn.Commit(t.Context(), gone); err != nil {
			return err
		}
		for i := range 10_000 {
			e := wire.Element{Key: string([]byte{192, 0, byte(i >> 8), byte(i)})}
			one := wire.NewBatch(0)
			one.AddElements(id, set, []wire.Element{e})
			var full *nft.RefusedError
			switch err := conn.Commit(t.Context(), one); {
			case errors.As(err, &full):
				return nil
			case err != nil:
				return err
			}
			list = append(list, e)
		}
		return errors.New("the set has no end")
	})
	if err != nil || len(list) < 32 {
		t.Fatalf("%s: %d elements, %v", set, len(list), err)
	}
	return list
}
