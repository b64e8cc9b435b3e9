package policy

import "net/netip"

// FlowState is what conntrack says of a packet.
type FlowState int

// The states. An ICMP error is a reply or not like any packet; what it is about stands in Packet.About.
const (
	New       FlowState = iota // it goes the way in which its flow was opened
	Reply                      // it answers a flow that was opened the other way
	Untracked                  // it belongs to no flow
)

// String returns the word of the JSON documents.
func (s FlowState) String() string {
	switch s {
	case New:
		return "new"
	case Reply:
		return "reply"
	case Untracked:
	}
	return "untracked"
}

// Packet is one packet where it meets the gateway.
type Packet struct {
	// IIF is the interface that it comes in by, empty when the gateway itself sends it. OIF is the one that it leaves by, empty when it
	// is for the gateway itself, or where that has not been asked.
	IIF, OIF string
	// MAC is the Ethernet source.
	MAC                         MAC
	Source, Destination         netip.Addr
	Protocol                    Protocol
	SourcePort, DestinationPort uint16
	ICMPType, ICMPCode          uint8
	State                       FlowState
	// About is the first packet of the flow that an ICMP error quotes; nil for every other packet.
	About *Packet
}
