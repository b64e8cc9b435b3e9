package integration_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"cordon/gateway"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// across is a frame from one machine of the bridge to another, and whether it may arrive.
type across struct {
	name, from, to string
	frame, needle  []byte // the needle is what the far side knows it by
	passes         bool
}

// crosses sends a frame and waits for it on the far side.
func crosses(t *testing.T, l *lab.Lab, a across) bool {
	t.Helper()
	watch, err := machine(t, l, a.to).Watch(func(p frame.Packet) bool { return bytes.Contains(p.Raw, a.needle) })
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if err := machine(t, l, a.from).SendFrame(a.frame); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lab.DefaultWait)
	defer cancel()
	n, err := watch.Await(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// drop deletes the tables of some families, and shows bridged packets to nobody else.
func drop(t *testing.T, l *lab.Lab, families ...ruleset.Family) {
	t.Helper()
	tables(t, l, func(conn *nft.Conn) error {
		b := wire.NewBatch(0)
		for _, f := range families {
			b.DeleteTable(wire.ID{Family: f, Name: nft.Ours})
		}
		return conn.Commit(t.Context(), b)
	})
	bridgedCalls(t, l, "0")
}

// bridgedCalls says whether the kernel shows bridged packets to the IP layer.
func bridgedCalls(t *testing.T, l *lab.Lab, setting string) {
	t.Helper()
	for _, name := range []string{"iptables", "ip6tables", "arptables"} {
		if err := l.Gateway().SetSysctl("bridge/bridge-nf-call-"+name, setting); err != nil {
			t.Fatal(err)
		}
	}
}

// wires makes frames between two machines of the bridge, each with a marker of its own.
type wires struct {
	t *testing.T
	l *lab.Lab
	n int
}

func (w *wires) marker() []byte {
	w.n++
	return fmt.Appendf(nil, "across %08x", w.n)
}

func (w *wires) ip(name, from, to string, source, target netip.Addr, protocol policy.Protocol, payload, needle []byte, passes bool) across {
	packet, etherType := frame.IP(source, target, protocol, payload)
	e := frame.Ethernet{Destination: machine(w.t, w.l, to).MAC, Source: machine(w.t, w.l, from).MAC, Type: etherType, Payload: packet}
	return across{name, from, to, e.Bytes(), needle, passes}
}

func (w *wires) tcp(name, from, to string, source, target netip.AddrPort, flags frame.Flags, passes bool) across {
	m := w.marker()
	segment := frame.TCP{SourcePort: source.Port(), DestinationPort: target.Port(), Flags: flags, Sequence: 1, Payload: m}
	return w.ip(name, from, to, source.Addr(), target.Addr(), policy.TCP, segment.Bytes(source.Addr(), target.Addr()), m, passes)
}

func (w *wires) udp(name, from, to string, source, target netip.AddrPort, passes bool) across {
	m := w.marker()
	datagram := frame.UDP{SourcePort: source.Port(), DestinationPort: target.Port(), Payload: m}
	return w.ip(name, from, to, source.Addr(), target.Addr(), policy.UDP, datagram.Bytes(source.Addr(), target.Addr()), m, passes)
}

// answer is an echo reply that nobody asked for.
func (w *wires) answer(name, from, to string, source, target netip.Addr, id uint16) across {
	m := w.marker()
	reply := frame.Echo(target, id, 1, m)
	reply.Type = map[bool]uint8{true: frame.EchoReply, false: frame.EchoReplyV6}[target.Is4()]
	return w.ip(name, from, to, source, target, frame.ICMPOf(target), reply.Bytes(source, target), m, false)
}

// report is an ICMP error about a packet of TCP between two ends. The quotation's first octet can be another.
func (w *wires) report(
	name, from, to string, source, target netip.Addr, quotedFrom, quotedTo netip.AddrPort, head byte, passes bool,
) across {
	m := w.marker()
	segment := frame.TCP{SourcePort: quotedFrom.Port(), DestinationPort: quotedTo.Port(), Flags: frame.ACK, Sequence: 1, Payload: m}
	quoted, _ := frame.IP(quotedFrom.Addr(), quotedTo.Addr(), policy.TCP, segment.Bytes(quotedFrom.Addr(), quotedTo.Addr()))
	if head != 0 {
		quoted[0] = head
	}
	e := frame.ICMP{Type: frame.Unreachable, Code: 3, Payload: quoted}
	if !target.Is4() {
		e.Type, e.Code = frame.UnreachableV6, 4
	}
	return w.ip(name, from, to, source, target, frame.ICMPOf(target), e.Bytes(source, target), m, passes)
}

// directions are frames that ingress lets go on, for its port, its MAC and its address are right and the service's port is in it: only the
// record of what was opened tells them apart. Near is the recorder's end of a running stream, far the camera's.
func (w *wires) directions(near, far netip.AddrPort, other netip.Addr) []across {
	at := func(a netip.AddrPort, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), port) }
	const never = 6001
	near, far = netip.AddrPortFrom(near.Addr().Unmap(), near.Port()), netip.AddrPortFrom(far.Addr().Unmap(), far.Port())
	list := []across{
		w.tcp("an answer of the stream", c1, nvr, far, near, frame.ACK, true),
		w.tcp("a packet of the stream", nvr, c1, near, far, frame.ACK, true),
		w.report("an error about the stream", c1, nvr, far.Addr(), near.Addr(), near, far, 0, true),
		w.report("an error about an answer of the stream", nvr, c1, near.Addr(), far.Addr(), far, near, 0, true),
		w.tcp("SYN with the stream's ports", c1, nvr, far, near, frame.SYN, false),
		w.udp("a datagram from the alarm's port", nvr, c1, at(near, 514), at(far, 5000), false),
		w.udp("a datagram from the media's port", nvr, c1, at(near, 6100), at(far, 5000), false),
		w.answer("an echo reply that nobody asked for", c1, nvr, far.Addr(), near.Addr(), 4711),
		w.report("an error about what was never opened", c1, nvr, far.Addr(), near.Addr(), at(near, never), far, 0, false),
		w.report("an error about the neighbour's flow", c2, nvr, other, near.Addr(), near, far, 0, false),
		w.report("an error that quotes somebody else", c1, nvr, far.Addr(), near.Addr(), at(far, near.Port()), far, 0, false),
	}
	for _, flags := range []frame.Flags{frame.SYN, frame.SYN | frame.ACK, frame.ACK, frame.FIN | frame.ACK, frame.RST} {
		list = append(list, w.tcp(fmt.Sprintf("flags %d from the served port", flags), c1, nvr, far, at(near, never), flags, false))
	}
	if near.Addr().Is4() {
		list = append(list, w.report("an error whose quotation has options", c1, nvr, far.Addr(), near.Addr(), near, far, 0x46, false))
	}
	return list
}

// TestDirectionsOnABridge holds that a reply lives on its flow, whatever its ports: the bridge's table alone knows, for without it all of
// them arrive.
func TestDirectionsOnABridge(t *testing.T) {
	l := oneSwitch(t)
	apply(t, l, read(t, onBridge+onBridgeAllows))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &wires{t: t, l: l}
	echo(t, l, c1, 554)
	streams := []*conversation{dial(t, l, nvr, "10.30.0.21", 554), dial(t, l, nvr, "fd30::21", 554)}
	cases := func() []across {
		var list []across
		for i, s := range streams {
			near, far := s.ends(t)
			list = append(list, w.directions(near, far, addr([]string{"10.30.0.22", "fd30::22"}[i]))...)
		}
		return list
	}
	verdicts := map[bool]int{}
	for _, setting := range []string{"0", "1"} {
		bridgedCalls(t, l, setting)
		for _, a := range cases() {
			verdicts[a.passes]++
			if got := crosses(t, l, a); got != a.passes {
				t.Errorf("bridge-nf-call %s: %s: arrived %t", setting, a.name, got)
			}
		}
		for _, s := range streams {
			if !s.answers(t) {
				t.Errorf("bridge-nf-call %s: %s is dead", setting, s.name)
			}
		}
	}
	if verdicts[true] < 16 || verdicts[false] < 50 {
		t.Errorf("the table holds %v", verdicts)
	}
	// A flow that the camera has opened is answered from the port that opens nothing by itself.
	asked := netip.AddrPortFrom(addr("10.30.0.21"), 5001)
	served := netip.AddrPortFrom(addr("10.30.0.10"), 514)
	if !crosses(t, l, w.udp("alarm", c1, nvr, asked, served, true)) || !crosses(t, l, w.udp("its answer", nvr, c1, served, asked, true)) {
		t.Error("an alarm, or its answer, does not arrive")
	}
	drop(t, l, ruleset.Bridge)
	for _, a := range cases() {
		if !crosses(t, l, a) {
			t.Errorf("control: %s does not arrive without the bridge's table", a.name)
		}
	}
}

// answers says whether a word comes back at last: a busy machine is late.
func (c *conversation) answers(t *testing.T) bool {
	t.Helper()
	for range 4 {
		if c.alive(t) {
			return true
		}
	}
	return false
}

// TestNeighboursOnABridge holds that a device says its own address to whom it may talk, and nobody else hears it.
func TestNeighboursOnABridge(t *testing.T) {
	l := oneSwitch(t)
	apply(t, l, read(t, onBridge+onBridgeAllows))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	cases := neighbourly(t, l)
	verdicts := map[bool]int{}
	for _, a := range cases {
		verdicts[a.passes]++
		if got := crosses(t, l, a); got != a.passes {
			t.Errorf("%s, at %s: arrived %t", a.name, a.to, got)
		}
	}
	if verdicts[true] < 6 || verdicts[false] < 14 {
		t.Errorf("the table holds %v", verdicts)
	}
	bare(t, l)
	for _, a := range cases {
		if !crosses(t, l, a) {
			t.Errorf("control: %s, at %s, does not arrive without a policy", a.name, a.to)
		}
	}
}

// neighbourly are messages of ARP and neighbour discovery to everybody, and who may hear them.
func neighbourly(t *testing.T, l *lab.Lab) []across {
	t.Helper()
	arp := func(name, from, to string, operation uint16, as, target string, passes bool) across {
		m := machine(t, l, from)
		a := frame.ARP{Operation: operation, SenderMAC: m.MAC, Sender: addr(as), Target: addr(target)}
		e := frame.Ethernet{Destination: frame.Broadcast(), Source: m.MAC, Type: frame.TypeARP, Payload: a.Bytes()}
		return across{name, from, to, e.Bytes(), a.Bytes(), passes}
	}
	nd := func(name, from, to string, kind uint8, as, about string, passes bool) across {
		m := machine(t, l, from)
		target, group := addr(about).As16(), addr("ff02::1")
		message := frame.ICMP{Type: kind, Payload: append(target[:], append([]byte{1 + kind - frame.NeighbourSolicit, 1}, m.MAC[:]...)...)}
		p := frame.IPv6{Source: addr(as), Destination: group, HopLimit: 255, Next: policy.ICMPv6, Payload: message.Bytes(addr(as), group)}
		e := frame.Ethernet{Destination: frame.GroupMAC(group), Source: m.MAC, Type: frame.TypeIPv6, Payload: p.Bytes()}
		return across{name, from, to, e.Bytes(), p.Bytes(), passes}
	}
	const ask, tell = frame.NeighbourSolicit, frame.NeighbourAdvert
	local1 := "fe80::4619:b6ff:fe00:1"
	return []across{
		arp("the camera asks for its recorder", c1, nvr, frame.ARPRequest, "10.30.0.21", "10.30.0.10", true),
		arp("the recorder asks for a camera", nvr, c1, frame.ARPRequest, "10.30.0.10", "10.30.0.21", true),
		arp("the recorder among the cameras asks for its camera", dvr, c2, frame.ARPRequest, "10.30.0.12", "10.30.0.22", true),
		nd("the camera asks for its recorder", c1, nvr, ask, "fd30::21", "fd30::10", true),
		nd("the camera asks from its link-local address", c1, nvr, ask, local1, "fd30::10", true),
		nd("the recorder asks for a camera", nvr, c2, ask, "fd30::10", "fd30::22", true),
		nd("the camera says who it is", c1, nvr, tell, "fd30::21", "fd30::21", true),

		arp("the camera's question for its recorder", c1, c2, frame.ARPRequest, "10.30.0.21", "10.30.0.10", false),
		arp("the camera's question for its recorder", c1, stranger, frame.ARPRequest, "10.30.0.21", "10.30.0.10", false),
		arp("the camera asks for its neighbour", c1, nvr, frame.ARPRequest, "10.30.0.21", "10.30.0.22", false),
		arp("the camera as its neighbour", c1, nvr, frame.ARPReply, "10.30.0.22", "10.30.0.10", false),
		arp("the camera as the gateway", c1, nvr, frame.ARPReply, "10.30.0.1", "10.30.0.10", false),
		arp("the camera as the recorder", c1, nvr2, frame.ARPReply, "10.30.0.10", "10.30.0.11", false),
		arp("the camera announces itself", c1, nvr, frame.ARPReply, "10.30.0.21", "10.30.0.21", false),
		arp("a stranger asks", stranger, nvr, frame.ARPRequest, "10.30.0.99", "10.30.0.10", false),
		arp("a camera away from its port", stranger, nvr, frame.ARPRequest, "10.30.0.21", "10.30.0.10", false),
		nd("the camera's question for its recorder", c1, c2, ask, "fd30::21", "fd30::10", false),
		nd("the camera asks for its neighbour", c1, nvr, ask, "fd30::21", "fd30::22", false),
		nd("the camera speaks for its neighbour", c1, nvr, tell, "fd30::21", "fd30::22", false),
		nd("the camera speaks for the gateway", c1, nvr, tell, "fd30::21", "fd30::1", false),
		nd("the camera is a router", c1, nvr, frame.RouterAdvert, local1, "fd30::1", false),
		nd("a stranger asks", stranger, nvr, ask, "fd30::99", "fd30::10", false),
	}
}

// TestRevokedOnABridge holds that a flow dies with its allow, that others live on, and that the kernel ends an exception by itself.
func TestRevokedOnABridge(t *testing.T) {
	l := oneSwitch(t)
	whole := read(t, onBridge+onBridgeAllows)
	apply(t, l, whole)
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	echo(t, l, c1, 554)
	echo(t, l, c2, 554)
	for _, setting := range []string{"0", "1"} {
		bridgedCalls(t, l, setting)
		revoked := []*conversation{dial(t, l, nvr, "10.30.0.21", 554), dial(t, l, nvr, "fd30::21", 554)}
		other := dial(t, l, dvr, "10.30.0.22", 554)
		for _, c := range append(revoked, other) {
			if !c.alive(t) {
				t.Fatalf("control: bridge-nf-call %s: %s is dead before", setting, c.name)
			}
		}
		apply(t, l, read(t, onBridge))
		for _, c := range revoked {
			if c.alive(t) {
				t.Errorf("bridge-nf-call %s: %s lives on without its allow", setting, c.name)
			}
		}
		if !other.alive(t) {
			t.Errorf("bridge-nf-call %s: %s died with another's allow", setting, other.name)
		}
		apply(t, l, whole)
	}
}

// TestErrorsOfRevokedServices holds that an error is told by its flow's own service, while the flow is remembered and others are allowed.
func TestErrorsOfRevokedServices(t *testing.T) {
	l := oneSwitch(t)
	apply(t, l, read(t, onBridge+onBridgeAllows))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &wires{t: t, l: l}
	echo(t, l, c1, 554)
	streams := []*conversation{dial(t, l, nvr, "10.30.0.21", 554), dial(t, l, nvr, "fd30::21", 554)}
	told := func(c *conversation) bool {
		local, remote := c.ends(t)
		near := netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
		far := netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
		return crosses(t, l, w.report("", c1, nvr, far.Addr(), near.Addr(), near, far, 0, true))
	}
	for _, s := range streams {
		if !told(s) {
			t.Errorf("control: no error about %s arrives while it is allowed", s.name)
		}
	}
	apply(t, l, read(t, onBridge+strings.Replace(onBridgeAllows, `["rtsp", "ping"]`, `["ping"]`, 1)))
	for _, s := range streams {
		if told(s) {
			t.Errorf("an error about %s arrives, which is allowed no longer", s.name)
		}
	}
}

// TestLimitedOnABridge holds that an exception opens both ways on the bridge and that the kernel ends it there, with its running flows.
func TestLimitedOnABridge(t *testing.T) {
	l := oneSwitch(t)
	start := time.Now()
	apply(t, l, read(t, onBridge+onBridgeAllows))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	echo(t, l, nvr, 443)
	visit := []near{
		{name: "visit", from: c1, to: "10.30.0.10", protocol: policy.TCP, port: 443, direct: true},
		{name: "visit in IPv6", from: c1, to: "fd30::10", protocol: policy.TCP, port: 443, direct: true},
		{name: "visit by ping", from: c1, to: "10.30.0.10", protocol: policy.ICMP, direct: true},
	}
	still := near{name: "another camera", from: c2, to: "10.30.0.10", protocol: policy.TCP, port: 443, direct: true}
	for _, n := range append(visit, still) {
		if arrived, _ := reached(t, l, n); arrived {
			t.Errorf("control: %s arrives without the exception", n.name)
		}
	}
	until := time.Now().Add(5*time.Second + 4*time.Since(start))
	p := read(t, onBridge+onBridgeAllows+fmt.Sprintf(`
exception "visit" {
  from     = camera.c1
  to       = recorder.nvr
  services = ["https", "ping"]
  until    = %q
  reason   = "a test"
  owner    = "somebody"
}
`, until.Format(time.RFC3339)))
	applyAt(t, l, p, gateway.SystemClock(time.Now, true))
	running := []*conversation{dial(t, l, c1, "10.30.0.10", 443), dial(t, l, c1, "fd30::10", 443)}
	for _, n := range visit {
		if arrived, _ := reached(t, l, n); !arrived {
			t.Errorf("%s does not arrive during the exception", n.name)
		}
	}
	for _, c := range running {
		if !c.alive(t) {
			t.Errorf("%s is dead during the exception", c.name)
		}
	}
	if arrived, _ := reached(t, l, still); arrived {
		t.Errorf("%s arrives during the exception of the first", still.name)
	}
	ended(t, l, until)
	for _, n := range visit {
		if arrived, _ := reached(t, l, n); arrived {
			t.Errorf("%s arrives after the exception", n.name)
		}
	}
	for _, c := range running {
		if c.alive(t) {
			t.Errorf("%s outlives the exception", c.name)
		}
	}
}

// here says whether both ends of a try are on the bridge.
func (n near) here(t *testing.T, l *lab.Lab) bool {
	t.Helper()
	return strings.HasPrefix(holder(t, l, addr(n.to)).Segment.Name, "port") && strings.HasPrefix(machine(t, l, n.from).Segment.Name, "port")
}

// TestBridgeAlone holds that the bridge's table decides the same when ingress is gone, but for what only ingress sees.
func TestBridgeAlone(t *testing.T) {
	l := oneSwitch(t)
	apply(t, l, read(t, onBridge+onBridgeAllows))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	drop(t, l, ruleset.Inet, ruleset.Netdev)
	mingle(t, l)
	covered := map[bool]int{}
	for _, n := range nears() {
		if !n.here(t, l) || n.mac == (policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}) && !n.direct {
			continue
		}
		covered[n.passes]++
		if arrived, _ := reached(t, l, n); arrived != n.passes {
			t.Errorf("%s: arrived %t", n.name, arrived)
		}
	}
	if covered[true] < 10 || covered[false] < 20 {
		t.Errorf("covered %v", covered)
	}
}

// TestForeignPort holds that a port which nobody has named, plugged into the bridge by hand, reaches nobody, and that drift is found.
func TestForeignPort(t *testing.T) {
	l := oneSwitch(t)
	p := read(t, strings.Replace(onBridge+onBridgeAllows, `"p2", "p5", "p6"`, `"p2", "p6"`, 1))
	apply(t, l, p)
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	plug := func() {
		onPort(t, l, "p5", func(link netlink.Link) error {
			bridge, err := netlink.LinkByName("br0")
			if err != nil {
				return err
			}
			return netlink.LinkSetMaster(link, bridge)
		})
	}
	plug()
	bridgedCalls(t, l, "0")
	w := &wires{t: t, l: l}
	tries := func() []across {
		from, to := netip.AddrPortFrom(addr("10.30.0.22"), 5002), netip.AddrPortFrom(addr("10.30.0.10"), 6100)
		return []across{
			w.udp("as a camera", stranger, nvr, from, to, false),
			w.udp("as a recorder", stranger, nvr2, to, netip.AddrPortFrom(addr("10.30.0.11"), 554), false),
		}
	}
	for _, a := range tries() {
		if crosses(t, l, a) {
			t.Errorf("%s arrives from a foreign port", a.name)
		}
	}
	if proposal, outcome := apply(t, l, p); !outcome.Applied || proposal.Empty() {
		t.Error("a foreign port is not seen")
	}
	plug()
	drop(t, l, ruleset.Bridge)
	for _, a := range tries() {
		if !crosses(t, l, a) {
			t.Errorf("control: %s does not arrive without the bridge's table", a.name)
		}
	}
	if proposal, outcome := apply(t, l, p); !outcome.Applied || proposal.Empty() {
		t.Error("the lost table is not seen")
	}
	if proposal, _ := apply(t, l, p); !proposal.Empty() {
		t.Errorf("it is not mended: %v", proposal.Plan.Changes)
	}
}

// TestObservedBridge holds that segments of one bridge which only count let everything pass but who pretends to be somebody.
func TestObservedBridge(t *testing.T) {
	l := oneSwitch(t)
	observed := strings.NewReplacer("kind      = \"camera\"", "kind = \"camera\"\n  mode = \"observe\"",
		"kind = \"recorder\"", "kind = \"recorder\"\n  mode = \"observe\"")
	apply(t, l, read(t, observed.Replace(onBridge+onBridgeAllows)))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	pretends := []string{
		"a stranger as a camera", "a stranger as a camera with a port", "as the other camera", "with the other's MAC", "as the other in IPv6",
		"without a MAC, with another's",
	}
	counts := map[bool]int{}
	for _, setting := range []string{"0", "1"} {
		bridgedCalls(t, l, setting)
		for _, n := range nears() {
			if !n.here(t, l) || n.name == "by the gateway" {
				continue
			}
			want := !slices.Contains(pretends, n.name)
			counts[want]++
			if arrived, _ := reached(t, l, n); arrived != want {
				t.Errorf("bridge-nf-call %s: %s: arrived %t", setting, n.name, arrived)
			}
		}
	}
	if counts[true] < 50 || counts[false] != 2*len(pretends) {
		t.Errorf("the table holds %v", counts)
	}
}

// TestServeOnABridge holds that what one segment of a bridge serves is for its own ports, and that what is intercepted is intercepted.
func TestServeOnABridge(t *testing.T) {
	l := oneSwitch(t)
	s := serveOnGateway(t, l, sockets())
	cameras := strings.Replace(onBridge, "segment \"recorders\" {", "segment \"recorders\" {\n  SERVE", 1)
	cameras = strings.Replace(cameras, "  kind      = \"camera\"", "  kind      = \"camera\"\n  serve {\n    time = \"TIME\"\n  }", 1)
	of := func(time, recorders string) policy.Policy {
		return read(t, strings.NewReplacer("TIME", time, "SERVE", recorders).Replace(cameras+onBridgeAllows))
	}
	const both = "serve {\n    time = \"intercept\"\n  }"
	answered := 0
	for _, c := range []struct {
		name             string
		policy           policy.Policy
		recorder, abroad bool // whether the recorder's question is heard, and a camera's to somebody else
	}{{"local", of("local", ""), false, false}, {"intercept", of("intercept", both), true, true}} {
		apply(t, l, c.policy)
		if err := l.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, f := range []flow{
			{name: "a camera", from: c1, to: "10.30.0.1", protocol: policy.UDP, port: 123, allowed: true},
			{name: "a camera in IPv6", from: c2, to: "fd30::1", protocol: policy.UDP, port: 123, allowed: true},
			{name: "the recorder", from: nvr, to: "10.30.0.1", protocol: policy.UDP, port: 123, allowed: c.recorder},
			{name: "a stranger", from: stranger, to: "10.30.0.1", protocol: policy.UDP, port: 123},
			{name: "a camera to the internet", from: c1, to: outside, protocol: policy.UDP, port: 123, allowed: c.abroad},
			{name: "a camera to the internet in IPv6", from: c1, to: outside6, protocol: policy.UDP, port: 123, allowed: c.abroad},
		} {
			r, heard := ask(t, l, s, f)
			if heard != f.allowed || f.allowed != (r.Answer == lab.Replied) {
				t.Errorf("%s: %s: heard %t, %s", c.name, f.name, heard, r.Answer)
			}
			if heard {
				answered++
			}
		}
	}
	if answered != 7 {
		t.Errorf("%d questions are answered", answered)
	}
}

// TestFullRecord holds that one camera does not fill the record of what was opened, and that what is not written down does not pass.
func TestFullRecord(t *testing.T) {
	l := oneSwitch(t)
	apply(t, l, read(t, onBridge+onBridgeAllows))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	watch, err := machine(t, l, nvr).Watch(func(p frame.Packet) bool { return p.Carries([]byte("flood")) })
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	camera, recorder := machine(t, l, c1), machine(t, l, nvr)
	const many = 2000
	start := time.Now()
	for i := range many {
		payload := append([]byte("flood"), binary.BigEndian.AppendUint16(nil, uint16(i))...)
		d := frame.UDP{SourcePort: uint16(10000 + i), DestinationPort: 6100, Payload: payload}
		packet, etherType := frame.IP(addr("10.30.0.21"), addr("10.30.0.10"), policy.UDP, d.Bytes(addr("10.30.0.21"), addr("10.30.0.10")))
		e := frame.Ethernet{Destination: recorder.MAC, Source: camera.MAC, Type: etherType, Payload: packet}
		if err := camera.SendFrame(e.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	fence := near{name: "the recorder's own", from: nvr, to: "10.30.0.21", protocol: policy.TCP, port: 554}
	if arrived, _ := reached(t, l, fence); !arrived {
		t.Error("the recorder opens nothing while a camera floods")
	}
	limit := 200 + 50*int(1+time.Since(start)/time.Second) + 50
	opened := 0
	tables(t, l, func(conn *nft.Conn) error {
		elements, err := conn.Elements(t.Context(), wire.ID{Family: ruleset.Bridge, Name: nft.Ours}, "udpopened4")
		opened = len(elements)
		return err
	})
	if n := watch.Count(); n < 100 || n > limit || opened > limit || opened < 100 {
		t.Errorf("%d of %d flows arrive, %d are remembered; want about 200", n, many, opened)
	}
}
