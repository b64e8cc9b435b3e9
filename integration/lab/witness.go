package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"cordon/integration/lab/frame"
)

// ErrMissed says that a witness could not read as fast as frames came, so that what it counted is too little.
var ErrMissed = errors.New("the witness missed frames")

// witness reads every frame that comes in on a machine's interface, before the machine's own IP layer, and shows it to those who watch.
// It lives as long as its lab: to close a packet socket costs the kernel a grace period.
type witness struct {
	file *os.File

	mu      sync.Mutex
	watches map[*Watch]struct{}
	missed  uint64
}

// Watch counts the frames that match. It is safe for use by several goroutines.
type Watch struct {
	witness *witness
	match   func(frame.Packet) bool
	changed chan struct{} // holds one token when something changed since it was last taken

	mu     sync.Mutex
	count  int
	missed uint64 // the witness's figure when the watch began
}

// Watch begins to count the frames that come in to the machine and match. The match sees a frame for the time of its call only, and
// calls nothing of the lab.
func (m *Machine) Watch(match func(frame.Packet) bool) (*Watch, error) {
	w, err := m.openWitness()
	if err != nil {
		return nil, err
	}
	watch := &Watch{witness: w, match: match, changed: make(chan struct{}, 1)}
	if watch.missed, err = w.countMissed(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watches[watch] = struct{}{}
	return watch, nil
}

// Count returns how many frames matched so far.
func (w *Watch) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Await waits until n frames have matched or ctx ends, and returns how many did. The error is ErrMissed, or nil: that a frame did not
// come is an answer.
func (w *Watch) Await(ctx context.Context, n int) (int, error) {
	for w.Count() < n {
		select {
		case <-ctx.Done():
			return w.Count(), w.Missed()
		case <-w.changed:
		}
	}
	return w.Count(), nil
}

// Missed returns ErrMissed when the kernel dropped frames in front of the witness since the watch began.
func (w *Watch) Missed() error {
	missed, err := w.witness.countMissed()
	if err == nil && missed > w.missed {
		return fmt.Errorf("%w: %d", ErrMissed, missed-w.missed)
	}
	return err
}

// Close ends the watch; its count stays.
func (w *Watch) Close() {
	w.witness.mu.Lock()
	defer w.witness.mu.Unlock()
	delete(w.witness.watches, w)
}

// see counts a frame that matches.
func (w *Watch) see(p frame.Packet) {
	if !w.match(p) {
		return
	}
	w.mu.Lock()
	w.count++
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// openWitness opens the machine's witness, the first time.
func (m *Machine) openWitness() (*witness, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.witness != nil {
		return m.witness, nil
	}
	fd, err := m.packetSocket(unix.ETH_P_ALL)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", m.Name, err)
	}
	w := &witness{file: os.NewFile(uintptr(fd), "witness of "+m.Name), watches: map[*Watch]struct{}{}}
	m.witness = w
	read := make(chan struct{})
	go func() { defer close(read); w.read() }()
	m.lab.onClose(func() error {
		err := w.file.Close()
		<-read
		return err
	})
	return w, nil
}

// packetSocket opens a socket on the machine's interface for frames of a protocol; of protocol 0 it only sends.
func (m *Machine) packetSocket(protocol uint16) (int, error) {
	fd := -1
	err := m.node.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("open a packet socket: %w", err)
	}
	if err := m.preparePacketSocket(fd, protocol); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// preparePacketSocket makes a socket deaf to what the machine itself sends, roomy, and bound.
func (m *Machine) preparePacketSocket(fd int, protocol uint16) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fmt.Errorf("ignore outgoing frames: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
		return fmt.Errorf("widen the buffer: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: m.index}); err != nil {
		return fmt.Errorf("bind to %s: %w", m.Interface, err)
	}
	return nil
}

// networkOrder returns v as the kernel's link-layer addresses hold it.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// read shows frames to the watches until the file is closed. An interface that goes down is an error of one read, not the end.
func (w *witness) read() {
	buffer := make([]byte, 1<<16)
	for {
		n, err := w.file.Read(buffer)
		switch {
		case errors.Is(err, unix.ENETDOWN):
		case err != nil:
			return
		default:
			w.show(frame.Parse(buffer[:n]))
		}
	}
}

// show hands a frame to everybody who watches.
func (w *witness) show(p frame.Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for watch := range w.watches {
		watch.see(p)
	}
}

// countMissed adds what the kernel dropped since it was last asked, and returns the sum.
func (w *witness) countMissed() (uint64, error) {
	conn, err := w.file.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("reach the witness: %w", err)
	}
	var stats *unix.TpacketStats
	controlErr := conn.Control(func(fd uintptr) {
		stats, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})
	if err := errors.Join(controlErr, err); err != nil {
		return 0, fmt.Errorf("ask what the witness missed: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missed += uint64(stats.Drops)
	return w.missed, nil
}

// sendTries is how often a frame is offered to a wire that is full, and sendWait how many milliseconds it may take each time to be free.
const (
	sendTries = 5
	sendWait  = 1000
)

// SendFrame puts a frame on the machine's wire as it is: any address, any type, any length that the interface takes.
func (m *Machine) SendFrame(raw []byte) error {
	fd, err := m.openWire()
	if err != nil {
		return err
	}
	for range sendTries {
		if err = unix.Send(fd, raw, 0); !errors.Is(err, unix.EAGAIN) {
			break
		}
		// The other end has not taken what was sent before: on a slow machine that may last.
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, sendWait); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for the wire of %s: %w", m.Name, err)
		}
	}
	if err != nil {
		return fmt.Errorf("send a frame from %s: %w", m.Name, err)
	}
	return nil
}

// openWire opens the socket that sends frames, the first time.
func (m *Machine) openWire() (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wire != 0 {
		return m.wire, nil
	}
	fd, err := m.packetSocket(0)
	if err != nil {
		return 0, fmt.Errorf("reach the wire of %s: %w", m.Name, err)
	}
	m.wire = fd
	m.lab.onClose(func() error { return unix.Close(fd) })
	return fd, nil
}
