package netstate

// The numbers by which Cordon's own objects are known on any machine.
const (
	// RouteProtocol is the originator that our routes, rules and addresses carry (linux/rtnetlink.h, rtm_protocol; 67 is nobody's).
	RouteProtocol uint8 = 0x43
	// GovernedGroup is the device group of the interfaces that Cordon isolates. It survives a rename, which hooks and rules do not.
	GovernedGroup uint32 = 0x43
	// ExceptionMark is the packet mark that a live exception sets, and ErrorMark the one of ICMP errors that belong to it.
	ExceptionMark uint32 = 0x434f5244
	ErrorMark     uint32 = 0x434f5245
)

// The tables that are ours. Each governed interface has one of its own between FirstPeerTable and LastPeerTable: its peers, and a
// blackhole.
const (
	PeerTable      uint32 = 880 // what every governed interface may reach
	CameraTable    uint32 = 881 // how the governed networks are reached
	ServedTable    uint32 = 882 // every address is the gateway's own: what is intercepted
	ShutTable      uint32 = 883 // the governed networks as blackholes
	FirstPeerTable uint32 = 88000
	LastPeerTable  uint32 = 88999
)

// ours says whether a table's number is one of ours.
func ours(table uint32) bool {
	return (table >= PeerTable && table <= ShutTable) || (table >= FirstPeerTable && table <= LastPeerTable)
}

// The preferences at which our rules stand. All of them are ours: whatever else stands there is removed.
const (
	ServedPreference    uint32 = 874 // questions that are answered here whoever is asked, before any way to him: opens
	LivePreference      uint32 = 875 // exceptions and schedules between segments, by mark: opens
	InsidePreference    uint32 = 876 // a way through an uplink leads to no other segment: closes
	ExceptionPreference uint32 = 877 // through an uplink, of exceptions and schedules by mark: opens
	InboundPreference   uint32 = 879 // who may send towards the cameras: opens
	PeerPreference      uint32 = 880 // a governed interface reaches its peers only: closes
	ShutPreference      uint32 = 881 // nobody else sends towards the cameras: closes
)

// Ours says whether the rule stands at one of our preferences.
func (r Rule) Ours() bool { return r.Priority >= ServedPreference && r.Priority <= ShutPreference }

// Opens says whether a packet that the rule matches may get somewhere that it would not get without the rule. Our first preference and
// the two last shut, as long as they lead into our own tables.
func (r Rule) Opens() bool {
	shuts := r.Priority == InsidePreference || r.Priority == PeerPreference || r.Priority == ShutPreference
	return r.Action == Lookup && (!shuts || !ours(r.Table))
}

// Ours says whether the route stands in one of our tables or carries our protocol.
func (r Route) Ours() bool {
	return r.Protocol == RouteProtocol || ours(r.Table)
}

// Opens says whether a packet that meets the route may go on: all but a refusal.
func (r Route) Opens() bool {
	return r.Type != Blackhole && r.Type != Unreachable && r.Type != Prohibit
}

// Ours says whether Cordon added the address. Kernels before 5.18 do not keep who did.
func (a Address) Ours() bool { return a.Protocol == RouteProtocol }

// EveryGoverned stands for each governed interface in the name of a setting that is to be read: net/ipv4/conf/*/rp_filter.
const EveryGoverned = "*"

// The kinds of interface that Cordon makes, by the kernel's words.
const (
	VLANKind   = "vlan"
	BridgeKind = "bridge"
)

// LinkAlias marks the interfaces that Cordon made: no other is ever removed.
const LinkAlias = "cordon"

// Ours says whether Cordon made the interface.
func (l Link) Ours() bool { return l.Alias == LinkAlias }

// SameMaking says whether two interfaces are the same but for what can be changed while they live.
func (l Link) SameMaking(m Link) bool {
	return l.Kind == m.Kind && l.Parent == m.Parent && l.VLAN == m.VLAN
}

// Governed says whether the interface carries Cordon's group.
func (l Link) Governed() bool { return l.Group == GovernedGroup }
