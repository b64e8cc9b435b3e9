package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"cordon/integration/lab"
	"cordon/policy"
)

// bridged is the site with each camera on a port of the gateway's own bridge.
func bridged(t *testing.T) (*lab.Lab, policy.Policy) {
	t.Helper()
	site := plan()
	cameras := site.Segments[0]
	var cables []lab.Segment
	for i, host := range cameras.Hosts {
		mac := gatewayMAC()
		mac[5] += byte(i) // the bridge takes the lowest
		cables = append(cables, lab.Segment{Name: "port" + host.Name, Interface: fmt.Sprintf("p%d", i+1), MAC: mac, Hosts: []lab.Host{host}})
	}
	site.Segments = append(cables, site.Segments[1:]...)
	l, err := lab.Open(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	const bridge = "bridge {\n    name  = \"br-cam\"\n    ports = [\"p1\", \"p2\", \"p3\"]\n  }"
	text := strings.Replace(head+allows, `interface = "cam0"`, bridge, 1)
	text = strings.Replace(text, "mac       = \"44:19:b6:00:00:01\"", "mac = \"44:19:b6:00:00:01\"\n  port = \"p1\"", 1)
	return l, read(t, text)
}

// onPort changes a port of the bridge behind Cordon's back.
func onPort(t *testing.T, l *lab.Lab, name string, change func(netlink.Link) error) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		return change(link)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBridge holds that cameras on the gateway's own bridge reach what the policy names and not each other, whether the kernel shows
// bridged packets to the IP layer or not, that a camera with a port stands at that port only, and that drift is found and mended.
func TestBridge(t *testing.T) {
	l, p := bridged(t)
	apply(t, l, p)
	camera1 := policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}
	const tcp, udp = policy.TCP, policy.UDP
	cases := []struct {
		flow
		passes bool
	}{
		{flow{name: "record", from: nvr, to: "10.30.0.21", protocol: tcp, port: 554}, true},
		{flow{name: "record in IPv6", from: nvr, to: "fd30::21", protocol: tcp, port: 554}, true},
		{flow{name: "media", from: c1, to: "10.40.0.10", protocol: udp, port: 6100}, true},
		{flow{name: "media of the other camera", from: c2, to: "10.40.0.10", protocol: udp, port: 6100}, true},
		{flow{name: "media in IPv6", from: c1, to: "fd40::10", protocol: udp, port: 6100}, true},
		{flow{name: "a camera phones home", from: c1, to: "198.51.100.7", protocol: udp, port: 443}, false},
		{flow{name: "a camera opens the recorder", from: c1, to: "10.40.0.10", protocol: tcp, port: 554}, false},
		{flow{name: "a camera opens its neighbour", from: c1, to: "10.30.0.22", protocol: tcp, port: 443}, false},
		{flow{name: "a camera opens its neighbour in IPv6", from: c2, to: "fd30::21", protocol: udp, port: 443}, false},
		{flow{name: "a stranger sends media", from: stranger, to: "10.40.0.10", protocol: udp, port: 6100}, false},
		{
			flow{name: "a camera at another's port", from: c2, to: "10.40.0.10", protocol: udp, port: 6100, source: "10.30.0.21", mac: camera1},
			false,
		},
	}
	for _, setting := range []string{"0", "1"} {
		if err := l.Gateway().SetSysctl("bridge/bridge-nf-call-iptables", setting); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			if got := arrives(t, l, c.flow); got != c.passes {
				t.Errorf("bridge-nf-call-iptables %s: %s: arrived %t", setting, c.name, got)
			}
		}
	}
	free := p
	free.Devices = slices.Clone(p.Devices)
	for i := range free.Devices {
		free.Devices[i].Port = ""
	}
	apply(t, l, free)
	if moved := cases[len(cases)-1].flow; !arrives(t, l, moved) {
		t.Errorf("control: without a port of its own, %s: did not arrive", moved.name)
	}
	apply(t, l, p)
	drifts := []func(netlink.Link) error{
		func(link netlink.Link) error { return netlink.LinkSetIsolated(link, false) },
		netlink.LinkSetNoMaster,
	}
	for i, drift := range drifts {
		onPort(t, l, "p2", drift)
		if proposal, outcome := apply(t, l, p); !outcome.Applied || proposal.Empty() {
			t.Errorf("drift %d is not seen", i)
		}
		if proposal, _ := apply(t, l, p); !proposal.Empty() {
			t.Errorf("drift %d is not mended: %v", i, proposal.Plan.Changes)
		}
	}
}
