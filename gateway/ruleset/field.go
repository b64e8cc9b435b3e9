package ruleset

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// Type is a data type of nftables: what a register or one part of a set's key holds. The numbers are nft's own (its
// include/datatype.h), for a set stores them so that `nft list` can print its elements.
type Type int

// The types that our sets and comparisons use.
const (
	Integer      Type = 4
	IPv4Addr     Type = 7
	IPv6Addr     Type = 8
	EtherAddr    Type = 9
	EtherType    Type = 10
	ARPOperation Type = 11
	InetProto    Type = 12
	InetService  Type = 13
	ICMPTypeName Type = 14
	TCPFlag      Type = 15
	MarkValue    Type = 19
	CTStateBits  Type = 26
	CTDir        Type = 27
	CTStatusBits Type = 28
	ICMPv6Name   Type = 29
	ICMPCodeName Type = 32
	ICMPv6Code   Type = 33
	DeviceGroup  Type = 35
	RouteKind    Type = 38
	IfName       Type = 41
	NFProtoName  Type = 2
)

// Field is a fact about a packet that a statement loads into a register.
type Field int

// The facts that our rules look at.
const (
	IIFName Field = iota
	OIFName
	IIFGroup
	NFProto      // 2 or 10: the family of a packet in an inet chain
	MetaProtocol // the ethertype that the kernel gave the packet, VLAN tags taken off
	L4Proto      // the transport protocol behind IPv6 extension headers
	Mark
	EtherSource
	EtherTypeField // the ethertype on the wire: a VLAN tag shows
	VLANID         // 12 bits of the outermost 802.1Q tag; a frame without a tag has none
	VLANType       // the ethertype behind that tag
	IPHead         // the first eight octets of the IPv4 header: version, header length, fragment
	IPSource
	IPDestination
	IP6Source
	IP6Destination
	IP6NextHeader // the first next header, which an extension header cannot hide behind
	IP6HopLimit
	TCPSourcePort
	TCPDestinationPort
	TCPFlags
	UDPSourcePort
	UDPDestinationPort
	SourcePort // of whatever transport the packet has
	DestinationPort
	ICMPType
	ICMPCode
	ICMPv6Type
	ICMPv6CodeField
	NDTarget // octets 8 to 23 of a neighbour discovery message (RFC 4861): the address that it is about
	ARPHardwareType
	ARPProtocolType
	ARPHardwareLength
	ARPProtocolLength
	ARPOp
	ARPSenderEther
	ARPSenderIP
	ARPTargetIP
	CTState
	CTStatus // what conntrack knows of the flow: whether its first packet has left
	CTDirection
	CTOriginalSource
	CTOriginalDestination
	CTOriginalSource6
	CTOriginalDestination6
	SourceKind      // what routing says of the address, one of the Kind constants; behind prerouting, for ingress cannot ask
	DestinationKind // the same of the destination
)

// Header is where the octets of a packet are counted from.
type Header int

// The headers that octets are counted from.
const (
	NetworkHeader Header = iota + 1
	TransportHeader
)

// octetsBase is where the fields begin that Octets makes.
const octetsBase Field = 1 << 20

// Octets returns the field of some octets of a packet, at most 255 behind a header's beginning and at most 16 of them: what nft has no
// name for, or what has to be of one type with that. nft keeps an address and the same octets apart, as two types.
func Octets(h Header, offset, length int) Field {
	return octetsBase + Field(int(h)<<16|offset<<8|length)
}

// Octets returns what a field counts from, its offset and its length, where Octets made it.
func (f Field) Octets() (h Header, offset, length int, ok bool) {
	n := int(f - octetsBase)
	return Header(n >> 16), n >> 8 & 0xff, n & 0xff, f >= octetsBase
}

// Spec is what nft calls a field, and the type and length in octets of what it loads.
type Spec struct {
	Name  string
	Type  Type
	Bytes int
}

// Spec returns the field's name, type and length.
func (f Field) Spec() Spec {
	if h, offset, length, ok := f.Octets(); ok {
		base := map[Header]string{NetworkHeader: "@nh", TransportHeader: "@th"}[h]
		return Spec{base + "," + strconv.Itoa(8*offset) + "," + strconv.Itoa(8*length), Integer, length}
	}
	specs := [...]Spec{
		IIFName:                {"iifname", IfName, 16},
		OIFName:                {"oifname", IfName, 16},
		IIFGroup:               {"iifgroup", DeviceGroup, 4},
		NFProto:                {"meta nfproto", NFProtoName, 1},
		MetaProtocol:           {"meta protocol", EtherType, 2},
		L4Proto:                {"meta l4proto", InetProto, 1},
		Mark:                   {"meta mark", MarkValue, 4},
		EtherSource:            {"ether saddr", EtherAddr, 6},
		EtherTypeField:         {"ether type", EtherType, 2},
		VLANID:                 {"vlan id", Integer, 2},
		VLANType:               {"vlan type", EtherType, 2},
		IPHead:                 {"@nh,0,64", Integer, 8},
		IPSource:               {"ip saddr", IPv4Addr, 4},
		IPDestination:          {"ip daddr", IPv4Addr, 4},
		IP6Source:              {"ip6 saddr", IPv6Addr, 16},
		IP6Destination:         {"ip6 daddr", IPv6Addr, 16},
		IP6NextHeader:          {"ip6 nexthdr", InetProto, 1},
		IP6HopLimit:            {"ip6 hoplimit", Integer, 1},
		TCPSourcePort:          {"tcp sport", InetService, 2},
		TCPDestinationPort:     {"tcp dport", InetService, 2},
		TCPFlags:               {"tcp flags", TCPFlag, 1},
		UDPSourcePort:          {"udp sport", InetService, 2},
		UDPDestinationPort:     {"udp dport", InetService, 2},
		SourcePort:             {"th sport", InetService, 2},
		DestinationPort:        {"th dport", InetService, 2},
		ICMPType:               {"icmp type", ICMPTypeName, 1},
		ICMPCode:               {"icmp code", ICMPCodeName, 1},
		ICMPv6Type:             {"icmpv6 type", ICMPv6Name, 1},
		ICMPv6CodeField:        {"icmpv6 code", ICMPv6Code, 1},
		NDTarget:               {"@th,64,128", Integer, 16},
		ARPHardwareType:        {"arp htype", Integer, 2},
		ARPProtocolType:        {"arp ptype", EtherType, 2},
		ARPHardwareLength:      {"arp hlen", Integer, 1},
		ARPProtocolLength:      {"arp plen", Integer, 1},
		ARPOp:                  {"arp operation", ARPOperation, 2},
		ARPSenderEther:         {"arp saddr ether", EtherAddr, 6},
		ARPSenderIP:            {"arp saddr ip", IPv4Addr, 4},
		ARPTargetIP:            {"arp daddr ip", IPv4Addr, 4},
		CTState:                {"ct state", CTStateBits, 4},
		CTStatus:               {"ct status", CTStatusBits, 4},
		CTDirection:            {"ct direction", CTDir, 1},
		CTOriginalSource:       {"ct original ip saddr", IPv4Addr, 4},
		CTOriginalDestination:  {"ct original ip daddr", IPv4Addr, 4},
		CTOriginalSource6:      {"ct original ip6 saddr", IPv6Addr, 16},
		CTOriginalDestination6: {"ct original ip6 daddr", IPv6Addr, 16},
		SourceKind:             {"fib saddr type", RouteKind, 4},
		DestinationKind:        {"fib daddr type", RouteKind, 4},
	}
	return specs[f]
}

// TypeName returns nft's word for the type in a set's declaration.
func (t Type) TypeName() string {
	switch t {
	case IPv4Addr:
		return "ipv4_addr"
	case IPv6Addr:
		return "ipv6_addr"
	case EtherAddr:
		return "ether_addr"
	case InetProto:
		return "inet_proto"
	case InetService:
		return "inet_service"
	case IfName:
		return "ifname"
	case MarkValue:
		return "mark"
	default:
		return "integer"
	}
}

// Name returns the register value of an interface's name: 16 octets, padded with zeros.
func Name(iface string) string {
	return iface + strings.Repeat("\x00", max(0, 16-len(iface)))
}

// Addr returns the register value of an address, in network order.
func Addr(a netip.Addr) string { return string(a.AsSlice()) }

// Octet returns the register value of a protocol, a type, a code or a length.
func Octet(v uint8) string { return string([]byte{v}) }

// Short returns the register value of a port or an ethertype, in network order.
func Short(v uint16) string { return string(binary.BigEndian.AppendUint16(nil, v)) }

// Word returns the register value of a mark, a group or conntrack bits, in the machine's own order.
func Word(v uint32) string { return string(binary.NativeEndian.AppendUint32(nil, v)) }

// format prints a register value in the syntax that nft reads back. Numbers are preferred to names, which need /etc/protocols and
// the like on the machine that reads them.
func (s Spec) format(v string) string {
	switch s.Type {
	case IfName:
		return quote(strings.TrimRight(v, "\x00"))
	case IPv4Addr, IPv6Addr:
		a, _ := netip.AddrFromSlice([]byte(v))
		return a.String()
	case EtherAddr:
		return etherText(v)
	case CTStateBits:
		return stateText(binary.NativeEndian.Uint32([]byte(v)))
	case CTStatusBits:
		return map[uint32]string{StatusConfirmed: "confirmed", StatusSeenReply: "seen-reply"}[binary.NativeEndian.Uint32([]byte(v))]
	case RouteKind:
		return kindText(binary.NativeEndian.Uint32([]byte(v)))
	case CTDir:
		return [...]string{"original", "reply"}[v[0]&1]
	case NFProtoName:
		return map[byte]string{2: "ipv4", 10: "ipv6"}[v[0]]
	case MarkValue:
		return "0x" + strconv.FormatUint(uint64(binary.NativeEndian.Uint32([]byte(v))), 16)
	case DeviceGroup:
		return strconv.FormatUint(uint64(binary.NativeEndian.Uint32([]byte(v))), 10)
	case InetProto:
		return protocolText(v[0])
	case EtherType:
		return etherTypeText(binary.BigEndian.Uint16([]byte(v)))
	default:
		return integerText(v)
	}
}

func etherText(v string) string {
	parts := make([]string, len(v))
	for i := range len(v) {
		parts[i] = hex.EncodeToString([]byte{v[i]})
	}
	return strings.Join(parts, ":")
}

func protocolText(p uint8) string {
	switch p {
	case 6:
		return "tcp"
	case 17:
		return "udp"
	default:
		return strconv.Itoa(int(p))
	}
}

func etherTypeText(t uint16) string {
	switch t {
	case 0x0800:
		return "ip"
	case 0x0806:
		return "arp"
	case 0x86dd:
		return "ip6"
	default:
		return "0x" + strconv.FormatUint(uint64(t), 16)
	}
}

// The bits of a conntrack state in an expression (linux/netfilter/nf_conntrack_common.h, NF_CT_STATE_BIT).
const (
	StateInvalid     uint32 = 1
	StateEstablished uint32 = 2
	StateRelated     uint32 = 4
	StateNew         uint32 = 8
	StateUntracked   uint32 = 64
)

// The bits of a conntrack status (linux/netfilter/nf_conntrack_common.h, IPS_*): somebody has answered the flow, and its first packet has
// left the machine.
const (
	StatusSeenReply uint32 = 2
	StatusConfirmed uint32 = 8
)

// The kinds of addresses by the routing tables (linux/rtnetlink.h, RTN_*): somebody else's, the machine's own whichever interface has it,
// everybody's on a network of the machine's, and in IPv6 that of any router of such a network.
const (
	KindUnicast   uint32 = 1
	KindLocal     uint32 = 2
	KindBroadcast uint32 = 3
	KindAnycast   uint32 = 4
)

func kindText(kind uint32) string {
	return map[uint32]string{KindUnicast: "unicast", KindLocal: "local", KindBroadcast: "broadcast", KindAnycast: "anycast"}[kind]
}

func stateText(bits uint32) string {
	var names []string
	for _, s := range []struct {
		bit  uint32
		name string
	}{
		{StateInvalid, "invalid"},
		{StateEstablished, "established"},
		{StateRelated, "related"},
		{StateNew, "new"},
		{StateUntracked, "untracked"},
	} {
		if bits&s.bit != 0 {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ",")
}

// integerText prints up to two octets as a decimal number and more as a hexadecimal one.
func integerText(v string) string {
	if len(v) <= 2 {
		n := 0
		for i := range len(v) {
			n = n<<8 | int(v[i])
		}
		return strconv.Itoa(n)
	}
	return "0x" + hex.EncodeToString([]byte(v))
}
