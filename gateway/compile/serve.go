package compile

import (
	"net/netip"
	"slices"

	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// What the gateway itself offers on a governed segment, whoever listens there: questions are let in and answers out, and nothing else.
//
//	ingress     known ──▶ serve      a verified device asks the gateway's own address, or anybody else where the service is intercepted
//	            slow4 ──▶ leases     DHCP of who has no address yet
//	routing     874   ──▶ 882        an intercepted question is the gateway's own: no address is translated
//	input       offered              what serve let in, and only that: it alone is not tracked
//	output      answer               from those ports to those devices, not tracked either
//
// What is intercepted is for anybody else but the gateway: at its addresses on other segments, and at those that other programs give it,
// somebody else's resolver may listen, which would carry a camera's words out. Routing knows all of them, wherever they come from.
//
// None of it makes an entry of conntrack, and each device has a rate. A policy that serves nothing has none of these chains.

// The ports of what is served.
const (
	portNames     uint16 = 53
	portLeases    uint16 = 67
	portLeased    uint16 = 68
	portTime      uint16 = 123
	portDiscovery uint16 = 3702 // WS-Discovery, section 2.4 of the OASIS standard
)

// question is what is asked of the gateway.
type question struct {
	protocol policy.Protocol
	port     uint16
}

// serves says whether the policy serves anything at all.
func serves(p policy.Policy) bool {
	for i := range p.Segments {
		if s := &p.Segments[i]; len(offered(s))+len(intercepted(s)) > 0 {
			return true
		}
	}
	return false
}

// offered are the questions that the gateway answers at its own addresses on a segment.
func offered(s *policy.Segment) []question {
	var list []question
	if s.Serve.Time != policy.TimeOff {
		list = append(list, question{policy.UDP, portTime})
	}
	if s.Serve.Names != policy.NamesOff {
		list = append(list, question{policy.UDP, portNames}, question{policy.TCP, portNames})
	}
	if s.Serve.Leases != nil {
		list = append(list, question{policy.UDP, portLeases})
	}
	if len(s.Serve.Discovery) > 0 {
		list = append(list, question{policy.UDP, portDiscovery})
	}
	return list
}

// intercepted are the questions that the gateway answers whoever was asked.
func intercepted(s *policy.Segment) []question {
	var list []question
	if s.Serve.Time == policy.TimeIntercept {
		list = append(list, question{policy.UDP, portTime})
	}
	if s.Serve.Names == policy.NamesSinkhole {
		list = append(list, question{policy.UDP, portNames}, question{policy.TCP, portNames})
	}
	return list
}

// group is where everybody looks for devices (WS-Discovery, section 2.4), and nobody's address where DHCP begins (RFC 2131).
func (f family) group() netip.Addr {
	if f.v4 {
		return netip.AddrFrom4([4]byte{239, 255, 255, 250})
	}
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 0x0c})
}

// listeners is where reports of IGMPv3 go (RFC 3376, section 4.2.14): without them a switch that snoops sends no question on. MLD's leave
// by every interface, for neighbour discovery needs them.
func listeners() netip.Addr { return netip.AddrFrom4([4]byte{224, 0, 0, 22}) }

func everybody() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// place returns the key of a question at an address, by one name of where it comes in.
func (q question) place(name string, to netip.Addr) string {
	return ruleset.Key(ruleset.Name(name), ruleset.Addr(to), ruleset.Octet(uint8(q.protocol)), ruleset.Short(q.port))
}

// asked are the addresses of the gateway, and the groups, at which a segment's devices find what is served.
func (c compiler) asked(f family) map[string]string {
	m := map[string]string{}
	for i := range c.Segments {
		s := &c.Segments[i]
		own := offered(s)
		if c.finds(policy.SegmentID(i)) {
			own = append(own, question{policy.UDP, portDiscovery})
		}
		for _, q := range own {
			for _, a := range q.places(s, f) {
				for _, name := range entrances(s, nil) {
					m[q.place(name, a)] = c.comment(s.Serve.Origin)
				}
			}
		}
	}
	return m
}

// places are the addresses at which one question finds the gateway on a segment.
func (q question) places(s *policy.Segment, f family) []netip.Addr {
	var list []netip.Addr
	for _, a := range s.Addresses {
		if a.Addr().Is4() == f.v4 && (f.v4 || q.port != portLeases) {
			list = append(list, a.Addr())
		}
	}
	switch {
	case q.port == portDiscovery && (f.v4 || speaksV6(s)):
		list = append(list, f.group())
	case q.port == portLeases && f.v4:
		list = append(list, everybody())
	}
	return list
}

// finds says whether somebody on a segment may look for the cameras of another one.
func (c compiler) finds(id policy.SegmentID) bool {
	for i := range c.Segments {
		if slices.Contains(c.Segments[i].Serve.Discovery, id) {
			return true
		}
	}
	return false
}

// askers are the verified devices of segments where something is served, by interface and address.
func (c compiler) askers(f family) map[string]string {
	m := map[string]string{}
	for i := range c.Devices {
		d := &c.Devices[i]
		s := &c.Segments[d.Segment]
		if d.MAC.IsZero() || !s.Kind.Governed() || len(offered(s)) == 0 && !c.finds(d.Segment) {
			continue
		}
		for _, a := range identities(s, d) {
			if a.Is4() == f.v4 {
				m[ruleset.Key(ruleset.Name(s.Interface), ruleset.Addr(a))] = ""
			}
		}
	}
	return m
}

// serveSets returns the sets of what is served. Nothing is intercepted on an observed segment.
func (c compiler) serveSets() []ruleset.Set {
	if !serves(c.Policy) {
		return nil
	}
	caught, all, discovers := map[string]string{}, 0, map[string]string{}
	var pool []ruleset.Element
	for i := range c.Segments {
		s := &c.Segments[i]
		for _, q := range intercepted(s) {
			for _, name := range entrances(s, nil) {
				all++
				if enforced(s) {
					caught[ruleset.Key(ruleset.Name(name), ruleset.Octet(uint8(q.protocol)), ruleset.Short(q.port))] = c.comment(s.Serve.Origin)
				}
			}
		}
		if s.Kind.Governed() && (len(s.Serve.Discovery) > 0 || c.finds(policy.SegmentID(i))) {
			discovers[ruleset.Name(s.Interface)] = ""
		}
		if l := s.Serve.Leases; l != nil {
			for _, name := range entrances(s, nil) {
				pool = append(pool, run(name, netip.IPv4Unspecified(), netip.IPv4Unspecified()), run(name, l.First, l.Last))
			}
		}
	}
	caughtSet := hash("intercepted", "questions that are answered here whoever is asked", caught,
		ruleset.IIFName, ruleset.L4Proto, ruleset.DestinationPort)
	caughtSet.Size = room(all)
	list := []ruleset.Set{
		caughtSet,
		hash("discovers", "where the gateway hears who looks for cameras", discovers, ruleset.OIFName),
		interval("pool4", "addresses of those who ask for a lease", pool, ruleset.IIFName, ruleset.IPSource),
		rates("questions", "how often a device asks", len(c.Devices), ruleset.IIFName, ruleset.EtherSource),
		rates("newcomers", "how often unknown devices ask for a lease, together", len(c.Segments), ruleset.IIFName),
	}
	list = append(list, hash("own4", "the gateway's own addresses", ownAddresses(c.Policy, ipv4()), ruleset.IPDestination))
	for _, f := range families() {
		list = append(list,
			hash("asked"+f.suffix, "where something is served", c.asked(f),
				ruleset.IIFName, f.destination, ruleset.L4Proto, ruleset.DestinationPort),
			hash("askers"+f.suffix, "whom the gateway answers", c.askers(f), ruleset.OIFName, f.destination))
	}
	return list
}

// run is a run of addresses behind an interface, as an element of an interval set.
func run(name string, first, last netip.Addr) ruleset.Element {
	return ruleset.Element{
		Key: ruleset.Key(ruleset.Name(name), ruleset.Addr(first)), End: ruleset.Key(ruleset.Name(name), ruleset.Addr(last)),
	}
}

// Served is one service that the policy says the gateway offers on a segment, and where somebody has to wait for its questions.
type Served struct {
	Segment, Name string // Name is the attribute: time, names, discovery, leases
	Ports         []policy.Ports
}

// ServedOf returns everything that a policy serves, in the order of its segments.
func ServedOf(p policy.Policy) []Served {
	words := map[uint16]string{portTime: "time", portNames: "names", portLeases: "leases", portDiscovery: "discovery"}
	var list []Served
	for i := range p.Segments {
		s := &p.Segments[i]
		for _, q := range offered(s) {
			ports := policy.Ports{Protocol: q.protocol, First: q.port, Last: q.port}
			if last := len(list) - 1; last >= 0 && list[last].Segment == s.Name && list[last].Name == words[q.port] {
				list[last].Ports = append(list[last].Ports, ports)
				continue
			}
			list = append(list, Served{Segment: s.Name, Name: words[q.port], Ports: []policy.Ports{ports}})
		}
	}
	return list
}

// unicast holds for an address of one machine: nobody intercepts what is said to many.
func (f family) unicast() ruleset.Between {
	first, last := netip.AddrFrom4([4]byte{0, 0, 0, 1}), netip.AddrFrom4([4]byte{223, 255, 255, 255})
	if !f.v4 {
		first, last = netip.IPv6Loopback(), lastAddr(netip.MustParsePrefix("fe00::/8"))
	}
	return ruleset.Between{Field: f.destination, First: ruleset.Addr(first), Last: ruleset.Addr(last)}
}

// beyond returns the rules that hold on some conditions for an address, by its field and that of its kind, which is neither the gateway's
// nor everybody's on one of its networks. Link-local ones of IPv6 are those of the interface itself.
func (f family) beyond(address, kind ruleset.Field, conditions []ruleset.Statement, effects ...ruleset.Statement) []ruleset.Rule {
	none := func(k uint32) ruleset.Statement { return isNot(kind, ruleset.Word(k)) }
	is := func(what ...ruleset.Statement) ruleset.Rule {
		return rule("", slices.Concat(conditions, what, effects)...)
	}
	if f.v4 {
		return []ruleset.Rule{is(none(ruleset.KindLocal), none(ruleset.KindBroadcast))}
	}
	return []ruleset.Rule{
		is(within(address, netip.MustParsePrefix("fe80::/10"))),
		is(none(ruleset.KindLocal), none(ruleset.KindAnycast)),
	}
}

// questions returns the rules that find what a verified device asks of the gateway. They come before "reach", which covers the whole
// Internet where an allow does; one comparison of the port keeps all other packets from the look-ups.
func (f family) questions() []ruleset.Rule {
	ports := is(ruleset.DestinationPort, ruleset.Short(portNames), ruleset.Short(portLeases), ruleset.Short(portTime),
		ruleset.Short(portDiscovery))
	elsewhere := in("own"+f.suffix, f.destination)
	elsewhere.Not = true
	return []ruleset.Rule{
		rule("", ports, in("asked"+f.suffix, ruleset.IIFName, f.destination, ruleset.L4Proto, ruleset.DestinationPort), goTo("serve")),
		rule("", ports, f.unicast(), in("intercepted", ruleset.IIFName, ruleset.L4Proto, ruleset.DestinationPort), elsewhere,
			goTo("serve")),
	}
}

// leased4 finds, among those whom nobody knows, who asks for a lease: without an address, or with one of the pool.
func leased4() ruleset.Rule {
	return rule("DHCP", is(ruleset.UDPSourcePort, ruleset.Short(portLeased)), is(ruleset.UDPDestinationPort, ruleset.Short(portLeases)),
		in("pool4", ruleset.IIFName, ruleset.IPSource),
		in("asked4", ruleset.IIFName, ruleset.IPDestination, ruleset.L4Proto, ruleset.DestinationPort), goTo("leases"))
}

// serving returns the chains that let questions in, at a rate.
func serving() []ruleset.Chain {
	limited := func(set string, of ruleset.Limit, key ...ruleset.Field) ruleset.Rule {
		return rule("", rated(set, of, key...), ruleset.Notrack{}, mark(markJudge), accept())
	}
	return []ruleset.Chain{
		chain("serve", limited("questions", questions(), ruleset.IIFName, ruleset.EtherSource), refusal(tooManyQuestions)),
		chain("leases",
			rule("half of a named device", in("addresses4", ruleset.IPSource), counter(), drop()),
			rule("", in("macs", ruleset.EtherSource), goTo("serve")),
			limited("newcomers", newcomers(), ruleset.IIFName),
			refusal(tooManyNewcomers)),
	}
}

// offering is the chain that decides at input what of a governed interface is for the gateway. Ingress keeps from conntrack what it lets
// in to be served, and nothing else.
func offering() ruleset.Chain {
	var rules []ruleset.Rule
	for _, f := range families() {
		untracked := state(ruleset.StateUntracked)
		rules = append(rules, rule("", untracked,
			in("asked"+f.suffix, ruleset.IIFName, f.destination, ruleset.L4Proto, ruleset.DestinationPort), unmark(), accept()))
		rules = append(rules, f.beyond(f.destination, ruleset.DestinationKind, []ruleset.Statement{
			untracked, f.unicast(), in("intercepted", ruleset.IIFName, ruleset.L4Proto, ruleset.DestinationPort),
		}, unmark(), accept())...)
	}
	return chain("offered", append(rules, rule("", goTo("shut")))...)
}

// finding lets those who look for cameras of another segment ask the gateway, from client segments.
func finding() []ruleset.Rule {
	var rules []ruleset.Rule
	for _, f := range families() {
		rules = append(rules, rule("", is(ruleset.UDPDestinationPort, ruleset.Short(portDiscovery)),
			in("asked"+f.suffix, ruleset.IIFName, f.destination, ruleset.L4Proto, ruleset.DestinationPort), accept()))
	}
	return rules
}

// answeringChains returns the chains that let the gateway's answers out: asked before conntrack, so that they make no entry, and again
// where output decides.
func answeringChains() []ruleset.Chain {
	opens := ruleset.Compare{Field: ruleset.TCPFlags, Mask: "\x12", Values: []string{"\x02"}}
	port := func(f ruleset.Field, p uint16) ruleset.Compare { return is(f, ruleset.Short(p)) }
	rules := []ruleset.Rule{rule("an answer opens nothing", protocol(6), opens, back())}
	for _, f := range families() {
		whom := in("askers"+f.suffix, ruleset.OIFName, f.destination)
		own := in("asked"+f.suffix, ruleset.OIFName, f.source, ruleset.L4Proto, ruleset.SourcePort)
		rules = append(rules,
			rule("", whom, own, ruleset.Notrack{}, accept()),
			rule("looks for cameras", port(ruleset.UDPSourcePort, portDiscovery), port(ruleset.UDPDestinationPort, portDiscovery),
				is(f.destination, ruleset.Addr(f.group())),
				in("asked"+f.suffix, ruleset.OIFName, f.destination, ruleset.L4Proto, ruleset.DestinationPort), ruleset.Notrack{}, accept()))
		rules = append(rules, f.beyond(f.source, ruleset.SourceKind, []ruleset.Statement{
			whom, in("intercepted", ruleset.OIFName, ruleset.L4Proto, ruleset.SourcePort),
		}, ruleset.Notrack{}, accept())...)
		if f.v4 {
			rules = append(rules, rule("says to switches that it listens", in("discovers", ruleset.OIFName), protocol(2),
				is(ruleset.IPDestination, ruleset.Addr(listeners())), ruleset.Notrack{}, accept()))
			rules = append(rules, rule("DHCP", port(ruleset.UDPSourcePort, portLeases), port(ruleset.UDPDestinationPort, portLeased),
				own, ruleset.Notrack{}, accept()))
		}
	}
	hook := ruleset.Hook{Point: ruleset.Output, Priority: priorityRaw}
	return []ruleset.Chain{
		chain("answer", rules...),
		base("untracked", hook, rule("", in("governed", ruleset.OIFName), jumpTo("answer"))),
	}
}

// intercept makes questions to anybody the gateway's own, where the interface, the protocol and the port say so.
func (j *jail) intercept(f netstate.Family) {
	for i := range j.policy.Segments {
		s := &j.policy.Segments[i]
		if !enforced(s) || f == netstate.IPv6 && !speaksV6(s) {
			continue
		}
		for _, q := range intercepted(s) {
			j.rules[netstate.Rule{
				Family: f, Priority: netstate.ServedPreference, IIF: s.Interface, Protocol: q.protocol,
				DestinationPorts: netstate.PortRange{q.port, q.port}, Table: netstate.ServedTable,
			}] = true
			j.routes[netstate.Route{
				Table: netstate.ServedTable, Destination: f.All(), Type: netstate.Local, Interface: "lo", Protocol: netstate.RouteProtocol,
			}] = true
		}
	}
}
