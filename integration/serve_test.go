package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// serving is the site's policy with what its gateway serves to the cameras.
func serving(t *testing.T, block string) policy.Policy {
	t.Helper()
	return read(t, strings.Replace(head+allows, `kind      = "camera"`, "kind      = \"camera\"\n  serve {\n"+block+"\n}", 1))
}

// transparent lets a socket hear questions to anybody, and answer from the address that was asked.
func transparent(network string) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var errs []error
		err := c.Control(func(fd uintptr) {
			set := func(level, name int) { errs = append(errs, unix.SetsockoptInt(int(fd), level, name, 1)) }
			set(unix.SOL_SOCKET, unix.SO_REUSEADDR)
			set(unix.SOL_SOCKET, unix.SO_REUSEPORT)
			if strings.HasSuffix(network, "6") {
				set(unix.SOL_IPV6, unix.IPV6_TRANSPARENT)
				set(unix.SOL_IPV6, unix.IPV6_RECVPKTINFO)
				return
			}
			set(unix.SOL_IP, unix.IP_TRANSPARENT)
			set(unix.SOL_IP, unix.IP_PKTINFO)
		})
		for _, e := range append(errs, err) {
			if e != nil {
				return e
			}
		}
		return nil
	}
}

// gatewayServers are sockets of the gateway that answer whoever reaches them, by every interface, and count the questions: all of them, and
// those of each port that somebody asks from, for a busy machine may hear one long after it was sent.
type gatewayServers struct {
	heard atomic.Int64
	ports [1 << 16]atomic.Int64
	asked atomic.Int64      // how many ports have been asked from
	quiet map[uint16]string // what was not heard in time, by its port
	came  chan struct{}     // holds one token when a question came since it was last taken
}

// newGatewayServers holds in the end that what was not heard in time was not heard late either.
func newGatewayServers(t *testing.T) *gatewayServers {
	t.Helper()
	s := &gatewayServers{quiet: map[uint16]string{}, came: make(chan struct{}, 1)}
	t.Cleanup(func() {
		for port, name := range s.quiet {
			if s.ports[port].Load() > 0 {
				t.Errorf("the gateway heard %s late", name)
			}
		}
	})
	return s
}

// hear counts a question.
func (s *gatewayServers) hear(from netip.AddrPort) {
	s.heard.Add(1)
	s.ports[from.Port()].Add(1)
	select {
	case s.came <- struct{}{}:
	default:
	}
}

// port returns one that nobody has asked these sockets from: below those that the kernel and the lab choose.
func (s *gatewayServers) port() uint16 { return uint16(10000 + s.asked.Add(1)%9000) }

// serveOnGateway opens a socket for each network and port. It answers wherever the packet filter lets it.
func serveOnGateway(t *testing.T, l *lab.Lab, ports map[string][]uint16) *gatewayServers {
	t.Helper()
	s := newGatewayServers(t)
	for network, list := range ports {
		for _, port := range list {
			s.listen(t, l, net.ListenConfig{Control: transparent(network)}, network, fmt.Sprintf(":%d", port))
		}
	}
	return s
}

// listen opens one socket of the gateway.
func (s *gatewayServers) listen(t *testing.T, l *lab.Lab, config net.ListenConfig, network, address string) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		if strings.HasPrefix(network, "tcp") {
			listener, err := config.Listen(t.Context(), network, address)
			if err == nil {
				t.Cleanup(func() { _ = listener.Close() }) // ends the loop
				go s.accept(listener)
			}
			return err
		}
		conn, err := config.ListenPacket(t.Context(), network, address)
		if udp, ok := conn.(*net.UDPConn); ok {
			t.Cleanup(func() { _ = udp.Close() }) // ends the loop
			go s.answer(udp)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *gatewayServers) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.hear(netip.MustParseAddrPort(conn.RemoteAddr().String()))
		_ = conn.Close() // the connection was all that was asked for
	}
}

// answer sends a question back from the address that was asked, by the interface that it came in by.
func (s *gatewayServers) answer(conn *net.UDPConn) {
	buffer, control := make([]byte, 1<<16), make([]byte, 256)
	for {
		n, c, _, from, err := conn.ReadMsgUDPAddrPort(buffer, control)
		if err != nil {
			return
		}
		s.hear(from)
		// An answer that cannot be sent is a question that nobody answered.
		_, _, _ = conn.WriteMsgUDPAddrPort(buffer[:n], sameWay(control[:c]), from)
	}
}

// sameWay turns where a packet came in into where its answer leaves (ip(7) and ipv6(7), IP_PKTINFO).
func sameWay(control []byte) []byte {
	messages, _ := unix.ParseSocketControlMessage(control) // what the kernel wrote
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_IP && m.Header.Type == unix.IP_PKTINFO:
			info := &unix.Inet4Pktinfo{Ifindex: int32(m.Data[0]) | int32(m.Data[1])<<8}
			copy(info.Spec_dst[:], m.Data[8:12])
			return unix.PktInfo4(info)
		case m.Header.Level == unix.SOL_IPV6 && m.Header.Type == unix.IPV6_PKTINFO:
			info := &unix.Inet6Pktinfo{Ifindex: uint32(m.Data[16]) | uint32(m.Data[17])<<8}
			copy(info.Addr[:], m.Data[:16])
			return unix.PktInfo6(info)
		}
	}
	return nil
}

// questions are what cameras and others ask, and whether a gateway that serves time and names everywhere hears it.
func questions() []flow {
	const tcp, udp = policy.TCP, policy.UDP
	nobody, camera2 := policy.MAC{2, 0, 0, 0, 9, 9}, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 2}
	return []flow{
		{name: "time of the internet", from: c1, to: outside, protocol: udp, port: 123, allowed: true},
		{name: "time of the internet in IPv6", from: c1, to: outside6, protocol: udp, port: 123, allowed: true},
		{name: "time of nobody", from: c2, to: "192.0.2.123", protocol: udp, port: 123, allowed: true},
		{name: "time of the office", from: c1, to: "10.50.0.5", protocol: udp, port: 123, allowed: true},
		{name: "time of the recorder", from: c1, to: inRecorder, protocol: udp, port: 123, allowed: true},
		{name: "time of the gateway", from: c1, to: "10.30.0.1", protocol: udp, port: 123, allowed: true},
		{name: "time of the gateway in IPv6", from: c1, to: "fd30::1", protocol: udp, port: 123, allowed: true},
		{
			name: "time of the gateway by its link", from: c1, to: "fe80::ff:fe00:3001", source: "fe80::4619:b6ff:fe00:1",
			protocol: udp, port: 123, allowed: true,
		},
		{name: "time of the gateway elsewhere", from: c1, to: "203.0.113.2", protocol: udp, port: 123},
		{name: "time of the gateway elsewhere in IPv6", from: c1, to: "2001:db8::2", protocol: udp, port: 123},
		{name: "names of everybody in the office", from: c1, to: "10.50.0.255", protocol: udp, port: 53},
		{name: "names of any router of the office", from: c1, to: "fd50::", protocol: udp, port: 53},
		{name: "names of the internet", from: c1, to: outside, protocol: udp, port: 53, allowed: true},
		{name: "names of the internet in IPv6", from: c1, to: outside6, protocol: udp, port: 53, allowed: true},
		{name: "names of the internet by TCP", from: c1, to: outside, protocol: tcp, port: 53, allowed: true},
		{name: "names of the internet by TCP in IPv6", from: c1, to: outside6, protocol: tcp, port: 53, allowed: true},
		{name: "names of the gateway", from: c2, to: "10.30.0.1", protocol: tcp, port: 53, allowed: true},
		{name: "another port", from: c1, to: outside, protocol: udp, port: 124},
		{name: "another port in IPv6", from: c1, to: outside6, protocol: udp, port: 124},
		{name: "another port of the gateway", from: c1, to: "10.30.0.1", protocol: udp, port: 124},
		{name: "time by TCP", from: c1, to: outside, protocol: tcp, port: 123},
		{name: "time by TCP in IPv6", from: c1, to: outside6, protocol: tcp, port: 123},
		{name: "a lease, which is not served", from: c1, to: "10.30.0.1", protocol: udp, port: 67},
		{name: "time of everybody", from: c1, to: "224.0.0.1", protocol: udp, port: 123},
		{name: "time of everybody in IPv6", from: c1, to: "ff02::1", protocol: udp, port: 123},
		{name: "a stranger", from: stranger, to: outside, protocol: udp, port: 123},
		{name: "a stranger in IPv6", from: stranger, to: outside6, protocol: udp, port: 53},
		{name: "a stranger asks the gateway", from: stranger, to: "10.30.0.1", protocol: udp, port: 53},
		{name: "a stranger as a camera", from: stranger, to: outside, protocol: udp, port: 123, source: inCamera},
		{name: "a camera with the MAC of nobody", from: c1, to: outside, protocol: udp, port: 123, mac: nobody},
		{name: "a camera with another one's MAC", from: c1, to: outside6, protocol: udp, port: 53, mac: camera2},
		{name: "the recorder", from: nvr, to: outside, protocol: udp, port: 123},
		{name: "the recorder in IPv6", from: nvr, to: outside6, protocol: udp, port: 123},
		{name: "the recorder asks the cameras' gateway", from: nvr, to: "10.30.0.1", protocol: udp, port: 123},
		{name: "the office asks the cameras' gateway", from: office, to: "10.30.0.1", protocol: udp, port: 123},
		{name: "the office asks its gateway", from: office, to: "fd50::1", protocol: udp, port: 53},
		{name: "the internet", from: internet, to: "203.0.113.2", protocol: udp, port: 123},
		{name: "the internet in IPv6", from: internet, to: "2001:db8::2", protocol: udp, port: 53},
	}
}

// ask makes a flow's try and says what came of it, and whether the gateway's own socket heard it.
func ask(t *testing.T, l *lab.Lab, s *gatewayServers, f flow) (lab.Result, bool) {
	t.Helper()
	if f.sport == 0 {
		f.sport = s.port()
		s.quiet[f.sport] = f.name
	}
	before := s.ports[f.sport].Load()
	heard := func() bool { return s.ports[f.sport].Load() > before }
	try, many := f.try(), netip.MustParseAddr(f.to).IsMulticast() && f.allowed
	if f.allowed && !many {
		try.Wait = patience // an emulated machine answers late
	}
	r, err := l.Try(t.Context(), try)
	if err != nil {
		t.Fatal(err)
	}
	// A connection is made before its listener has heard of it, and what is asked of many is not answered.
	for end := time.After(patience / 8); (many || r.Answer == lab.Replied) && !heard(); {
		select {
		case <-s.came:
		case <-end:
			return r, false
		}
	}
	if heard() {
		delete(s.quiet, f.sport)
		return r, true
	}
	return r, false
}

// everywhere are the gateway's sockets for what the questions ask.
func sockets() map[string][]uint16 {
	return map[string][]uint16{
		"udp4": {53, 67, 123, 124}, "udp6": {53, 123, 124}, "tcp4": {53, 123}, "tcp6": {53, 123},
	}
}

// TestServeIntercept asks the gateway, whoever is asked, with real sockets on both sides. The controls are the same questions to a gateway
// that serves nothing, and those that nobody may ask.
func TestServeIntercept(t *testing.T) {
	l := open(t)
	s := serveOnGateway(t, l, sockets())
	all := questions()
	apply(t, l, read(t, head+allows))
	for _, f := range all {
		f.allowed = false
		if r, heard := ask(t, l, s, f); heard || r.Arrived > 0 {
			t.Errorf("control: a gateway that serves nothing hears %s, or %d of it arrive", f.name, r.Arrived)
		}
	}
	served := serving(t, "time = \"intercept\"\nnames = \"sinkhole\"")
	apply(t, l, served)
	if again, _ := apply(t, l, served); !again.Empty() {
		t.Errorf("a second apply changes %v", again.Plan.Changes)
	}
	counts := map[bool]int{}
	for _, f := range all {
		counts[f.allowed]++
		r, heard := ask(t, l, s, f)
		if heard != f.allowed || f.allowed && r.Answer != lab.Replied || !f.allowed && r.Answer == lab.Replied || r.Arrived > 0 {
			t.Errorf("%s: heard %t, want %t; the answer is %s, %d arrived elsewhere", f.name, heard, f.allowed, r.Answer, r.Arrived)
		}
	}
	for _, a := range []string{inCamera, inCamera6, "10.30.0.22"} {
		if n := flows(t, l, netip.MustParseAddr(a)); n != 0 {
			t.Errorf("conntrack has %d entries of %s", n, a)
		}
	}
	onlyRouted(t, l, s, all)
	t.Logf("%d questions that are served, %d that are not", counts[true], counts[false])
}

// onlyRouted holds that questions that are served go nowhere else once the packet filter is gone.
func onlyRouted(t *testing.T, l *lab.Lab, s *gatewayServers, all []flow) {
	t.Helper()
	flushTables(t, l)
	for _, f := range all {
		if !f.allowed {
			continue
		}
		if r, heard := ask(t, l, s, f); r.Arrived > 0 || !heard {
			t.Errorf("without the packet filter, %s: heard %t, %d arrived elsewhere", f.name, heard, r.Arrived)
		}
	}
}

// others are addresses of the gateway where its cameras have no business: of other segments, and of what other programs add later.
func others() []string {
	return []string{"10.50.0.1", "fd50::1", "10.40.0.1", "203.0.113.2", "2001:db8::2", "203.0.113.77", "172.31.0.1", "fd31::1"}
}

// TestServeNoStranger holds that a question never reaches what other programs of the gateway offer at its other addresses, whether the
// policy knows the address or not. The controls are the same
// questions without a policy, and those to everybody else, which are answered here.
func TestServeNoStranger(t *testing.T) {
	l := open(t)
	ours, theirs := serveOnGateway(t, l, sockets()), newGatewayServers(t)
	later(t, l)
	var cases []flow
	for _, a := range others() {
		for _, port := range []uint16{53, 123} {
			theirs.listen(t, l, net.ListenConfig{Control: shared}, "udp", netip.AddrPortFrom(netip.MustParseAddr(a), port).String())
			cases = append(cases, flow{name: fmt.Sprintf("%s, %d", a, port), from: c1, to: a, protocol: policy.UDP, port: port})
		}
		theirs.listen(t, l, net.ListenConfig{Control: shared}, "tcp", netip.AddrPortFrom(netip.MustParseAddr(a), 53).String())
		cases = append(cases, flow{name: a + " by TCP", from: c1, to: a, protocol: policy.TCP, port: 53})
	}
	for _, f := range cases {
		heard := false
		for range 8 { // a busy kernel routes to a new address of IPv6 only after a while
			if _, heard = ask(t, l, theirs, f); heard {
				break
			}
		}
		if !heard {
			t.Errorf("control: without a policy nobody hears %s", f.name)
		}
	}
	apply(t, l, serving(t, "time = \"intercept\"\nnames = \"sinkhole\""))
	before := ours.heard.Load()
	for _, f := range cases {
		if r, heard := ask(t, l, theirs, f); heard || r.Answer == lab.Replied {
			t.Errorf("a stranger hears %s: %t, %s", f.name, heard, r.Answer)
		}
	}
	if n := ours.heard.Load() - before; n != 0 {
		t.Errorf("%d questions to other addresses of the gateway were answered", n)
	}
	for _, f := range questions() {
		if !f.allowed {
			continue
		}
		if r, heard := ask(t, l, ours, f); !heard || r.Answer != lab.Replied {
			t.Errorf("control: %s: heard %t, %s", f.name, heard, r.Answer)
		}
	}
}

// later gives the gateway the addresses that the policy does not know: on an uplink, as DHCP does, and on a link of another program.
func later(t *testing.T, l *lab.Lab) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		for iface, list := range map[string][]string{"wan0": {"203.0.113.77"}, "lo": {"172.31.0.1", "fd31::1"}} {
			for _, a := range list {
				link, err := netlink.LinkByName(iface)
				if err != nil {
					return fmt.Errorf("find %s: %w", iface, err)
				}
				own := &netlink.Addr{IPNet: netlink.NewIPNet(net.ParseIP(a)), Flags: unix.IFA_F_NODAD}
				if err := errors.Join(netlink.LinkSetUp(link), netlink.AddrAdd(link, own)); err != nil {
					return fmt.Errorf("add %s to %s: %w", a, iface, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shared lets several sockets have one port.
func shared(_, _ string, c syscall.RawConn) error {
	var errs [2]error
	err := c.Control(func(fd uintptr) {
		errs[0] = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		errs[1] = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, errs[0], errs[1])
}

// contested open, by allows and exceptions, what a gateway that serves time and names everywhere answers itself.
func contested() string {
	block := func(name, from, to, services, more string) string {
		kind := "allow"
		if more != "" {
			kind = "exception"
		}
		return kind + " \"" + name + "\" {\n  from = [" + from + "]\n  to = [" + to + "]\n  services = [" + services + "]\n" + more + "}\n"
	}
	until := "  until = \"" + time.Now().Add(time.Hour).Format(time.RFC3339) + "\"\n  reason = \"a test\"\n  owner = \"somebody\"\n"
	return block("clock", "segment.cameras", "recorder.nvr", `"ntp"`, "") +
		block("resolver", "segment.cameras", `"10.50.0.0/29", "fd50::5"`, `"dns"`, "") +
		block("clocks", "segment.cameras", "segment.internet", `"ntp", "dns"`, "") +
		block("visit", "camera.c1", "host.jump", `"ntp"`, until) +
		block("range", "camera.c1", `"10.50.0.5"`, "service.low", until) +
		block("support", "camera.c1", `"198.51.100.7", "2001:db8:1::7"`, `"ntp"`, until) + "service \"low\" {\n  udp = [\"120-130\"]\n}\n"
}

// TestServeComesFirst holds that a question which the gateway answers whoever is asked goes nowhere else, whatever allows and exceptions
// open, exactly or to a whole uplink, in both families and without the packet filter. The control is the same policy that serves nothing.
func TestServeComesFirst(t *testing.T) {
	l := open(t)
	s := serveOnGateway(t, l, sockets())
	const tcp, udp = policy.TCP, policy.UDP
	cases := []flow{
		{name: "time of the recorder", from: c1, to: inRecorder, protocol: udp, port: 123},
		{name: "time of the recorder in IPv6", from: c1, to: inRecorder6, protocol: udp, port: 123},
		{name: "names of the office", from: c2, to: "10.50.0.5", protocol: udp, port: 53},
		{name: "names of the office in IPv6", from: c1, to: "fd50::5", protocol: udp, port: 53},
		{name: "time of the internet", from: c2, to: outside, protocol: udp, port: 123},
		{name: "time of the internet in IPv6", from: c1, to: outside6, protocol: udp, port: 123},
		{name: "names of the internet", from: c1, to: outside, protocol: udp, port: 53},
		{name: "names of the internet by TCP in IPv6", from: c1, to: outside6, protocol: tcp, port: 53},
		{name: "time by an exception", from: c1, to: "10.50.0.9", protocol: udp, port: 123},
		{name: "time within a range", from: c1, to: "10.50.0.5", protocol: udp, port: 123},
	}
	inside := []flow{
		{name: "time of the other recorder", from: c1, to: "10.40.0.11", protocol: udp, port: 123},
		{name: "time of the office in IPv6", from: c1, to: "fd50::9", protocol: udp, port: 123},
	}
	apply(t, l, read(t, head+allows+contested()))
	for i := range cases {
		if r, heard := ask(t, l, s, cases[i]); heard || r.Arrived == 0 {
			t.Errorf("control: a gateway that serves nothing hears %s: %t; %d of it arrive", cases[i].name, heard, r.Arrived)
		}
		cases[i].allowed = true
	}
	for _, f := range inside { // an allow to the uplink opens nothing inside
		if r, heard := ask(t, l, s, f); heard || r.Arrived > 0 {
			t.Errorf("control: a gateway that serves nothing hears %s: %t; %d of it arrive", f.name, heard, r.Arrived)
		}
		f.allowed = true
		cases = append(cases, f)
	}
	apply(t, l, read(t, strings.Replace(head+allows+contested(), `kind      = "camera"`,
		"kind      = \"camera\"\n  serve {\ntime = \"intercept\"\nnames = \"sinkhole\"\n}", 1)))
	for _, f := range cases {
		if r, heard := ask(t, l, s, f); !heard || r.Answer != lab.Replied || r.Arrived > 0 {
			t.Errorf("%s: heard %t; the answer is %s, %d arrived elsewhere", f.name, heard, r.Answer, r.Arrived)
		}
	}
	if r, heard := ask(t, l, s, flow{name: "beside", from: c1, to: "10.50.0.5", protocol: udp, port: 124}); heard || r.Arrived == 0 {
		t.Errorf("what the range opens beside time: heard %t, %d arrived", heard, r.Arrived)
	}
	onlyRouted(t, l, s, cases)
}

// TestServeObservedAsksOthers holds that on an observed segment, where nothing is intercepted, an allow of a question's port goes where it
// says, to segments that are enforced too. The controls are the same policy enforced, whose gateway answers, and what no allow names.
func TestServeObservedAsksOthers(t *testing.T) {
	l := open(t)
	s := serveOnGateway(t, l, sockets())
	const tcp, udp = policy.TCP, policy.UDP
	cases := []flow{
		{name: "time of the recorder", from: c1, to: inRecorder, protocol: udp, port: 123},
		{name: "time of the recorder in IPv6", from: c1, to: inRecorder6, protocol: udp, port: 123},
		{name: "names of the recorder", from: c1, to: inRecorder, protocol: tcp, port: 53},
		{name: "names of the office", from: c2, to: "10.50.0.5", protocol: udp, port: 53},
	}
	const names = "allow \"names\" {\n  from = segment.cameras\n  to = recorder.nvr\n  services = [\"dns\"]\n}\n"
	text := strings.Replace(head+allows+contested()+names, `kind      = "camera"`,
		"kind      = \"camera\"\n  mode      = \"observe\"\n  serve {\ntime = \"intercept\"\nnames = \"sinkhole\"\n}", 1)
	apply(t, l, read(t, text))
	for _, f := range cases {
		f.allowed = true
		if r, heard := ask(t, l, s, f); heard || r.Arrived == 0 {
			t.Errorf("observed: %s: the gateway hears it: %t, %d arrived", f.name, heard, r.Arrived)
		}
	}
	other := flow{name: "time of another recorder", from: c1, to: "10.40.0.11", protocol: udp, port: 123}
	if r, heard := ask(t, l, s, other); heard || r.Arrived > 0 {
		t.Errorf("observed: %s: the gateway hears it: %t, %d arrived", other.name, heard, r.Arrived)
	}
	apply(t, l, read(t, strings.Replace(text, "observe", "enforce", 1)))
	for _, f := range cases {
		f.allowed = true
		if r, heard := ask(t, l, s, f); !heard || r.Arrived > 0 {
			t.Errorf("control: enforced: %s: the gateway hears it: %t, %d arrived", f.name, heard, r.Arrived)
		}
	}
}

// askedBack are services of a camera that others use.
const askedBack = `
service "panel" {
  tcp = ["6001"]
}
allow "ask-the-camera" {
  from     = [recorder.nvr, segment.office]
  to       = camera.c1
  services = ["ntp", "dns", service.panel]
}
`

// TestServeKeepsReplies holds that what a camera answers comes back from whatever port, to those that may ask it, unless they ask from a
// port that its own questions go to: validate warns of that. The controls are the same words that nobody asked for.
func TestServeKeepsReplies(t *testing.T) {
	l := open(t)
	s := serveOnGateway(t, l, sockets())
	for port, protocol := range map[uint16]policy.Protocol{53: policy.UDP, 123: policy.UDP, 6001: policy.TCP} {
		if _, err := machine(t, l, c1).Serve(t.Context(), protocol, port); err != nil {
			t.Fatal(err)
		}
	}
	var cases []flow
	for _, to := range []string{inCamera, inCamera6} {
		for _, from := range []string{nvr, office} {
			for _, port := range []uint16{53, 123} {
				cases = append(cases, flow{from: from, to: to, protocol: policy.UDP, port: port, allowed: true},
					flow{from: from, to: to, protocol: policy.UDP, port: port, sport: port})
			}
			cases = append(cases, flow{from: from, to: to, protocol: policy.TCP, port: 6001, sport: 123, allowed: true})
		}
	}
	apply(t, l, read(t, strings.Replace(head+allows+askedBack, `kind      = "camera"`,
		"kind      = \"camera\"\n  serve {\ntime = \"intercept\"\nnames = \"sinkhole\"\n}", 1)))
	for _, f := range cases {
		f.name = fmt.Sprintf("%s to %s, protocol %d, from %d to %d", f.from, f.to, f.protocol, f.sport, f.port)
		if r, heard := ask(t, l, s, f); (r.Answer == lab.Replied) != f.allowed {
			t.Errorf("%s: %s, the gateway heard it: %t", f.name, r.Answer, heard)
		}
	}
	for _, to := range []string{inRecorder, inRecorder6} {
		f := flow{
			name: "unasked, to " + to, from: c1, mac: policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1},
			to: to, protocol: policy.UDP, port: 40000, sport: 123,
		}
		if r, heard := ask(t, l, s, f); r.Arrived > 0 || heard || r.Answer == lab.Replied {
			t.Errorf("control: %s: %s, %d arrived, the gateway heard it: %t", f.name, r.Answer, r.Arrived, heard)
		}
	}
}

// TestServeLocal holds that time = "local" is served at the segment's own address and nowhere else, and that an observed segment is
// served there too while nothing is intercepted.
func TestServeLocal(t *testing.T) {
	l := open(t)
	s := serveOnGateway(t, l, sockets())
	const local, caught = "time = \"local\"", "time = \"intercept\"\nnames = \"sinkhole\""
	watching := func(block string) policy.Policy {
		p := serving(t, block)
		p.Segments[0].Mode = policy.Observe
		return p
	}
	for _, c := range []struct {
		name   string
		policy policy.Policy
		passes bool // what is for somebody else
	}{{"local", serving(t, local), false}, {"observed", watching(caught), true}} {
		apply(t, l, c.policy)
		for _, f := range []flow{
			{name: "the gateway", from: c1, to: "10.30.0.1", protocol: policy.UDP, port: 123, allowed: true},
			{name: "the gateway in IPv6", from: c1, to: "fd30::1", protocol: policy.UDP, port: 123, allowed: true},
			{name: "the gateway elsewhere", from: c1, to: "10.40.0.1", protocol: policy.UDP, port: 123},
			{name: "the internet", from: c1, to: outside, protocol: policy.UDP, port: 123},
			{name: "the internet in IPv6", from: c1, to: outside6, protocol: policy.UDP, port: 123},
			{name: "a stranger", from: stranger, to: "10.30.0.1", protocol: policy.UDP, port: 123},
			{name: "a stranger in IPv6", from: stranger, to: "fd30::1", protocol: policy.UDP, port: 123},
		} {
			r, heard := ask(t, l, s, f)
			passes := c.passes && owner(netip.MustParseAddr(f.to)) != ""
			if heard != f.allowed || f.allowed != (r.Answer == lab.Replied) || passes != (r.Arrived > 0) {
				t.Errorf("%s: %s: heard %t, %s, %d arrived", c.name, f.name, heard, r.Answer, r.Arrived)
			}
		}
	}
}

// TestServeRate holds that one camera that asks without end is bounded, and takes nothing from the other.
func TestServeRate(t *testing.T) {
	l := open(t)
	s := serveOnGateway(t, l, sockets())
	apply(t, l, serving(t, "time = \"intercept\""))
	m, err := l.Machine(c1)
	if err != nil {
		t.Fatal(err)
	}
	const many = 1000
	start := time.Now()
	for i := range many {
		to := netip.MustParseAddr(outside)
		packet, kind := frame.IP(m.Address(to), to, policy.UDP,
			frame.UDP{SourcePort: uint16(30000 + i), DestinationPort: 123, Payload: []byte("time")}.Bytes(m.Address(to), to))
		e := frame.Ethernet{Destination: gatewayMAC(), Source: m.MAC, Type: kind, Payload: packet}
		if err := m.SendFrame(e.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	other := flow{name: "the other camera", from: c2, to: outside, protocol: policy.UDP, port: 123}
	r, _ := ask(t, l, s, other)
	most := 101 + int64(time.Since(start).Seconds()*50) + 1
	if n := s.heard.Load(); n < 100 || n > most || r.Answer != lab.Replied {
		t.Errorf("%d of %d questions were heard, want 100 to %d; the other camera: %s", n, many, most, r.Answer)
	}
}

// TestServeAnswersOnly holds that a process of the gateway gets no more out than answers: from the ports that are served, to devices that
// are verified. The control is the gateway without a policy.
func TestServeAnswersOnly(t *testing.T) {
	l := open(t)
	cases := []struct {
		name, network, local, to string
		allowed                  bool
	}{
		{"time to a camera", "udp", "10.30.0.1:123", "10.30.0.21:5000", true},
		{"time to a camera in IPv6", "udp", "[fd30::1]:123", "[fd30::21]:5000", true},
		{"time to a stranger", "udp", "10.30.0.1:123", "10.30.0.99:5000", false},
		{"time to the recorder", "udp", "10.40.0.1:123", "10.40.0.10:5000", false},
		{"names from another segment", "udp", "10.50.0.1:53", "10.30.0.21:5000", false},
		{"names from another segment in IPv6", "udp", "[fd50::1]:53", "[fd30::21]:5000", false},
		{"another port", "udp", "10.30.0.1:124", "10.30.0.21:5000", false},
		{"another port in IPv6", "udp", "[fd30::1]:124", "[fd30::21]:5000", false},
		{"a connection from the port of names", "tcp", "10.30.0.1:53", "10.30.0.21:5000", false},
		{"a connection from the port of names in IPv6", "tcp", "[fd30::1]:53", "[fd30::21]:5000", false},
	}
	try := func(network, local, to string) bool {
		far := netip.MustParseAddrPort(to)
		m, err := l.Machine(owner(far.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		watch, err := m.Watch(func(p frame.Packet) bool { return p.ToPort == far.Port() && p.To == far.Addr() })
		if err != nil {
			t.Fatal(err)
		}
		defer watch.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience/8)
		defer cancel()
		conn, err := l.Gateway().Dial(ctx, network, netip.MustParseAddrPort(local), far)
		if err == nil {
			_, _ = conn.Write([]byte("word")) // what the filter refuses is an error of the socket too
			_ = conn.Close()
		}
		return within(t, watch, 1)
	}
	for _, c := range cases {
		if !try(c.network, c.local, c.to) {
			t.Errorf("control: %s does not arrive without a policy", c.name)
		}
	}
	apply(t, l, serving(t, "time = \"intercept\"\nnames = \"sinkhole\""))
	for _, c := range cases {
		if got := try(c.network, c.local, c.to); got != c.allowed {
			t.Errorf("%s: arrived %t", c.name, got)
		}
	}
}

// TestServeLeases holds who may ask for a lease, and that the answer gets out.
func TestServeLeases(t *testing.T) {
	l := open(t)
	s := serveOnGateway(t, l, map[string][]uint16{"udp4": {67, 68}})
	const everybody, nobody = "255.255.255.255", "0.0.0.0"
	cases := []flow{
		{name: "a camera begins", from: c1, to: everybody, source: nobody, allowed: true},
		{name: "a camera goes on", from: c1, to: "10.30.0.1", allowed: true},
		{name: "a newcomer begins", from: stranger, to: everybody, source: nobody, allowed: true},
		{name: "a newcomer goes on", from: stranger, to: "10.30.0.1", source: "10.30.0.150", allowed: true},
		{name: "a newcomer asks from outside the pool", from: stranger, to: "10.30.0.1", source: "10.30.0.99"},
		{name: "a newcomer as a camera", from: stranger, to: "10.30.0.1", source: inCamera},
		{name: "a newcomer asks another address of the gateway", from: stranger, to: "10.40.0.1", source: nobody},
		{name: "a recorder begins", from: nvr, to: everybody, source: nobody},
	}
	for i := range cases {
		f := &cases[i]
		f.protocol, f.port, f.sport = policy.UDP, 67, 68
	}
	heard := func(f flow) bool {
		try := f.try()
		if f.to == everybody {
			try.NextHop = frame.Broadcast()
		}
		before := s.heard.Load()
		if _, err := l.Try(t.Context(), try); err != nil {
			t.Fatal(err)
		}
		return s.heard.Load() > before
	}
	apply(t, l, read(t, head+allows))
	for _, f := range cases {
		if heard(f) {
			t.Errorf("control: a gateway that leases nothing hears %s", f.name)
		}
	}
	apply(t, l, serving(t, "leases {\n range = \"10.30.0.100-10.30.0.199\"\n lease = \"12h\"\n}"))
	for _, f := range cases {
		if got := heard(f); got != f.allowed {
			t.Errorf("%s: heard %t", f.name, got)
		}
	}
	other := flow{name: "another port", from: stranger, to: everybody, source: nobody, protocol: policy.UDP, port: 68, sport: 68}
	if heard(other) {
		t.Error("a newcomer reaches another port")
	}
}

// TestServeDiscovery holds that the gateway hears the cameras that say where they are, and those who look for them from the segment that
// may, and nobody else.
func TestServeDiscovery(t *testing.T) {
	l := open(t)
	s := newGatewayServers(t)
	groups := map[string]netip.Addr{"udp4": netip.MustParseAddr("239.255.255.250"), "udp6": netip.MustParseAddr("ff02::c")}
	for network, group := range groups {
		for _, iface := range []string{"cam0", "lan0", "rec0"} {
			err := l.Gateway().Do(func() error {
				link, err := net.InterfaceByName(iface)
				if err != nil {
					return err
				}
				conn, err := net.ListenMulticastUDP(network, link, &net.UDPAddr{IP: group.AsSlice(), Port: 3702, Zone: iface})
				if err == nil {
					t.Cleanup(func() { _ = conn.Close() }) // ends the loop
					go s.answer(conn)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var cases []flow
	for _, group := range groups {
		for from, may := range map[string]bool{c1: true, office: true, stranger: false, nvr: false} {
			cases = append(cases, flow{
				name: from + " to " + group.String(), from: from, to: group.String(), protocol: policy.UDP, port: 3702, allowed: may,
			})
		}
	}
	apply(t, l, read(t, head+allows))
	for _, f := range cases {
		f.allowed = false
		if _, heard := ask(t, l, s, f); heard {
			t.Errorf("control: a gateway that serves nothing hears %s", f.name)
		}
	}
	apply(t, l, serving(t, "discovery = [segment.office]"))
	probes(t, l)
	for _, f := range cases {
		if _, heard := ask(t, l, s, f); heard != f.allowed {
			t.Errorf("%s: heard %t", f.name, heard)
		}
	}
}

// TestServeRecorders holds that a segment of recorders finds cameras and is served itself, in both scopes; and that the gateway says to the
// switches of these segments, and of no other governed one, that it listens. The control is a gateway that serves nothing.
func TestServeRecorders(t *testing.T) {
	l := open(t)
	s := serveOnGateway(t, l, map[string][]uint16{"udp4": {123}, "udp6": {123}})
	const udp = policy.UDP
	asked := []flow{
		{name: "time of the internet", from: nvr, to: outside, protocol: udp, port: 123, allowed: true},
		{name: "time of the internet in IPv6", from: nvr, to: outside6, protocol: udp, port: 123, allowed: true},
		{name: "time of the gateway", from: nvr, to: "10.40.0.1", protocol: udp, port: 123, allowed: true},
		{name: "a recorder without a MAC", from: nvr2, to: "10.40.0.1", protocol: udp, port: 123},
		{name: "a camera", from: c1, to: outside, protocol: udp, port: 123},
	}
	recorders := strings.Replace(head+allows, `kind      = "recorder"`,
		"kind      = \"recorder\"\n  serve {\n    time = \"intercept\"\n  }", 1)
	finding := strings.Replace(recorders, `kind      = "camera"`,
		"kind      = \"camera\"\n  serve {\n    discovery = [segment.recorders]\n  }", 1)
	for _, c := range []struct {
		name, policy    string
		serves, reports bool
	}{
		{"nothing", head + allows, false, false},
		{"time only", recorders, true, false},
		{"all", finding, true, true},
		{"segments", strings.Replace(finding, `site "school" {}`, "site \"school\" {\n  scope = \"segments\"\n}", 1), true, true},
	} {
		apply(t, l, read(t, c.policy))
		for _, f := range asked {
			f.allowed = f.allowed && c.serves
			if _, heard := ask(t, l, s, f); heard != f.allowed {
				t.Errorf("%s: %s: heard %t", c.name, f.name, heard)
			}
		}
		for iface, who := range map[string]string{"cam0": c1, "rec0": nvr} {
			if got := joins(t, l, iface, who); got != c.reports {
				t.Errorf("%s: the gateway says by %s that it listens: %t", c.name, iface, got)
			}
		}
	}
}

// joins makes the gateway listen to the group of discovery on an interface, and says whether a machine there sees its report.
func joins(t *testing.T, l *lab.Lab, iface, who string) bool {
	t.Helper()
	watch, err := machine(t, l, who).Watch(func(p frame.Packet) bool { return p.Protocol == 2 && p.To.String() == "224.0.0.22" })
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	err = l.Gateway().Do(func() error {
		link, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		conn, err := net.ListenMulticastUDP("udp4", link, &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 3702})
		if err == nil {
			_ = conn.Close() // the report was all that was asked for
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return within(t, watch, 1)
}

// probes holds that the gateway looks for cameras from the port of discovery, and by no other way.
func probes(t *testing.T, l *lab.Lab) {
	t.Helper()
	m, err := l.Machine(c1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"10.30.0.1:3702", "239.255.255.250:3702", true},
		{"[fd30::1]:3702", "[ff02::c%cam0]:3702", true},
		{"10.30.0.1:3703", "239.255.255.250:3702", false},
		{"10.30.0.1:3702", "239.255.255.250:3703", false},
		{"10.30.0.1:3702", "224.0.0.1:3702", false},
		{"[fd30::1]:3703", "[ff02::c%cam0]:3702", false},
	} {
		far := netip.MustParseAddrPort(c.to)
		watch, err := m.Watch(func(p frame.Packet) bool { return p.ToPort == far.Port() && p.To == far.Addr().WithZone("") })
		if err != nil {
			t.Fatal(err)
		}
		config := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(c.from)), Control: fromCameras}
		err = l.Gateway().Do(func() error {
			conn, err := config.DialContext(t.Context(), "udp", c.to)
			if err != nil {
				return err
			}
			_, _ = conn.Write([]byte("probe")) // what the filter refuses is an error of the socket too
			return conn.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := within(t, watch, 1); got != c.allowed {
			t.Errorf("a probe from %s to %s: arrived %t", c.from, c.to, got)
		}
		watch.Close()
	}
}

// fromCameras binds a socket to the cameras' interface, beside those that listen there.
func fromCameras(_, _ string, c syscall.RawConn) error {
	var errs [2]error
	err := c.Control(func(fd uintptr) {
		errs[0] = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		errs[1] = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "cam0")
	})
	return errors.Join(err, errs[0], errs[1])
}

// TestNotServed holds that status names what the policy serves and nobody waits for, and nothing once somebody does.
func TestNotServed(t *testing.T) {
	l := open(t)
	p := serving(t, "time = \"intercept\"\nnames = \"sinkhole\"")
	apply(t, l, p)
	silent := func() (names []string) {
		inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
			status, err := g.Status(ctx, &p, "")
			if !status.Enforcing {
				t.Error("a policy that serves is not enforced")
			}
			names = status.NotServed
			return err
		})
		return names
	}
	if diff := cmp.Diff([]string{"cameras/time", "cameras/names"}, silent()); diff != "" {
		t.Errorf("nobody listens (-want +got):\n%s", diff)
	}
	serveOnGateway(t, l, map[string][]uint16{"udp4": {53, 123}})
	if diff := cmp.Diff([]string{"cameras/names"}, silent()); diff != "" {
		t.Errorf("nobody listens for names by TCP (-want +got):\n%s", diff)
	}
	serveOnGateway(t, l, map[string][]uint16{"tcp4": {53}})
	if names := silent(); len(names) != 0 {
		t.Errorf("everything is served but for %q", names)
	}
}
