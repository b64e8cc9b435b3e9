package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"cordon/policy"
)

// Server echoes whatever it is sent at one port of a machine, and counts it.
type Server struct {
	count   atomic.Int64
	bytes   atomic.Int64
	changed chan struct{} // holds one token when the count changed since it was last taken

	mu      sync.Mutex
	closers map[io.Closer]struct{}
	closed  bool
	running sync.WaitGroup
}

// Serve starts a server of TCP or UDP at a port of each of the machine's addresses, so that an answer always comes from the address
// that was asked. It runs until it or the lab is closed.
func (m *Machine) Serve(ctx context.Context, protocol policy.Protocol, port uint16) (*Server, error) {
	s := &Server{closers: map[io.Closer]struct{}{}, changed: make(chan struct{}, 1)}
	for _, p := range m.Addresses {
		if err := s.open(ctx, m, protocol, netip.AddrPortFrom(p.Addr(), port)); err != nil {
			return nil, errors.Join(fmt.Errorf("serve on %s: %w", m.Name, err), s.Close())
		}
	}
	m.lab.onClose(s.Close)
	return s, nil
}

// open starts the server at one address.
func (s *Server) open(ctx context.Context, m *Machine, protocol policy.Protocol, local netip.AddrPort) error {
	switch protocol {
	case policy.TCP:
		listener, err := m.Listen(ctx, local)
		if err != nil {
			return err
		}
		s.start(listener, func() { s.accept(listener) })
	case policy.UDP:
		conn, err := m.ListenPacket(ctx, "udp", local)
		if err != nil {
			return err
		}
		s.start(conn, func() { s.echoPackets(conn) })
	default:
		return fmt.Errorf("no server of protocol %d", protocol)
	}
	return nil
}

// Count returns how many connections were accepted, or datagrams received.
func (s *Server) Count() int { return int(s.count.Load()) }

// Await waits until n were counted or ctx ends, and returns how many were: a connection is made before its server has heard of it.
func (s *Server) Await(ctx context.Context, n int) int {
	for s.Count() < n {
		select {
		case <-ctx.Done():
			return s.Count()
		case <-s.changed:
		}
	}
	return s.Count()
}

// counted adds what came: a connection, or a datagram.
func (s *Server) counted() {
	s.count.Add(1)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Bytes returns how many bytes of payload were received.
func (s *Server) Bytes() int { return int(s.bytes.Load()) }

// Close ends the server and every connection to it, and waits for them. It may be called twice.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	var errs []error
	for c := range s.closers {
		errs = append(errs, c.Close())
	}
	clear(s.closers)
	s.mu.Unlock()
	s.running.Wait()
	return errors.Join(errs...)
}

// start runs fn until what it reads is closed; a server that is closed already closes it at once.
func (s *Server) start(c io.Closer, fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return
	}
	s.closers[c] = struct{}{}
	s.running.Go(func() {
		fn()
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, open := s.closers[c]; open {
			delete(s.closers, c)
			c.Close()
		}
	})
}

// accept takes connections until the listener is closed.
func (s *Server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.counted()
		s.start(conn, func() { s.echo(conn) })
	}
}

// echo sends back what a connection brings until it ends.
func (s *Server) echo(conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		s.bytes.Add(int64(n))
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// echoPackets sends back every datagram until the socket is closed, but for those of another such server: two that echo to each other
// never end, and keep a flow alive that nobody tries. An answer that cannot be sent is a datagram lost.
func (s *Server) echoPackets(conn net.PacketConn) {
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.counted()
		s.bytes.Add(int64(n))
		if samePort(from, conn.LocalAddr()) {
			continue
		}
		conn.WriteTo(buffer[:n], from) //nolint:errcheck // an answer that cannot be sent is a datagram lost
	}
}

// samePort says whether two addresses of UDP have the same port.
func samePort(a, b net.Addr) bool {
	one, ok := a.(*net.UDPAddr)
	other, too := b.(*net.UDPAddr)
	return ok && too && one.Port == other.Port
}
