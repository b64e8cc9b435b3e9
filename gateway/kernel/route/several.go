package route

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/mdlayher/netlink"

	"cordon/gateway/netstate"
)

// together is how many requests go to the kernel at once. Were every one of them refused, the answers still fit the receive buffer
// that a socket begins with (net.core.rmem_default, 208 KiB); those of a thousand do not.
const together = 128

// patience is how long an answer may take that the kernel gives before the sending returns.
const patience = 5 * time.Second

// errUnanswered is what remains when the kernel's answers were lost.
var errUnanswered = errors.New("the kernel's answer was lost")

// numbering tells the kernel's number of an interface.
type numbering func(name string) (uint32, error)

// AddAll makes the objects in their order, as Add makes each of them, with few calls of the system. The error is that of the first
// object that could not be added. Requests go to the kernel in runs, and it carries on after one that it refuses: some objects behind
// the first mistake may be there as well. Added are exactly those that are, in their order.
func (c *Conn) AddAll(objects []netstate.Object) (added []netstate.Object, err error) {
	number := once(c.index)
	for run := range slices.Chunk(objects, together) {
		if c.addRun(number, run) == nil {
			added = append(added, run...)
			continue
		}
		for _, o := range run { // each by itself tells which and why; what the kernel took already is there, which is fine
			if addErr := c.Add(o); addErr != nil {
				err = cmp.Or(err, addErr)
				continue
			}
			added = append(added, o)
		}
		if err != nil {
			return added, err
		}
	}
	return added, nil
}

// once asks for each name a single time.
func once(ask numbering) numbering {
	known := map[string]uint32{}
	return func(name string) (uint32, error) {
		if n, ok := known[name]; ok {
			return n, nil
		}
		n, err := ask(name)
		if err == nil {
			known[name] = n
		}
		return n, err
	}
}

// addRun sends requests that nobody acknowledges, for the kernel answers all the same to what it refuses, and behind them one that
// asks for nothing but an answer.
func (c *Conn) addRun(number numbering, run []netstate.Object) error {
	requests := make([]netlink.Message, 0, len(run)+1)
	for _, o := range run {
		m, err := addition(number, o)
		if err != nil {
			return err
		}
		requests = append(requests, m)
	}
	end := netlink.Header{Type: netlink.Noop, Flags: netlink.Request | netlink.Acknowledge}
	c.turn.Lock()
	defer c.turn.Unlock()
	sent, err := c.socket.SendMessages(append(requests, netlink.Message{Header: end}))
	if err != nil {
		return reason(err)
	}
	return c.answers(sent)
}

// addition is the request that adds an object.
func addition(number numbering, object netstate.Object) (netlink.Message, error) {
	switch o := object.(type) {
	case netstate.Address:
		return newAddress(number, o)
	case netstate.Route:
		return newRoute(number, o.Canonical())
	case netstate.Rule:
		return newRule(o.Canonical(), netlink.Excl)
	case netstate.Neighbour:
		return newNeighbour(number, o)
	}
	return netlink.Message{}, errors.ErrUnsupported
}

// answers reads until the last request is answered, and returns what the kernel says against one of the others.
func (c *Conn) answers(sent []netlink.Message) (refused error) {
	if err := c.socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	defer func() { refused = cmp.Or(refused, c.socket.SetReadDeadline(time.Time{})) }()
	last := sent[len(sent)-1].Header.Sequence
	for range sent {
		answer, err := c.socket.Receive()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		refused = cmp.Or(refused, reason(err))
		if slices.ContainsFunc(answer, func(m netlink.Message) bool { return m.Header.Sequence == last }) {
			return refused
		}
	}
	return fmt.Errorf("%d requests: %w", len(sent)-1, cmp.Or(refused, errUnanswered))
}
