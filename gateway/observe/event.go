package observe

import (
	"net/netip"
	"slices"
	"strings"

	"cordon/gateway/wire"
)

// Kind is a set of things that changed.
type Kind uint16

// What changes.
const (
	Tables     Kind = 1 << iota // those that were asked for
	Foreign                     // other programs' tables
	Links                       // made, gone, renamed, up, down, another group or bridge
	Addresses                   // of either family
	Routes                      // of either family and any table
	Rules                       // of either family
	Neighbours                  // permanent ones
	Settings                    // forwarding, rp_filter and the few others that the kernel speaks of (RTM_NEWNETCONF)
	Lost                        // the socket was full: anything may have changed
)

// String returns the words for what is in the set, for a log.
func (k Kind) String() string {
	var words []string
	for i, word := range [...]string{"tables", "foreign tables", "links", "addresses", "routes", "rules", "neighbours", "settings", "lost"} {
		if k&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// Process is who changed something, in the kernel's words: the number of the thread that did, in the first PID namespace, and its name.
type Process struct {
	PID  uint32
	Name string
}

// Bounds of what an Event names. Who comes after the last is not named; sets and
// addresses beyond the last make the event Lost.
const (
	mostProcesses = 8
	mostAddresses = 256
	mostSets      = 256
)

// Event is what changed since the one before.
type Event struct {
	Kinds Kind
	// By are those who changed the tables that were asked for.
	By []Process
	// Sets are the sets of those tables that changed, or whose elements did.
	Sets []wire.SetID
	// Fleeting are the addresses of neighbours that are not permanent, or that went: every gateway has some all the time.
	Fleeting []netip.Addr
	// Err says that a socket cannot be read any more. Nothing comes behind it.
	Err error
}

// Empty says whether nothing happened.
func (e Event) Empty() bool { return e.Kinds == 0 && len(e.Fleeting) == 0 && e.Err == nil }

// And returns both events as one.
func (e Event) And(other Event) Event {
	e.Kinds |= other.Kinds
	var all bool
	if e.Sets, all = union(e.Sets, other.Sets, mostSets); !all {
		e.Kinds |= Lost
	}
	e.By, _ = union(e.By, other.By, mostProcesses)
	var whole bool
	if e.Fleeting, whole = union(e.Fleeting, other.Fleeting, mostAddresses); !whole {
		e.Kinds |= Lost
	}
	if e.Err == nil {
		e.Err = other.Err
	}
	return e
}

// union returns what is in either list, once, and whether all of it found room.
func union[T comparable](list, more []T, room int) ([]T, bool) {
	for _, v := range more {
		if slices.Contains(list, v) {
			continue
		}
		if len(list) == room {
			return list, false
		}
		list = append(slices.Clip(list), v)
	}
	return list, true
}
