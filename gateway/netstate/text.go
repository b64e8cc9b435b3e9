package netstate

import (
	"net/netip"
	"strconv"
	"strings"

	"cordon/policy"
)

// words joins what is not empty with spaces.
func words(parts ...string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}

// option returns a keyword and its value, or nothing for an empty value.
func option(keyword, value string) string {
	if value == "" {
		return ""
	}
	return keyword + " " + value
}

func decimal[N uint8 | uint16 | uint32](n N) string { return strconv.FormatUint(uint64(n), 10) }

// positive is decimal for numbers that mean nothing when they are zero.
func positive[N uint8 | uint16 | uint32](n N) string {
	if n == 0 {
		return ""
	}
	return decimal(n)
}

// prefix returns "all" for no prefix and for one of no bits, and a host's address without its length, as ip(8) does.
func prefix(p netip.Prefix, all string) string {
	switch {
	case !p.IsValid() || p.Bits() == 0:
		return all
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

// String returns the table as nft names it.
func (t ForeignTable) String() string { return t.Family + " " + t.Name }

// String returns the link as `ip link` takes it: "dev cam0 group 67 up".
func (l Link) String() string {
	up := ""
	if l.Up {
		up = "up"
	}
	return words("dev", l.Name, option("link", l.Parent), l.making(), option("master", l.Master), l.isolation(),
		option("group", decimal(l.Group)), up)
}

// making returns the type of an interface that can be made, and what its type wants.
func (l Link) making() string {
	switch l.Kind {
	case VLANKind:
		return "type vlan id " + decimal(l.VLAN)
	case BridgeKind:
		return words("type bridge vlan_filtering", digit(l.Filtering), "mcast_snooping", digit(l.Snooping))
	}
	return ""
}

func (l Link) isolation() string {
	if l.Isolated {
		return "isolated on"
	}
	return ""
}

func digit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// String returns the address as `ip address` takes it: "10.30.0.1/24 dev cam0".
func (a Address) String() string { return a.Prefix.String() + " dev " + a.Interface }

// String returns ip(8)'s word for the type of route.
func (t RouteType) String() string {
	switch t {
	case Unicast:
		return "unicast"
	case Local:
		return "local"
	case Broadcast:
		return "broadcast"
	case Anycast:
		return "anycast"
	case Multicast:
		return "multicast"
	case Blackhole:
		return "blackhole"
	case Unreachable:
		return "unreachable"
	case Prohibit:
		return "prohibit"
	case Throw:
		return "throw"
	}
	return "type " + decimal(uint8(t))
}

// String returns the route as `ip route` takes it: "blackhole default metric 9 table 880 proto 67".
func (r Route) String() string {
	kind, via, table := "", "", ""
	if r.Type != Unicast {
		kind = r.Type.String()
	}
	if r.Via.IsValid() {
		via = r.Via.String()
	}
	if r.Table != MainTable {
		table = decimal(r.Table)
	}
	return words(kind, prefix(r.Destination, "default"), option("via", via), option("dev", r.Interface),
		option("metric", positive(r.Metric)), option("table", table), option("proto", positive(r.Protocol)), r.Other)
}

// String returns one port, or both ends with a hyphen.
func (p PortRange) String() string {
	switch {
	case p == PortRange{}:
		return ""
	case p[0] == p[1]:
		return decimal(p[0])
	}
	return decimal(p[0]) + "-" + decimal(p[1])
}

// String returns what follows the selectors of a rule.
func (a Action) String() string {
	switch a {
	case Lookup:
		return "lookup"
	case RuleBlackhole:
		return "blackhole"
	case RuleUnreachable:
		return "unreachable"
	case RuleProhibit:
		return "prohibit"
	case Goto:
		return "goto"
	case Nop:
		return "nop"
	}
	return "action " + decimal(uint8(a))
}

// mark returns the mark as ip(8) writes it: the mask is left out when it has every bit.
func (r Rule) mark() string {
	switch r.Mask {
	case 0:
		return ""
	case ^uint32(0):
		return "0x" + strconv.FormatUint(uint64(r.Mark), 16)
	}
	return "0x" + strconv.FormatUint(uint64(r.Mark), 16) + "/0x" + strconv.FormatUint(uint64(r.Mask), 16)
}

// ipproto returns the name of a protocol that ip(8) knows without /etc/protocols, else its number.
func ipproto(p policy.Protocol) string {
	switch p {
	case policy.TCP:
		return "tcp"
	case policy.UDP:
		return "udp"
	case policy.ICMP:
		return "icmp"
	case policy.ICMPv6:
		return "ipv6-icmp"
	}
	return positive(uint8(p))
}

// String returns the rule as `ip rule` takes it, without the family: "pref 880 from all iif cam0 lookup 880".
func (r Rule) String() string {
	action := r.Action.String()
	if r.Action == Lookup || r.Action == Goto {
		action += " " + decimal(r.Table)
	}
	return words("pref", decimal(r.Priority), "from", prefix(r.From, "all"), option("to", prefix(r.To, "")), option("iif", r.IIF),
		option("oif", r.OIF), option("fwmark", r.mark()), option("ipproto", ipproto(r.Protocol)),
		option("sport", r.SourcePorts.String()), option("dport", r.DestinationPorts.String()), r.Other, action)
}

// String returns the entry as `ip neighbour` takes it: "10.30.0.11 lladdr 44:19:b6:00:00:01 dev cam0".
func (n Neighbour) String() string {
	return n.Address.String() + " lladdr " + n.MAC.String() + " dev " + n.Interface
}

// String returns the setting as sysctl(8) takes it: "net/ipv4/ip_forward=1".
func (s Sysctl) String() string {
	if s.Missing {
		return s.Name + " is not in this kernel"
	}
	return s.Name + "=" + s.Value
}

// String returns the flow as conntrack(8) begins its line: "tcp 10.30.0.11 40000 → 10.40.0.10 554".
func (f Flow) String() string {
	name := ipproto(f.Protocol)
	if f.Protocol == policy.ICMP || f.Protocol == policy.ICMPv6 {
		return words(name, f.Source.String(), "→", f.Destination.String(), "type", decimal(f.ICMPType), "id", decimal(f.ICMPID))
	}
	return words(name, f.Source.String(), positive(f.SourcePort), "→", f.Destination.String(), positive(f.DestinationPort))
}
