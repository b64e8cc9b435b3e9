package escape

import (
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// reflections make the gateway itself carry the marker to a forged source: its own errors and answers are subject to no forward chain.
func reflections() []Technique {
	const out = "the gateway answers, and the answer is not forwarded"
	forged := func(to string, ttl uint8, options ...byte) func(Sender) [][]byte {
		return single(func(s Sender) []byte {
			from, target := addr(outside), addr(to)
			return s.Four(frame.IPv4{
				Source: from, Destination: target, Protocol: policy.UDP, TTL: ttl, Options: options, Payload: s.UDP(from, target, 9),
			})
		})
	}
	forged6 := func(to string, hops uint8, extensions ...frame.Extension) func(Sender) [][]byte {
		return single(func(s Sender) []byte {
			from, target := addr(outside6), addr(to)
			return s.Six(frame.IPv6{
				Source: from, Destination: target, HopLimit: hops, Extensions: extensions, Next: policy.UDP, Payload: s.UDP(from, target, 9),
			})
		})
	}
	ping := func(from, to string) func(Sender) [][]byte {
		return single(func(s Sender) []byte {
			target := addr(to)
			echo := frame.Echo(target, s.Port, 1, s.Marker).Bytes(addr(from), target)
			packet, etherType := frame.IP(addr(from), target, frame.ICMPOf(target), echo)
			return s.Wire(packet, etherType)
		})
	}
	bad := frame.Extension{Type: frame.HopByHop, Body: []byte{0xc3, 4, 0, 0, 0, 0}}
	badEnd := frame.Extension{Type: frame.DestinationOptions, Body: []byte{0xc3, 4, 0, 0, 0, 0}}
	return []Technique{
		{
			ID: "H06", Way: 25, What: "a bad option", Severity: Critical, Mechanism: out, From: c1,
			frames: forged(inRecorder, 64, 7, 7, 3, 0, 0, 0, 0),
		},
		{ID: "H20", Way: 25, What: "a closed port of the gateway", Severity: Critical, Mechanism: out, From: c1, frames: forged("10.30.0.1", 64)},
		{ID: "H21", Way: 25, What: "TTL 1", Severity: Critical, Mechanism: out, From: c1, frames: forged(inRecorder, 1)},
		{ID: "H22", Way: 25, What: "hop limit 1", Severity: Critical, Mechanism: out, From: c1, frames: forged6(inRecorder6, 1)},
		{ID: "H23", Way: 25, What: "echo", Severity: Critical, Mechanism: out, From: c1, frames: ping(outside, "10.30.0.1")},
		{ID: "H24", Way: 25, What: "echo in IPv6", Severity: Critical, Mechanism: out, From: c1, frames: ping(outside6, "fd30::1")},
		{
			ID: "H25", Way: 25, What: "a network that nobody has", Severity: Critical, Mechanism: out, From: c1,
			frames: forged("192.0.2.99", 64),
			Sealed: "the kernel answers one such packet of many",
		},
		{
			ID: "H27", Way: 25, What: "a closed port of the gateway in IPv6", Severity: Critical, Mechanism: out, From: c1,
			frames: forged6("fd30::1", 64),
		},
		{
			ID: "H28", Way: 25, What: "hop-by-hop option 0xC3", Severity: Critical, Mechanism: "answered before prerouting", From: c1,
			frames: forged6(inRecorder6, 64, bad),
		},
		{
			ID: "H29", Way: 25, What: "destination option 0xC3", Severity: Critical, Mechanism: out, From: c1,
			frames: forged6("fd30::1", 64, badEnd),
		},
		{
			ID: "H30", Way: 25, What: "a network that nobody has, IPv6", Severity: Critical, Mechanism: out, From: c1,
			frames: forged6("2001:db8:ffff::1", 64),
		},
		{ID: "H31", Way: 25, What: "TTL 1, from a recorder", Severity: Critical, Mechanism: out, From: nvr, frames: forged(inCamera, 1)},
		{
			ID: "H32", Way: 25, What: "TTL 1, from a recorder without a MAC", Severity: Critical, Mechanism: out, From: nvr2,
			frames: forged(inCamera, 1),
		},
		{ID: "H33", Way: 25, What: "hop limit 1, from a recorder", Severity: Critical, Mechanism: out, From: nvr, frames: forged6(inCamera6, 1)},
		{
			ID: "H34", Way: 25, What: "hop-by-hop option 0xC3, from a recorder", Severity: Critical, Mechanism: "answered before prerouting",
			From:   nvr,
			frames: forged6(inCamera6, 64, bad),
		},
		{ID: "H35", Way: 25, What: "echo, from a recorder", Severity: Critical, Mechanism: out, From: nvr, frames: ping(outside, "10.40.0.1")},
		{
			ID: "H36", Way: 25, What: "TTL 1, from a device without a name", Severity: Critical, Mechanism: out, From: stranger,
			frames: forged(inRecorder, 1),
		},
		{ID: "H37", Way: 25, What: "echo as a recorder", Severity: High, Mechanism: out, From: c1, frames: ping(inRecorder, "10.30.0.1")},
		{ID: "H38", Way: 25, What: "echo as the office", Severity: High, Mechanism: out, From: c1, frames: ping("fd50::5", "fd30::1")},
	}
}
