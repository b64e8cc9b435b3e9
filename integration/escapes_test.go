package integration_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"cordon/integration/escape"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// The addresses of the tables.
const (
	inCamera, inCamera6     = "10.30.0.21", "fd30::21"
	inRecorder, inRecorder6 = "10.40.0.10", "fd40::10"
	outside, outside6       = "198.51.100.7", "2001:db8:1::7"
	mediaPort               = 6150
)

// set writes settings of the gateway.
func set(t *testing.T, l *lab.Lab, values map[string]string) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		for name, value := range values {
			if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o600); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// listen opens the ears of everybody on the site.
func listen(t *testing.T, l *lab.Lab) *escape.Ears {
	t.Helper()
	e, err := escape.Listen(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// errorAbout is an ICMP error of a machine about a packet that it says it was sent.
func errorAbout(s escape.Sender, to, quotedFrom, quotedTo netip.Addr, fromPort, toPort uint16, kind, code uint8) []byte {
	segment := frame.TCP{SourcePort: fromPort, DestinationPort: toPort, Flags: frame.ACK, Sequence: 1, Payload: s.Marker}
	quoted, _ := frame.IP(quotedFrom, quotedTo, policy.TCP, segment.Bytes(quotedFrom, quotedTo))
	own := s.Own(to)
	packet, etherType := frame.IP(own, to, frame.ICMPOf(to), frame.ICMP{Type: kind, Code: code, Payload: quoted}.Bytes(own, to))
	return s.Wire(packet, etherType)
}

// TestErrorsOfOthers holds that an error about a running flow comes from the camera of that flow only.
func TestErrorsOfOthers(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, strings.Replace(head, `address = "10.30.0.22"`, `addresses = ["10.30.0.22", "fd30::22"]`, 1)+allows))
	e := listen(t, l)
	m := func(name string) *lab.Machine {
		m, err := l.Machine(name)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	cases := 0
	echo(t, l, c1, 554)
	for i, to := range [...]string{inCamera, inCamera6} {
		s := talk(t, l, nvr, to, 554)
		local, remote := s.ends(t)
		kinds := [...]uint8{3, 11, 12}
		if remote.Addr().Is6() {
			kinds = [...]uint8{1, 2, 3}
		}
		for j, kind := range kinds {
			for k, from := range [...]string{c1, c2, stranger, internet} {
				marker := fmt.Sprintf("%s%d%d%d000", escape.MarkerPrefix, i, j, k)
				x := escape.Sender{Machine: m(from), Marker: []byte(marker)}
				if err := x.Machine.SendFrame(errorAbout(x, local.Addr(), local.Addr(), remote.Addr(), local.Port(), 554, kind, 0)); err != nil {
					t.Fatal(err)
				}
				fenceOf(t, l, c2)
				cases++
				if got := e.Who(marker)[nvr]; got != (from == c1) {
					t.Errorf("an error of type %d from %s about the flow to %s: arrived %t", kind, from, to, got)
				}
			}
		}
	}
	t.Logf("%d errors", cases)
}

// TestErrorsFromTheOtherSide holds that an error about a running flow comes from the side that the quoted packet was sent to. The controls
// are the same errors from there, and one from a router on the way of a flow that is translated.
func TestErrorsFromTheOtherSide(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+abroadAllows+exceptions(time.Now().Add(time.Hour))+`
allow "updates" {
  from     = recorder.nvr
  to       = segment.internet
  services = ["https"]
}
`))
	e := listen(t, l)
	counts, refused := map[bool]int{}, map[string]string{}
	report := func(from, witness string, to, quotedFrom, quotedTo netip.AddrPort, arrives bool) {
		t.Helper()
		marker := fmt.Sprintf("%s%03d000", escape.MarkerPrefix, counts[true]+counts[false])
		counts[arrives]++
		kind := map[bool]uint8{true: 3, false: 1}[to.Addr().Is4()]
		x := escape.Sender{Machine: machine(t, l, from), Marker: []byte(marker)}
		raw := errorAbout(x, to.Addr(), quotedFrom.Addr(), quotedTo.Addr(), quotedFrom.Port(), quotedTo.Port(), kind, 0)
		if err := x.Machine.SendFrame(raw); err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("an error from %s to %s about what it sent to %s", from, witness, quotedTo)
		fenceOf(t, l, c2)
		if !arrives {
			refused[marker] = what // asked at the end, for it may still be on its way
			return
		}
		for range 50 {
			if e.Who(marker)[witness] {
				return
			}
			fenceOf(t, l, c2)
		}
		t.Errorf("%s does not arrive", what)
	}
	for _, c := range []struct {
		from, to string
		port     uint16
		others   []string
	}{
		{nvr, inCamera, 554, []string{internet, office}},
		{nvr, inCamera6, 554, []string{internet, office}},
		{nvr, inCamera, 9000, []string{internet, office}},
		{office, inRecorder, 443, []string{internet, c1}},
		{office, inRecorder6, 443, []string{internet, c1}},
	} {
		far := owner(addr(c.to))
		if addr(c.to).Is4() {
			echo(t, l, far, c.port)
		}
		local, remote := talk(t, l, c.from, c.to, c.port).ends(t)
		report(far, c.from, local, local, remote, true)
		report(c.from, far, remote, remote, local, true)
		for _, other := range c.others {
			report(other, c.from, local, local, remote, false)
			report(other, far, remote, remote, local, false)
		}
	}
	echo(t, l, internet, 443)
	local, remote := talk(t, l, nvr, outside, 443).ends(t)
	translated := netip.AddrPortFrom(addr("198.51.100.2"), local.Port())
	report(internet, nvr, translated, translated, remote, true)
	for marker, what := range refused {
		if who := e.Who(marker); len(who) > 0 {
			t.Errorf("%s arrives at %v", what, who)
		}
	}
	t.Logf("%d errors from the right side, %d from another one", counts[true], counts[false])
}

// talk opens a connection to a machine that echoes already.
func talk(t *testing.T, l *lab.Lab, from, to string, port uint16) *conversation {
	t.Helper()
	m, err := l.Machine(from)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := m.Dial(ctx, "tcp", netip.AddrPort{}, netip.AddrPortFrom(addr(to), port))
	if err != nil {
		t.Fatalf("%s to %s: %v", from, to, err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // what it carried is what the test looked at
	return &conversation{from + " to " + to, conn}
}

// fenceOf waits until an allowed flow of one camera has gone behind what was sent. Nobody answers it, so that a try ends with its time: a
// short one, made again where the machine is late.
func fenceOf(t *testing.T, l *lab.Lab, camera string) {
	t.Helper()
	f := flow{name: "fence", from: camera, to: inRecorder, protocol: policy.UDP, port: mediaPort}
	try := f.try()
	try.Wait = 30 * time.Millisecond
	for start := time.Now(); time.Since(start) < patience; {
		r, err := l.Try(t.Context(), try)
		if err != nil {
			t.Fatal(err)
		}
		if r.Arrived > 0 {
			return
		}
	}
	t.Fatalf("the allowed flow of %s does not arrive", camera)
}

// TestNestedNetworks holds that a network behind a client's router does not hold the networks of cameras and recorders inside it: the
// longest prefix wins, also for who may send from where.
func TestNestedNetworks(t *testing.T) {
	l := open(t)
	wide := strings.Replace(head, `addresses = ["10.50.0.1/24", "fd50::1/64"]`, `addresses = ["10.50.0.1/24", "fd50::1/64"]
  route {
    to  = ["10.0.0.0/8", "fd00::/8"]
    via = "10.50.0.9"
  }`, 1)
	wide = strings.Replace(wide, `to  = ["10.0.0.0/8", "fd00::/8"]
    via = "10.50.0.9"`, `to  = ["10.0.0.0/8"]
    via = "10.50.0.9"
  }
  route {
    to  = ["fd00::/8"]
    via = "fd50::9"`, 1)
	wide = strings.Replace(wide, `address = "10.40.0.11"`, `addresses = ["10.40.0.11", "fd40::11"]`, 1)
	apply(t, l, read(t, wide+allows+`
allow "clean" {
  from     = segment.office
  to       = camera.c1
  services = ["ssh"]
}
`))
	cases := 0
	for _, f := range []flow{
		{name: "behind the router", from: office, to: inCamera6, protocol: policy.UDP, port: 22, source: "fd77::1"},
		{name: "ssh from behind the router", from: office, to: inCamera6, protocol: policy.TCP, port: 22, source: "fd77::1", allowed: true},
		{name: "as a recorder", from: office, to: inCamera6, protocol: policy.TCP, port: 554, source: "fd40::11"},
		{name: "as a camera", from: office, to: inCamera6, protocol: policy.TCP, port: 22, source: "fd30::22"},
		{name: "as nobody of the recorders", from: office, to: inCamera6, protocol: policy.TCP, port: 22, source: "fd40::99"},
		{name: "as a recorder in IPv4", from: office, to: inCamera, protocol: policy.TCP, port: 554, source: "10.40.0.11"},
	} {
		cases++
		if got := arrives(t, l, f); got != f.allowed {
			t.Errorf("%s: arrived %t, want %t", f.name, got, f.allowed)
		}
	}
	t.Logf("%d flows", cases)
}

// abroadAllows open an uplink to a camera.
const abroadAllows = `
allow "firmware" {
  from     = camera.c1
  to       = segment.internet
  services = ["https"]
}
`

// TestAbroad holds that a camera's allowed service behind an uplink works in both families, and that its way there leads nowhere else,
// with the packet filter and without.
func TestAbroad(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+abroadAllows))
	echo(t, l, internet, 443)
	for _, to := range [...]string{outside, outside6} {
		if s := talk(t, l, c1, to, 443); !s.alive(t) {
			t.Errorf("%s is not answered", s.name)
		}
	}
	others := []flow{
		{name: "another port", from: c1, to: outside, protocol: policy.UDP, port: 53},
		{name: "another camera", from: c2, to: outside, protocol: policy.TCP, port: 80},
		{name: "the office at that port", from: c1, to: "10.50.0.77", protocol: policy.TCP, port: 443},
		{name: "the office at that port, IPv6", from: c1, to: "fd50::5", protocol: policy.TCP, port: 443},
		{name: "the other recorder at that port", from: c1, to: "10.40.0.11", protocol: policy.TCP, port: 443},
		{name: "the internet at the camera", from: internet, to: inCamera6, protocol: policy.TCP, port: 443},
		{name: "the internet at the camera by ping", from: internet, to: inCamera6, protocol: policy.ICMPv6},
		{name: "the internet by ping", from: c1, to: outside, protocol: policy.ICMP},
		{name: "the internet by ping, IPv6", from: c1, to: outside6, protocol: policy.ICMPv6},
	}
	for _, f := range others {
		if arrives(t, l, f) {
			t.Errorf("%s is reached", f.name)
		}
	}
	flushTables(t, l)
	// What the jail does not open for another allow.
	for _, f := range [...]flow{others[2], others[3], others[5], others[6], others[7], others[8]} {
		if arrives(t, l, f) {
			t.Errorf("without the packet filter, %s is reached", f.name)
		}
	}
	if !arrives(t, l, flow{name: "firmware", from: c1, to: outside6, protocol: policy.TCP, port: 443}) {
		t.Error("control: without the packet filter the camera's own way out is shut too")
	}
}

// narrow makes a link of the gateway carry smaller packets.
func narrow(t *testing.T, l *lab.Lab, iface string, mtu int) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		link, err := netlink.LinkByName(iface)
		if err != nil {
			return err
		}
		return netlink.LinkSetMTU(link, mtu)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPathMTU holds that a sender hears when its packet is too big: from the gateway, and from a router beyond it.
func TestPathMTU(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+abroadAllows))
	camera, err := l.Machine(c1)
	if err != nil {
		t.Fatal(err)
	}
	narrow(t, l, "rec0", 1300)
	tooBig, err := camera.Watch(func(p frame.Packet) bool {
		return p.Protocol == policy.ICMP && p.ICMPType == 3 && p.ICMPCode == 4 || p.Protocol == policy.ICMPv6 && p.ICMPType == 2
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tooBig.Close()
	heard := func(what string, n int) {
		ctx, cancel := context.WithTimeout(t.Context(), patience/4)
		defer cancel()
		if got, err := tooBig.Await(ctx, n); err != nil || got < n {
			t.Errorf("%s: the sender hears %d times that its packet is too big, want %d: %v", what, got, n, err)
		}
	}
	for i, to := range [...]string{inRecorder, inRecorder6} {
		s := escape.Sender{Machine: camera, Port: 7007, Marker: []byte("small")}
		target := addr(to)
		small := s.Datagram(s.Own(target), target, mediaPort)
		s.Marker = make([]byte, 1400)
		big := s.Six(frame.IPv6{Source: s.Own(target), Destination: target, Next: policy.UDP, Payload: s.UDP(s.Own(target), target, mediaPort)})
		if target.Is4() {
			big = s.Four(frame.IPv4{
				Source: s.Own(target), Destination: target, Protocol: policy.UDP, DontFragment: true,
				Payload: s.UDP(s.Own(target), target, mediaPort),
			})
		}
		for _, raw := range [...][]byte{small, big} {
			if err := camera.SendFrame(raw); err != nil {
				t.Fatal(err)
			}
		}
		heard("a smaller link behind the gateway", i+1)
	}
	fromAbroad(t, l, tooBig, heard)
}

// fromAbroad has a router on the internet say that a packet of an allowed connection is too big.
func fromAbroad(t *testing.T, l *lab.Lab, tooBig *lab.Watch, heard func(string, int)) {
	t.Helper()
	beyond, err := l.Machine(internet)
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l, internet, 443)
	for _, to := range [...]string{outside, outside6} {
		var translated netip.AddrPort // as the far side sees the camera
		opened, err := beyond.Watch(func(p frame.Packet) bool {
			if p.Protocol != policy.TCP || p.Flags != frame.SYN || p.To != addr(to) {
				return false
			}
			translated = netip.AddrPortFrom(p.From, p.FromPort)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		talk(t, l, c1, to, 443)
		if !within(t, opened, 1) {
			t.Fatal("the far side did not see the connection being opened")
		}
		opened.Close() // its match is not called any more
		kind, code := uint8(3), uint8(4)
		if translated.Addr().Is6() {
			kind, code = 2, 0
		}
		x := escape.Sender{Machine: beyond, Marker: []byte("quoted")}
		raw := errorAbout(x, translated.Addr(), translated.Addr(), addr(to), translated.Port(), 443, kind, code)
		// A frame in a busy lab may be lost; what has to arrive is sent again.
		before := tooBig.Count()
		for range 3 {
			if err := beyond.SendFrame(raw); err != nil {
				t.Fatal(err)
			}
			if within(t, tooBig, before+1) {
				break
			}
		}
		heard("a router on the internet", before+1)
	}
}

// within says whether a witness has counted n frames before long.
func within(t *testing.T, w *lab.Watch, n int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience/4)
	defer cancel()
	got, err := w.Await(ctx, n)
	return err == nil && got >= n
}

// TestTracked holds how many entries of the connection tracking packets can make: none from a source that is not verified, and no more
// than the rate from one camera.
func TestTracked(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows))
	const many = 4000
	echo(t, l, c1, 554) // a reset would end the entry
	flood := func(from, to, source string, protocol policy.Protocol, port uint16) int {
		t.Helper()
		m, err := l.Machine(from)
		if err != nil {
			t.Fatal(err)
		}
		src, dst := addr(source), addr(to)
		for i := range many {
			x := escape.Sender{Machine: m}
			payload := frame.TCP{SourcePort: uint16(10000 + i), DestinationPort: port, Flags: frame.SYN}.Bytes(src, dst)
			if protocol == policy.UDP {
				payload = frame.UDP{SourcePort: uint16(10000 + i), DestinationPort: port}.Bytes(src, dst)
			}
			packet, etherType := frame.IP(src, dst, protocol, payload)
			if err := m.SendFrame(x.Wire(packet, etherType)); err != nil {
				t.Fatal(err)
			}
		}
		return flows(t, l, src)
	}
	for _, c := range []struct {
		what, from, to, source string
		protocol               policy.Protocol
		port                   uint16
		least, most            int
	}{
		{"a stranger as a camera", stranger, inRecorder, inCamera, policy.UDP, 514, 0, 0},
		{"a stranger as a camera, IPv6", stranger, inRecorder6, inCamera6, policy.UDP, 514, 0, 0},
		{"a camera as another", c2, inRecorder, inCamera, policy.UDP, 514, 0, 0},
		{"a camera at a port that is not allowed", c2, inRecorder, "10.30.0.22", policy.UDP, 443, 0, 0},
		{"a camera at its own", c1, inRecorder, inCamera, policy.UDP, 514, 1, 1000},
		{"a camera at its own, IPv6", c1, inRecorder6, inCamera6, policy.UDP, 514, 1, 1000},
		{"control: a recorder, which has many cameras", nvr, inCamera, inRecorder, policy.TCP, 554, many, many},
	} {
		if n := flood(c.from, c.to, c.source, c.protocol, c.port); n < c.least || n > c.most {
			t.Errorf("%s: %d packets made %d entries, want %d to %d", c.what, many, n, c.least, c.most)
		}
	}
}

// TestAnswersAreFew holds that only a verified source is told that it is refused, and not often.
func TestAnswersAreFew(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows))
	const many = 400
	for _, c := range []struct {
		from, to    string
		least, most int
	}{
		{c1, "10.40.0.11", 1, 100},
		{c1, inRecorder6, 1, 100},
		{nvr, "10.30.0.22", 1, 100},
		{stranger, inRecorder, 0, 0},
		{nvr2, "10.30.0.22", 0, 0},
	} {
		m, err := l.Machine(c.from)
		if err != nil {
			t.Fatal(err)
		}
		answers, err := m.Watch(func(p frame.Packet) bool {
			return p.Protocol == policy.TCP && p.Flags&frame.RST != 0 && p.FromPort == 4444
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range many {
			x := escape.Sender{Machine: m}
			own, to := m.Address(addr(c.to)), addr(c.to)
			segment := frame.TCP{SourcePort: uint16(10000 + i), DestinationPort: 4444, Flags: frame.SYN}
			packet, etherType := frame.IP(own, to, policy.TCP, segment.Bytes(own, to))
			if err := m.SendFrame(x.Wire(packet, etherType)); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		n, err := answers.Await(ctx, c.most+1)
		cancel()
		answers.Close()
		if err != nil || n < c.least || n > c.most {
			t.Errorf("%d refused packets of %s get %d answers, want %d to %d: %v", many, c.from, n, c.least, c.most, err)
		}
	}
}

// TestOlderFlows holds that connections from before the policy end with it, and are not in the connection tracking.
func TestOlderFlows(t *testing.T) {
	l := open(t)
	var running []*conversation
	for i, way := range []struct{ from, to string }{
		{c1, outside},
		{c1, outside6},
		{c1, "10.50.0.5"},
		{nvr, outside},
		{nvr, outside6},
		{internet, inCamera},
		{internet, inCamera6},
		{office, inCamera},
	} {
		s := stream(t, l, way.from, way.to, uint16(8800+i))
		if !s.alive(t) {
			t.Fatalf("control: %s is not answered", s.name)
		}
		running = append(running, s)
	}
	apply(t, l, read(t, head+allows))
	for _, s := range running {
		if s.alive(t) {
			t.Errorf("%s goes on", s.name)
		}
	}
	t.Logf("%d flows", len(running))
}
