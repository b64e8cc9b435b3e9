package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"

	"cordon/policy"
)

// Machine is a host that is up.
type Machine struct {
	Host
	// Segment is the segment that the machine belongs to.
	Segment Segment
	// Interface is its only interface.
	Interface string

	lab  *Lab
	node *node
	// index is the interface's number in the machine's namespace.
	index int

	mu      sync.Mutex
	witness *witness
	wire    int // a packet socket to send frames with, 0 before the first
}

// newMachine makes a host of a segment. Without a switch its namespace is the one that the gateway's cable already ends in.
func (l *Lab) newMachine(s Segment, h Host, far *node) (*Machine, error) {
	m := &Machine{Host: h, Segment: s, Interface: "eth0", lab: l, node: far}
	if s.hasSwitch() {
		var err error
		if m.node, err = l.newNode(asHost); err != nil {
			return nil, err
		}
	}
	l.machines = append(l.machines, m)
	return m, nil
}

// connect waits for the machine's link and gives it its addresses and routes.
func (m *Machine) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyDeadline)
	defer cancel()
	if err := m.node.awaitReady(ctx); err != nil {
		return err
	}
	link, err := m.node.handle.LinkByName(m.Interface)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", m.Interface, err)
	}
	m.index = link.Attrs().Index
	copy(m.MAC[:], link.Attrs().HardwareAddr)
	for _, address := range m.Addresses {
		if err := addAddress(m.node.handle, m.Interface, address); err != nil {
			return err
		}
	}
	for _, router := range m.Via {
		route := &netlink.Route{LinkIndex: m.index, Gw: router.AsSlice()}
		if err := m.node.handle.RouteAdd(route); err != nil {
			return fmt.Errorf("add default route via %s: %w", router, err)
		}
	}
	return nil
}

// NetNS returns the machine's namespace.
func (m *Machine) NetNS() *NetNS { return m.node.NetNS }

// Address returns the machine's first address of the family of other, or none.
func (m *Machine) Address(like netip.Addr) netip.Addr {
	for _, p := range m.Addresses {
		if p.Addr().Is4() == like.Is4() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// owns says whether an address is the machine's.
func (m *Machine) owns(address netip.Addr) bool {
	for _, p := range m.Addresses {
		if p.Addr() == address {
			return true
		}
	}
	return false
}

// Dial connects from the machine, as NetNS.Dial does.
func (m *Machine) Dial(ctx context.Context, network string, local, remote netip.AddrPort) (net.Conn, error) {
	return m.node.Dial(ctx, network, local, remote)
}

// Listen accepts TCP connections at an address of the machine.
func (m *Machine) Listen(ctx context.Context, local netip.AddrPort) (net.Listener, error) {
	return m.node.Listen(ctx, local)
}

// ListenPacket receives at an address of the machine, as NetNS.ListenPacket does.
func (m *Machine) ListenPacket(ctx context.Context, network string, local netip.AddrPort) (net.PacketConn, error) {
	return m.node.ListenPacket(ctx, network, local)
}

// SetMAC gives the machine another Ethernet address, as a device that pretends to be another one does. Its frames carry it from then on.
func (m *Machine) SetMAC(mac policy.MAC) error {
	link, err := m.node.handle.LinkByIndex(m.index)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", m.Interface, err)
	}
	if err := m.node.handle.LinkSetHardwareAddr(link, mac[:]); err != nil {
		return fmt.Errorf("set the Ethernet address of %s: %w", m.Name, err)
	}
	return nil
}
