package escape

import (
	"net/netip"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// Sender is who sends a technique's frames, and what they carry.
type Sender struct {
	Machine *lab.Machine
	// Marker is what the witnesses look for, and Port the sender's port; each technique has its own of both.
	Marker []byte
	Port   uint16
}

// Own returns the sender's address of the family of to.
func (s Sender) Own(to netip.Addr) netip.Addr { return s.Machine.Address(to) }

// Wire puts a packet into a frame to the gateway.
func (s Sender) Wire(packet []byte, etherType uint16, tags ...frame.Tag) []byte {
	return frame.Ethernet{
		Destination: s.Machine.Segment.MAC, Source: s.Machine.MAC, Tags: tags, Type: etherType, Payload: packet,
	}.Bytes()
}

// UDP returns a datagram that carries the marker.
func (s Sender) UDP(from, to netip.Addr, port uint16) []byte {
	return frame.UDP{SourcePort: s.Port, DestinationPort: port, Payload: s.Marker}.Bytes(from, to)
}

// Four puts a packet of IPv4 into a frame to the gateway.
func (s Sender) Four(p frame.IPv4) []byte { return s.Wire(p.Bytes(), frame.TypeIPv4) }

// Six puts a packet of IPv6 into a frame to the gateway.
func (s Sender) Six(p frame.IPv6) []byte { return s.Wire(p.Bytes(), frame.TypeIPv6) }

// Datagram returns a whole frame to the gateway, with a datagram between two addresses.
func (s Sender) Datagram(from, to netip.Addr, port uint16, tags ...frame.Tag) []byte {
	packet, etherType := frame.IP(from, to, policy.UDP, s.UDP(from, to, port))
	return s.Wire(packet, etherType, tags...)
}

// single makes a technique's frames of one frame.
func single(build func(Sender) []byte) func(Sender) [][]byte {
	return func(s Sender) [][]byte { return [][]byte{build(s)} }
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }
