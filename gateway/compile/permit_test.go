package compile_test

import (
	"net/netip"
	"testing"

	"cordon/gateway/compile"
	"cordon/gateway/netstate"
	"cordon/policy"
)

func TestPermit(t *testing.T) {
	flow := func(p policy.Protocol, from, to string, port uint16) netstate.Flow {
		return netstate.Flow{
			Protocol: p, Source: netip.MustParseAddr(from), Destination: netip.MustParseAddr(to),
			SourcePort: 40000, DestinationPort: port,
		}
	}
	ping := func(from, to string, kind uint8) netstate.Flow {
		f := flow(policy.ICMP, from, to, 0)
		f.ICMPType = kind
		return f
	}
	cases := []struct {
		name string
		flow netstate.Flow
		want bool
	}{
		{"the recorder opens a stream", flow(policy.TCP, "10.40.0.10", "10.30.0.21", 554), true},
		{"in IPv6", flow(policy.TCP, "fd40::10", "fd30::21", 554), true},
		{"another port", flow(policy.TCP, "10.40.0.10", "10.30.0.21", 22), false},
		{"another protocol", flow(policy.UDP, "10.40.0.10", "10.30.0.21", 554), false},
		{"the camera opens it", flow(policy.TCP, "10.30.0.21", "10.40.0.10", 554), false},
		{"media in the range", flow(policy.UDP, "10.30.0.21", "10.40.0.10", 6299), true},
		{"media above the range", flow(policy.UDP, "10.30.0.21", "10.40.0.10", 6300), false},
		{"the office pings the recorder", ping("10.50.0.77", "10.40.0.10", 8), true},
		{"the office asks the recorder for the time", ping("10.50.0.77", "10.40.0.10", 13), false},
		{"from behind the office's router", flow(policy.TCP, "172.20.1.1", "10.40.0.10", 443), true},
		{"the literal network", flow(policy.TCP, "10.50.0.15", "10.30.0.21", 443), true},
		{"an address beyond the literal network", flow(policy.TCP, "10.50.0.16", "10.30.0.21", 443), false},
		{"the office surfs", flow(policy.TCP, "10.50.0.77", "198.51.100.7", 443), true},
		{"a camera surfs", flow(policy.TCP, "10.30.0.21", "198.51.100.7", 443), false},
		{"a device without a name", flow(policy.TCP, "10.40.0.10", "10.30.0.99", 554), false},
		{"the gateway's own", flow(policy.UDP, "203.0.113.2", "198.51.100.7", 123), true},
	}
	doors := compile.DoorsOf(school(), policy.Moment{})
	verdicts := map[bool]int{}
	for _, c := range cases {
		verdicts[c.want]++
		if got := doors.Permit(c.flow); got != c.want {
			t.Errorf("%s: %s: permitted %t, want %t", c.name, c.flow, got, c.want)
		}
	}
	if verdicts[true] < 5 || verdicts[false] < 5 {
		t.Errorf("the table holds %v", verdicts)
	}
}
