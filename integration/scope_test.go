package integration_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/policy"
)

// TestScopeSegments holds that in scope "segments" what touches no camera and no recorder is left alone, and that everything else is as
// in scope "box". Each flow goes through both scopes, so that the one is the control of the other.
func TestScopeSegments(t *testing.T) {
	l := open(t)
	serveGateway(t, l)
	const tcp, udp = policy.TCP, policy.UDP
	cases := []struct {
		flow
		box, segments bool
	}{
		{flow{name: "the internet opens the office", from: internet, to: "10.50.0.5", protocol: udp, port: 445}, false, true},
		{flow{name: "the internet opens the gateway", from: internet, to: "203.0.113.2", protocol: tcp, port: 22}, false, true},
		{flow{name: "one from elsewhere surfs", from: office, to: "198.51.100.7", protocol: udp, port: 80, source: "10.77.0.5"}, false, true},
		{
			flow{name: "one from elsewhere opens the recorder", from: office, to: "10.40.0.10", protocol: udp, port: 443, source: "10.77.0.5"},
			false, false,
		},
		{flow{name: "the office surfs", from: office, to: "198.51.100.7", protocol: udp, port: 80}, true, true},
		{flow{name: "a camera phones home", from: c1, to: "198.51.100.7", protocol: udp, port: 443}, false, false},
		{flow{name: "a camera opens the gateway", from: c1, to: "10.30.0.1", protocol: tcp, port: 22}, false, false},
		{flow{name: "a stranger phones home", from: stranger, to: "198.51.100.7", protocol: udp, port: 443}, false, false},
		{flow{name: "the recorder phones home", from: nvr, to: "198.51.100.7", protocol: udp, port: 443}, false, false},
		{flow{name: "the internet opens a camera", from: internet, to: "10.30.0.21", protocol: udp, port: 554}, false, false},
		{flow{name: "the office opens a camera", from: office, to: "10.30.0.21", protocol: udp, port: 443}, false, false},
		{flow{name: "a camera sends media", from: c1, to: "10.40.0.10", protocol: udp, port: 6100}, true, true},
		{flow{name: "a camera sends media in IPv6", from: c1, to: "fd40::10", protocol: udp, port: 6100}, true, true},
	}
	segments := strings.Replace(head+allows, `site "school" {}`, "site \"school\" {\n  scope = \"segments\"\n}", 1)
	apply(t, l, read(t, segments))
	for _, c := range cases {
		if got := arrives(t, l, c.flow); got != c.segments {
			t.Errorf("scope segments: %s: arrived %t", c.name, got)
		}
	}
	apply(t, l, read(t, head+allows))
	for _, c := range cases {
		if got := arrives(t, l, c.flow); got != c.box {
			t.Errorf("scope box: %s: arrived %t", c.name, got)
		}
	}
}

// TestStrictStays holds that what scope "box" made strict stays so when the scope becomes "segments", which needs none of it: whatever the
// administrator then makes of it is his, and the cameras' own settings stay as they are. The control is the same damage in scope "box".
func TestStrictStays(t *testing.T) {
	l := open(t)
	shared := []string{"ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter", "ipv4/conf/wan0/rp_filter", "ipv4/conf/lan0/rp_filter"}
	own := []string{"ipv4/conf/cam0/rp_filter", "ipv4/conf/rec0/rp_filter"}
	loose := map[string]string{}
	for _, name := range slices.Concat(shared, own) {
		loose[name] = "0"
	}
	set(t, l, loose)
	box := read(t, head+allows)
	segments := read(t, strings.Replace(head+allows, `site "school" {}`, "site \"school\" {\n  scope = \"segments\"\n}", 1))
	strict := func(when string, names []string, want string) {
		t.Helper()
		for _, name := range names {
			if got := valueOf(t, l, name); got != want {
				t.Errorf("%s: %s is %s", when, name, got)
			}
		}
	}
	steps := func(p policy.Policy) (n int) {
		inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
			proposal, err := g.Propose(ctx, p, "")
			n = len(slices.Concat(proposal.Plan.Tighten, proposal.Plan.Loosen, proposal.Plan.Forward))
			return err
		})
		return n
	}
	apply(t, l, segments)
	strict("segments from the beginning", shared, "0")
	strict("segments from the beginning", own, "1")
	apply(t, l, box)
	strict("box", slices.Concat(shared, own), "1")
	apply(t, l, segments)
	strict("segments after box", slices.Concat(shared, own), "1")
	for _, name := range shared {
		set(t, l, map[string]string{name: "0"})
	}
	if n := steps(segments); n != 0 {
		t.Errorf("in scope segments %d steps would take back what is the administrator's", n)
	}
	strict("segments, loosened", own, "1")
	if n := steps(box); n < len(shared) {
		t.Errorf("control: in scope box %d steps would take back %d settings", n, len(shared))
	}
}

// valueOf reads one of the gateway's settings.
func valueOf(t *testing.T, l *lab.Lab, name string) string {
	t.Helper()
	var value []byte
	if err := l.Gateway().Do(func() (err error) {
		value, err = os.ReadFile("/proc/sys/net/" + name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
}

// TestUnnamedInterface holds that in scope "box" the gateway itself sends nothing by an interface that the policy does not name, and
// goes on sending by its uplink and towards clients.
func TestUnnamedInterface(t *testing.T) {
	l := open(t)
	err := l.Gateway().Do(func() error {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = "other0"
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: "other1"}); err != nil {
			return err
		}
		for _, name := range []string{"other0", "other1"} {
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetUp(link); err != nil {
				return err
			}
		}
		link, err := netlink.LinkByName("other0")
		if err != nil {
			return err
		}
		return netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 99, 0, 1), Mask: net.CIDRMask(24, 32)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	segments := strings.Replace(head+allows, `site "school" {}`, "site \"school\" {\n  scope = \"segments\"\n}", 1)
	for _, c := range []struct {
		name, policy string
		sent         bool
	}{{"segments", segments, true}, {"box", head + allows, false}} {
		apply(t, l, read(t, c.policy))
		for address, sent := range map[string]bool{"10.99.0.2": c.sent, "198.51.100.7": true, "10.50.0.5": true, "127.0.0.1": true} {
			err := sends(t, l, address)
			if refused := errors.Is(err, unix.EPERM); refused == sent || !refused && err != nil {
				t.Errorf("scope %s: to %s: %v, want sent %t", c.name, address, err, sent)
			}
		}
	}
}

// sends sends one packet from the gateway itself. What the output hook drops, the sender is told.
func sends(t *testing.T, l *lab.Lab, address string) error {
	t.Helper()
	return l.Gateway().Do(func() error {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", net.JoinHostPort(address, "9"))
		if err != nil {
			return err
		}
		_, err = conn.Write([]byte("word"))
		return errors.Join(err, conn.Close())
	})
}
