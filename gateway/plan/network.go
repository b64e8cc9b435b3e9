package plan

import (
	"cmp"
	"maps"
	"slices"

	"cordon/gateway/netstate"
)

// Step is one change outside the packet filter.
type Step struct {
	Action Action
	Object netstate.Object
	// Before is what an Amend changes; it is nil otherwise.
	Before netstate.Object
}

// Undo returns the step that takes this one back. Steps are undone in the opposite order.
func (s Step) Undo() Step {
	switch s.Action {
	case Add:
		s.Action = Remove
	case Remove:
		s.Action = Add
	case Amend:
		s.Object, s.Before = s.Before, s.Object
	}
	return s
}

// String returns the step in the words of ip(8).
func (s Step) String() string { return string(s.Action) + " " + s.Object.String() }

// Network is the ordered half of a plan that is not the packet filter. Whatever fails in the middle leaves the machine as shut as
// before or more:
//
//	Tighten   1  forwarding off, where it is not wanted; links down, where that is
//	          2  settings: all, default, then each interface, and there disable_ipv6 first
//	          3  device group of governed interfaces, which outlives a rename
//	          4  blackholes, then the rules that lead into them: 880, 881
//	          5  rules that open go (874, 875, 877, 879), then routes that open, neighbours, addresses; ports leave our bridges
//	          6  our own interfaces are made, down, with their settings
//	          ─  the packet filter, one transaction: from here on hooks know every interface
//	Loosen    7  ports on their bridges, links up, addresses, which also make the kernel's own routes
//	          8  routes that open: those on the link, then those by a router, which the kernel finds by the former
//	          9  rules that open
//	         10  rules that shut go, then the blackholes behind them
//	         11  neighbours, which need a link that is up; the group of interfaces that are no longer governed; interfaces of ours that
//	             nobody wants
//	          ─  read back, prove
//	Forward  12  forwarding on, and again what switching it writes over
//
// An interface that was not governed before loses its ways out in 4 and gets those to its peers in 8: it is cut, for milliseconds,
// rather than open to a network whose packet filter does not know it yet.
type Network struct {
	Tighten, Loosen, Forward []Step
	// Absent are the interfaces that the wanted state names and the machine does not have: what belongs to them waits.
	Absent []string
	// Missing are wanted settings that this kernel does not have.
	Missing []netstate.Sysctl
	// Occupied are interfaces that are there and not ours, where one of their name is to be made.
	Occupied []netstate.Link
	// Fresh are the interfaces that the plan makes: hooks of the packet filter can only then be bound to them. Those of them that were
	// there as something else lose theirs before.
	Fresh []string
}

// Empty says whether nothing is to be done. What is absent or missing is not.
func (n Network) Empty() bool { return len(n.Tighten)+len(n.Loosen)+len(n.Forward) == 0 }

// phase is a step's place in the order that the package's drawing shows.
type phase int

const (
	stopForwarding phase = iota
	lowerLinks
	setSettings
	govern
	shutRoutes
	shutRules
	closeRules
	closeRoutes
	forgetNeighbours
	removeAddresses
	unplugPorts
	unmakeLinks
	makeLinks
	settleLinks
	tightened // the packet filter's transaction
	plugPorts
	raiseLinks
	addAddresses
	openRoutes
	openRoutesVia
	openRules
	unshutRules
	unshutRoutes
	setNeighbours
	release
	removeLinks
	loosened // read back, prove
	startForwarding
)

// placed is a step and its place.
type placed struct {
	phase phase
	step  Step
}

// network gathers steps while the two states are compared.
type network struct {
	live, wanted netstate.State
	links        map[string]netstate.Link // live
	absent       map[string]bool
	waiting      map[string]bool // to be made, and its parent is absent
	made         map[string]bool
	emptied      map[string]bool // its last IPv4 address goes
	missing      []netstate.Sysctl
	occupied     []netstate.Link
	steps        []placed
}

// NetworkBetween returns what makes live wanted: everything that is wanted and not there is added, what is there and not wanted is
// removed only when it is ours. Objects of an interface that the machine does not have are left out and the interface is named.
func NetworkBetween(live, wanted netstate.State) Network {
	n := network{
		live: live.Canonical(), wanted: wanted.Canonical(), links: map[string]netstate.Link{}, absent: map[string]bool{},
		waiting: map[string]bool{}, made: map[string]bool{}, emptied: map[string]bool{},
	}
	for _, l := range live.Links {
		n.links[l.Name] = l
	}
	n.making()
	n.settings()
	n.groups()
	n.ports()
	n.addresses()
	n.routes()
	n.rules()
	n.neighbours()
	return n.ordered()
}

// ordered sorts the steps by their places and divides them.
func (n *network) ordered() Network {
	slices.SortStableFunc(n.steps, func(a, b placed) int { return cmp.Compare(a.phase, b.phase) })
	plan := Network{Missing: n.missing, Occupied: n.occupied, Fresh: slices.Sorted(maps.Keys(n.made))}
	for name := range n.absent {
		plan.Absent = append(plan.Absent, name)
	}
	slices.Sort(plan.Absent)
	for _, p := range n.steps {
		switch {
		case p.phase < tightened:
			plan.Tighten = append(plan.Tighten, p.step)
		case p.phase < loosened:
			plan.Loosen = append(plan.Loosen, p.step)
		default:
			plan.Forward = append(plan.Forward, p.step)
		}
	}
	return plan
}

func (n *network) add(at phase, object netstate.Object) {
	n.steps = append(n.steps, placed{at, Step{Action: Add, Object: object}})
}

func (n *network) change(at phase, before, after netstate.Object) {
	n.steps = append(n.steps, placed{at, Step{Action: Amend, Object: after, Before: before}})
}

func (n *network) remove(at phase, object netstate.Object) {
	n.steps = append(n.steps, placed{at, Step{Action: Remove, Object: object}})
}

// present says whether the machine has the interface, and notes it when it has not. No name is no interface.
func (n *network) present(name string) bool {
	if name == "" {
		return true
	}
	if n.waiting[name] {
		return false
	}
	if _, ok := n.links[name]; !ok {
		n.absent[name] = true
		return false
	}
	return true
}

// choose is one of two places.
func choose(condition bool, yes, no phase) phase {
	if condition {
		return yes
	}
	return no
}

// groups sets the device group of governed interfaces before anything else is done to them, and their state when the packet filter
// stands. A group that is not ours is left to whoever set it.
func (n *network) groups() {
	wanted := map[string]bool{}
	for _, w := range n.wanted.Links {
		wanted[w.Name] = true
		if !n.present(w.Name) {
			continue
		}
		after := n.links[w.Name]
		if w.Exact && !w.Up && after.Up {
			before := after
			after.Up = false
			n.change(lowerLinks, before, after)
		}
		if w.Group != after.Group && (w.Group != 0 || after.Governed()) {
			before := after
			after.Group = w.Group
			n.change(choose(w.Governed(), govern, release), before, after)
		}
		if w.Up && !after.Up {
			before := after
			after.Up = true
			n.change(raiseLinks, before, after)
		}
	}
	lacking := n.lacksGoverned()
	for _, l := range n.live.Links {
		switch {
		case !l.Governed() || wanted[l.Name]:
		case lacking:
			n.shut(l)
		default:
			free := l
			free.Group = 0
			n.change(release, l, free)
		}
	}
}

// shut takes an interface of a strange name down, which may be the one that is missing. Neither hooks nor routing rules know it any more:
// its group alone refuses what comes in by it, and a flushed packet filter would not.
func (n *network) shut(l netstate.Link) {
	if l.Up {
		down := l
		down.Up = false
		n.change(lowerLinks, l, down)
	}
}

// lacksGoverned says whether an interface that is to be governed is not there.
func (n *network) lacksGoverned() bool {
	return slices.ContainsFunc(n.wanted.Links, func(w netstate.Link) bool { return w.Governed() && n.absent[w.Name] })
}

// addresses compares by interface and prefix: who added an address does not matter to a packet.
func (n *network) addresses() {
	anonymous := func(a netstate.Address) netstate.Address {
		a.Protocol = 0
		return a
	}
	kept, lost := remaining(n, n.live.Addresses, func(a netstate.Address) string { return a.Interface })
	extra, lacking := differences(kept, n.wanted.Addresses, anonymous)
	for _, a := range append(extra, lost...) {
		if a.Ours() || n.inTheWay(a, lacking) {
			n.remove(removeAddresses, a)
			n.emptied[a.Interface] = true
		}
	}
	for _, a := range kept {
		if a.Prefix.Addr().Is4() && (!a.Ours() || !slices.Contains(extra, a)) {
			delete(n.emptied, a.Interface)
		}
	}
	for _, a := range lacking {
		if n.present(a.Interface) {
			n.add(addAddresses, a)
		}
	}
}

// inTheWay says whether an address that is not ours keeps a wanted one out: an interface has an IPv6 address once, whatever the length of
// its network.
func (n *network) inTheWay(a netstate.Address, lacking []netstate.Address) bool {
	return a.Prefix.Addr().Is6() && slices.ContainsFunc(lacking, func(w netstate.Address) bool {
		return w.Interface == a.Interface && w.Prefix.Addr() == a.Prefix.Addr()
	})
}

// neighbours are ours on governed interfaces.
func (n *network) neighbours() {
	governed := map[string]bool{}
	for _, l := range slices.Concat(n.live.Links, n.wanted.Links) {
		governed[l.Name] = governed[l.Name] || l.Governed()
	}
	type key struct{ link, address string }
	of := func(e netstate.Neighbour) key { return key{e.Interface, e.Address.String()} }
	kept, lost := remaining(n, n.live.Neighbours, func(e netstate.Neighbour) string { return e.Interface })
	kept, gone := dropped(n, kept, func(e netstate.Neighbour) (string, bool) { return e.Interface, e.Address.Is4() })
	lost = append(lost, gone...)
	for _, e := range lost {
		n.remove(forgetNeighbours, e)
	}
	extra, lacking := differences(kept, n.wanted.Neighbours, func(e netstate.Neighbour) netstate.Neighbour { return e })
	standing := map[key]netstate.Neighbour{}
	for _, e := range extra {
		standing[of(e)] = e
	}
	for _, e := range lacking {
		before, ok := standing[of(e)]
		switch {
		case ok:
			n.change(setNeighbours, before, e)
			delete(standing, of(e))
		case n.present(e.Interface):
			n.add(setNeighbours, e)
		}
	}
	for _, e := range extra {
		if _, ok := standing[of(e)]; ok && governed[e.Interface] {
			n.remove(forgetNeighbours, e)
		}
	}
}

// differences returns what is live and not wanted and the other way round, each as often as it is too many or too few. Two values are
// the same when identity makes them so.
func differences[T comparable](live, wanted []T, identity func(T) T) (extra, lacking []T) {
	count := make(map[T]int, len(wanted))
	for _, w := range wanted {
		count[identity(w)]++
	}
	for _, l := range live {
		if count[identity(l)] > 0 {
			count[identity(l)]--
		} else {
			extra = append(extra, l)
		}
	}
	for _, w := range wanted {
		if count[identity(w)] > 0 {
			count[identity(w)]--
			lacking = append(lacking, w)
		}
	}
	return extra, lacking
}
