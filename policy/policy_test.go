package policy_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/policy"
)

func TestNetworks(t *testing.T) {
	s := policy.Segment{
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.50.0.1/24"), netip.MustParsePrefix("fd50::1/64")},
		Routes:    []policy.Route{{To: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}, Via: netip.MustParseAddr("10.50.0.254")}},
	}
	var got []string
	for _, n := range s.Networks() {
		got = append(got, n.String())
	}
	if diff := cmp.Diff([]string{"10.50.0.0/24", "fd50::/64", "172.16.0.0/12"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		policy.CameraSegment.String():                                   "camera",
		policy.RecorderSegment.String():                                 "recorder",
		policy.ClientSegment.String():                                   "client",
		policy.UplinkSegment.String():                                   "uplink",
		policy.SegmentKind(9).String():                                  "kind 9",
		policy.Device{Kind: policy.Host, Name: "jump"}.Reference():      "host.jump",
		policy.Device{Kind: policy.Camera, Name: "gym"}.Reference():     "camera.gym",
		policy.Device{Kind: policy.Recorder, Name: "nvr-1"}.Reference(): "recorder.nvr-1",
		policy.DeviceKind(9).String():                                   "device 9",
		policy.Origin{File: "site.hcl", Line: 12}.String():              "site.hcl:12",
		policy.Origin{File: "site.hcl"}.String():                        "site.hcl",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestGoverned holds which segments are isolated in either scope.
func TestGoverned(t *testing.T) {
	want := map[policy.SegmentKind]bool{
		policy.CameraSegment: true, policy.RecorderSegment: true, policy.ClientSegment: false, policy.UplinkSegment: false,
	}
	for kind, governed := range want {
		if kind.Governed() != governed {
			t.Errorf("%s: governed %t", kind, kind.Governed())
		}
	}
}
