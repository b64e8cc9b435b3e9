package device

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Network is where a device is plugged in.
type Network interface {
	// Dial connects by tcp or udp; local may be zero.
	Dial(ctx context.Context, network string, local, remote netip.AddrPort) (net.Conn, error)
	// Listen accepts TCP connections.
	Listen(ctx context.Context, local netip.AddrPort) (net.Listener, error)
	// ListenPacket receives by udp.
	ListenPacket(ctx context.Context, network string, local netip.AddrPort) (net.PacketConn, error)
}

// Outcome is what became of one call of a device to somebody outside.
type Outcome int

// The three outcomes. A device treats them differently: one that is refused goes on, one that gets no answer may lose its patience.
const (
	Silent  Outcome = iota // nothing came in time
	Refused                // a reset or an ICMP error came
	Replied                // the far side answered
)

// outcomeOf reads an outcome from the error of a connection or a read.
func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Replied
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EHOSTUNREACH),
		errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EACCES):
		return Refused
	}
	return Silent
}

// pause waits for d, and says whether ctx outlived it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
