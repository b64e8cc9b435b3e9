package nft

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"cordon/gateway/ruleset"
	"cordon/gateway/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Sizes in octets. The receive buffer holds every error of a long transaction; one part of a dump has at most 32 KiB.
const (
	receiveBuffer = 8 << 20
	sendBuffer    = 1 << 20
	readSize      = 1 << 18
)

// ErrOverrun says that the kernel had more to say than the socket could hold. What was asked may have been done: read back.
var ErrOverrun = errors.New("the kernel's answer was lost (ENOBUFS): what is in force must be read back")

// ErrNoAnswer says that the kernel gave no answer to a request. What was asked may have been done: read back.
var ErrNoAnswer = errors.New("the kernel gave no answer: what is in force must be read back")

// ErrChanged says that somebody else changed the tables at the same time, again and again.
var ErrChanged = errors.New("nf_tables keeps changing while it is being read")

// Conn is a socket to nf_tables. Its methods may be called at the same time; one runs after another.
type Conn struct {
	mu       sync.Mutex
	sock     *netlink.Conn
	raw      syscall.RawConn
	sequence uint32
	buffer   []byte
}

// Open opens a socket in the calling thread's network namespace, where it stays.
func Open() (*Conn, error) {
	sock, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open a netfilter socket: %w", err)
	}
	c := &Conn{sock: sock, sequence: 1, buffer: make([]byte, readSize)}
	if err := c.setUp(); err != nil {
		_ = sock.Close()
		return nil, fmt.Errorf("set up the netfilter socket: %w", err)
	}
	return c, nil
}

func (c *Conn) setUp() (err error) {
	if c.raw, err = c.sock.SyscallConn(); err != nil {
		return err
	}
	return errors.Join(
		c.sock.SetReadBuffer(receiveBuffer),
		c.sock.SetWriteBuffer(sendBuffer),
		c.sock.SetOption(netlink.ExtendedAcknowledge, true),
		// An error repeats the header of the refused message and not all of its 60 KB.
		c.sock.SetOption(netlink.CapAcknowledge, true),
	)
}

// Port is the socket's number, which the kernel's notifications of what it did carry.
func (c *Conn) Port() uint32 { return c.sock.PID() }

// Close closes the socket.
func (c *Conn) Close() error {
	if err := c.sock.Close(); err != nil {
		return fmt.Errorf("close the netfilter socket: %w", err)
	}
	return nil
}

// numbers reserves n sequence numbers and returns the first.
func (c *Conn) numbers(n int) uint32 {
	first := c.sequence
	c.sequence += uint32(n) //nolint:gosec // wraps around as sequence numbers do
	return first
}

func (c *Conn) send(octets []byte) error {
	var err error
	control := c.raw.Control(func(fd uintptr) {
		for {
			err = unix.Sendto(int(fd), octets, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(control, err)
}

// receive returns one datagram, which the next call overwrites.
func (c *Conn) receive() ([]byte, error) {
	var n int
	var err error
	control := c.raw.Control(func(fd uintptr) {
		for {
			n, _, err = unix.Recvfrom(int(fd), c.buffer, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	switch {
	case control != nil:
		return nil, control
	case errors.Is(err, unix.ENOBUFS):
		return nil, ErrOverrun
	case err != nil:
		return nil, err
	case n > len(c.buffer):
		return nil, fmt.Errorf("%w: a datagram of %d octets", wire.ErrMalformed, n)
	}
	return c.buffer[:n], nil
}

// drain throws away what an earlier request that ended in an error has left in the socket.
func (c *Conn) drain() {
	for range receiveBuffer / messageLength {
		if _, err := c.receive(); errors.Is(err, unix.EAGAIN) {
			return
		}
	}
}

// messageLength is the least that a datagram takes in the socket.
const messageLength = 20

// errInterrupted says that a dump began before a change and ended after it.
var errInterrupted = errors.New("the tables changed during a dump")

// ask sends one request and calls each with every message of the answer.
func (c *Conn) ask(ctx context.Context, r request, each func(wire.Message) error) error {
	c.drain()
	sequence := c.numbers(1)
	if err := c.send(r.octets(sequence)); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		datagram, err := c.receive()
		if errors.Is(err, unix.EAGAIN) {
			return ErrNoAnswer
		}
		if err != nil {
			return err
		}
		if done, err := c.answer(datagram, sequence, r.dump, each); done || err != nil {
			return err
		}
	}
}

// answer hands on the messages of one datagram and tells whether they end the answer.
func (c *Conn) answer(datagram []byte, sequence uint32, dump bool, each func(wire.Message) error) (bool, error) {
	for m, err := range wire.Messages(datagram) {
		if err != nil {
			return true, err
		}
		if m.Sequence != sequence {
			continue
		}
		if m.Flags&unix.NLM_F_DUMP_INTR != 0 {
			return true, errInterrupted
		}
		if refusal, control := m.Refusal(); control {
			return true, refused(refusal)
		}
		if err := each(m); err != nil {
			return true, err
		}
		if !dump {
			return true, nil
		}
	}
	return false, nil
}

func refused(r wire.Refusal) error {
	if r.Errno == 0 {
		return nil
	}
	if r.Text != "" {
		return fmt.Errorf("%w (%s)", r.Errno, r.Text)
	}
	return r.Errno
}

// request is a question to nf_tables: one thing, or all that there are of a family.
type request struct {
	command uint16
	dump    bool
	family  ruleset.Family
	// first and second are attributes 1 and 2, which in every question name the table and the set or chain.
	first, second string
}

func (r request) octets(sequence uint32) []byte {
	b := wire.Ask(r.command, r.family, sequence, r.dump)
	if r.first != "" {
		b.Text(1, r.first)
	}
	if r.second != "" {
		b.Text(2, r.second)
	}
	return b.Octets()
}
