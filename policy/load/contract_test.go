package load_test

import (
	"strings"
	"testing"
)

// mistakes are the mistakes that the language's contract names, in its order, and how each is told.
func mistakes() map[string]string {
	return map[string]string{
		"unknown block":                          "error unknown-block",
		"unknown attribute":                      "error unknown-attribute",
		"unknown reference":                      "error unknown-reference",
		"duplicate name":                         "error duplicate-name",
		"duplicate MAC":                          "error duplicate-mac",
		"duplicate address":                      "error duplicate-address",
		"an address outside its segment":         "error address-outside",
		"an address equal to the gateway's":      "error address-is-gateway",
		"the network's address":                  "error address-is-network",
		"the broadcast address":                  "error address-is-broadcast",
		"overlapping segments":                   "error overlap",
		"two segments on one interface":          "error duplicate-interface",
		"bad port or range":                      "error bad-port",
		"bad range of leases":                    "error bad-range",
		"bad CIDR":                               "error bad-prefix",
		"host bits in a CIDR":                    "error prefix-host-bits",
		"bad MAC":                                "error bad-mac",
		"multicast MAC":                          "error mac-multicast",
		"zero MAC":                               "error mac-zero",
		"VLAN id":                                "error bad-vlan",
		"interface name, its length":             "error interface-long",
		"interface name, its characters":         "error bad-interface",
		"an exception without an attribute":      "error missing-attribute",
		"an exception longer than the limit":     "error exception-long",
		"an exception already over":              "warning exception-over",
		"any towards an uplink":                  "error any-uplink",
		"an allow that names nothing":            "error names-nothing",
		"an allow that another one covers":       "warning covered",
		"a group that selects no camera":         "warning group-empty",
		"rtsp opened by a camera":                "warning wrong-direction",
		"a multicast or broadcast literal":       "error multicast-literal",
		"an allow that lacks a family":           "warning one-family",
		"a private literal towards an uplink":    "warning private-uplink",
		"a reference in quotes":                  "error quoted-reference",
		"a name that begins with a digit":        "error reference-digit",
		"what a camera segment cannot stand for": "error camera-segment",
		"a recorder among cameras":               "warning recorder-unseen",
		"two sites":                              "error second-site",
		"nobody may manage":                      "error no-manage",
		"a masquerade of cameras":                "error masquerade-kind",
		"manage from cameras":                    "error manage-from",
		"a mistake that rows share":              "error csv-ragged",
		"not enforcing":                          "warning not-enforced",
	}
}

// TestMistakesOfTheContract holds that a fixture provokes each mistake that the contract names, as the error or the warning that it is
// there, and never as the other. What is too much for a fixture stands in TestLimits, and the interface that cannot be kept from IPv6 is
// found by the plan.
func TestMistakesOfTheContract(t *testing.T) {
	provoked := map[string]bool{}
	for _, name := range fixtures(t, "invalid") {
		for _, told := range readFixture(t, name).want {
			for _, one := range told {
				provoked[one] = true
			}
		}
	}
	for mistake, told := range mistakes() {
		if !provoked[told] {
			t.Errorf("no fixture has %s: %s", mistake, told)
		}
		severity, code, _ := strings.Cut(told, " ")
		other := map[string]string{"error": "warning", "warning": "error"}[severity]
		if provoked[other+" "+code] {
			t.Errorf("%s is told as an error and as a warning", mistake)
		}
	}
	if n := len(mistakes()); n < 40 {
		t.Errorf("only %d mistakes", n)
	}
}
