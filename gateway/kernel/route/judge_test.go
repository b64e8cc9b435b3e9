//go:build full

package route_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// What ip(8) makes of our words reads back as the value that said them: the words are ip's, and the reading is not only our own
// writing's mirror.
func TestWordsMeanTheSameToIP(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip(8) is not installed")
	}
	conn := namespace(t)
	full := ^uint32(0)
	objects := []struct {
		kind, family string
		object       netstate.Object
	}{
		{"address", "-4", netstate.Address{Interface: "cam0", Prefix: prefix("10.30.0.1/24")}},
		{"address", "-6", netstate.Address{Interface: "cam0", Prefix: prefix("fd30::1/64")}},
		{"neighbour", "-4", netstate.Neighbour{Interface: "cam0", Address: addr("10.30.0.11"), MAC: policy.MAC{2, 0, 0, 0, 0, 1}}},
		{"route", "-4", netstate.Route{Table: 880, Destination: prefix("0.0.0.0/0"), Type: netstate.Blackhole, Metric: 4278198272, Protocol: 67}},
		{"route", "-6", netstate.Route{Table: 880, Destination: prefix("::/0"), Type: netstate.Blackhole, Metric: 4278198272, Protocol: 67}},
		{"route", "-4", netstate.Route{Table: 880, Destination: prefix("192.0.2.7/32"), Type: netstate.Throw, Protocol: 67}},
		{"route", "-4", netstate.Route{Table: 881, Destination: prefix("10.40.0.0/16"), Via: addr("10.30.0.2"), Interface: "cam0", Protocol: 3}},
		{"route", "-6", netstate.Route{
			Table: 88001, Destination: prefix("fd40::/48"), Via: addr("fd30::2"), Interface: "cam0", Metric: 7, Protocol: 67,
		}},
		{"route", "-4", netstate.Route{Table: 882, Destination: prefix("0.0.0.0/0"), Type: netstate.Local, Interface: "lo", Protocol: 67}},
		{"rule", "-4", netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", Table: 88001}},
		{"rule", "-6", netstate.Rule{Family: 6, Priority: 881, To: prefix("fd30::/64"), Action: netstate.RuleBlackhole}},
		{"rule", "-4", netstate.Rule{
			Family: 4, Priority: 877, From: prefix("192.0.2.7/32"), To: prefix("10.30.0.0/24"), IIF: "far0", Protocol: policy.TCP,
			SourcePorts: netstate.PortRange{443, 443}, DestinationPorts: netstate.PortRange{1024, 65534},
			Mark: netstate.ExceptionMark, Mask: full, Table: 881,
		}},
		{"rule", "-6", netstate.Rule{Family: 6, Priority: 877, OIF: "far0", Protocol: policy.UDP, Mark: 1, Mask: 0xff, Table: 254}},
	}
	for _, o := range objects {
		before := values(read(t, conn))
		arguments := append([]string{o.family, o.kind, "add"}, strings.Fields(o.object.String())...)
		if text, err := exec.CommandContext(t.Context(), "ip", arguments...).CombinedOutput(); err != nil {
			t.Errorf("ip %s: %v: %s", strings.Join(arguments, " "), err, text)
			continue
		}
		if after := values(read(t, conn)); slices.Contains(before, o.object) || !slices.Contains(after, o.object) {
			t.Errorf("ip %s reads back otherwise", strings.Join(arguments, " "))
		}
	}
	if len(objects) != 13 {
		t.Errorf("%d objects tried", len(objects))
	}
}

// values returns every object of a state.
func values(s netstate.State) []netstate.Object {
	var list []netstate.Object
	for _, a := range s.Addresses {
		list = append(list, a)
	}
	for _, r := range s.Routes {
		list = append(list, r)
	}
	for _, r := range s.Rules {
		list = append(list, r)
	}
	for _, n := range s.Neighbours {
		list = append(list, n)
	}
	return list
}
