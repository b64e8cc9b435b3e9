package plan

import (
	"net/netip"

	"cordon/gateway/netstate"
)

// rules adds and removes rules. Those that shut come before the packet filter and go after it, those that open the other way round.
func (n *network) rules() {
	extra, lacking := differences(n.live.Rules, n.wanted.Rules, func(r netstate.Rule) netstate.Rule { return r })
	for _, r := range extra {
		if r.Ours() {
			n.remove(choose(r.Opens(), closeRules, unshutRules), r)
		}
	}
	for _, r := range lacking {
		n.add(choose(r.Opens(), openRules, shutRules), r)
	}
}

// place is what no two routes of a machine share.
type place struct {
	table       uint32
	destination netip.Prefix
	metric      uint32
}

func placeOf(r netstate.Route) place { return place{r.Table, r.Destination, r.Metric} }

// routes does the same for routes, and changes one where another of ours has its place. Who added a route does not matter to a packet,
// so an equal one of another program serves.
func (n *network) routes() {
	anonymous := func(r netstate.Route) netstate.Route {
		r.Protocol = 0
		return r
	}
	kept, lost := remaining(n, n.live.Routes, func(r netstate.Route) string { return r.Interface })
	kept, gone := dropped(n, kept, func(r netstate.Route) (string, bool) { return r.Interface, r.Ours() && r.Family() == netstate.IPv4 })
	lost = append(lost, gone...)
	for _, r := range lost {
		if r.Ours() {
			n.remove(closeRoutes, r)
		}
	}
	extra, lacking := differences(kept, n.wanted.Routes, anonymous)
	standing, amended := map[place]netstate.Route{}, map[netstate.Route]bool{}
	for _, r := range extra {
		if _, taken := standing[placeOf(r)]; r.Ours() && !taken {
			standing[placeOf(r)] = r
		}
	}
	for _, r := range lacking {
		before, taken := standing[placeOf(r)]
		switch {
		case !n.present(r.Interface):
		case taken:
			n.change(coming(r), before, r)
			amended[before] = true
			delete(standing, placeOf(r))
		default:
			n.add(coming(r), r)
		}
	}
	for _, r := range extra {
		if r.Ours() && !amended[r] {
			n.remove(choose(r.Opens(), closeRoutes, unshutRoutes), r)
		}
	}
}

// coming is the place of a route that is added: routers come after the links by which the kernel finds them.
func coming(r netstate.Route) phase {
	switch {
	case !r.Opens():
		return shutRoutes
	case r.Via.IsValid():
		return openRoutesVia
	}
	return openRoutes
}
