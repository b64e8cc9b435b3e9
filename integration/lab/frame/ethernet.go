package frame

import (
	"cmp"
	"encoding/binary"
	"net/netip"

	"cordon/policy"
)

// The EtherTypes that the lab speaks (IEEE 802 numbers).
const (
	TypeIPv4    uint16 = 0x0800
	TypeARP     uint16 = 0x0806
	TypeVLAN    uint16 = 0x8100
	TypeIPv6    uint16 = 0x86dd
	TypeService uint16 = 0x88a8 // the outer tag of IEEE 802.1ad
)

// Broadcast returns the Ethernet address of everybody.
func Broadcast() policy.MAC { return policy.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// Tag is a VLAN tag. A Type of zero means TypeVLAN.
type Tag struct {
	Type uint16
	ID   uint16
}

// Ethernet is a frame without its trailing checksum, with its tags from the outermost in.
type Ethernet struct {
	Destination, Source policy.MAC
	Tags                []Tag
	Type                uint16
	Payload             []byte
}

// Bytes returns the frame as it goes on the wire.
func (e Ethernet) Bytes() []byte {
	b := make([]byte, 0, 14+4*len(e.Tags)+len(e.Payload))
	b = append(b, e.Destination[:]...)
	b = append(b, e.Source[:]...)
	for _, tag := range e.Tags {
		b = binary.BigEndian.AppendUint16(b, cmp.Or(tag.Type, TypeVLAN))
		b = binary.BigEndian.AppendUint16(b, tag.ID)
	}
	b = binary.BigEndian.AppendUint16(b, e.Type)
	return append(b, e.Payload...)
}

// The operations of ARP (RFC 826).
const (
	ARPRequest uint16 = 1
	ARPReply   uint16 = 2
)

// ARP is a message of RFC 826 for IPv4 over Ethernet. An address that is not IPv4 is written as 0.0.0.0.
type ARP struct {
	Operation            uint16
	SenderMAC, TargetMAC policy.MAC
	Sender, Target       netip.Addr
}

// Bytes returns the message as the payload of a frame.
func (a ARP) Bytes() []byte {
	b := []byte{0, 1, 8, 0, 6, 4}
	b = binary.BigEndian.AppendUint16(b, a.Operation)
	b = append(b, a.SenderMAC[:]...)
	b = append(b, four(a.Sender)...)
	b = append(b, a.TargetMAC[:]...)
	return append(b, four(a.Target)...)
}

// GroupMAC returns the Ethernet address that a multicast address is sent to (RFC 1112 §6.4, RFC 2464 §7).
func GroupMAC(group netip.Addr) policy.MAC {
	if group.Is4() {
		a := group.As4()
		return policy.MAC{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}
	}
	a := group.As16()
	return policy.MAC{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// four returns the four bytes of an address, whatever it is.
func four(a netip.Addr) []byte {
	if !a.Unmap().Is4() {
		return make([]byte, 4)
	}
	b := a.Unmap().As4()
	return b[:]
}

// sixteen returns the sixteen bytes of an address, whatever it is.
func sixteen(a netip.Addr) []byte {
	if !a.IsValid() {
		return make([]byte, 16)
	}
	b := a.As16()
	return b[:]
}
