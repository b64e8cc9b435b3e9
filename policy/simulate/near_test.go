package simulate_test

import (
	"net/netip"
	"strings"
	"testing"

	"cordon/policy"
	"cordon/policy/simulate"
)

// TestNearest has packets that are blocked, and the block that has all of them but for one thing.
func TestNearest(t *testing.T) {
	o := simulate.Of(read(t, scope("box")+body))
	const probes = `
blocked cam0 c2 10.30.0.21 > 10.40.0.10 udp/6100 : sender allow media
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/554 : direction allow record
blocked cam0 c1 10.30.0.21 > 10.40.0.10 udp/6300 : service allow media
blocked rec0 nvr 10.40.0.10 > 10.32.0.21 tcp/554 : destination allow record
blocked cam1 hall 10.31.0.21 > 10.40.0.10 udp/6100 : source allow media
blocked lan0 pc 10.50.0.5 > 10.50.0.1 tcp/443 : service manage
blocked lan1 pc 172.16.5.7 > 10.50.0.1 tcp/22 : source manage
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/40000 sport=555 reply : service allow record
blocked cam0 c1 10.30.0.21 > 198.51.100.7 tcp/443 at=2026-12-02T10:00:00-05:00 : sender exception firmware
`
	differences := map[simulate.Difference]bool{}
	for line := range strings.SplitSeq(strings.TrimSpace(probes), "\n") {
		p := parseProbe(t, line)
		if d := o.Packet(p.at, p.packet); d.Verdict != policy.Blocked {
			t.Errorf("%s: %+v", line, d)
		}
		near, ok := o.Nearest(p.packet)
		differences[near.Differs] = true
		got := strings.TrimSpace(near.Differs.String() + " " + near.Kind + " " + near.Name)
		if !ok || got != p.decision || near.Origin.Line == 0 {
			t.Errorf("%s\n\tgot %q at %v", line, got, near.Origin)
		}
	}
	if len(differences) != 5 {
		t.Errorf("%d differences were seen, want all 5", len(differences))
	}
}

// TestNothingIsNear has packets with which no block has anything to do.
func TestNothingIsNear(t *testing.T) {
	o := simulate.Of(read(t, scope("box")+body))
	for _, line := range []string{
		"blocked wan1 r 192.0.2.7 > 10.60.0.22 udp/7 : not-named",
		"blocked cam0 c1 10.30.0.21 > 127.0.0.1 tcp/22 : malformed",
		"blocked cam0 c1 10.30.0.21 > 10.40.0.10 icmp/3 : no-flow",
	} {
		p := parseProbe(t, line)
		if near, ok := o.Nearest(p.packet); ok {
			t.Errorf("%s: %+v", line, near)
		}
		if services := o.Services(p.packet); len(services) > 0 {
			t.Errorf("%s: %+v", line, services)
		}
	}
	open := parseProbe(t, "allowed rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/1 : allow record")
	if services := o.Services(open.packet); len(services) != 2 || services[0].Name != "rtsp" || services[1].Name != "ping" {
		t.Errorf("from the recorder to the camera: %+v", services)
	}
}

func TestInterface(t *testing.T) {
	o := simulate.Of(read(t, scope("box")+body))
	for address, want := range map[string]string{
		"10.30.0.21": "cam0", "10.30.0.77": "cam0", "fd40::10": "rec0", "172.20.0.5": "lan0", "172.16.5.5": "lan1", "198.51.100.7": "wan0",
		"10.60.0.21": "p1", "10.60.0.22": "p1", "10.60.0.10": "p3", "10.30.0.1": "", "fe80::1": "", "::ffff:10.40.0.10": "rec0",
	} {
		if got := o.Interface(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	alone := simulate.Of(policy.Policy{})
	if got := alone.Interface(netip.MustParseAddr("10.0.0.1")); got != "" {
		t.Errorf("without a segment: %q", got)
	}
}

// TestWords holds the words of the documents: each has its own, and what is none says so.
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for r := simulate.Reason(0); r.String() != "unknown"; r++ {
		if seen[r.String()] || r.String() == "" {
			t.Errorf("reason %d is %q", r, r)
		}
		seen[r.String()] = true
	}
	if len(seen) != int(simulate.ClockUntrusted)+1 {
		t.Errorf("%d reasons have a word", len(seen))
	}
	for _, word := range []string{simulate.Reason(-1).String(), simulate.Difference(-1).String(), simulate.Difference(5).String()} {
		if word != "unknown" {
			t.Errorf("what is no reason is %q", word)
		}
	}
}

// TestUnmodelled: of neighbour discovery the oracle says that it does not know, whoever sends it.
func TestUnmodelled(t *testing.T) {
	o := simulate.Of(read(t, scope("box")+body))
	for line, known := range map[string]bool{
		"blocked cam0 c1 fe80::4619:b6ff:fe00:1 > fd30::1 icmp6/135 : unmodelled": false,
		"blocked lan0 pc :: > ff02::1:ff00:1 icmp6/135 : unmodelled":              false,
		"blocked - gw fd30::1 > fd30::21 icmp6/136 : unmodelled":                  false,
		"blocked cam0 c1 fe80::4619:b6ff:fe00:1 > fd30::1 icmp6/133 : multicast":  true,
	} {
		p := parseProbe(t, line)
		d := o.Packet(p.at, p.packet)
		if d.Known() != known || said(d) != p.decision {
			t.Errorf("%s: %+v", line, d)
		}
	}
}
