package route

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
)

// attempts is how often a dump is begun again when the kernel says that what it listed changed meanwhile.
const attempts = 10

// errChanged is what a dump gives that another program's change made inconsistent.
var errChanged = errors.New("it changed while it was read")

// Conn is a socket of the routing family. It may be used by several goroutines.
type Conn struct {
	socket *netlink.Conn
	turn   sync.Mutex // held from a request to the last of its answers
}

// Open makes a socket in the network namespace of the calling thread.
func Open() (*Conn, error) {
	socket, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("open a routing socket: %w", err)
	}
	for _, option := range []netlink.ConnOption{netlink.ExtendedAcknowledge, netlink.GetStrictCheck} {
		if err := socket.SetOption(option, true); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return nil, errors.Join(fmt.Errorf("set option %d of a routing socket: %w", option, err), socket.Close())
		}
	}
	return &Conn{socket: socket}, nil
}

// Port is the socket's number, which the kernel's notifications of what it did carry.
func (c *Conn) Port() uint32 { return c.socket.PID() }

// Close ends the socket.
func (c *Conn) Close() error { return c.socket.Close() }

// Read returns the links, addresses, routes of every table, rules and permanent neighbours of the namespace, in canonical order. A
// change by another program in the middle begins the reading again.
func (c *Conn) Read() (netstate.State, error) {
	var state netstate.State
	err := repeat(func() error {
		links, err := c.links()
		if err != nil {
			return err
		}
		state = netstate.State{Links: links}
		names := nameByIndex(links)
		return errors.Join(
			read(&state.Addresses, names, c.addresses), read(&state.Routes, names, c.routes),
			read(&state.Neighbours, names, c.neighbours), read(&state.Rules, names, c.allRules),
		)
	})
	if err != nil {
		return netstate.State{}, err
	}
	return state.Canonical(), nil
}

// read stores what one kind of dump gives.
func read[T any](into *[]T, names map[int]string, dump func(map[int]string) ([]T, error)) error {
	values, err := dump(names)
	*into = values
	return err
}

// repeat calls again while the answer is errChanged, a bounded number of times.
func repeat(dump func() error) error {
	var err error
	for range attempts {
		if err = dump(); !errors.Is(err, errChanged) {
			return err
		}
	}
	return err
}

func nameByIndex(links []netstate.Link) map[int]string {
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Index] = l.Name
	}
	return names
}

// Add makes the object. An equal one that is there already is fine. Of links only VLANs and bridges are made, and none that is there: the
// others belong to the machine.
func (c *Conn) Add(object netstate.Object) error {
	switch o := object.(type) {
	case netstate.Link:
		return wrap("add link", o, c.addLink(o))
	case netstate.Address:
		return wrap("add address", o, there(c.send(newAddress(c.index, o))))
	case netstate.Route:
		return wrap("add route", o, c.addRoute(o.Canonical()))
	case netstate.Rule:
		return wrap("add rule", o, c.addRule(o.Canonical()))
	case netstate.Neighbour:
		return wrap("add neighbour", o, c.setNeighbour(o))
	}
	return wrap("add", object, errors.ErrUnsupported)
}

// Change makes after out of before, which differ in what is not their identity: a link's group or state, a route's next hop, a
// neighbour's MAC address.
func (c *Conn) Change(before, after netstate.Object) error {
	switch o := after.(type) {
	case netstate.Link:
		if b, ok := before.(netstate.Link); ok && b.Name == o.Name {
			return wrap("set link", o, c.changeLink(b, o))
		}
	case netstate.Route:
		if _, ok := before.(netstate.Route); ok {
			return wrap("change route", o, c.changeRoute(o.Canonical()))
		}
	case netstate.Neighbour:
		return wrap("change neighbour", o, c.setNeighbour(o))
	}
	return wrap("change", after, errors.ErrUnsupported)
}

// Remove takes the object away: exactly this one, although the kernel takes what a request leaves out for "any". One that is gone
// already is fine, and so is one whose interface is gone.
func (c *Conn) Remove(object netstate.Object) error {
	switch o := object.(type) {
	case netstate.Link:
		return wrap("remove link", o, gone(c.removeLink(o)))
	case netstate.Address:
		return wrap("remove address", o, gone(c.removeAddress(o)))
	case netstate.Route:
		return wrap("remove route", o, gone(c.removeRoute(o.Canonical())))
	case netstate.Rule:
		return wrap("remove rule", o, c.removeRule(o.Canonical()))
	case netstate.Neighbour:
		return wrap("remove neighbour", o, gone(c.removeNeighbour(o)))
	}
	return wrap("remove", object, errors.ErrUnsupported)
}

func wrap(what string, object netstate.Object, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", what, object, err)
}

// gone drops the errors by which the kernel says that there is nothing to remove.
func gone(err error) error {
	for _, absent := range []error{unix.ESRCH, unix.ENOENT, unix.ENODEV, unix.EADDRNOTAVAIL} {
		if errors.Is(err, absent) {
			return nil
		}
	}
	return err
}

// there drops the error by which the kernel says that what was to be added is there.
func there(err error) error {
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

func request(kind uint16, flags netlink.HeaderFlags, header []byte, attributes *netlink.AttributeEncoder) (netlink.Message, error) {
	encoded, err := attributes.Encode()
	if err != nil {
		return netlink.Message{}, fmt.Errorf("encode request: %w", err)
	}
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | flags}, Data: append(header, encoded...),
	}, nil
}

// write sends one request and waits for the kernel's answer.
func (c *Conn) write(kind uint16, flags netlink.HeaderFlags, header []byte, attributes *netlink.AttributeEncoder) error {
	return c.send(request(kind, flags, header, attributes))
}

// send sends a request that could be made and waits for the kernel's answer.
func (c *Conn) send(m netlink.Message, err error) error {
	if err != nil {
		return err
	}
	m.Header.Flags |= netlink.Acknowledge
	_, err = c.execute(m)
	return reason(err)
}

func (c *Conn) execute(m netlink.Message) ([]netlink.Message, error) {
	c.turn.Lock()
	defer c.turn.Unlock()
	return c.socket.Execute(m)
}

// reason leaves the kernel's errno and its own words of an error, without the library's.
func reason(err error) error {
	var op *netlink.OpError
	if !errors.As(err, &op) {
		return err
	}
	if op.Message == "" {
		return op.Err
	}
	return fmt.Errorf("%w: %s", op.Err, op.Message)
}

// dump returns the bodies of every message of one kind, each at least as long as the kind's header.
func (c *Conn) dump(kind uint16, request []byte, size int) ([][]byte, error) {
	messages, err := c.execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | netlink.Dump}, Data: request,
	})
	if err != nil {
		return nil, reason(err)
	}
	bodies := make([][]byte, 0, len(messages))
	for _, m := range messages {
		if m.Header.Flags&netlink.DumpInterrupted != 0 {
			return nil, errChanged
		}
		if len(m.Data) < size {
			return nil, fmt.Errorf("a message of %d octets: %w", len(m.Data), unix.EBADMSG)
		}
		bodies = append(bodies, m.Data)
	}
	return bodies, nil
}

// name returns the interface's name; an index that is not among the links means that one came between the dumps.
func name(names map[int]string, index uint32) (string, error) {
	if index == 0 {
		return "", nil
	}
	if n, ok := names[int(index)]; ok {
		return n, nil
	}
	return "", fmt.Errorf("interface %d: %w", index, errChanged)
}

func put32(b []byte, v uint32) { binary.NativeEndian.PutUint32(b, v) }

func get32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
