package wire

import (
	"cmp"
	"encoding/binary"

	"cordon/gateway/ruleset"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// layer is what must be known of a packet before a field of it means anything: nft puts the test in front of the rule's own.
type layer int

const (
	anyLayer layer = iota
	etherLayer
	ipLayer
	ip6Layer
	vlanLayer
	arpLayer
	tcpLayer
	udpLayer
	icmpLayer
	icmpv6Layer
)

// loader is how a field gets into a register.
type loader struct {
	source source
	key    uint32           // of a meta or ct expression, or the flags of a fib expression
	base   expr.PayloadBase // of a payload expression, with the offset in octets
	offset uint32
	needs  layer
	// protocol and index are nft's own numbers of a header's field (include/proto.h), which it keeps beside a set to print it again.
	protocol, index uint32
	// bits is the field's length where that is less than its octets: the lower ones.
	bits uint32
}

type source int

const (
	fromMeta source = iota
	fromPayload
	fromConntrack
	fromRoutes // what routing says of an address
	fromRaw    // a payload that nft has no name for
)

// nft's numbers of protocols (include/proto.h, enum proto_desc_id).
const (
	nftICMP   = 4
	nftUDP    = 6
	nftTCP    = 8
	nftTH     = 11
	nftIP     = 12
	nftIP6    = 13
	nftICMPv6 = 14
	nftARP    = 15
	nftVLAN   = 16
	nftEther  = 17
)

// Keys of conntrack that golang.org/x/sys/unix lacks (enum nft_ct_keys): addresses of a known family.
const (
	ctSourceIP       = 19 // NFT_CT_SRC_IP
	ctDestinationIP  = 20 // NFT_CT_DST_IP
	ctSourceIP6      = 21 // NFT_CT_SRC_IP6
	ctDestinationIP6 = 22 // NFT_CT_DST_IP6
)

func loaderOf(f ruleset.Field) loader {
	const link, network, transport = expr.PayloadBaseLLHeader, expr.PayloadBaseNetworkHeader, expr.PayloadBaseTransportHeader
	if h, offset, _, ok := f.Octets(); ok {
		base := map[ruleset.Header]expr.PayloadBase{ruleset.NetworkHeader: network, ruleset.TransportHeader: transport}[h]
		return loader{source: fromRaw, base: base, offset: uint32(offset)} //nolint:gosec // at most 255
	}
	meta := func(key uint32) loader { return loader{key: key} }
	header := func(base expr.PayloadBase, offset uint32, needs layer, protocol, index uint32) loader {
		return loader{fromPayload, 0, base, offset, needs, protocol, index, 0}
	}
	loaders := [...]loader{
		ruleset.IIFName:                meta(unix.NFT_META_IIFNAME),
		ruleset.OIFName:                meta(unix.NFT_META_OIFNAME),
		ruleset.IIFGroup:               meta(unix.NFT_META_IIFGROUP),
		ruleset.NFProto:                meta(unix.NFT_META_NFPROTO),
		ruleset.MetaProtocol:           meta(unix.NFT_META_PROTOCOL),
		ruleset.L4Proto:                meta(unix.NFT_META_L4PROTO),
		ruleset.Mark:                   meta(unix.NFT_META_MARK),
		ruleset.EtherSource:            header(link, 6, etherLayer, nftEther, 2),
		ruleset.EtherTypeField:         header(link, 12, etherLayer, nftEther, 3),
		ruleset.VLANID:                 {fromPayload, 0, link, 14, vlanLayer, nftVLAN, 4, 12},
		ruleset.VLANType:               header(link, 16, vlanLayer, nftVLAN, 5),
		ruleset.IPHead:                 {source: fromRaw, base: network},
		ruleset.IPSource:               header(network, 12, ipLayer, nftIP, 11),
		ruleset.IPDestination:          header(network, 16, ipLayer, nftIP, 12),
		ruleset.IP6Source:              header(network, 8, ip6Layer, nftIP6, 8),
		ruleset.IP6Destination:         header(network, 24, ip6Layer, nftIP6, 9),
		ruleset.IP6NextHeader:          header(network, 6, ip6Layer, nftIP6, 6),
		ruleset.IP6HopLimit:            header(network, 7, ip6Layer, nftIP6, 7),
		ruleset.TCPSourcePort:          header(transport, 0, tcpLayer, nftTCP, 1),
		ruleset.TCPDestinationPort:     header(transport, 2, tcpLayer, nftTCP, 2),
		ruleset.TCPFlags:               header(transport, 13, tcpLayer, nftTCP, 7),
		ruleset.UDPSourcePort:          header(transport, 0, udpLayer, nftUDP, 1),
		ruleset.UDPDestinationPort:     header(transport, 2, udpLayer, nftUDP, 2),
		ruleset.SourcePort:             header(transport, 0, anyLayer, nftTH, 1),
		ruleset.DestinationPort:        header(transport, 2, anyLayer, nftTH, 2),
		ruleset.ICMPType:               header(transport, 0, icmpLayer, nftICMP, 1),
		ruleset.ICMPCode:               header(transport, 1, icmpLayer, nftICMP, 2),
		ruleset.ICMPv6Type:             header(transport, 0, icmpv6Layer, nftICMPv6, 1),
		ruleset.ICMPv6CodeField:        header(transport, 1, icmpv6Layer, nftICMPv6, 2),
		ruleset.NDTarget:               {source: fromRaw, base: transport, offset: 8},
		ruleset.ARPHardwareType:        header(network, 0, arpLayer, nftARP, 1),
		ruleset.ARPProtocolType:        header(network, 2, arpLayer, nftARP, 2),
		ruleset.ARPHardwareLength:      header(network, 4, arpLayer, nftARP, 3),
		ruleset.ARPProtocolLength:      header(network, 5, arpLayer, nftARP, 4),
		ruleset.ARPOp:                  header(network, 6, arpLayer, nftARP, 5),
		ruleset.ARPSenderEther:         header(network, 8, arpLayer, nftARP, 6),
		ruleset.ARPSenderIP:            header(network, 14, arpLayer, nftARP, 7),
		ruleset.ARPTargetIP:            header(network, 24, arpLayer, nftARP, 9),
		ruleset.CTState:                {source: fromConntrack, key: unix.NFT_CT_STATE},
		ruleset.CTStatus:               {source: fromConntrack, key: unix.NFT_CT_STATUS},
		ruleset.CTDirection:            {source: fromConntrack, key: unix.NFT_CT_DIRECTION},
		ruleset.CTOriginalSource:       {source: fromConntrack, key: ctSourceIP},
		ruleset.CTOriginalDestination:  {source: fromConntrack, key: ctDestinationIP},
		ruleset.CTOriginalSource6:      {source: fromConntrack, key: ctSourceIP6},
		ruleset.CTOriginalDestination6: {source: fromConntrack, key: ctDestinationIP6},
		ruleset.SourceKind:             {source: fromRoutes, key: unix.NFTA_FIB_F_SADDR},
		ruleset.DestinationKind:        {source: fromRoutes, key: unix.NFTA_FIB_F_DADDR},
	}
	return loaders[f]
}

// load returns the expression that puts a field into a register.
func load(f ruleset.Field, register uint32) Expr {
	l := loaderOf(f)
	switch l.source {
	case fromMeta:
		return encoded(&expr.Meta{Key: expr.MetaKey(l.key), Register: register})
	case fromConntrack:
		return loadConntrack(l.key, register)
	case fromRoutes:
		return encoded(&expr.Fib{
			Register: register, ResultADDRTYPE: true,
			FlagSADDR: l.key == unix.NFTA_FIB_F_SADDR, FlagDADDR: l.key == unix.NFTA_FIB_F_DADDR,
		})
	default:
		return payload(l.base, l.offset, uint32(f.Spec().Bytes), register) //nolint:gosec // at most 16
	}
}

// loadConntrack writes the expression itself: the library knows no direction for the keys of a known family.
func loadConntrack(key, register uint32) Expr {
	b := appendUint32(nil, unix.NFTA_CT_DREG, register)
	b = appendUint32(b, unix.NFTA_CT_KEY, key)
	if key >= ctSourceIP && key <= ctDestinationIP6 {
		b = appendText(b, unix.NFTA_CT_DIRECTION, "\x00") // IP_CT_DIR_ORIGINAL
	}
	return Expr{"ct", Attributes(b)}
}

func payload(base expr.PayloadBase, offset, length, register uint32) Expr {
	return encoded(&expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length})
}

// encoded returns an expression of the library in canonical form. The library's encoders fail on nothing that is given to them here.
func encoded(e expr.Any) Expr {
	b, err := expr.Marshal(0, e)
	if err != nil {
		return Expr{}
	}
	return decodeExpr(Attributes(b))
}

// Byte orders of nft (include/datatype.h).
const (
	orderNone = 0
	orderHost = 1
	orderBig  = 2
)

// order returns the byte order in which nft thinks of a key.
func order(key []ruleset.Field) uint32 {
	if len(key) > 1 {
		return orderNone
	}
	switch l := loaderOf(key[0]); {
	case l.source == fromMeta && l.key == unix.NFT_META_PROTOCOL:
		return orderBig
	case l.source == fromMeta, l.source == fromRoutes, l.source == fromConntrack && l.key < ctSourceIP:
		return orderHost
	}
	return orderBig
}

// keyType returns nft's number of a key's type: of several parts, six bits each.
func keyType(key []ruleset.Field) uint32 {
	var t uint32
	for _, f := range key {
		t = t<<6 | uint32(f.Spec().Type) //nolint:gosec // below 64
	}
	return t
}

// keyLengths returns the length of a key and of its parts in octets, each part padded to four when there are several.
func keyLengths(key []ruleset.Field) (whole uint32, parts []uint32) {
	for _, f := range key {
		n := uint32(f.Spec().Bytes) //nolint:gosec // at most 16
		parts = append(parts, n)
		if len(key) > 1 {
			n = (n + 3) &^ 3
		}
		whole += n
	}
	return whole, parts
}

// nft's numbers of expressions (include/expression.h, enum expr_types), under which it keeps what a set's key is made of.
const (
	nftVerdict = 1
	nftPayload = 7
	nftMeta    = 9
	nftCT      = 12
	nftConcat  = 13
	nftFIB     = 26
)

// typeof returns what nft keeps of a set's key that was declared by its fields.
func typeof(key []ruleset.Field) string {
	if len(key) == 1 {
		return typeofExpr(typeofField(key[0]))
	}
	var parts []byte
	for i, f := range key {
		parts = appendTLV(parts, byte(i), typeofExpr(typeofField(f)))
	}
	return typeofExpr(nftConcat, string(parts))
}

func typeofExpr(kind uint32, data string) string {
	return string(appendTLV(appendTLV32(nil, 0, kind), 1, data))
}

func typeofField(f ruleset.Field) (kind uint32, data string) {
	l := loaderOf(f)
	bits := cmp.Or(l.bits, uint32(f.Spec().Bytes)*8) //nolint:gosec // at most 128
	var b []byte
	switch l.source {
	case fromMeta:
		return nftMeta, string(appendTLV32(nil, 0, l.key))
	case fromConntrack:
		direction := ^uint32(0)
		if l.key >= ctSourceIP {
			direction = 0
		}
		return nftCT, string(appendTLV32(appendTLV32(nil, 0, l.key), 1, direction))
	case fromRoutes:
		return nftFIB, string(appendTLV32(appendTLV32(nil, 0, unix.NFT_FIB_RESULT_ADDRTYPE), 1, l.key))
	case fromRaw:
		for i, v := range []uint32{0, 0, uint32(l.base) + 1, l.offset * 8, bits} {
			b = appendTLV32(b, byte(i), v)
		}
	case fromPayload:
		b = appendTLV32(appendTLV32(nil, 0, l.protocol), 1, l.index)
		if f.Spec().Type == ruleset.Integer {
			b = appendTLV32(b, 4, bits)
		}
	}
	return nftPayload, string(b)
}

func appendTLV32(b []byte, kind byte, v uint32) []byte {
	return appendTLV(b, kind, string(binary.NativeEndian.AppendUint32(nil, v)))
}
