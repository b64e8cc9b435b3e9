package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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

// Dial connects from the machine. network is tcp or udp, with 4, 6 or neither; local may be zero, or a port or an address alone. Its
// addresses are literal: the lab has no resolver.
func (m *Machine) Dial(ctx context.Context, network string, local, remote netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: socketAddress(network, local), ControlContext: reuseAddress}
	var conn net.Conn
	err := m.node.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, network, remote.String())
		return err
	})
	return conn, err
}

// Listen accepts TCP connections at an address of the machine.
func (m *Machine) Listen(ctx context.Context, local netip.AddrPort) (net.Listener, error) {
	config := net.ListenConfig{Control: func(n, a string, c syscall.RawConn) error { return reuseAddress(ctx, n, a, c) }}
	var listener net.Listener
	err := m.node.Do(func() (err error) {
		listener, err = config.Listen(ctx, "tcp", local.String())
		return err
	})
	return listener, err
}

// ListenPacket receives at an address of the machine. network is udp, or ip4:icmp and ip6:ipv6-icmp with a port of zero.
func (m *Machine) ListenPacket(ctx context.Context, network string, local netip.AddrPort) (net.PacketConn, error) {
	address := local.String()
	if network[0] == 'i' {
		address = local.Addr().String()
	}
	var conn net.PacketConn
	err := m.node.Do(func() (err error) {
		conn, err = (&net.ListenConfig{}).ListenPacket(ctx, network, address)
		return err
	})
	return conn, err
}

// socketAddress returns where to bind a socket, or nil for the kernel's choice.
func socketAddress(network string, local netip.AddrPort) net.Addr {
	if !local.Addr().IsValid() && local.Port() == 0 {
		return nil
	}
	if network[0] == 'u' {
		return &net.UDPAddr{IP: local.Addr().AsSlice(), Port: int(local.Port())}
	}
	return &net.TCPAddr{IP: local.Addr().AsSlice(), Port: int(local.Port())}
}

// reuseAddress lets a port that the last try used be used again at once.
func reuseAddress(_ context.Context, _, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	})
	return errors.Join(controlErr, err)
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
