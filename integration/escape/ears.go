package escape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
)

// ListenPort is a port where a process of the gateway listens for markers.
const ListenPort = 5353

// MarkerPrefix begins every marker. Six octets follow, which tell one from the other.
const MarkerPrefix = "escape-"

// markerLength is the length of a whole marker.
const markerLength = len(MarkerPrefix) + 6

// InGateway is the name under which the gateway's own processes hear.
const InGateway = "gateway"

// Ears are everybody who may hear a marker: a witness at each machine, and processes of the gateway.
type Ears struct {
	watches []*lab.Watch
	sockets []net.PacketConn
	reading sync.WaitGroup

	mu    sync.Mutex
	heard map[string]map[string]bool // marker → who
}

// Listen opens a witness at every machine and the sockets of the gateway: one for each datagram to ListenPort, and raw ones, which the
// kernel shows what its input chains let through, whoever listens. Their protocols are those that the gateway answers anyhow: another one
// would keep the gateway from saying that nobody is there.
func Listen(ctx context.Context, l *lab.Lab) (*Ears, error) {
	e := &Ears{heard: map[string]map[string]bool{}}
	for _, m := range l.Machines() {
		w, err := m.Watch(func(p frame.Packet) bool { return e.note(m, p) })
		if err != nil {
			return nil, err
		}
		e.watches = append(e.watches, w)
	}
	networks := []string{"udp4", "udp6", "ip4:icmp", "ip4:tcp", "ip4:udp", "ip6:ipv6-icmp", "ip6:tcp", "ip6:udp"}
	for _, network := range networks {
		if err := e.open(ctx, l, network); err != nil {
			return nil, errors.Join(fmt.Errorf("listen at the gateway by %s: %w", network, err), e.Close())
		}
	}
	return e, nil
}

// open begins to read from one socket of the gateway.
func (e *Ears) open(ctx context.Context, l *lab.Lab, network string) error {
	address := ""
	if network[0] == 'u' {
		address = fmt.Sprintf(":%d", ListenPort)
	}
	var conn net.PacketConn
	err := l.Gateway().Do(func() (err error) {
		conn, err = (&net.ListenConfig{}).ListenPacket(ctx, network, address)
		return err
	})
	if err != nil {
		return err
	}
	e.sockets = append(e.sockets, conn)
	e.reading.Go(func() {
		buffer := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			e.add(InGateway, buffer[:n])
		}
	})
	return nil
}

// Close ends the gateway's sockets and the watches.
func (e *Ears) Close() error {
	var errs []error
	for _, s := range e.sockets {
		errs = append(errs, s.Close())
	}
	e.reading.Wait()
	for _, w := range e.watches {
		w.Close()
	}
	return errors.Join(errs...)
}

// Missed returns an error when a witness did not see everything.
func (e *Ears) Missed() error {
	var errs []error
	for _, w := range e.watches {
		errs = append(errs, w.Missed())
	}
	return errors.Join(errs...)
}

// note takes down what a machine hears, and whether the gateway sent it.
func (e *Ears) note(m *lab.Machine, p frame.Packet) bool {
	if e.add(m.Name, p.Raw) && p.Source == m.Segment.MAC {
		return e.add(m.Name+byGateway, p.Raw)
	}
	return true
}

// byGateway marks who heard a frame that the gateway sent.
const byGateway = ", from the gateway"

// add looks for a marker in a frame or packet, and takes down who heard it.
func (e *Ears) add(who string, raw []byte) bool {
	i := bytes.Index(raw, []byte(MarkerPrefix))
	if i < 0 || len(raw) < i+markerLength {
		return false
	}
	marker := string(raw[i : i+markerLength])
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard[marker] == nil {
		e.heard[marker] = map[string]bool{}
	}
	e.heard[marker][who] = true
	return true
}

// Who returns who heard a marker, by the machines' names and InGateway.
func (e *Ears) Who(marker string) map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.heard[marker])
}

// escaped returns where a marker of a sender was heard that must not be heard there, in order. The sender itself is told by the gateway
// that it is refused, which is no escape.
func (e *Ears) escaped(marker string, sender *lab.Machine, besides map[string]bool) []string {
	var places []string
	for who := range e.Who(marker) {
		name, byHand := strings.CutSuffix(who, byGateway)
		if name != sender.Name && (byHand || !besides[name]) {
			places = append(places, name)
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}
