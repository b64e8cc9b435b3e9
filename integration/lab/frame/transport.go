package frame

import (
	"cmp"
	"encoding/binary"
	"net/netip"

	"cordon/policy"
)

// Flags are the control bits of TCP (RFC 9293 §3.1).
type Flags uint8

// The control bits.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
)

// TCP is a segment of RFC 9293. A Window of zero means 65535.
type TCP struct {
	SourcePort, DestinationPort uint16
	Sequence, Acknowledgement   uint32
	Flags                       Flags
	Window                      uint16
	// Options are padded with end-of-list to a multiple of four bytes.
	Options []byte
	Payload []byte
}

// Bytes returns the segment with its checksum for a packet between from and to.
func (t TCP) Bytes(from, to netip.Addr) []byte {
	options := padded(t.Options, 4)
	b := binary.BigEndian.AppendUint16(nil, t.SourcePort)
	b = binary.BigEndian.AppendUint16(b, t.DestinationPort)
	b = binary.BigEndian.AppendUint32(b, t.Sequence)
	b = binary.BigEndian.AppendUint32(b, t.Acknowledgement)
	b = append(b, byte((20+len(options))/4)<<4, byte(t.Flags))
	b = binary.BigEndian.AppendUint16(b, cmp.Or(t.Window, 65535))
	b = append(b, 0, 0, 0, 0)
	b = append(b, options...)
	b = append(b, t.Payload...)
	binary.BigEndian.PutUint16(b[16:], checksum(pseudo(from, to, policy.TCP, len(b)), b))
	return b
}

// UDP is a datagram of RFC 768.
type UDP struct {
	SourcePort, DestinationPort uint16
	Payload                     []byte
}

// Bytes returns the datagram with its checksum for a packet between from and to.
func (u UDP) Bytes(from, to netip.Addr) []byte {
	b := binary.BigEndian.AppendUint16(nil, u.SourcePort)
	b = binary.BigEndian.AppendUint16(b, u.DestinationPort)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(u.Payload)))
	b = append(b, 0, 0)
	b = append(b, u.Payload...)
	sum := checksum(pseudo(from, to, policy.UDP, len(b)), b)
	// Zero on the wire means that there is no checksum.
	binary.BigEndian.PutUint16(b[6:], cmp.Or(sum, 0xffff))
	return b
}

// The ICMP types that the lab sends and knows (RFC 792, RFC 4443, RFC 4861).
const (
	EchoReply          uint8 = 0
	Unreachable        uint8 = 3
	EchoRequest        uint8 = 8
	UnreachableV6      uint8 = 1
	ParameterProblemV6 uint8 = 4
	EchoRequestV6      uint8 = 128
	EchoReplyV6        uint8 = 129
	RouterAdvert       uint8 = 134
	NeighbourSolicit   uint8 = 135
	NeighbourAdvert    uint8 = 136
)

// ICMP is a message of RFC 792 or, between IPv6 addresses, RFC 4443. Rest is the second word of its header.
type ICMP struct {
	Type, Code uint8
	Rest       [4]byte
	Payload    []byte
}

// Bytes returns the message with its checksum for a packet between from and to.
func (m ICMP) Bytes(from, to netip.Addr) []byte {
	b := append([]byte{m.Type, m.Code, 0, 0}, m.Rest[:]...)
	b = append(b, m.Payload...)
	var sum uint32
	if !to.Unmap().Is4() {
		sum = pseudo(from, to, policy.ICMPv6, len(b))
	}
	binary.BigEndian.PutUint16(b[2:], checksum(sum, b))
	return b
}

// Echo returns an echo request for the family of to.
func Echo(to netip.Addr, id, sequence uint16, payload []byte) ICMP {
	m := ICMP{Type: EchoRequest, Payload: payload}
	if !to.Unmap().Is4() {
		m.Type = EchoRequestV6
	}
	binary.BigEndian.PutUint16(m.Rest[:], id)
	binary.BigEndian.PutUint16(m.Rest[2:], sequence)
	return m
}

// ICMPOf returns the protocol number of ICMP in the family of an address.
func ICMPOf(a netip.Addr) policy.Protocol {
	if a.Unmap().Is4() {
		return policy.ICMP
	}
	return policy.ICMPv6
}
