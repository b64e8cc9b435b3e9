package compile

import (
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// family is what differs between IPv4 and IPv6 in our chains.
type family struct {
	v4                     bool
	suffix                 string
	nfproto                uint8
	source, destination    ruleset.Field
	origSource, origTarget ruleset.Field
	icmp                   policy.Protocol
	icmpType, icmpCode     ruleset.Field
	echo, echoReply        uint8
	errors                 []uint8 // the types that report what became of a packet (RFC 792, RFC 4443)
}

// ipv4 and ipv6 are the two families.
func ipv4() family {
	return family{
		v4: true, suffix: "4", nfproto: 2,
		source: ruleset.IPSource, destination: ruleset.IPDestination,
		origSource: ruleset.CTOriginalSource, origTarget: ruleset.CTOriginalDestination,
		icmp: policy.ICMP, icmpType: ruleset.ICMPType, icmpCode: ruleset.ICMPCode, echo: 8, echoReply: 0,
		errors: []uint8{3, 11, 12},
	}
}

func ipv6() family {
	return family{
		suffix: "6", nfproto: 10,
		source: ruleset.IP6Source, destination: ruleset.IP6Destination,
		origSource: ruleset.CTOriginalSource6, origTarget: ruleset.CTOriginalDestination6,
		icmp: policy.ICMPv6, icmpType: ruleset.ICMPv6Type, icmpCode: ruleset.ICMPv6CodeField, echo: 128, echoReply: 129,
		errors: []uint8{1, 2, 3, 4},
	}
}

func families() []family { return []family{ipv4(), ipv6()} }
