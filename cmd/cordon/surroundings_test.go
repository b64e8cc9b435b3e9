package main

import (
	"net/netip"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cordon/gateway/netstate"
	"cordon/policy"
	"cordon/policy/write"
)

// box is a machine with a bridge, a container's cable in it, a tunnel, and two network cards.
func box() netstate.State {
	mac := policy.MAC{2, 0, 0, 0, 0, 1}
	address := func(link, prefix string, protocol uint8) netstate.Address {
		return netstate.Address{Interface: link, Prefix: netip.MustParsePrefix(prefix), Protocol: protocol}
	}
	return netstate.State{
		Links: []netstate.Link{
			{Name: "docker0", Kind: "bridge", MAC: mac},
			{Name: "enp1s0", MAC: mac},
			{Name: "enp2s0", MAC: mac},
			{Name: "lo"},
			{Name: "tun0", Kind: "tun"},
			{Name: "veth7", Kind: "veth", MAC: mac, Master: "docker0"},
			{Name: "dummy0", Kind: "dummy", MAC: mac},
			{Name: `a"b`, MAC: mac},
			{Name: "a:b", MAC: mac},
		},
		Addresses: []netstate.Address{
			address("lo", "127.0.0.1/8", 1), address("docker0", "172.17.0.1/16", 0), address("enp1s0", "10.50.0.9/24", 0),
			address("enp1s0", "fe80::1/64", 3), address("enp1s0", "2001:db8::9/64", 2), address("tun0", "10.8.0.2/24", 0),
		},
		Routes: []netstate.Route{
			{Table: netstate.MainTable, Destination: netip.MustParsePrefix("::/0"), Via: netip.MustParseAddr("fe80::2"), Interface: "enp1s0"},
			{
				Table: netstate.MainTable, Destination: netip.MustParsePrefix("0.0.0.0/0"),
				Via: netip.MustParseAddr("10.8.0.1"), Interface: "tun0", Metric: 500,
			},
			{
				Table: netstate.MainTable, Destination: netip.MustParsePrefix("0.0.0.0/0"),
				Via: netip.MustParseAddr("10.50.0.1"), Interface: "enp1s0", Metric: 100,
			},
			{
				Table: netstate.MainTable, Destination: netip.MustParsePrefix("172.16.0.0/12"),
				Via: netip.MustParseAddr("10.50.0.2"), Interface: "enp1s0",
			},
			{Table: netstate.MainTable, Destination: netip.MustParsePrefix("10.50.0.0/24"), Interface: "enp1s0"},
			{Table: 7, Destination: netip.MustParsePrefix("0.0.0.0/0"), Interface: "enp2s0"},
		},
	}
}

func TestLook(t *testing.T) {
	address := netip.MustParseAddr
	for name, c := range map[string]struct {
		session string
		want    write.Surroundings
	}{
		"nobody is logged in": {"", write.Surroundings{Manage: "enp1s0", Guessed: true, Cameras: "enp2s0"}},
		"from the segment":    {"10.50.0.20 55000 10.50.0.9 22", write.Surroundings{Manage: "enp1s0", Cameras: "enp2s0"}},
		"in IPv6 notation":    {"::ffff:10.50.0.20 55000 ::ffff:10.50.0.9 22", write.Surroundings{Manage: "enp1s0", Cameras: "enp2s0"}},
		"link-local":          {"fe80::7%enp1s0 55000 fe80::1%enp1s0 22", write.Surroundings{Manage: "enp1s0", Cameras: "enp2s0"}},
		"behind the default route": {"203.0.113.4 55000 10.50.0.9 22", write.Surroundings{
			Manage: "enp1s0", Cameras: "enp2s0", Client: address("203.0.113.4"), Router: address("10.50.0.1"),
		}},
		"behind a nearer router": {"172.16.4.4 55000 10.50.0.9 22", write.Surroundings{
			Manage: "enp1s0", Cameras: "enp2s0", Client: address("172.16.4.4"), Router: address("10.50.0.2"),
		}},
		"by the bridge":        {"172.17.0.5 55000 172.17.0.1 22", write.Surroundings{Manage: "docker0", Uplink: "enp1s0", Cameras: "enp2s0"}},
		"by a tunnel":          {"10.8.0.1 55000 10.8.0.2 22", write.Surroundings{Uplink: "enp1s0", Cameras: "enp2s0"}},
		"an address of nobody": {"10.1.1.1 55000 10.1.1.2 22", write.Surroundings{Manage: "enp1s0", Guessed: true, Cameras: "enp2s0"}},
		"not a session":        {"10.50.0.20 22", write.Surroundings{Manage: "enp1s0", Guessed: true, Cameras: "enp2s0"}},
	} {
		got := look(box(), c.session, "gw-levis.example.org")
		c.want.Site = "gw-levis"
		ignored := cmpopts.IgnoreFields(write.Surroundings{}, "Interfaces")
		if diff := cmp.Diff(c.want, got, ignored, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := look(netstate.State{}, "10.50.0.20 55000 10.50.0.9 22", ""); got.Site != "gateway" || got.Manage != "" || got.Guessed {
		t.Errorf("a machine without a network: %+v", got)
	}
}

// TestLookListsSegments holds which interfaces can be a segment's, and which of their addresses stay.
func TestLookListsSegments(t *testing.T) {
	listed := map[string]string{}
	for _, session := range []string{"", "2001:db8::5 55000 2001:db8::9 22"} {
		for _, i := range look(box(), session, "x").Interfaces {
			for _, a := range i.Addresses {
				listed[session+i.Name] += a.String() + " "
			}
			listed[session+i.Name] += "."
		}
	}
	want := map[string]string{
		"docker0": "172.17.0.1/16 .", "enp1s0": "10.50.0.9/24 .", "enp2s0": ".",
		"2001:db8::5 55000 2001:db8::9 22docker0": "172.17.0.1/16 .", "2001:db8::5 55000 2001:db8::9 22enp2s0": ".",
		"2001:db8::5 55000 2001:db8::9 22enp1s0": "10.50.0.9/24 2001:db8::9/64 .",
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestInherited finds the session above sudo, whatever the processes between are called, and gives up where there is none.
func TestInherited(t *testing.T) {
	proc := fstest.MapFS{
		"40/environ": {Data: []byte("HOME=/root\x00MY_SSH_CONNECTION=no\x00")}, "40/stat": {Data: []byte("40 (sudo) S 30 1")},
		"30/stat":    {Data: []byte("30 (a ) b (c) S 20 1")},
		"20/environ": {Data: []byte("SSH_CONNECTION=a 1 b 2\x00")}, "20/stat": {Data: []byte("20 (bash) S 1 1")},
		"10/stat": {Data: []byte("10 (init) S 0 1")},
		"50/stat": {Data: []byte("50 (loop) S 50 1")},
		"60/stat": {Data: []byte("60 (odd")},
	}
	for pid, want := range map[int]string{40: "a 1 b 2", 20: "a 1 b 2", 10: "", 50: "", 60: "", 70: ""} {
		if got := inherited(proc, pid, "SSH_CONNECTION"); got != want {
			t.Errorf("%d: %q, want %q", pid, got, want)
		}
	}
}

func TestLabel(t *testing.T) {
	for host, want := range map[string]string{
		"levis-01.example.org": "levis-01", "": "gateway", "gw (1)": "gw--1-", ".x": "gateway", "école": "école",
	} {
		if got := label(host); got != want {
			t.Errorf("%q is %q, want %q", host, got, want)
		}
	}
}
