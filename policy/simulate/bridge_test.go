package simulate_test

import (
	"net/netip"
	"testing"

	"cordon/policy"
	"cordon/policy/simulate"
)

// TestTakenMAC holds that who is known by address alone does not come with the MAC of another device of the bridge, and elsewhere may.
func TestTakenMAC(t *testing.T) {
	camera, recorder := policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}, policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xdd}
	network := []netip.Prefix{netip.MustParsePrefix("10.30.0.1/24")}
	end := func(id policy.DeviceID) []policy.Endpoint {
		return []policy.Endpoint{{Kind: policy.DeviceEndpoint, Devices: []policy.DeviceID{id}}}
	}
	p := policy.Policy{
		Segments: []policy.Segment{
			{Kind: policy.CameraSegment, Interface: "br0", Ports: []string{"p1"}, Addresses: network},
			{Kind: policy.RecorderSegment, Interface: "br0", Ports: []string{"p2"}, Addresses: network},
		},
		Devices: []policy.Device{
			{Kind: policy.Camera, Segment: 0, MAC: camera, Addresses: []netip.Addr{netip.MustParseAddr("10.30.0.21")}},
			{Kind: policy.Recorder, Segment: 1, Addresses: []netip.Addr{netip.MustParseAddr("10.30.0.10")}},
		},
		Allows: []policy.Allow{{
			Name: "record", From: end(1), To: end(0),
			Services: []policy.Service{{Ports: []policy.Ports{{Protocol: policy.TCP, First: 554, Last: 554}}}},
		}},
	}
	packet := policy.Packet{
		IIF: "p2", MAC: recorder, Source: netip.MustParseAddr("10.30.0.10"), Destination: netip.MustParseAddr("10.30.0.21"),
		Protocol: policy.TCP, SourcePort: 40000, DestinationPort: 554,
	}
	elsewhere := p
	elsewhere.Segments = []policy.Segment{
		{Kind: policy.CameraSegment, Interface: "cam0", Addresses: network},
		{Kind: policy.RecorderSegment, Interface: "p2", Addresses: []netip.Prefix{netip.MustParsePrefix("10.40.0.1/24")}},
	}
	elsewhere.Devices = []policy.Device{p.Devices[0], p.Devices[1]}
	elsewhere.Devices[1].Addresses = []netip.Addr{netip.MustParseAddr("10.40.0.10")}
	moved := packet
	moved.Source = netip.MustParseAddr("10.40.0.10")
	for _, c := range []struct {
		name    string
		policy  policy.Policy
		packet  policy.Packet
		mac     policy.MAC
		verdict policy.Verdict
	}{
		{"a MAC that is nobody's", p, packet, recorder, policy.Allowed},
		{"the camera's MAC", p, packet, camera, policy.Blocked},
		{"the camera's MAC on another wire", elsewhere, moved, camera, policy.Allowed},
	} {
		c.packet.MAC = c.mac
		if d := simulate.Packet(c.policy, policy.Moment{}, c.packet); d.Verdict != c.verdict {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}
