package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// mmsghdr is one entry of sendmmsg(2), struct mmsghdr.
type mmsghdr struct {
	header unix.Msghdr
	sent   uint32
	_      [4]byte
}

// burst is how many frames one system call hands over.
const burst = 64

// sender hands the same frames to an interface again and again.
type sender struct {
	ns     *lab.NetNS
	socket int
	frames [][]byte
	pieces []unix.Iovec
	batch  [burst]mmsghdr
	next   int
}

// flowOf returns the frame of a UDP packet with 18 octets: 60 octets in all, the smallest that Ethernet carries.
func flowOf(source, target policy.MAC, from, to netip.AddrPort) []byte {
	datagram := frame.UDP{SourcePort: from.Port(), DestinationPort: to.Port(), Payload: make([]byte, 18)}.Bytes(from.Addr(), to.Addr())
	packet, kind := frame.IP(from.Addr(), to.Addr(), policy.UDP, datagram)
	return frame.Ethernet{Destination: target, Source: source, Type: kind, Payload: packet}.Bytes()
}

// newSender opens a raw socket on a machine's interface.
func newSender(m *lab.Machine, frames [][]byte) (*sender, error) {
	s := &sender{ns: m.NetNS(), frames: frames, pieces: make([]unix.Iovec, len(frames))}
	for i := range frames {
		s.pieces[i].Base = &frames[i][0]
		s.pieces[i].SetLen(len(frames[i]))
	}
	err := s.ns.Do(func() error {
		var err error
		if s.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return fmt.Errorf("open a raw socket: %w", err)
		}
		device, err := net.InterfaceByName(m.Interface)
		if err != nil {
			return err
		}
		return errors.Join(
			unix.Bind(s.socket, &unix.SockaddrLinklayer{Ifindex: device.Index}),
			unix.SetsockoptInt(s.socket, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1))
	})
	return s, err
}

// once sends every frame one time.
func (s *sender) once() error {
	for sent := 0; sent < len(s.frames); {
		n, err := s.hand(min(burst, len(s.frames)-sent))
		if err != nil {
			return err
		}
		sent += n
	}
	return nil
}

// hand gives the kernel n frames and returns how many it took.
func (s *sender) hand(n int) (int, error) {
	for i := range n {
		s.batch[i].header.Iov = &s.pieces[s.next]
		s.batch[i].header.Iovlen = 1
		s.next = (s.next + 1) % len(s.pieces)
	}
	taken, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.socket), uintptr(unsafe.Pointer(&s.batch[0])), uintptr(n), 0, 0, 0)
	if errno != 0 {
		return 0, fmt.Errorf("send: %w", errno)
	}
	return int(taken), nil
}

// cost sends for about that long and returns the thread's CPU time in nanoseconds a packet: sending, forwarding and dropping all
// happen in it.
func (s *sender) cost(duration time.Duration) (cost float64, packets int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin, err := threadTime()
	if err != nil {
		return 0, 0, err
	}
	for end := time.Now().Add(duration); time.Now().Before(end); {
		n, err := s.hand(burst)
		if err != nil {
			return 0, packets, err
		}
		packets += n
	}
	end, err := threadTime()
	return float64(end-begin) / float64(packets), packets, err
}

// threadTime returns the CPU time of the calling thread.
func threadTime() (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano()), err
}

// scattered returns the numbers below n in an order that no cache likes.
func scattered(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	seed := uint64(1)
	for i := n - 1; i > 0; i-- {
		seed = binary.LittleEndian.Uint64(binary.BigEndian.AppendUint64(nil, seed*6364136223846793005+1442695040888963407))
		j := int(seed % uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}
