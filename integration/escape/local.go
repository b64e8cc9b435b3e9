package escape

import (
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// at is a datagram to a socket of the gateway, or to one that it takes for its own.
func at(target string) func(Sender) [][]byte {
	return single(func(s Sender) []byte { return s.Datagram(s.Own(addr(target)), addr(target), ListenPort) })
}

// atGroup is a datagram to everybody of a network or of a group.
func atGroup(group string) func(Sender) [][]byte {
	return single(func(s Sender) []byte {
		target := addr(group)
		from := s.Own(target)
		packet, etherType := frame.IP(from, target, policy.UDP, s.UDP(from, target, ListenPort))
		destination := frame.Broadcast()
		if target.IsMulticast() {
			destination = frame.GroupMAC(target)
		}
		return frame.Ethernet{Destination: destination, Source: s.Machine.MAC, Type: etherType, Payload: packet}.Bytes()
	})
}

// local are ways into a socket of the gateway.
func local() []Technique {
	linkLocal := single(func(s Sender) []byte {
		from, target := addr("fe80::4619:b6ff:fe00:1"), addr("fe80::ff:fe00:3001")
		return s.Datagram(from, target, ListenPort)
	})
	const weak = "input sees every local address"
	return []Technique{
		{ID: "D01", Way: 15, What: "the gateway", Severity: High, Mechanism: "input forgotten", From: c1, frames: at("10.30.0.1")},
		{ID: "D02", Way: 2, What: "the gateway in IPv6", Severity: High, Mechanism: "input forgotten", From: c1, frames: at("fd30::1")},
		{ID: "D22", Way: 2, What: "its link-local address", Severity: High, Mechanism: "rules by address", From: c1, frames: linkLocal},
		{ID: "D23", Way: 16, What: "its address at the recorders", Severity: High, Mechanism: weak, From: c1, frames: at("10.40.0.1")},
		{ID: "D24", Way: 16, What: "its address at the office", Severity: High, Mechanism: weak, From: c1, frames: at("10.50.0.1")},
		{ID: "D25", Way: 16, What: "its address at the uplink", Severity: High, Mechanism: weak, From: c1, frames: at("203.0.113.2")},
		{ID: "D26", Way: 16, What: "its address at the uplink, IPv6", Severity: High, Mechanism: weak, From: c1, frames: at("2001:db8::2")},
		{ID: "D07", Way: 18, What: "127.0.0.1", Severity: High, Mechanism: "route_localnet, CVE-2020-8558", From: c1, frames: at("127.0.0.1")},
		{
			ID: "D04", Way: 20, What: "everybody, 255.255.255.255", Severity: Medium, Mechanism: "broadcast is local", From: c1,
			frames: atGroup("255.255.255.255"),
		},
		{
			ID: "D05", Way: 3, What: "all hosts, 224.0.0.1", Severity: Medium, Mechanism: "multicast is local", From: c1,
			frames: atGroup("224.0.0.1"),
		},
		{ID: "D08", Way: 3, What: "all nodes, ff02::1", Severity: Medium, Mechanism: "multicast is local", From: c1, frames: atGroup("ff02::1")},
		{
			ID: "D09", Way: 20, What: "the segment's broadcast address", Severity: Medium, Mechanism: "broadcast is local", From: nvr,
			frames: atGroup("10.40.0.255"),
		},
		{
			ID: "D27", Way: 17, What: "the gateway from a recorder", Severity: High, Mechanism: "input forgotten", From: nvr,
			frames: at("10.40.0.1"),
		},
		{
			ID: "D28", Way: 17, What: "the gateway from a recorder, IPv6", Severity: High, Mechanism: "input forgotten", From: nvr,
			frames: at("fd40::1"),
		},
		{
			ID: "D29", Way: 17, What: "the gateway from a recorder without a MAC", Severity: High, Mechanism: "input forgotten", From: nvr2,
			frames: at("10.40.0.1"),
		},
		{
			ID: "D30", Way: 17, What: "the gateway from the internet", Severity: High, Mechanism: "input forgotten", From: internet,
			frames: at("203.0.113.2"),
		},
		{
			ID: "D31", Way: 17, What: "an inside address from the internet", Severity: High, Mechanism: weak, From: internet,
			frames: at("10.30.0.1"),
		},
		{
			ID: "D32", Way: 17, What: "the gateway from the internet, IPv6", Severity: High, Mechanism: "input forgotten", From: internet,
			frames: at("2001:db8::2"),
		},
		{
			ID: "D33", Way: 17, What: "a port that manage does not name", Severity: Medium, Mechanism: "input forgotten", From: office,
			frames: at("10.50.0.1"),
		},
		{
			ID: "D34", Way: 23, What: "the gateway from a device without a name", Severity: High, Mechanism: "input forgotten", From: stranger,
			frames: at("10.30.0.1"),
		},
		{
			ID: "E12", Way: 20, What: "the recorders' broadcast address", Severity: Medium, Mechanism: "bc_forwarding, RFC 2644", From: c1,
			frames: at("10.40.0.255"),
		},
	}
}
