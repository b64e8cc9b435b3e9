package integration_test

import (
	"strings"
	"testing"

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
