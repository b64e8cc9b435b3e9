package integration_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/wire"
	"cordon/integration/lab"
	"cordon/policy"
)

// dvr is a recorder among the cameras.
const dvr = "dvr"

// onBridge is a site whose cameras and recorders are one network: each at a port of the gateway's own bridge.
const onBridge = `
site "shop" {}
segment "cameras" {
  kind      = "camera"
  addresses = ["10.30.0.1/24", "fd30::1/64"]
  bridge {
    name  = "br0"
    ports = ["p1", "p2", "p5", "p6"]
  }
}
segment "recorders" {
  kind = "recorder"
  bridge {
    name  = "br0"
    ports = ["p3", "p4"]
  }
}
segment "office" {
  kind      = "client"
  interface = "lan0"
  addresses = ["10.50.0.1/24", "fd50::1/64"]
}
segment "internet" {
  kind       = "uplink"
  interface  = "wan0"
  addresses  = ["203.0.113.2/24", "2001:db8::2/64"]
  masquerade = [segment.office]
  route {
    to  = ["0.0.0.0/0"]
    via = "203.0.113.80"
  }
  route {
    to  = ["::/0"]
    via = "2001:db8::80"
  }
}
manage {
  from     = [segment.office]
  services = ["ssh"]
}
camera "c1" {
  segment   = segment.cameras
  mac       = "44:19:b6:00:00:01"
  addresses = ["10.30.0.21", "fd30::21"]
  port      = "p1"
}
camera "c2" {
  segment   = segment.cameras
  mac       = "44:19:b6:00:00:02"
  addresses = ["10.30.0.22", "fd30::22"]
}
recorder "nvr" {
  segment   = segment.recorders
  mac       = "00:11:32:aa:bb:cc"
  addresses = ["10.30.0.10", "fd30::10"]
}
recorder "nvr2" {
  segment = segment.recorders
  address = "10.30.0.11"
}
recorder "dvr" {
  segment = segment.cameras
  mac     = "00:11:32:aa:bb:ee"
  address = "10.30.0.12"
  port    = "p6"
}
service "media" {
  udp = ["6100-6299"]
}
service "alarm" {
  udp = ["514"]
}
allow "look" {
  from     = "10.30.0.11"
  to       = camera.c1
  services = ["https"]
}
allow "door" {
  from     = recorder.dvr
  to       = camera.c2
  services = ["rtsp"]
}
allow "watch" {
  from     = segment.office
  to       = recorder.nvr
  services = ["https"]
}
allow "upload" {
  from     = recorder.nvr
  to       = segment.internet
  services = ["https"]
}
`

// onBridgeAllows are what passes between the two segments; tests take it away.
const onBridgeAllows = `
allow "record" {
  from     = recorder.nvr
  to       = segment.cameras
  services = ["rtsp", "ping"]
}
allow "media" {
  from     = segment.cameras
  to       = recorder.nvr
  services = [service.media, service.alarm]
}
`

// oneSwitch builds the site.
func oneSwitch(t *testing.T) *lab.Lab {
	t.Helper()
	hosts := []struct {
		name      string
		mac       policy.MAC
		addresses []string
	}{
		{c1, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}, []string{"10.30.0.21/24", "fd30::21/64"}},
		{c2, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 2}, []string{"10.30.0.22/24", "fd30::22/64"}},
		{nvr, policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xcc}, []string{"10.30.0.10/24", "fd30::10/64"}},
		{nvr2, policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xdd}, []string{"10.30.0.11/24"}},
		{stranger, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 0x99}, []string{"10.30.0.99/24", "fd30::99/64"}},
		{dvr, policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xee}, []string{"10.30.0.12/24"}},
	}
	var site lab.Site
	for i, h := range hosts {
		mac := gatewayMAC()
		mac[5] += byte(i) // the bridge takes the lowest
		host := lab.Host{Name: h.name, MAC: h.mac, Via: []netip.Addr{addr("10.30.0.1")}}
		for _, a := range h.addresses {
			host.Addresses = append(host.Addresses, netip.MustParsePrefix(a))
			if strings.Contains(a, ":") {
				host.Via = append(host.Via, addr("fd30::1"))
			}
		}
		site.Segments = append(site.Segments, lab.Segment{
			Name: "port" + h.name, Interface: fmt.Sprintf("p%d", i+1), MAC: mac, Hosts: []lab.Host{host},
		})
	}
	site.Segments = append(site.Segments, plan().Segments[2:]...)
	l, err := lab.Open(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// holder returns the machine that has an address.
func holder(t *testing.T, l *lab.Lab, a netip.Addr) *lab.Machine {
	t.Helper()
	for _, m := range l.Machines() {
		if m.Address(a) == a || slices.ContainsFunc(m.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }) {
			return m
		}
	}
	t.Fatalf("nobody has the address %s", a)
	return nil
}

// near is a try between two machines of the bridge, or beyond it.
type near struct {
	name, from, to string
	protocol       policy.Protocol
	port           uint16
	sport          uint16
	source         string
	mac            policy.MAC
	direct         bool // on the wire to the machine itself, whatever it says to ARP
	passes         bool
}

// reached makes a try, and says whether it arrived and was answered.
func reached(t *testing.T, l *lab.Lab, n near) (arrived, answered bool) {
	t.Helper()
	to := holder(t, l, addr(n.to))
	try := lab.Try{
		Name: n.name, From: n.from, Protocol: n.protocol, To: netip.AddrPortFrom(addr(n.to), n.port), Witness: to.Name, MAC: n.mac,
	}
	if n.passes {
		try.Wait = patience // it ends with the answer
	}
	if n.direct {
		try.NextHop = to.MAC
	}
	if n.sport != 0 || n.source != "" {
		try.Source = netip.AddrPortFrom(netip.Addr{}, n.sport)
		if n.source != "" {
			try.Source = netip.AddrPortFrom(addr(n.source), n.sport)
		}
	}
	r, err := l.Try(t.Context(), try)
	if n.passes && err == nil && r.Answer == lab.Silence {
		r, err = l.Try(t.Context(), try) // an emulated machine loses a question for a neighbour
	}
	if err != nil {
		t.Error(err)
	}
	return r.Arrived > 0, r.Answer == lab.Replied
}

func nears() []near {
	const tcp, udp, icmp, icmp6 = policy.TCP, policy.UDP, policy.ICMP, policy.ICMPv6
	camera1, camera2 := policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 2}
	return []near{
		{name: "record", from: nvr, to: "10.30.0.21", protocol: tcp, port: 554, passes: true},
		{name: "record the other", from: nvr, to: "10.30.0.22", protocol: tcp, port: 554, passes: true},
		{name: "record in IPv6", from: nvr, to: "fd30::21", protocol: tcp, port: 554, passes: true},
		{name: "ping", from: nvr, to: "10.30.0.21", protocol: icmp, passes: true},
		{name: "ping in IPv6", from: nvr, to: "fd30::22", protocol: icmp6, passes: true},
		{name: "media, first port", from: c1, to: "10.30.0.10", protocol: udp, port: 6100, passes: true},
		{name: "media, last port", from: c2, to: "10.30.0.10", protocol: udp, port: 6299, passes: true},
		{name: "media in IPv6", from: c1, to: "fd30::10", protocol: udp, port: 6200, passes: true},
		{name: "alarm", from: c2, to: "10.30.0.10", protocol: udp, port: 514, passes: true},
		{name: "alarm in IPv6", from: c2, to: "fd30::10", protocol: udp, port: 514, passes: true},
		{name: "a recorder without a MAC, by a literal", from: nvr2, to: "10.30.0.21", protocol: tcp, port: 443, passes: true},
		{name: "a recorder among the cameras", from: dvr, to: "10.30.0.22", protocol: tcp, port: 554, passes: true},
		{name: "from beyond the bridge", from: office, to: "10.30.0.10", protocol: tcp, port: 443, passes: true},
		{name: "from beyond the bridge in IPv6", from: office, to: "fd30::10", protocol: tcp, port: 443, passes: true},
		{name: "upload", from: nvr, to: "198.51.100.7", protocol: tcp, port: 443, passes: true},
		{name: "upload in IPv6", from: nvr, to: "2001:db8:1::7", protocol: tcp, port: 443, passes: true},

		{name: "below the range", from: c1, to: "10.30.0.10", protocol: udp, port: 6099, direct: true},
		{name: "above the range", from: c1, to: "fd30::10", protocol: udp, port: 6300, direct: true},
		{name: "another port of the recorder", from: c1, to: "10.30.0.10", protocol: tcp, port: 443, direct: true},
		{name: "the recorder by ping", from: c1, to: "10.30.0.10", protocol: icmp, direct: true},
		{name: "from the served port", from: c1, to: "10.30.0.10", protocol: tcp, port: 445, sport: 554, direct: true},
		{name: "from the served port in IPv6", from: c1, to: "fd30::10", protocol: tcp, port: 445, sport: 554, direct: true},
		{name: "from the media's port", from: nvr, to: "10.30.0.21", protocol: udp, port: 5000, sport: 6100, direct: true},
		{name: "from the alarm's port in IPv6", from: nvr, to: "fd30::21", protocol: udp, port: 5000, sport: 514, direct: true},
		{name: "another port of the camera", from: nvr, to: "10.30.0.21", protocol: tcp, port: 22, direct: true},
		{name: "a tunnel", from: c1, to: "10.30.0.10", protocol: 47, direct: true},
		{name: "the neighbour", from: c1, to: "10.30.0.22", protocol: tcp, port: 554, direct: true},
		{name: "the neighbour in IPv6", from: c2, to: "fd30::21", protocol: udp, port: 6100, direct: true},
		{name: "the neighbour, asked for by its address", from: c1, to: "10.30.0.22", protocol: udp, port: 6100},
		{name: "the recorder that has no allow", from: c1, to: "10.30.0.11", protocol: udp, port: 6100, direct: true},
		{name: "the recorder among the cameras", from: c1, to: "10.30.0.12", protocol: udp, port: 6100, direct: true},
		{name: "the other way", from: c2, to: "10.30.0.12", protocol: tcp, port: 554, direct: true},
		{name: "a recorder at another", from: nvr2, to: "10.30.0.10", protocol: udp, port: 6100, direct: true},
		{name: "a stranger", from: stranger, to: "10.30.0.10", protocol: udp, port: 6100, direct: true},
		{name: "a stranger as a camera", from: stranger, to: "10.30.0.10", protocol: udp, port: 6100, source: "10.30.0.22", direct: true},
		{
			name: "a stranger as a camera with a port", from: stranger, to: "10.30.0.10", protocol: udp, port: 6100, source: "10.30.0.21",
			mac: camera1, direct: true,
		},
		{name: "as the other camera", from: c1, to: "10.30.0.10", protocol: udp, port: 514, source: "10.30.0.22", direct: true},
		{name: "with the other's MAC", from: c1, to: "10.30.0.10", protocol: udp, port: 514, mac: camera2, direct: true},
		{name: "as the other in IPv6", from: c1, to: "fd30::10", protocol: udp, port: 514, source: "fd30::22", direct: true},
		{name: "without a MAC, with another's", from: nvr2, to: "10.30.0.21", protocol: tcp, port: 443, mac: camera2, direct: true},
		{name: "by the gateway", from: c1, to: "10.30.0.11", protocol: udp, port: 6100, mac: camera1},
		{name: "phone home", from: c1, to: "198.51.100.7", protocol: tcp, port: 443},
		{name: "phone home in IPv6", from: c2, to: "2001:db8:1::7", protocol: udp, port: 443},
		{name: "the internet at a camera", from: internet, to: "10.30.0.21", protocol: tcp, port: 554},
		{name: "the office at a camera", from: office, to: "10.30.0.21", protocol: tcp, port: 554},
	}
}

// TestSharedBridge holds that cameras and recorders on one bridge reach what the policy names and nothing else, whether the kernel shows
// bridged packets to the IP layer or not, and that without the policy's tables everything arrives.
func TestSharedBridge(t *testing.T) {
	l := oneSwitch(t)
	p := read(t, onBridge+onBridgeAllows)
	apply(t, l, p)
	if proposal, _ := apply(t, l, p); !proposal.Empty() {
		t.Errorf("a second apply would change %v", proposal.Plan.Changes)
	}
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, n := range nears() {
		if m := holder(t, l, addr(n.to)); n.passes && n.protocol != policy.ICMP && n.protocol != policy.ICMPv6 {
			if _, err := m.Serve(t.Context(), n.protocol, n.port); err != nil && !strings.Contains(err.Error(), "in use") {
				t.Fatal(err)
			}
		}
	}
	verdicts := map[bool]int{}
	for _, setting := range []string{"0", "1"} {
		for _, name := range []string{"iptables", "ip6tables", "arptables"} {
			if err := l.Gateway().SetSysctl("bridge/bridge-nf-call-"+name, setting); err != nil {
				t.Fatal(err)
			}
		}
		all := nears()
		arrived, answered := make([]bool, len(all)), make([]bool, len(all))
		passes := func(i int) bool { return all[i].passes }
		together(len(all), passes, func(i int) { arrived[i], answered[i] = reached(t, l, all[i]) })
		for i, n := range all {
			verdicts[n.passes]++
			if arrived[i] != n.passes || n.passes && !answered[i] {
				t.Errorf("bridge-nf-call %s: %s: arrived %t, answered %t", setting, n.name, arrived[i], answered[i])
			}
		}
	}
	if verdicts[true] < 32 || verdicts[false] < 50 {
		t.Errorf("the table holds %v", verdicts)
	}
	bare(t, l)
	for _, n := range nears() {
		if arrived, _ := reached(t, l, n); !arrived {
			t.Errorf("control: %s does not arrive without a policy", n.name)
		}
	}
}

// bare takes away the tables, the isolation and policy routing.
func bare(t *testing.T, l *lab.Lab) {
	t.Helper()
	tables(t, l, func(conn *nft.Conn) error {
		reading, err := conn.Read(t.Context())
		if err != nil {
			return err
		}
		b := wire.NewBatch(0)
		for i := range reading.Ours {
			b.DeleteTable(reading.Ours[i].ID())
		}
		return conn.Commit(t.Context(), b)
	})
	flushRules(t, l)
	mingle(t, l)
}

// mingle ends the isolation of every port.
func mingle(t *testing.T, l *lab.Lab) {
	t.Helper()
	for i := range 6 {
		onPort(t, l, fmt.Sprintf("p%d", i+1), func(link netlink.Link) error { return netlink.LinkSetIsolated(link, false) })
	}
}
