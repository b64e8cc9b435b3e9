package lab_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// The machines of the site that the tests use, one of each kind of place.
const (
	c1, c2, nvr, office, internet = "c1", "c2", "nvr-1", "office", "internet"
)

// addr4 and addr6 are where a machine is.
func addr4(name string) netip.Addr { return prefixes()[name][0].Addr() }
func addr6(name string) netip.Addr { return prefixes()[name][1].Addr() }

// port4 is a port of a machine, over IPv4.
func port4(name string, port uint16) netip.AddrPort { return netip.AddrPortFrom(addr4(name), port) }

// prefixes are the addresses of every machine and of the gateway in each segment.
func prefixes() map[string][]netip.Prefix {
	out := map[string][]netip.Prefix{}
	for name, texts := range map[string][]string{
		"cam0": {"10.30.0.1/24", "fd00:30::1/64"}, c1: {"10.30.0.11/24", "fd00:30::11/64"}, c2: {"10.30.0.12/24", "fd00:30::12/64"},
		"rec0": {"10.40.0.1/24", "fd00:40::1/64"}, nvr: {"10.40.0.5/24", "fd00:40::5/64"},
		"lan0": {"10.50.0.1/24", "fd00:50::1/64"}, office: {"10.50.0.20/24", "fd00:50::20/64"},
		"wan0": {"203.0.113.1/24", "2001:db8::1/64"}, internet: {"203.0.113.80/24", "2001:db8::80/64"},
	} {
		for _, text := range texts {
			out[name] = append(out[name], netip.MustParsePrefix(text))
		}
	}
	return out
}

// site is cameras behind a switch, and three segments of one host.
func site() lab.Site {
	macs := map[string]policy.MAC{c1: {0x44, 0x19, 0xb6, 1, 2, 3}, c2: {0x44, 0x19, 0xb6, 1, 2, 4}, nvr: {0x3c, 0xef, 0x8c, 0, 0, 5}}
	segment := func(name, device string, hosts ...string) lab.Segment {
		s := lab.Segment{Name: name, Interface: device, Addresses: prefixes()[device]}
		for _, host := range hosts {
			s.Hosts = append(s.Hosts, lab.Host{
				Name: host, MAC: macs[host], Addresses: prefixes()[host],
				Via: []netip.Addr{addr4(device), addr6(device)},
			})
		}
		return s
	}
	return lab.Site{Segments: []lab.Segment{
		segment("cameras", "cam0", c1, c2), segment("recorders", "rec0", nvr),
		segment("lan", "lan0", office), segment("uplink", "wan0", internet),
	}}
}

// open builds a site for a test, and ends it with the test.
func open(t *testing.T, s lab.Site) *lab.Lab {
	t.Helper()
	start := time.Now()
	l, err := lab.Open(t.Context(), s)
	if err != nil {
		t.Fatalf("build the site: %v", err)
	}
	t.Logf("site of %d machines up in %v", len(l.Machines()), time.Since(start).Round(100*time.Microsecond))
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close the site: %v", err)
		}
	})
	return l
}

// machine returns a machine of the site.
func machine(t *testing.T, l *lab.Lab, name string) *lab.Machine {
	t.Helper()
	m, err := l.Machine(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// serve starts an echo server on a machine.
func serve(t *testing.T, l *lab.Lab, name string, protocol policy.Protocol, port uint16) *lab.Server {
	t.Helper()
	s, err := machine(t, l, name).Serve(t.Context(), protocol, port)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// routed are tries across the gateway, one of each protocol and family.
func routed() []lab.Try {
	var tries []lab.Try
	for _, to := range []netip.Addr{addr4(nvr), addr6(nvr)} {
		for _, protocol := range []policy.Protocol{policy.TCP, policy.UDP, frame.ICMPOf(to)} {
			tries = append(tries, lab.Try{Name: to.String(), From: c1, To: netip.AddrPortFrom(to, 8000), Protocol: protocol})
		}
	}
	return tries
}

// A gateway that forwards passes every try; the same gateway told to stop passes none. Each is the other's control.
func TestTriesAcrossTheGateway(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	serve(t, l, nvr, policy.TCP, 8000)
	serve(t, l, nvr, policy.UDP, 8000)
	for round, forwards := range []bool{true, false, true} {
		if err := l.Forward(forwards); err != nil {
			t.Fatal(err)
		}
		for _, try := range routed() {
			r, err := l.Try(t.Context(), try)
			if err != nil {
				t.Fatal(err)
			}
			arrived, replied := r.Arrived == 1, r.Answer == lab.Replied
			if arrived != forwards || replied != forwards {
				t.Errorf("round %d, forwarding %v: protocol %d to %s: %+v", round, forwards, try.Protocol, try.Name, r)
			}
		}
	}
}

// Machines on one switch reach each other whether the gateway forwards or not.
func TestNeighboursOnASwitch(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	server := serve(t, l, c2, policy.TCP, 80)
	for _, to := range []netip.Addr{addr4(c2), addr6(c2)} {
		r, err := l.Try(t.Context(), lab.Try{Name: "neighbour", From: c1, To: netip.AddrPortFrom(to, 80), Protocol: policy.TCP})
		if err != nil || r.Arrived != 1 || r.Answer != lab.Replied {
			t.Errorf("to %s: %+v, %v", to, r, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if n := server.Await(ctx, 2); n != 2 {
		t.Errorf("the server counted %d connections, not 2", n)
	}
}

// A closed port answers fast, and the answer is told apart from silence and from a reply, whether made by the kernel or by hand.
func TestAnswersAreToldApart(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	if err := l.Forward(true); err != nil {
		t.Fatal(err)
	}
	serve(t, l, nvr, policy.TCP, 8000)
	serve(t, l, nvr, policy.UDP, 8000)
	mac := machine(t, l, c1).MAC
	empty := netip.MustParseAddr("10.40.0.99")
	cases := []struct {
		name     string
		to       netip.AddrPort
		protocol policy.Protocol
		mac      policy.MAC
		want     lab.Answer
		arrived  int
	}{
		{"open TCP", netip.AddrPortFrom(addr4(nvr), 8000), policy.TCP, policy.MAC{}, lab.Replied, 1},
		{"closed TCP", netip.AddrPortFrom(addr4(nvr), 8001), policy.TCP, policy.MAC{}, lab.Refused, 1},
		{"closed UDP", netip.AddrPortFrom(addr6(nvr), 8001), policy.UDP, policy.MAC{}, lab.Refused, 1},
		{"nobody there", netip.AddrPortFrom(empty, 8000), policy.TCP, policy.MAC{}, lab.Silence, 0},
		{"open TCP by hand", netip.AddrPortFrom(addr4(nvr), 8000), policy.TCP, mac, lab.Replied, 1},
		{"closed TCP by hand", netip.AddrPortFrom(addr6(nvr), 8001), policy.TCP, mac, lab.Refused, 1},
		{"open UDP by hand", netip.AddrPortFrom(addr6(nvr), 8000), policy.UDP, mac, lab.Replied, 1},
		{"closed UDP by hand", netip.AddrPortFrom(addr4(nvr), 8001), policy.UDP, mac, lab.Refused, 1},
		{"ping by hand", netip.AddrPortFrom(addr6(nvr), 0), policy.ICMPv6, mac, lab.Replied, 1},
		{"a protocol without ports", netip.AddrPortFrom(addr4(nvr), 0), 253, mac, lab.Refused, 1},
	}
	for _, c := range cases {
		r, err := l.Try(t.Context(), lab.Try{Name: c.name, From: c1, To: c.to, Protocol: c.protocol, MAC: c.mac})
		if err != nil || r.Answer != c.want || r.Arrived != c.arrived {
			t.Errorf("%s: arrived %d, %v, %v; want %d, %v", c.name, r.Arrived, r.Answer, err, c.arrived, c.want)
		}
	}
}

// What a machine forges arrives as it was forged, at whom it was sent to.
func TestForgedPacketsArrive(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	if err := l.Forward(true); err != nil {
		t.Fatal(err)
	}
	if err := l.Gateway().SetSysctl("ipv4/conf/all/rp_filter", "0"); err != nil {
		t.Fatal(err)
	}
	forged := netip.AddrPortFrom(netip.MustParseAddr("10.30.0.77"), 554)
	mac := policy.MAC{2, 0, 0, 0, 0, 9}
	watch, err := machine(t, l, internet).Watch(func(p frame.Packet) bool {
		return p.From == forged.Addr() && p.FromPort == 554 && p.ToPort == 8800
	})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	for _, protocol := range []policy.Protocol{policy.TCP, policy.UDP} {
		r, err := l.Try(t.Context(), lab.Try{
			Name: "forged", From: c1, To: netip.AddrPortFrom(addr4(internet), 8800), Protocol: protocol, Source: forged, MAC: mac,
		})
		if err != nil || r.Arrived != 1 || r.Answer != lab.Silence {
			t.Errorf("protocol %d: %+v, %v", protocol, r, err)
		}
	}
	if watch.Count() != 2 {
		t.Errorf("%d packets came from the forged address and port, not 2", watch.Count())
	}
}

// A frame of any kind reaches the others on the switch as it is.
func TestFramesOnTheSwitch(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	marker := []byte("a frame of nobody's protocol")
	watch, err := machine(t, l, c2).Watch(func(p frame.Packet) bool { return p.Type == 0x88b5 && p.Carries(marker) })
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	from := machine(t, l, c1)
	e := frame.Ethernet{Destination: frame.Broadcast(), Source: from.MAC, Type: 0x88b5, Payload: marker}
	if err := from.SendFrame(e.Bytes()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if n, err := watch.Await(ctx, 1); n != 1 || err != nil {
		t.Errorf("%d frames arrived, %v", n, err)
	}
	e.Type = 0x88b6 // the control: what does not match is not counted
	if err := from.SendFrame(e.Bytes()); err != nil {
		t.Fatal(err)
	}
	if watch.Count() != 1 {
		t.Error("a frame of another type was counted")
	}
}

// A machine's Ethernet address is the site's before its first frame, and the gateway has only what the site says.
func TestTheSiteIsAsDescribed(t *testing.T) {
	t.Parallel()
	s := site()
	l := open(t, s)
	for _, segment := range s.Segments {
		for _, host := range segment.Hosts {
			m := machine(t, l, host.Name)
			if !host.MAC.IsZero() && m.MAC != host.MAC {
				t.Errorf("%s has Ethernet address %s, not %s", host.Name, m.MAC, host.MAC)
			}
			if m.Segment.MAC.IsZero() {
				t.Errorf("%s does not know its gateway's Ethernet address", host.Name)
			}
		}
	}
	if on, err := l.Gateway().Sysctl("ipv4/ip_forward"); on != "0" || err != nil {
		t.Errorf("the gateway's ip_forward is %q, %v", on, err)
	}
}

// Mistakes of a site or a try are errors, never panics.
func TestMistakesAreErrors(t *testing.T) {
	t.Parallel()
	for name, segment := range map[string]lab.Segment{
		"an interface name that is too long": {Name: "a", Interface: "sixteen-bytes-xx", Hosts: []lab.Host{{Name: "h"}}},
		"an interface name that is empty":    {Name: "a", Hosts: []lab.Host{{Name: "h"}}},
		"a route without an address":         {Name: "a", Interface: "a0", Hosts: []lab.Host{{Name: "h", Via: []netip.Addr{addr4("cam0")}}}},
		"an address twice": {Name: "a", Interface: "a0", Hosts: []lab.Host{
			{Name: "h", Addresses: []netip.Prefix{prefixes()[c1][0], prefixes()[c1][0]}},
		}},
	} {
		if l, err := lab.Open(t.Context(), lab.Site{Segments: []lab.Segment{segment}}); err == nil {
			t.Errorf("%s: no error, %v", name, l.Close())
		}
	}
	l := open(t, site())
	for name, try := range map[string]lab.Try{
		"from nobody":    {From: "nobody", To: netip.AddrPortFrom(addr4(nvr), 1), Protocol: policy.TCP},
		"seen by nobody": {From: c1, Witness: "nobody", To: netip.AddrPortFrom(addr4(nvr), 1), Protocol: policy.TCP},
	} {
		if r, err := l.Try(t.Context(), try); err == nil {
			t.Errorf("%s: %+v and no error", name, r)
		}
	}
}

// Two echo servers that are made to speak to each other say nothing more: the datagram that makes them is the only one that comes.
func TestServersDoNotEchoEachOther(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	if err := l.Forward(true); err != nil {
		t.Fatal(err)
	}
	there, here := serve(t, l, nvr, policy.UDP, 8000), serve(t, l, c1, policy.UDP, 8000)
	to := netip.AddrPortFrom(addr4(nvr), 8000)
	forged := lab.Try{
		Name: "forged", From: c1, To: to, Protocol: policy.UDP,
		Source: netip.AddrPortFrom(netip.Addr{}, 8000), MAC: machine(t, l, c1).MAC,
	}
	if r, err := l.Try(t.Context(), forged); err != nil || r.Arrived == 0 {
		t.Fatalf("control: %+v, %v", r, err)
	}
	if r, err := l.Try(t.Context(), lab.Try{Name: "asked", From: c1, To: to, Protocol: policy.UDP}); err != nil || r.Answer != lab.Replied {
		t.Fatalf("control: %+v, %v", r, err)
	}
	if there.Count() != 2 || here.Count() != 0 {
		t.Errorf("%d datagrams there and %d here, want 2 and 0", there.Count(), here.Count())
	}
}
