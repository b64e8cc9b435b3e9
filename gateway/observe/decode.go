package observe

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"cordon/gateway/wire"
)

// transaction gathers the notifications of one transaction of nf_tables, until the one that ends it.
type transaction struct {
	table string // whose changes are asked for
	own   uint32 // the port of the socket whose changes are not
	kinds Kind
	sets  []wire.SetID
}

// add takes the next notification, and returns an event when it ends a transaction of somebody else.
func (t *transaction) add(m wire.Message) Event {
	n, err := wire.DecodeNotice(m)
	switch {
	case err != nil:
		return Event{Kinds: Lost}
	case !n.Ends && n.Table.Name == t.table:
		t.kinds |= Tables
		t.touch(n)
	case !n.Ends:
		t.kinds |= Foreign
	default:
		e := Event{Kinds: t.kinds, Sets: t.sets}
		t.kinds, t.sets = 0, nil
		if t.own != 0 && m.Port == t.own {
			return Event{}
		}
		if e.Kinds&Tables != 0 {
			e.By = []Process{{n.PID, n.Process}}
		}
		return e
	}
	return Event{}
}

// touch notes which set a notification is about.
func (t *transaction) touch(n wire.Notice) {
	if n.Set == "" {
		return
	}
	var all bool
	if t.sets, all = union(t.sets, []wire.SetID{{Table: n.Table, Name: n.Set}}, mostSets); !all {
		t.kinds |= Lost
	}
}

// Sizes of headers in octets (linux/neighbour.h, struct ndmsg), and where its state stands.
const (
	neighbourHeader = 12
	neighbourState  = 8
)

// routing reads a notification of the routing family.
func routing(kind uint16, body []byte) Event {
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return Event{Kinds: Links}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return Event{Kinds: Addresses}
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return Event{Kinds: Routes}
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		return Event{Kinds: Rules}
	case unix.RTM_NEWNETCONF, unix.RTM_DELNETCONF:
		return Event{Kinds: Settings}
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		return neighbour(kind, body)
	}
	return Event{}
}

// neighbour tells permanent neighbours from those that come and go by themselves.
func neighbour(kind uint16, body []byte) Event {
	if len(body) < neighbourHeader {
		return Event{Kinds: Lost}
	}
	if family := body[0]; family != unix.AF_INET && family != unix.AF_INET6 {
		return Event{} // what a bridge has learned
	}
	if kind == unix.RTM_NEWNEIGH && binary.NativeEndian.Uint16(body[neighbourState:])&unix.NUD_PERMANENT != 0 {
		return Event{Kinds: Neighbours}
	}
	octets, _ := wire.Attributes(body[neighbourHeader:]).Get(unix.NDA_DST)
	address, ok := netip.AddrFromSlice([]byte(octets))
	if !ok {
		return Event{Kinds: Lost}
	}
	return Event{Fleeting: []netip.Addr{address}}
}
