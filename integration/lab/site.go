package lab

import (
	"net/netip"

	"cordon/policy"
)

// Site describes a site to build: what hangs on the gateway's interfaces.
type Site struct {
	Segments []Segment
}

// Segment is a network behind one interface of the gateway. Its hosts hang on a switch when there are several or when Switch says so,
// else its one host is at the other end of the gateway's cable.
type Segment struct {
	Name string
	// Interface is the gateway's interface, at most 15 bytes.
	Interface string
	// MAC is the Ethernet address of the gateway's interface; zero lets the kernel choose.
	MAC policy.MAC
	// Addresses are given to the gateway's interface. None are given when it is empty: Cordon sets its own.
	Addresses []netip.Prefix
	Switch    bool
	Hosts     []Host
}

// Host is a machine of a segment. Its name is unique in the site.
type Host struct {
	Name string
	// MAC is the machine's Ethernet address; zero lets the kernel choose.
	MAC       policy.MAC
	Addresses []netip.Prefix
	// Via are the routers of its default routes, at most one of each family.
	Via []netip.Addr
}

// hasSwitch says whether the segment needs a bridge.
func (s Segment) hasSwitch() bool { return s.Switch || len(s.Hosts) != 1 }
