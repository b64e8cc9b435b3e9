package compile

import (
	"net/netip"
	"slices"

	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/policy"
)

// State returns everything that the machine shall hold for a policy, and the packet filter again as text can show it.
func State(p policy.Policy, commit string, at policy.Moment) (netstate.State, ruleset.Ruleset) {
	filter := Ruleset(p, commit, at)
	rules, routes := jailOf(p, openings(p, at))
	s := netstate.State{
		Tables: wire.Of(filter), Rules: rules, Routes: append(routes, ownRoutes(p)...),
		Links: wantedLinks(p, meetings(openings(p, at))), Addresses: addresses(p), Neighbours: neighbours(p), Sysctls: sysctls(p, rules),
	}
	return s.Canonical(), filter
}

// wantedLinks wants each interface up, and governed ones in the group that outlives a rename.
func wantedLinks(p policy.Policy, meets map[string]bool) []netstate.Link {
	list := make([]netstate.Link, 0, len(p.Segments))
	for i := range p.Segments {
		if again(p, i) {
			list = append(list, portLinks(&p.Segments[i], meets)...)
			continue
		}
		l := netstate.Link{Name: p.Segments[i].Interface, Up: true}
		if v := p.Segments[i].VLAN; v != nil {
			l.Kind, l.Parent, l.VLAN = netstate.VLANKind, v.Parent, v.ID
		}
		if len(p.Segments[i].Ports) > 0 {
			l.Kind = netstate.BridgeKind
			list = append(list, portLinks(&p.Segments[i], meets)...)
		}
		if p.Segments[i].Kind.Governed() {
			l.Group = netstate.GovernedGroup
		}
		list = append(list, l)
	}
	if serves(p) {
		list = append(list, netstate.Link{Name: "lo", Up: true}) // what is intercepted is routed to it
	}
	return append(list, trunkLinks(p)...)
}

// again says whether a segment's interface is a bridge that another one before it has ports of, too.
func again(p policy.Policy, i int) bool {
	return slices.ContainsFunc(p.Segments[:i], func(s policy.Segment) bool { return s.Interface == p.Segments[i].Interface })
}

func addresses(p policy.Policy) []netstate.Address {
	var list []netstate.Address
	for i := range p.Segments {
		if again(p, i) {
			continue
		}
		for _, a := range p.Segments[i].Addresses {
			list = append(list, netstate.Address{Interface: p.Segments[i].Interface, Prefix: a, Protocol: netstate.RouteProtocol})
		}
	}
	return list
}

// ownRoutes are the ways to networks behind routers, which everybody uses.
func ownRoutes(p policy.Policy) []netstate.Route {
	var list []netstate.Route
	for i := range p.Segments {
		for _, r := range p.Segments[i].Routes {
			for _, to := range r.To {
				list = append(list, netstate.Route{
					Table: netstate.MainTable, Destination: to, Type: netstate.Unicast, Via: r.Via,
					Interface: p.Segments[i].Interface, Protocol: netstate.RouteProtocol,
				})
			}
		}
	}
	return list
}

// neighbours are permanent entries for every device with a MAC: nothing that anybody says in ARP or neighbour discovery moves them.
func neighbours(p policy.Policy) []netstate.Neighbour {
	var list []netstate.Neighbour
	for i := range p.Devices {
		d := &p.Devices[i]
		s := &p.Segments[d.Segment]
		if d.MAC.IsZero() || behindRouter(s, d) {
			continue
		}
		for _, a := range identities(s, d) {
			list = append(list, netstate.Neighbour{Interface: s.Interface, Address: a, MAC: d.MAC})
		}
	}
	return list
}

// behindRouter says whether a device's MAC is never seen on the segment itself.
func behindRouter(s *policy.Segment, d *policy.Device) bool {
	on := func(a netip.Addr) bool {
		return slices.ContainsFunc(s.Addresses, func(own netip.Prefix) bool { return own.Contains(a) })
	}
	return !slices.ContainsFunc(d.Addresses, on)
}
