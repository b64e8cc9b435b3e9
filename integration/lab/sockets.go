package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dial connects from the namespace. network is tcp or udp, with 4, 6 or neither; local may be zero, or a port or an address alone. Its
// addresses are literal: the lab has no resolver.
func (n *NetNS) Dial(ctx context.Context, network string, local, remote netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: socketAddress(network, local), ControlContext: reuseAddress}
	var conn net.Conn
	err := n.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, network, remote.String())
		return err
	})
	return conn, err
}

// Listen accepts TCP connections at an address of the namespace.
func (n *NetNS) Listen(ctx context.Context, local netip.AddrPort) (net.Listener, error) {
	config := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		return reuseAddress(ctx, network, address, c)
	}}
	var listener net.Listener
	err := n.Do(func() (err error) {
		listener, err = config.Listen(ctx, "tcp", local.String())
		return err
	})
	return listener, err
}

// ListenPacket receives at an address of the namespace. network is udp, or ip4:icmp and ip6:ipv6-icmp with a port of zero.
func (n *NetNS) ListenPacket(ctx context.Context, network string, local netip.AddrPort) (net.PacketConn, error) {
	address := local.String()
	if network[0] == 'i' {
		address = local.Addr().String()
	}
	var conn net.PacketConn
	err := n.Do(func() (err error) {
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
