package frame

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"cordon/policy"
)

// IPv4 is a packet of RFC 791. A TTL of zero means 64.
type IPv4 struct {
	Source, Destination netip.Addr
	Protocol            policy.Protocol
	TTL                 uint8
	ID                  uint16
	DontFragment        bool
	MoreFragments       bool
	// Offset is where a fragment's payload begins, in bytes; a multiple of 8.
	Offset int
	// Options are padded with end-of-list to a multiple of four bytes; at most 40 bytes are meaningful.
	Options []byte
	Payload []byte
}

// Bytes returns the packet as the payload of a frame.
func (p IPv4) Bytes() []byte {
	options := padded(p.Options, 4)
	header := 20 + len(options)
	b := []byte{0x40 | byte(header/4), 0}
	b = binary.BigEndian.AppendUint16(b, uint16(header+len(p.Payload)))
	b = binary.BigEndian.AppendUint16(b, p.ID)
	b = binary.BigEndian.AppendUint16(b, p.fragment())
	b = append(b, cmp.Or(p.TTL, 64), byte(p.Protocol), 0, 0)
	b = append(b, four(p.Source)...)
	b = append(b, four(p.Destination)...)
	b = append(b, options...)
	binary.BigEndian.PutUint16(b[10:], checksum(0, b))
	return append(b, p.Payload...)
}

// fragment returns the word that holds the fragment's flags and place.
func (p IPv4) fragment() uint16 {
	word := uint16(p.Offset/8) & 0x1fff
	if p.DontFragment {
		word |= 0x4000
	}
	if p.MoreFragments {
		word |= 0x2000
	}
	return word
}

// The extension headers of IPv6 (RFC 8200 §4).
const (
	HopByHop           policy.Protocol = 0
	Routing            policy.Protocol = 43
	Fragment           policy.Protocol = 44
	NoNext             policy.Protocol = 59
	DestinationOptions policy.Protocol = 60
)

// Extension is an extension header of IPv6. Body is everything after the next-header and length bytes, padded here with zeros to a
// multiple of eight together with them.
type Extension struct {
	Type policy.Protocol
	Body []byte
}

// FragmentHeader returns the extension header of a fragment (RFC 8200 §4.5); offset is in bytes, a multiple of 8.
func FragmentHeader(id uint32, offset int, more bool) Extension {
	word := uint16(offset) &^ 7
	if more {
		word |= 1
	}
	body := binary.BigEndian.AppendUint16(nil, word)
	return Extension{Type: Fragment, Body: binary.BigEndian.AppendUint32(body, id)}
}

// IPv6 is a packet of RFC 8200. A HopLimit of zero means 64.
type IPv6 struct {
	Source, Destination netip.Addr
	HopLimit            uint8
	Extensions          []Extension
	// Next is the protocol of the payload, after every extension header.
	Next    policy.Protocol
	Payload []byte
}

// Bytes returns the packet as the payload of a frame.
func (p IPv6) Bytes() []byte {
	var chain []byte
	next := p.Next
	for _, extension := range slices.Backward(p.Extensions) {
		chain = append(extension.bytes(next), chain...)
		next = extension.Type
	}
	b := []byte{0x60, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(len(chain)+len(p.Payload)))
	b = append(b, byte(next), cmp.Or(p.HopLimit, 64))
	b = append(b, sixteen(p.Source)...)
	b = append(b, sixteen(p.Destination)...)
	b = append(b, chain...)
	return append(b, p.Payload...)
}

// bytes returns the header in front of next. A fragment header has a fixed length and no length byte.
func (e Extension) bytes(next policy.Protocol) []byte {
	b := padded(append([]byte{byte(next), 0}, e.Body...), 8)
	if e.Type != Fragment {
		b[1] = byte(len(b)/8 - 1)
	}
	return b
}

// IP returns a plain packet of the family that to belongs to, and its EtherType.
func IP(from, to netip.Addr, protocol policy.Protocol, payload []byte) (packet []byte, etherType uint16) {
	if to.Unmap().Is4() {
		return IPv4{Source: from, Destination: to, Protocol: protocol, Payload: payload}.Bytes(), TypeIPv4
	}
	return IPv6{Source: from, Destination: to, Next: protocol, Payload: payload}.Bytes(), TypeIPv6
}

// padded returns a copy of b with zeros up to a multiple of size.
func padded(b []byte, size int) []byte {
	n := (len(b) + size - 1) / size * size
	return append(append(make([]byte, 0, n), b...), make([]byte, n-len(b))...)
}

// checksum returns the Internet checksum of RFC 1071 over b, started with a sum.
func checksum(sum uint32, b []byte) uint16 {
	sum = summed(sum, b)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// summed adds the 16-bit words of b.
func summed(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

// pseudo returns the sum of the pseudo header that transport checksums begin with (RFC 9293 §3.1, RFC 8200 §8.1).
func pseudo(from, to netip.Addr, protocol policy.Protocol, length int) uint32 {
	sum := uint32(protocol) + uint32(length)
	if to.Unmap().Is4() {
		return summed(summed(sum, four(from)), four(to))
	}
	return summed(summed(sum, sixteen(from)), sixteen(to))
}
