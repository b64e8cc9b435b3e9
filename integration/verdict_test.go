package integration_test

import (
	"net/netip"
	"testing"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
	"cordon/policy/simulate"
)

// packet is what a flow's try puts on the wire, as the policy sees it.
func (f flow) packet() policy.Packet {
	to := netip.MustParseAddr(f.to)
	k := policy.Packet{Destination: to, Protocol: f.protocol, SourcePort: f.sport, DestinationPort: f.port, MAC: f.mac}
	for _, s := range plan().Segments {
		for _, h := range s.Hosts {
			if h.Name == f.from {
				k.IIF, k.Source = s.Interface, ownAddress(h, to)
				if f.mac.IsZero() {
					k.MAC = h.MAC
				}
			}
		}
	}
	if f.source != "" {
		k.Source = netip.MustParseAddr(f.source)
	}
	if frame.ICMPOf(to) == f.protocol {
		k.ICMPType = map[bool]uint8{true: 8, false: 128}[to.Is4()]
	}
	return k
}

// ownAddress is the address with which a machine sends to a target.
func ownAddress(h lab.Host, to netip.Addr) netip.Addr {
	for _, p := range h.Addresses {
		if p.Addr().Is4() == to.Is4() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// TestVerdictsOfFlows holds the table of flows, which the kernel is held against, against the oracle too.
func TestVerdictsOfFlows(t *testing.T) {
	p := read(t, head+allows)
	flows := allowed()
	for i := range flows {
		flows[i].allowed = true
	}
	flows = append(flows, refused()...)
	verdicts := map[policy.Verdict]int{}
	for _, f := range flows {
		d := simulate.Packet(p, policy.Moment{}, f.packet())
		verdicts[d.Verdict]++
		if got := d.Verdict == policy.Allowed; got != f.allowed || !d.Known() {
			t.Errorf("%s: %+v, want allowed %t", f.name, d, f.allowed)
		}
	}
	if verdicts[policy.Allowed] < 20 || verdicts[policy.Blocked] < 50 {
		t.Errorf("the tables hold %v", verdicts)
	}
}
