package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
)

// receiveBuffer is what a socket holds, in octets, while its reader is not scheduled: a transaction with some ten thousand elements.
const receiveBuffer = 8 << 20

// familyHeader is the length of the header of a netfilter message, in octets (linux/netfilter/nfnetlink.h, struct nfgenmsg).
const familyHeader = 4

// Own is what to watch for and whom to leave out.
type Own struct {
	// Table is the name of the tables whose changes are asked for.
	Table string
	// Filter and Route are the ports of the sockets by which the watcher's own process changes nf_tables and the rest. No other socket of
	// the namespace has their numbers (netlink(7)).
	Filter, Route uint32
}

// Watcher reads what the kernel says of one network namespace.
type Watcher struct {
	filter, route *netlink.Conn
	parts, events chan Event
	readers       sync.WaitGroup
}

// Open begins to watch the network namespace of the calling thread. What changes after Open has returned is on the channel.
func Open(own Own) (*Watcher, error) {
	w := &Watcher{parts: make(chan Event), events: make(chan Event)}
	var err error
	if w.filter, err = listen(unix.NETLINK_NETFILTER, unix.NFNLGRP_NFTABLES); err != nil {
		return nil, fmt.Errorf("watch nf_tables: %w", err)
	}
	w.route, err = listen(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE,
		unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF,
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch links and routes: %w", err), w.filter.Close())
	}
	t := transaction{table: own.Table, own: own.Filter}
	w.readers.Go(func() { w.read(w.filter, func(m netlink.Message) Event { return t.add(message(m)) }) })
	w.readers.Go(func() {
		w.read(w.route, func(m netlink.Message) Event {
			if own.Route != 0 && m.Header.PID == own.Route { // 0 is the kernel itself
				return Event{}
			}
			return routing(uint16(m.Header.Type), m.Data)
		})
	})
	go w.gather()
	return w, nil
}

func listen(family int, groups ...uint32) (*netlink.Conn, error) {
	conn, err := netlink.Dial(family, nil)
	if err != nil {
		return nil, err
	}
	err = conn.SetReadBuffer(receiveBuffer)
	for _, g := range groups {
		err = errors.Join(err, conn.JoinGroup(g))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// message returns a netfilter message as package wire has it.
func message(m netlink.Message) wire.Message {
	out := wire.Message{
		Type: uint16(m.Header.Type), Flags: uint16(m.Header.Flags), Sequence: m.Header.Sequence, Port: m.Header.PID,
	}
	if len(m.Data) >= familyHeader {
		out.Family = ruleset.Family(m.Data[0])
		out.Resource = binary.BigEndian.Uint16(m.Data[2:])
		out.Body = wire.Attributes(m.Data[familyHeader:])
	}
	return out
}

// read hands on what a socket brings until it is closed.
func (w *Watcher) read(conn *netlink.Conn, decode func(netlink.Message) Event) {
	for {
		messages, err := conn.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			w.parts <- Event{Kinds: Lost}
			continue
		case errors.Is(err, os.ErrClosed), errors.Is(err, net.ErrClosed), errors.Is(err, unix.EBADF):
			return
		case err != nil:
			w.parts <- Event{Err: fmt.Errorf("read what the kernel says: %w", err)}
			return
		}
		e := Event{}
		for _, m := range messages {
			e = e.And(decode(m))
		}
		if !e.Empty() {
			w.parts <- e
		}
	}
}

// gather merges what the sockets bring until somebody takes it.
func (w *Watcher) gather() {
	defer close(w.events)
	waiting := Event{}
	for {
		var out chan<- Event
		if !waiting.Empty() {
			out = w.events
		}
		select {
		case part, open := <-w.parts:
			if !open {
				return
			}
			waiting = waiting.And(part)
		case out <- waiting:
			waiting = Event{}
		}
	}
}

// Events returns the channel of what changed. Close closes it.
func (w *Watcher) Events() <-chan Event { return w.events }

// Close ends the watch.
func (w *Watcher) Close() error {
	err := errors.Join(w.filter.Close(), w.route.Close())
	w.readers.Wait()
	close(w.parts)
	if err != nil {
		return fmt.Errorf("close what watches the kernel: %w", err)
	}
	return nil
}
