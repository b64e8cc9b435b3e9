package compile

import (
	"hash/fnv"
	"iter"
	"net/netip"
	"slices"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// The jail is the second lock: policy routing that holds when the packet filter is gone. It names networks, interfaces and a few
// peers, never a camera.
//
//	874  iif cam0 udp dport 123 → 882             intercepted questions, which are the gateway's own to answer
//	875  from CAMERAS to PEER iif cam0 … fwmark   what an exception or a schedule opens between segments, while the packet filter marks it
//	875  iif cam0 … fwmark → main                 the way to routers inside that report errors
//	876  to INSIDE iif cam0 → 88xxx               before a way to every address: what is inside is no way out
//	877  iif cam0 to PEER tcp dport 443 → main    an allow through an uplink, its replies, and errors about it, by mark; what is limited
//	                                              by mark alone
//	879  iif lo → 881                             the gateway's own packets
//	879  from PEER to CAMERAS iif lan0 → 881      who may send towards cameras
//	880  iif cam0 → 88xxx                         a governed interface: its peers, then a blackhole
//	881  → 883                                    everybody else: cameras' and recorders' networks are a blackhole
//
// An observed segment has the tables and no rule that leads into them, so that switching it to enforce cuts nothing that is allowed.
//
// The inbound rules name the peer and not only its interface: with the interface alone the internet reached cameras once the packet
// filter was flushed (measured).

// blackholeMetric is so high that any other route of the table is preferred. It is odd on purpose: nobody else's default has it.
const blackholeMetric uint32 = 4278198272

// jail collects rules and routes.
type jail struct {
	policy  policy.Policy
	tables  map[string]uint32
	rules   map[netstate.Rule]bool
	routes  map[netstate.Route]bool
	peering map[string][]peerRoute // governed interface → ways to its peers
}

type peerRoute struct {
	to    netip.Prefix
	via   netip.Addr
	iface string
}

// jailOf returns the policy routing of a policy.
func jailOf(p policy.Policy, all iter.Seq[opening]) ([]netstate.Rule, []netstate.Route) {
	j := jail{
		policy: p, tables: peerTables(interfaces(p, governed)), rules: map[netstate.Rule]bool{},
		routes: map[netstate.Route]bool{}, peering: map[string][]peerRoute{},
	}
	for _, f := range [...]netstate.Family{netstate.IPv4, netstate.IPv6} {
		j.frame(f)
		j.intercept(f)
	}
	for o := range all {
		j.opening(o)
	}
	for iface, ways := range j.peering {
		j.peers(iface, ways)
	}
	return keys(j.rules), keys(j.routes)
}

func keys[K comparable](m map[K]bool) []K {
	list := make([]K, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}

// peerTables gives each governed interface a table of its own, by its name: the number stays when another segment comes or goes.
func peerTables(governed []string) map[string]uint32 {
	const first, many = 88000, 1000
	taken, tables := map[uint32]bool{}, map[string]uint32{}
	for _, iface := range slices.Compact(slices.Sorted(slices.Values(governed))) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(iface)) // a hash never fails
		n := h.Sum32() % many
		for taken[n] {
			n = (n + 1) % many
		}
		taken[n], tables[iface] = true, first+n
	}
	return tables
}

// frame writes what does not depend on any allow.
func (j *jail) frame(f netstate.Family) {
	j.rules[netstate.Rule{Family: f, Priority: netstate.InboundPreference, IIF: "lo", Table: netstate.CameraTable}] = true
	j.rules[netstate.Rule{Family: f, Priority: netstate.ShutPreference, Table: netstate.ShutTable}] = true
	for i := range j.policy.Segments {
		s := &j.policy.Segments[i]
		if !s.Kind.Governed() {
			continue
		}
		table := j.tables[s.Interface]
		if enforced(s) {
			j.rules[netstate.Rule{Family: f, Priority: netstate.PeerPreference, IIF: s.Interface, Table: table}] = true
		}
		j.routes[blackhole(table, f.All())] = true
		for _, n := range s.Networks() {
			if netstate.FamilyOf(n.Addr()) == f {
				j.routes[j.way(netstate.CameraTable, s, n)] = true
				if enforced(s) {
					j.routes[blackhole(netstate.ShutTable, n)] = true
				}
			}
		}
	}
}

func blackhole(table uint32, to netip.Prefix) netstate.Route {
	return netstate.Route{
		Table: table, Destination: to, Type: netstate.Blackhole, Metric: blackholeMetric, Protocol: netstate.RouteProtocol,
	}
}

// way returns the route to a network of a segment, by its router when it lies behind one.
func (j *jail) way(table uint32, s *policy.Segment, to netip.Prefix) netstate.Route {
	r := netstate.Route{
		Table: table, Destination: to, Type: netstate.Unicast, Interface: s.Interface, Protocol: netstate.RouteProtocol,
	}
	best := -1
	for _, a := range s.Addresses {
		if a.Masked().Contains(to.Addr()) && a.Bits() > best {
			best, r.Via = a.Bits(), netip.Addr{}
		}
	}
	for _, route := range s.Routes {
		for _, n := range route.To {
			if n.Contains(to.Addr()) && n.Bits() > best {
				best, r.Via = n.Bits(), route.Via
			}
		}
	}
	return r
}

// opening gives both ends of an opening a way to each other. Ports of one bridge need none.
func (j *jail) opening(o opening) {
	if o.bridged() {
		return
	}
	for _, ends := range [...][2]side{{o.from, o.to}, {o.to, o.from}} {
		own, peer := ends[0], ends[1]
		if !own.segment.Kind.Governed() {
			continue
		}
		if o.term.limited || peer.segment.Kind == policy.UplinkSegment {
			j.byRule(own, peer, o)
			j.reporters(own, peer, o)
			continue
		}
		for _, n := range peer.networks(o.v4) {
			w := j.way(0, peer.segment, n)
			j.peering[own.segment.Interface] = append(j.peering[own.segment.Interface], peerRoute{n, w.Via, w.Interface})
			j.inbound(own, peer, n)
		}
		j.routers(own, peer, o)
	}
}

// inbound lets a peer that no jail holds send towards the side's network. Another one is held to a table of its own, which says more
// exactly what it may reach.
func (j *jail) inbound(own, peer side, from netip.Prefix) {
	if enforced(peer.segment) {
		return
	}
	for _, to := range own.home4or6(from.Addr().Is4()) {
		j.rules[netstate.Rule{
			Family: netstate.FamilyOf(from.Addr()), Priority: netstate.InboundPreference,
			From: from, To: to, IIF: peer.segment.Interface, Table: netstate.CameraTable,
		}] = true
	}
}

// home4or6 returns the networks that an inbound rule names for a side: the network of an address, else all that the side covers.
func (s side) home4or6(v4 bool) []netip.Prefix {
	if s.kind == oneAddress {
		return s.home()
	}
	return s.networks(v4)
}

// peers writes the ways to an interface's peers, the widest first: one inside another by the same way adds nothing.
func (j *jail) peers(iface string, ways []peerRoute) {
	slices.SortFunc(ways, func(a, b peerRoute) int { return a.to.Bits() - b.to.Bits() })
	var kept []peerRoute
	for _, w := range ways {
		covered := slices.ContainsFunc(kept, func(k peerRoute) bool {
			return k.to.Overlaps(w.to) && k.via == w.via && k.iface == w.iface
		})
		if covered {
			continue
		}
		kept = append(kept, w)
		j.routes[netstate.Route{
			Table: j.tables[iface], Destination: w.to, Type: netstate.Unicast, Via: w.via, Interface: w.iface,
			Protocol: netstate.RouteProtocol,
		}] = true
	}
}

// byRule opens the jail for one service of one peer, both ways: behind an uplink, or for as long as the packet filter marks it. A camera
// counts as its network: rules are asked one by one, so they must not grow with the number of cameras.
func (j *jail) byRule(own, peer side, o opening) {
	ports := o.routedPorts()
	for _, to := range peer.networks(o.v4) {
		if peer.segment.Kind == policy.UplinkSegment && enforced(own.segment) {
			j.keepInside(own.segment, to)
		}
		j.errors(own, peer, o, own.networks(o.v4))
		for _, home := range own.networks(o.v4) {
			out := netstate.Rule{
				Family: netstate.FamilyOf(home.Addr()), Priority: preference(peer), From: home, To: to,
				IIF: own.segment.Interface, Protocol: o.routed(), Table: wayTo(peer),
			}
			in := netstate.Rule{
				Family: out.Family, Priority: preference(peer), From: to, To: home,
				IIF: peer.segment.Interface, Protocol: o.routed(), Table: netstate.CameraTable,
			}
			if o.term.limited {
				out.Mark, out.Mask = netstate.ExceptionMark, whole32
				in.Mark, in.Mask = out.Mark, out.Mask
			}
			if o.from.segment == own.segment {
				out.DestinationPorts, in.SourcePorts = ports, ports
			} else {
				out.SourcePorts, in.DestinationPorts = ports, ports
			}
			j.rules[out], j.rules[in] = true, true
		}
	}
}

// preference returns where the rules of an opening stand: a way between segments has to come before the ways that shut, and before what
// keeps a way to every address out of the inside.
func preference(peer side) uint32 {
	if peer.segment.Kind != policy.UplinkSegment {
		return netstate.LivePreference
	}
	return netstate.ExceptionPreference
}

// wayTo returns the table that knows the way to a peer.
func wayTo(peer side) uint32 {
	if peer.segment.Kind.Governed() {
		return netstate.CameraTable
	}
	return netstate.MainTable
}

// whole32 is the mask of a mark that is compared whole: foreign programs have bits of their own.
const whole32 = 1<<32 - 1

// errors lets ICMP errors about what goes to a peer in, whoever on the way there sends them, and those of the device itself out.
// The packet filter's mark is asked for, so that without it nothing passes; the reverse-path check of IPv4 looks for both rules, too.
func (j *jail) errors(own, peer side, o opening, homes []netip.Prefix) {
	for _, home := range homes {
		in := netstate.Rule{
			Family: netstate.FamilyOf(home.Addr()), Priority: preference(peer), To: home, IIF: peer.segment.Interface,
			Mark: netstate.ErrorMark, Mask: whole32, Protocol: policy.ICMPv6, Table: netstate.CameraTable,
		}
		if o.v4 {
			in.Protocol = policy.ICMP
		}
		back := in
		back.From, back.To, back.IIF, back.Table = home, netip.Prefix{}, own.segment.Interface, netstate.MainTable
		j.rules[in], j.rules[back] = true, true
	}
}

// routers lets ICMP errors of the routers that either segment names come back: they are no peers either. Those of an own router the
// reverse-path check of IPv4 looks for at the peer's interface, as if a reply went there.
func (j *jail) routers(own, peer side, o opening) {
	if !enforced(own.segment) {
		return
	}
	if len(peer.segment.Routes) > 0 {
		j.errors(own, peer, o, own.home4or6(o.v4))
	}
	if len(own.segment.Routes) > 0 && !enforced(peer.segment) {
		j.reversed(own, peer, o)
	}
}

// reversed is what the reverse-path check of IPv4 looks for when a segment's own router reports.
func (j *jail) reversed(own, peer side, o opening) {
	if !o.v4 {
		return
	}
	for _, from := range peer.networks(o.v4) {
		for _, to := range segmentNetworks(own.segment, o.v4) {
			j.rules[netstate.Rule{
				Family: netstate.IPv4, Priority: netstate.ExceptionPreference, From: from, To: to, IIF: peer.segment.Interface,
				Mark: netstate.ErrorMark, Mask: whole32, Protocol: policy.ICMP, Table: netstate.CameraTable,
			}] = true
		}
	}
}

// reporters lets ICMP errors of an own recorder segment's routers out to a client, where only something limited leads there: a way that
// has no end leads everybody on the segment.
func (j *jail) reporters(own, peer side, o opening) {
	own.kind = wholeSegment // whoever reports
	if own.segment.Kind != policy.RecorderSegment || len(own.segment.Routes) == 0 || peer.segment.Kind != policy.ClientSegment {
		return
	}
	j.errors(own, peer, o, own.networks(o.v4))
	j.reversed(own, peer, o)
}

// keepInside sends what a way through an uplink covers, and other segments own, to the interface's own table: the main table knows a
// way to each of them.
func (j *jail) keepInside(s *policy.Segment, to netip.Prefix) {
	for _, n := range networks(j.policy, to.Addr().Is4(), isInside) {
		if to.Bits() <= n.Bits() && to.Overlaps(n) {
			j.rules[netstate.Rule{
				Family: netstate.FamilyOf(n.Addr()), Priority: netstate.InsidePreference, To: n, IIF: s.Interface, Table: j.tables[s.Interface],
			}] = true
		}
	}
}

// routedPorts returns the ports that a routing rule names: none for a range that ends at 65535, which the kernel does not take there
// (measured on 6.18: "Invalid dport range"). The packet filter still holds the range.
func (o opening) routedPorts() netstate.PortRange {
	if o.service.last == 65535 {
		return netstate.PortRange{}
	}
	return netstate.PortRange{o.service.first, o.service.last}
}

// routed returns the protocol that a routing rule names for the opening's service.
func (o opening) routed() policy.Protocol {
	switch {
	case o.service.ping && o.v4:
		return policy.ICMP
	case o.service.ping:
		return policy.ICMPv6
	}
	return o.service.protocol
}
