package escape

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"cordon/integration/lab"
)

// forwardedGroups are the link-local groups of IEEE 802.1D that a careless bridge passes on: LLDP's, 01:80:c2:00:00:0e. Those of STP it
// passes on by itself, as it takes no part in the protocol.
const forwardedGroups = 1 << 0xe

// plugPorts makes the bridge that the gateway had before Cordon, where every port hears every other one, and says whether the kernel shows
// bridged packets to the IP layer as well: it then puts fragments together before anything of the bridge sees them.
func plugPorts(shown string) func(*lab.Lab) error {
	return func(l *lab.Lab) error {
		settings := map[string]string{}
		for _, name := range [...]string{"iptables", "ip6tables", "arptables"} {
			settings["bridge/bridge-nf-call-"+name] = shown
		}
		return errors.Join(set(l, settings), l.Gateway().Do(makeBridge))
	}
}

// makeBridge makes the bridge in the thread's namespace.
func makeBridge() error {
	attrs := netlink.NewLinkAttrs()
	mac := gatewayMAC() // its link-local address comes from it
	attrs.Name, attrs.Flags, attrs.HardwareAddr = bridge, net.FlagUp, mac[:]
	noSnooping, groups := false, uint16(forwardedGroups)
	link := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &noSnooping, GroupFwdMask: &groups}
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("add the bridge: %w", err)
	}
	for _, name := range portsOf(wires()) {
		if err := plug(name, link); err != nil {
			return fmt.Errorf("plug %s into the bridge: %w", name, err)
		}
	}
	for _, p := range wires().Segments[0].Addresses {
		ip := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: ip}); err != nil {
			return fmt.Errorf("give the bridge %s: %w", p, err)
		}
	}
	return nil
}

// plug makes an interface a port of the bridge.
func plug(name string, bridge netlink.Link) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetMaster(link, bridge)
}
