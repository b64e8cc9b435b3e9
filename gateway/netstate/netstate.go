package netstate

import (
	"net/netip"

	"cordon/gateway/wire"
	"cordon/policy"
)

// State is what decides a packet on one machine, in the order that Canonical gives.
type State struct {
	Tables     []wire.Table // ours, in the order in which they were made
	Foreign    []ForeignTable
	Links      []Link
	Addresses  []Address
	Routes     []Route
	Rules      []Rule
	Neighbours []Neighbour
	Sysctls    []Sysctl
}

// Object is one value of a State that can be added, changed or removed by itself: a Link, an Address, a Route, a Rule, a Neighbour or
// a Sysctl. String names it in the words of ip(8) and sysctl(8).
type Object interface {
	String() string
	object()
}

func (Link) object()      {}
func (Address) object()   {}
func (Route) object()     {}
func (Rule) object()      {}
func (Neighbour) object() {}
func (Sysctl) object()    {}

// ForeignTable is a table of the packet filter that another program owns. It is known by name only.
type ForeignTable struct {
	Family string // nft's word: inet, ip, ip6, arp, bridge, netdev
	Name   string
}

// Link is a network interface. A wanted link says only Name, Group and Up; Up false means that it does not matter. One that Cordon makes
// itself has a Kind and what belongs to it, and a bridge's port has its Master and says whether it is Isolated.
type Link struct {
	Name   string
	Index  int
	Kind   string // the kernel's word: veth, bridge, vlan, vrf; empty for hardware and for lo
	Up     bool   // administratively
	Group  uint32
	MAC    policy.MAC // of an Ethernet interface
	Master string     // the bridge, bond or VRF that it belongs to
	// Alias is a remark that stays with the interface as long as it lives: ours says that Cordon made it.
	Alias string
	// Parent is the interface that a VLAN's tagged frames come in by, and VLAN the number in their tags.
	Parent string
	VLAN   uint16
	// Isolated says of a bridge's port that it passes nothing to other isolated ports.
	Isolated bool
	// Exact says of a wanted link that it is to be just so: also down, without a master, or of a group that is not ours. Nobody makes it.
	Exact bool
	// Filtering and Snooping say of a bridge that it looks at VLAN tags, and that it sends multicast only where somebody listens.
	Filtering, Snooping bool
}

// Address is an address of the machine itself, with its network's length.
type Address struct {
	Interface string
	Prefix    netip.Prefix
	// Protocol is who added it (linux/if_addr.h, IFA_PROTO, since Linux 5.18); it does not tell addresses apart.
	Protocol uint8
}

// Family is an IP version.
type Family uint8

// The two families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// All returns the prefix that holds every address of the family.
func (f Family) All() netip.Prefix {
	if f == IPv4 {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// RouteType is what a route does with a packet.
type RouteType uint8

// The kinds of route that Linux knows (linux/rtnetlink.h, RTN_*).
const (
	Unicast RouteType = iota
	Local
	Broadcast
	Anycast
	Multicast
	Blackhole
	Unreachable
	Prohibit
	Throw // not here: the next rule decides
)

// MainTable is the table that routes belong to when nobody says otherwise.
const MainTable uint32 = 254

// Route is one way out. A route with several next hops is several values that differ in Via and Interface.
type Route struct {
	Table       uint32
	Destination netip.Prefix
	Type        RouteType
	Via         netip.Addr // the router; invalid when the destination is on the link
	Interface   string     // empty for routes that lead to no interface
	Metric      uint32     // smaller wins; an IPv6 route without one gets 1024
	Protocol    uint8
	// Other names what the kernel says about the route and this value does not hold, such as "encap"; it is empty for our own.
	Other string
}

// Family returns the IP version of the destination.
func (r Route) Family() Family { return FamilyOf(r.Destination.Addr()) }

// Action is what a rule does.
type Action uint8

// The actions of rules (linux/fib_rules.h, FR_ACT_*).
const (
	Lookup Action = iota
	RuleBlackhole
	RuleUnreachable
	RuleProhibit
	Goto
	Nop
)

// PortRange is a first and a last port, both included; zeros mean every port. In a rule no kernel takes one that begins at 0 or ends at
// 65535 (include/net/fib_rules.h, fib_rule_port_range_valid): Canonical makes every port of 1–65535, other such ranges are refused.
type PortRange [2]uint16

// Rule chooses the table that a packet is looked up in. Zero fields match everything.
type Rule struct {
	Family           Family
	Priority         uint32 // smaller is asked first
	From, To         netip.Prefix
	IIF, OIF         string
	Mark, Mask       uint32 // a packet matches when its mark & Mask is Mark; no Mask: the mark does not matter
	Protocol         policy.Protocol
	SourcePorts      PortRange
	DestinationPorts PortRange
	Action           Action
	Table            uint32 // of Lookup; of Goto the priority to go on at
	// Other names what the kernel says about the rule and this value does not hold, such as "not"; it is empty for our own.
	Other string
}

// Neighbour is a permanent entry of the neighbour table: the kernel never asks for it and believes nobody about it.
type Neighbour struct {
	Interface string
	Address   netip.Addr
	MAC       policy.MAC
}

// Sysctl is a kernel setting. Its name is the path below /proc/sys, because an interface's name may hold dots:
// net/ipv4/conf/trunk0.30/rp_filter.
type Sysctl struct {
	Name    string
	Value   string
	Missing bool // this kernel has no such setting, or the interface is not there
}

// Flow is the original tuple of a connection that the kernel tracks: who began it, towards whom.
type Flow struct {
	Protocol                    policy.Protocol
	Source, Destination         netip.Addr
	SourcePort, DestinationPort uint16
	// ICMPType, ICMPCode and ICMPID tell ICMP flows apart, which have no ports.
	ICMPType, ICMPCode uint8
	ICMPID             uint16
	Zone               uint16
}
