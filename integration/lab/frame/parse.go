package frame

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"cordon/policy"
)

// Packet is what a witness sees of a frame. Fields that the frame does not have are zero.
type Packet struct {
	Source, Destination policy.MAC
	// Type is the innermost EtherType.
	Type     uint16
	Tags     []Tag
	From, To netip.Addr
	Protocol policy.Protocol
	// Fragment says that the packet is a part, whose transport header is known only of the first one.
	Fragment         bool
	FromPort, ToPort uint16
	Flags            Flags
	// ICMPType and ICMPCode are meaningful when Protocol is ICMP or ICMPv6.
	ICMPType, ICMPCode uint8
	// Raw is the whole frame. It belongs to the reader of the frame: copy what must outlive it.
	Raw []byte
}

// Carries says whether the frame holds a marker anywhere: in its payload, or in what an ICMP error quotes.
func (p Packet) Carries(marker []byte) bool { return bytes.Contains(p.Raw, marker) }

// IsError says whether the packet is an ICMP error, which quotes another packet (RFC 792, RFC 4443 §2.1).
func (p Packet) IsError() bool {
	switch p.Protocol {
	case policy.ICMP:
		return slices.Contains([]uint8{Unreachable, 4, 5, 11, 12}, p.ICMPType)
	case policy.ICMPv6:
		return p.ICMPType < EchoRequestV6
	default:
		return false
	}
}

// Parse reads a frame as far as it can; a short or unknown one leaves the rest of the fields zero.
func Parse(raw []byte) Packet {
	p := Packet{Raw: raw}
	if len(raw) < 14 {
		return p
	}
	copy(p.Destination[:], raw)
	copy(p.Source[:], raw[6:])
	p.Type = binary.BigEndian.Uint16(raw[12:])
	rest := raw[14:]
	for (p.Type == TypeVLAN || p.Type == TypeService) && len(rest) >= 4 {
		p.Tags = append(p.Tags, Tag{Type: p.Type, ID: binary.BigEndian.Uint16(rest) & 0xfff})
		p.Type = binary.BigEndian.Uint16(rest[2:])
		rest = rest[4:]
	}
	switch p.Type {
	case TypeIPv4:
		p.ipv4(rest)
	case TypeIPv6:
		p.ipv6(rest)
	}
	return p
}

// ipv4 reads an IPv4 header.
func (p *Packet) ipv4(b []byte) {
	if len(b) < 20 {
		return
	}
	p.From, _ = netip.AddrFromSlice(b[12:16])
	p.To, _ = netip.AddrFromSlice(b[16:20])
	p.Protocol = policy.Protocol(b[9])
	word := binary.BigEndian.Uint16(b[6:])
	p.Fragment = word&0x3fff != 0
	header := int(b[0]&15) * 4
	if word&0x1fff == 0 && header >= 20 && header <= len(b) {
		p.transport(b[header:])
	}
}

// ipv6 reads an IPv6 header and walks its extension headers, each of which is at least eight bytes long.
func (p *Packet) ipv6(b []byte) {
	if len(b) < 40 {
		return
	}
	p.From, _ = netip.AddrFromSlice(b[8:24])
	p.To, _ = netip.AddrFromSlice(b[24:40])
	p.Protocol = policy.Protocol(b[6])
	for b = b[40:]; p.isExtension() && len(b) >= 8; {
		length := 8
		if p.Protocol == Fragment {
			p.Fragment = true
			if binary.BigEndian.Uint16(b[2:])&^7 != 0 {
				p.Protocol = policy.Protocol(b[0])
				return
			}
		} else {
			length = (int(b[1]) + 1) * 8
		}
		p.Protocol = policy.Protocol(b[0])
		b = b[min(length, len(b)):]
	}
	p.transport(b)
}

// isExtension says whether what comes next is one more header of IPv6.
func (p *Packet) isExtension() bool {
	return slices.Contains([]policy.Protocol{HopByHop, Routing, Fragment, DestinationOptions}, p.Protocol)
}

// transport reads the ports, or what an ICMP message has in their place.
func (p *Packet) transport(b []byte) {
	switch p.Protocol {
	case policy.TCP, policy.UDP:
		if len(b) < 4 {
			return
		}
		p.FromPort, p.ToPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		if p.Protocol == policy.TCP && len(b) >= 14 {
			p.Flags = Flags(b[13])
		}
	case policy.ICMP, policy.ICMPv6:
		if len(b) >= 2 {
			p.ICMPType, p.ICMPCode = b[0], b[1]
		}
	}
}
