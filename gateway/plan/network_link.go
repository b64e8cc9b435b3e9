package plan

import (
	"cmp"
	"slices"

	"cordon/gateway/netstate"
	"cordon/gateway/wire"
)

// making makes the interfaces that are ours to make. One that is there as something else is made anew when it is ours; what somebody
// else made serves when it is the same, and stands in the way when it is not.
func (n *network) making() {
	wanted := map[string]bool{}
	parentsFirst := slices.SortedStableFunc(slices.Values(n.wanted.Links), func(a, b netstate.Link) int {
		return cmp.Compare(a.Parent, b.Parent)
	})
	for _, w := range parentsFirst {
		wanted[w.Name] = true
		if w.Kind == "" || w.Exact && !w.Ours() {
			continue
		}
		live, there := n.links[w.Name]
		switch {
		case !n.present(w.Parent):
			n.waiting[w.Name] = true
		case !there:
			n.makeLink(w)
		case live.SameMaking(w):
		case live.Ours():
			n.remove(unmakeLinks, live)
			n.makeLink(w)
		default:
			n.occupied = append(n.occupied, live)
		}
	}
	for _, l := range n.live.Links {
		if l.Ours() && !wanted[l.Name] {
			n.remove(removeLinks, l)
		}
	}
}

// makeLink makes an interface, which is down until the packet filter knows it.
func (n *network) makeLink(w netstate.Link) {
	w.Up, w.Alias, w.Index = false, netstate.LinkAlias, 0
	n.add(makeLinks, w)
	n.made[w.Name], n.links[w.Name] = true, w
}

// remaining divides what is live into what stays and what an interface that is made anew takes along.
func remaining[T any](n *network, live []T, iface func(T) string) (kept, lost []T) {
	for _, v := range live {
		if n.made[iface(v)] {
			lost = append(lost, v)
		} else {
			kept = append(kept, v)
		}
	}
	return kept, lost
}

// dropped divides what stays into that and what the kernel drops with an interface's last IPv4 address: every IPv4 route and neighbour of
// it (fib_disable_ip, arp_ifdown).
func dropped[T any](n *network, live []T, of func(T) (iface string, v4 bool)) (kept, lost []T) {
	for _, v := range live {
		if iface, v4 := of(v); v4 && n.emptied[iface] {
			lost = append(lost, v)
		} else {
			kept = append(kept, v)
		}
	}
	return kept, lost
}

// ports puts interfaces on the bridges that they are to be ports of, and takes off a bridge of ours what nobody wants there. A bridge
// itself is set as it is wanted.
func (n *network) ports() {
	plugged, alone := map[string]bool{}, map[string]bool{}
	for _, w := range n.wanted.Links {
		plugged[w.Name], alone[w.Name] = w.Master != "", w.Exact
		if w.Kind != netstate.BridgeKind && w.Master == "" || !n.present(w.Name) {
			continue
		}
		before := n.links[w.Name]
		if w.Exact && w.Kind == netstate.BridgeKind && before.Kind != w.Kind {
			continue // somebody has made something else of it
		}
		after := before
		after.Filtering, after.Snooping = w.Filtering, w.Snooping
		if before != after && w.Kind == netstate.BridgeKind {
			n.change(plugPorts, before, after)
		}
		before.Filtering, before.Snooping = after.Filtering, after.Snooping
		after.Master, after.Isolated = w.Master, w.Isolated
		if before != after && w.Master != "" && n.present(w.Master) {
			n.change(plugPorts, before, after)
		}
	}
	for _, l := range n.live.Links {
		master := n.links[l.Master]
		if l.Master != "" && (master.Ours() && !n.made[l.Master] || alone[l.Name]) && !plugged[l.Name] {
			free := l
			free.Master, free.Isolated = "", false
			n.change(unplugPorts, l, free)
		}
	}
}

// unhooked returns tables as they are once some interfaces are gone: some kernels drop their hooks, and with its last one a chain.
func unhooked(tables []wire.Table, gone []string) []wire.Table {
	tables = slices.Clone(tables)
	for i := range tables {
		tables[i].Chains = slices.Clone(tables[i].Chains)
		for j, c := range tables[i].Chains {
			if c.Hook == nil {
				continue
			}
			hook := *c.Hook
			hook.Devices = slices.DeleteFunc(slices.Clone(hook.Devices), func(d string) bool { return slices.Contains(gone, d) })
			tables[i].Chains[j].Hook = &hook
		}
	}
	return tables
}
