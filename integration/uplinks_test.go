package integration_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cordon/integration/lab"
	"cordon/policy"
)

// inTwo is the site with a second uplink.
func inTwo(t *testing.T) *lab.Lab {
	t.Helper()
	site := plan()
	site.Segments = append(site.Segments, lab.Segment{
		Name: "spare", Interface: "wan1",
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("2001:db8:2::2/64")},
		Hosts: []lab.Host{{
			Name: "spare", MAC: policy.MAC{2, 0, 0, 0, 0, 0x81},
			Via:       []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8:2::2")},
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.80/24"), netip.MustParsePrefix("2001:db8:2::80/64")},
		}},
	})
	l, err := lab.Open(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestExceptionKeepsToItsUplink holds that an exception towards one uplink, or from it, opens nothing at another one, which something else
// uses. The control is the same exception at the other uplink.
func TestExceptionKeepsToItsUplink(t *testing.T) {
	l := inTwo(t)
	until := time.Now().Add(time.Hour).Format(time.RFC3339)
	policyOf := func(uplink string) policy.Policy {
		limit := "  until = \"" + until + "\"\n  reason = \"a test\"\n  owner = \"somebody\"\n}\n"
		return read(t, head+allows+"segment \"spare\" {\n  kind = \"uplink\"\n  interface = \"wan1\"\n"+
			"  addresses = [\"192.0.2.2/24\", \"2001:db8:2::2/64\"]\n}\n"+
			"service \"panel\" {\n  udp = [\"8443\"]\n}\n"+
			"exception \"out\" {\n  from = camera.c1\n  to = segment."+uplink+"\n  services = [\"https\"]\n"+limit+
			"exception \"in\" {\n  from = segment."+uplink+"\n  to = camera.c1\n  services = [service.panel]\n"+limit+
			"allow \"clock\" {\n  from = camera.c2\n  to = segment.spare\n  services = [\"ntp\"]\n}\n"+
			"exception \"other\" {\n  from = camera.c2\n  to = segment.spare\n  services = [\"https\"]\n"+limit+
			"exception \"there\" {\n  from = segment.spare\n  to = camera.c2\n  services = [service.panel]\n"+limit)
	}
	flows := []flow{
		{name: "out", from: c1, to: "192.0.2.80", protocol: policy.TCP, port: 443},
		{name: "out in IPv6", from: c1, to: "2001:db8:2::80", protocol: policy.TCP, port: 443},
		{name: "in", from: "spare", to: "10.30.0.21", protocol: policy.UDP, port: 8443},
	}
	for _, arrives := range [...]bool{true, false} {
		uplink := map[bool]string{true: "spare", false: "internet"}[arrives]
		apply(t, l, policyOf(uplink))
		for _, f := range flows {
			r, err := l.Try(t.Context(), f.try())
			if err != nil {
				t.Fatal(err)
			}
			if (r.Arrived > 0) != arrives {
				t.Errorf("exceptions at %s: %s: %d arrived at the other uplink, want some: %t", uplink, f.name, r.Arrived, arrives)
			}
		}
	}
}

// TestSourcesKeepToTheirUplink holds that what an allow opens at one uplink's addresses is open to nobody who comes in by another uplink
// with such an address, nor do errors about a flow come in there. The controls are the same packets by the right uplink.
func TestSourcesKeepToTheirUplink(t *testing.T) {
	l := inTwo(t)
	const text = `
segment "spare" {
  kind      = "uplink"
  interface = "wan1"
  addresses = ["192.0.2.2/24", "2001:db8:2::2/64"]
}
service "panel" {
  udp = ["8443"]
}
allow "in" {
  from     = ["192.0.2.0/24", "2001:db8:2::/64"]
  to       = camera.c1
  services = [service.panel]
}
allow "out" {
  from     = camera.c1
  to       = ["192.0.2.80", "2001:db8:2::80"]
  services = [service.panel]
}
allow "elsewhere" {
  from     = segment.cameras
  to       = segment.internet
  services = [service.panel]
}
allow "from-elsewhere" {
  from     = segment.internet
  to       = camera.c1
  services = [service.panel]
}
`
	r := newReporter(t, l)
	for _, scope := range []string{"box", "segments"} {
		apply(t, l, read(t, strings.Replace(head, `site "school" {}`, "site \"school\" {\n  scope = \""+scope+"\"\n}", 1)+allows+text))
		for i, c := range []struct{ camera, far string }{{inCamera, "192.0.2.80"}, {inCamera6, "2001:db8:2::80"}} {
			in := tie{from: "spare", to: c1, here: addr(c.far), there: addr(c.camera), protocol: policy.UDP, port: 8443, own: 45000 + uint16(i)}
			r.open(t, in)
			in.from, in.own = internet, 45100+uint16(i)
			marker := r.marker()
			r.send(t, internet, in.packet(false, marker))
			r.refused[marker] = fmt.Sprintf("scope %s: what says that it is %s, by the other uplink", scope, c.far)

			out := tie{from: c1, to: "spare", here: addr(c.camera), there: addr(c.far), protocol: policy.UDP, port: 8443, own: 45200 + uint16(i)}
			r.open(t, out)
			r.report(t, "spare", addr(c.far), out, true, true)
			r.report(t, internet, addr(c.far), out, true, false)
			r.report(t, internet, r.of(t, internet, addr(c.far)), out, true, false)
		}
	}
	r.check(t)
}
