package integration_test

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// flow is one try and whether the policy lets it arrive.
type flow struct {
	name     string
	from, to string // to is an address
	protocol policy.Protocol
	port     uint16
	source   string // "" is the machine's own address
	sport    uint16
	mac      policy.MAC
	hairpin  bool // sent to the gateway although the target is on the same switch
	allowed  bool
}

func (f flow) try() lab.Try {
	t := lab.Try{
		Name: f.name, From: f.from, Protocol: f.protocol, MAC: f.mac,
		To: netip.AddrPortFrom(netip.MustParseAddr(f.to), f.port),
	}
	if f.hairpin {
		t.NextHop = gatewayMAC()
	}
	if f.allowed && runtime.NumCPU() == 1 { // an emulated machine is late, and TCP tries again after a second
		t.Wait = patience
	}
	if f.source != "" || f.sport != 0 {
		t.Source = netip.AddrPortFrom(netip.Addr{}, f.sport)
		if f.source != "" {
			t.Source = netip.AddrPortFrom(netip.MustParseAddr(f.source), f.sport)
		}
	}
	return t
}

// allowed are the flows that the policy names.
func allowed() []flow {
	const tcp, udp, icmp, icmp6 = policy.TCP, policy.UDP, policy.ICMP, policy.ICMPv6
	return []flow{
		{name: "record", from: nvr, to: "10.30.0.21", protocol: tcp, port: 554},
		{name: "record in IPv6", from: nvr, to: "fd30::21", protocol: tcp, port: 554},
		{name: "record without a MAC", from: nvr2, to: "10.30.0.22", protocol: tcp, port: 554},
		{name: "media, first port", from: c1, to: "10.40.0.10", protocol: udp, port: 6100},
		{name: "media, last port", from: c2, to: "10.40.0.10", protocol: udp, port: 6299},
		{name: "media in IPv6", from: c1, to: "fd40::10", protocol: udp, port: 6200},
		{name: "alarm", from: c1, to: "10.40.0.10", protocol: udp, port: 514},
		{name: "alarm in IPv6", from: c1, to: "fd40::10", protocol: tcp, port: 6514},
		{name: "watch", from: office, to: "10.40.0.10", protocol: tcp, port: 443},
		{name: "watch in IPv6", from: office, to: "fd40::10", protocol: tcp, port: 443},
		{name: "ping", from: office, to: "10.40.0.10", protocol: icmp},
		{name: "ping in IPv6", from: office, to: "fd40::10", protocol: icmp6},
		{name: "repair", from: jump, to: "10.30.0.21", protocol: tcp, port: 443},
		{name: "look, from the literal network", from: office, to: "10.30.0.22", protocol: tcp, port: 443, source: "10.50.0.5"},
		{name: "surf", from: office, to: "198.51.100.7", protocol: tcp, port: 80},
		{name: "surf by UDP", from: office, to: "198.51.100.7", protocol: udp, port: 4433},
		{name: "surf by ping", from: office, to: "198.51.100.7", protocol: icmp},
		{name: "surf in IPv6", from: office, to: "2001:db8:1::7", protocol: tcp, port: 80},
		{name: "manage", from: office, to: "10.50.0.1", protocol: tcp, port: 22},
		{name: "manage by ping", from: office, to: "10.50.0.1", protocol: icmp},
		{name: "manage in IPv6", from: office, to: "fd50::1", protocol: tcp, port: 22},
	}
}

// refused are flows that it does not name. Each arrives when there is no policy.
func refused() []flow {
	const tcp, udp, icmp, icmp6 = policy.TCP, policy.UDP, policy.ICMP, policy.ICMPv6
	recorder := policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xcc}
	camera1, camera2 := policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 2}
	return []flow{
		{name: "phone home", from: c1, to: "198.51.100.7", protocol: tcp, port: 8666},
		{name: "phone home in IPv6", from: c1, to: "2001:db8:1::7", protocol: tcp, port: 443},
		{name: "phone home from the service's port", from: c1, to: "198.51.100.7", protocol: tcp, port: 443, sport: 554, mac: camera1},
		{name: "time", from: c1, to: "198.51.100.7", protocol: udp, port: 123},
		{name: "names", from: c1, to: "198.51.100.7", protocol: udp, port: 53},
		{name: "names in IPv6", from: c1, to: "2001:db8:1::7", protocol: udp, port: 53},
		{name: "ping the internet", from: c1, to: "198.51.100.7", protocol: icmp},
		{name: "ping the internet in IPv6", from: c1, to: "2001:db8:1::7", protocol: icmp6},
		{name: "a tunnel", from: c1, to: "198.51.100.7", protocol: 47},
		{name: "an IPv4 in IPv4 tunnel", from: c1, to: "198.51.100.7", protocol: 4},
		{name: "a protocol nobody knows", from: c1, to: "198.51.100.7", protocol: 253},
		{name: "SCTP", from: c1, to: "198.51.100.7", protocol: 132},
		{name: "the recorder at another port", from: c1, to: "10.40.0.10", protocol: tcp, port: 443},
		{name: "the recorder at the camera's port", from: c1, to: "10.40.0.10", protocol: tcp, port: 554},
		{name: "the recorder from the camera's port", from: c1, to: "10.40.0.10", protocol: tcp, port: 445, sport: 554, mac: camera1},
		{name: "the recorder in IPv6", from: c1, to: "fd40::10", protocol: tcp, port: 443},
		{name: "the recorder by ping", from: c1, to: "10.40.0.10", protocol: icmp},
		{name: "below the media's range", from: c1, to: "10.40.0.10", protocol: udp, port: 6099},
		{name: "above the media's range", from: c1, to: "10.40.0.10", protocol: udp, port: 6300},
		{name: "the alarm of a camera that has none", from: c2, to: "10.40.0.10", protocol: udp, port: 514},
		{name: "the other recorder", from: c1, to: "10.40.0.11", protocol: udp, port: 6100},
		{name: "the office", from: c1, to: "10.50.0.5", protocol: tcp, port: 445},
		{name: "the office in IPv6", from: c1, to: "fd50::5", protocol: tcp, port: 445},
		{name: "the office from an allowed port", from: c1, to: "10.50.0.9", protocol: tcp, port: 445, sport: 443, mac: camera1},
		{name: "the gateway's console", from: c1, to: "10.30.0.1", protocol: tcp, port: 22},
		{name: "the gateway's console in IPv6", from: c1, to: "fd30::1", protocol: tcp, port: 22},
		{name: "the gateway's console at another address", from: c1, to: "10.50.0.1", protocol: tcp, port: 22},
		{name: "the gateway by ping", from: c1, to: "10.30.0.1", protocol: icmp},
		{name: "the gateway from a recorder", from: nvr, to: "10.40.0.1", protocol: tcp, port: 22},
		{name: "the gateway from the internet", from: internet, to: "203.0.113.2", protocol: tcp, port: 22},
		{name: "as another camera, own MAC", from: c1, to: "10.40.0.10", protocol: udp, port: 6100, source: "10.30.0.22"},
		{name: "as another camera, its MAC, own address", from: c1, to: "10.40.0.10", protocol: udp, port: 6100, mac: camera2},
		{name: "with the MAC of nobody", from: c1, to: "10.40.0.10", protocol: udp, port: 6100, mac: policy.MAC{2, 0, 0, 0, 9, 9}},
		{name: "as the recorder to the office", from: c1, to: "10.50.0.5", protocol: udp, port: 4433, source: "10.40.0.10", sport: 443},
		{name: "as the office to the internet", from: c1, to: "198.51.100.7", protocol: udp, port: 4433, source: "10.50.0.5", sport: 5000},
		{name: "as the internet to the office", from: c1, to: "10.50.0.5", protocol: udp, port: 4433, source: "198.51.100.9", sport: 5001},
		{name: "a stranger with its own address", from: stranger, to: "10.40.0.10", protocol: udp, port: 6100},
		{name: "a stranger as a camera", from: stranger, to: "10.40.0.10", protocol: udp, port: 6100, source: "10.30.0.21"},
		{name: "a stranger in IPv6", from: stranger, to: "fd40::10", protocol: udp, port: 6100},
		{name: "IPv6 of a camera that has none", from: c2, to: "fd40::10", protocol: udp, port: 6100},
		{name: "the recorder as a relay", from: nvr, to: "198.51.100.7", protocol: tcp, port: 443},
		{name: "the recorder as a relay, IPv6", from: nvr, to: "2001:db8:1::7", protocol: udp, port: 53},
		{name: "the other recorder as a relay", from: nvr2, to: "198.51.100.7", protocol: tcp, port: 443},
		{name: "the recorder to the office", from: nvr, to: "10.50.0.5", protocol: tcp, port: 445},
		{name: "the recorder at a camera's console", from: nvr, to: "10.30.0.21", protocol: tcp, port: 22},
		{name: "the recorder from the service's port", from: nvr, to: "10.30.0.21", protocol: udp, port: 6100, sport: 6100, mac: recorder},
		{name: "a recorder as the other", from: nvr2, to: "10.30.0.22", protocol: udp, port: 514, source: "10.40.0.10", sport: 6100},
		{name: "the office at a camera", from: office, to: "10.30.0.21", protocol: tcp, port: 443, source: "10.50.0.5"},
		{name: "beyond the literal network", from: office, to: "10.30.0.22", protocol: tcp, port: 443, source: "10.50.0.77"},
		{name: "the office as the technician", from: office, to: "10.30.0.21", protocol: udp, port: 443, source: "10.50.0.9"},
		{name: "the internet at a camera", from: internet, to: "10.30.0.21", protocol: tcp, port: 554},
		{name: "the internet at a camera in IPv6", from: internet, to: "fd30::21", protocol: tcp, port: 554},
		{name: "the internet as the recorder", from: internet, to: "10.30.0.21", protocol: udp, port: 554, source: "10.40.0.10"},
		{name: "the internet at a recorder", from: internet, to: "10.40.0.10", protocol: tcp, port: 443},
		{name: "the internet at the office", from: internet, to: "10.50.0.5", protocol: tcp, port: 445},
		{name: "camera to camera through the gateway", from: c1, to: "10.30.0.22", protocol: udp, port: 7001, hairpin: true},
	}
}

// serveAll answers at every port that a try opens by TCP or asks by UDP, so that an answer says that it got there.
func serveAll(t *testing.T, l *lab.Lab, flows []flow) {
	t.Helper()
	type place struct {
		machine  string
		protocol policy.Protocol
		port     uint16
	}
	known := map[place]bool{}
	for _, f := range flows {
		p := place{owner(netip.MustParseAddr(f.to)), f.protocol, f.port}
		if known[p] || p.machine == "" || (f.protocol != policy.TCP && f.protocol != policy.UDP) {
			continue
		}
		known[p] = true
		m, err := l.Machine(p.machine)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Serve(t.Context(), f.protocol, f.port); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFlows sends every flow as real packets, first through a router without a policy and then through Cordon's gateway. The far side
// says what arrived.
func TestFlows(t *testing.T) {
	l := open(t)
	flows := allowed()
	for i := range flows {
		flows[i].allowed = true
	}
	// What is refused is not served: two echoing services would go on talking to each other once a packet has set them off.
	serveAll(t, l, flows)
	flows = append(flows, refused()...)
	serveGateway(t, l)

	for i, arrived := range whichArrive(t, l, flows) {
		if !arrived && !arrives(t, l, flows[i]) { // an emulated machine is late at times
			t.Errorf("control: %s does not arrive without a policy", flows[i].name)
		}
	}
	apply(t, l, read(t, head+allows))
	verdicts := map[bool]int{}
	for i, got := range whichArrive(t, l, flows) {
		f := flows[i]
		verdicts[f.allowed]++
		if got != f.allowed {
			t.Errorf("%s: arrived %t, want %t", f.name, got, f.allowed)
		}
	}
	t.Logf("%d flows allowed, %d refused", verdicts[true], verdicts[false])
	if verdicts[true] < 20 || verdicts[false] < 50 {
		t.Errorf("the tables hold %v", verdicts)
	}
}

// arrives makes a flow's try.
func arrives(t *testing.T, l *lab.Lab, f flow) bool {
	t.Helper()
	return whichArrive(t, l, []flow{f})[0]
}

// atOnce is how many tries are made at the same time. Most of them wait for what must not come.
const atOnce = 12

// whichArrive makes the tries of all flows and says which arrive.
func whichArrive(t *testing.T, l *lab.Lab, flows []flow) []bool {
	t.Helper()
	arrived, results, errs := make([]bool, len(flows)), make([]lab.Result, len(flows)), make([]error, len(flows))
	try := func(i int) { results[i], errs[i] = l.Try(t.Context(), flows[i].try()) }
	together(len(flows), func(i int) bool { return flows[i].allowed }, try)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for i, f := range flows {
		arrived[i] = f.arrived(t, results[i])
	}
	return arrived
}

// together does something for each number below n, some of them at once, and behind them one after another what is to come to something:
// that ends by itself, and a busy machine is late. A machine with one processor, as an emulated one, does everything in turn.
func together(n int, alone func(int) bool, do func(int)) {
	var running sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	var last []int
	for i := range n {
		if alone(i) || runtime.NumCPU() == 1 {
			last = append(last, i)
			continue
		}
		turns <- struct{}{}
		running.Go(func() {
			do(i)
			<-turns
		})
	}
	running.Wait()
	for _, i := range last {
		do(i)
	}
}

// arrived says whether a try arrived. What is sent to the gateway has no witness but the answer; a stream has arrived when it is answered.
func (f flow) arrived(t *testing.T, r lab.Result) bool {
	t.Helper()
	try := f.try()
	if owner(try.To.Addr()) == "" {
		return r.Answer == lab.Replied
	}
	byHand := f.source != "" || !f.mac.IsZero() || f.hairpin || frame.ICMPOf(try.To.Addr()) == f.protocol
	if f.allowed && !byHand && r.Arrived > 0 && r.Answer != lab.Replied {
		t.Errorf("%s: arrived and was not answered: %v", f.name, r.Answer)
	}
	return r.Arrived > 0
}

// TestAnyIsEveryProtocol holds that "any" of a client segment towards an uplink is every protocol, in both families. The control is the
// same packet from a camera. Conntrack reads the headers of SCTP and UDP-Lite, which are not sent here.
func TestAnyIsEveryProtocol(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows))
	r := newReporter(t, l)
	for _, protocol := range [...]policy.Protocol{2, 4, 41, 47, 50, 51, 253} {
		for _, to := range [...]string{outside, outside6} {
			for _, from := range [...]string{c1, office} {
				marker := r.marker()
				payload := append(make([]byte, 32), marker...)
				packet, _ := frame.IP(r.of(t, from, addr(to)), addr(to), protocol, payload)
				r.send(t, from, packet)
				what := fmt.Sprintf("protocol %d from %s to %s", protocol, from, to)
				if from == office {
					r.expect(t, marker, internet, what)
				} else {
					r.refused[marker] = what
				}
			}
		}
	}
	r.check(t)
}

// TestAnyStaysOffTheLink holds that "any" opens no message that routers and listeners send on their own link, though it is addressed to
// somebody beyond. The controls are a message of the same protocol that is not of that kind, and the same packets without a policy.
func TestAnyStaysOffTheLink(t *testing.T) {
	l := open(t)
	r := newReporter(t, l)
	send := func(kind uint8) (marker, what string) {
		marker = r.marker()
		from, to := r.of(t, office, addr(outside6)), addr(outside6)
		m := frame.ICMP{Type: kind, Payload: append(make([]byte, 64), marker...)}
		packet, _ := frame.IP(from, to, policy.ICMPv6, m.Bytes(from, to))
		r.send(t, office, packet)
		return marker, fmt.Sprintf("a message of type %d", kind)
	}
	types := [...]uint8{130, 131, 132, 133, 134, 135, 136, 137, 143}
	for _, kind := range types {
		marker, what := send(kind)
		r.expect(t, marker, internet, "control: "+what)
	}
	apply(t, l, read(t, head+allows))
	for _, kind := range types {
		marker, what := send(kind)
		r.refused[marker] = what
	}
	for _, kind := range [...]uint8{frame.EchoRequestV6, 139} {
		marker, what := send(kind)
		r.expect(t, marker, internet, what)
	}
	r.check(t)
}
