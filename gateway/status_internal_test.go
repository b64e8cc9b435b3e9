package gateway

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/compile"
	"cordon/gateway/plan"
	"cordon/gateway/wire"
	"cordon/policy"
)

// TestOpenings counts down what the kernel holds open, and says why the rest is closed. The tables are those of an hour at which only the
// exception is open, read back after ten minutes.
func TestOpenings(t *testing.T) {
	end := time.Date(2026, 12, 1, 4, 0, 0, 0, time.UTC)
	camera, host := policy.Endpoint{Kind: policy.DeviceEndpoint, Devices: []policy.DeviceID{0}}, policy.Endpoint{
		Kind: policy.DeviceEndpoint, Devices: []policy.DeviceID{1},
	}
	https := []policy.Service{{Name: "https", Ports: []policy.Ports{{Protocol: policy.TCP, First: 443, Last: 443}}}}
	p := policy.Policy{
		Files: []string{"a.hcl"}, Segments: []policy.Segment{
			{Name: "cameras", Interface: "cam0", Addresses: prefixes("10.30.0.1/24")},
			{Name: "lan", Kind: policy.ClientSegment, Interface: "lan0", Addresses: prefixes("10.50.0.1/24")},
		},
		Devices: []policy.Device{
			{Name: "c1", MAC: policy.MAC{0x44, 1}, Addresses: addresses("10.30.0.21")},
			{Kind: policy.Host, Name: "nas", Segment: 1, Addresses: addresses("10.50.0.9")},
		},
		Allows: []policy.Allow{
			{
				Name: "always", From: []policy.Endpoint{host}, To: []policy.Endpoint{camera}, Services: https,
				Origin: policy.Origin{File: "a.hcl", Line: 7},
			},
			{
				Name: "clean", From: []policy.Endpoint{host}, To: []policy.Endpoint{camera}, Services: https,
				During: []policy.Window{{Days: [7]bool{true}, From: 60, To: 120}}, Origin: policy.Origin{File: "a.hcl", Line: 8},
			},
		},
		Exceptions: []policy.Exception{{
			Name: "firmware", From: []policy.Endpoint{camera}, To: []policy.Endpoint{host}, Services: https, Until: end,
			Origin: policy.Origin{File: "a.hcl", Line: 9},
		}},
	}
	opening := func(kind, name string, left time.Duration, until time.Time, unsure bool) Opening {
		return Opening{Opening: plan.Opening{Kind: kind, Name: name, Left: left}, Until: until, Unsure: unsure}
	}
	at := policy.Moment{Time: end.Add(-time.Hour), Trusted: true}
	open, _ := compile.State(p, "", at)
	got := openings(p, passed(open.Tables, 10*time.Minute), at)
	want := []Opening{opening("exception", "firmware", 50*time.Minute, end, false), opening("allow", "clean", 0, time.Time{}, false)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("an hour before the end (-want +got):\n%s", diff)
	}
	at.Trusted = false
	shut, _ := compile.State(p, "", at)
	want = []Opening{opening("exception", "firmware", 0, end, true), opening("allow", "clean", 0, time.Time{}, true)}
	if diff := cmp.Diff(want, openings(p, shut.Tables, at)); diff != "" {
		t.Errorf("with a clock that may be wrong (-want +got):\n%s", diff)
	}
}

// passed are tables as the kernel tells them after a while.
func passed(tables []wire.Table, d time.Duration) []wire.Table {
	for i := range tables {
		for j := range tables[i].Sets {
			for k := range tables[i].Sets[j].Elements {
				if e := &tables[i].Sets[j].Elements[k]; e.Timeout > 0 {
					e.Expiration = e.Timeout - uint64(d.Milliseconds())
				}
			}
		}
	}
	return tables
}

func prefixes(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }

func addresses(text string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(text)} }
