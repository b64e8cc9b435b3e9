package compile

import (
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// What the ports of a bridge exchange is not routed, and a table of the bridge family decides it. Ingress has judged it at its port, as it
// judges everything; here a packet's two ports have to be a pair that an allow connects, and its flow one that the allow opens.
//
//	forward ──▶ paths    the two ports ──▶ judge
//	judge4               ingress has seen it, or else its port, MAC and address are a named device's
//	flow4   ──▶ reply4   its reverse was opened, and is allowed still
//	        ──▶ open4    its own direction is allowed: note4 writes it down
//	        ──▶ icmp4    echo, and errors about a flow that was opened
//
// No kernel's bridge tracks connections in the way that routing does, so that the table keeps its own record: a reply lives on its flow
// being opened and on it being allowed now. A port of an address alone proves nothing: a camera may send from the port that it serves at.

// priorityBridge is before the hooks that show bridged packets to the IP layer.
const priorityBridge = -300

// How long an opened flow and an echo request are remembered after their last packet, in seconds, and how many are.
const (
	flowsLast  = 300
	echoesLast = 10
	flowsRoom  = 65536
	echoesRoom = 4096
)

// bridgePorts returns the ports that the wanted segments have of bridges.
func (c compiler) bridgePorts(wanted func(*policy.Segment) bool) []string {
	var list []string
	for i := range c.Segments {
		if s := &c.Segments[i]; wanted(s) {
			list = append(list, s.Ports...)
		}
	}
	return list
}

// bridges says whether the gateway is the switch of cameras or recorders.
func (c compiler) bridges() bool { return len(c.bridgePorts(governed)) > 0 }

// takenSet are the MACs of named devices at every port of their bridge, which learns from whoever sends where frames for a MAC go.
func (c compiler) takenSet() ruleset.Set {
	m := map[string]string{}
	for i := range c.Devices {
		d := &c.Devices[i]
		home := &c.Segments[d.Segment]
		if d.MAC.IsZero() || len(home.Ports) == 0 || !home.Kind.Governed() {
			continue
		}
		for j := range c.Segments {
			if s := &c.Segments[j]; s.Interface == home.Interface {
				for _, port := range s.Ports {
					m[ruleset.Key(ruleset.Name(port), string(d.MAC[:]))] = ""
				}
			}
		}
	}
	return hash("taken", "MACs that are somebody's on a bridge", m, ruleset.IIFName, ruleset.EtherSource)
}

// taken refuses a device without a MAC of its own that comes with another one's.
func taken(bare ruleset.In) ruleset.Rule {
	return rule("without a MAC, and with another device's", bare, in("taken", ruleset.IIFName, ruleset.EtherSource), counter(), drop())
}

// bridgeTable returns the table of the bridge family. Without an allow between ports of one bridge nothing passes.
func (c compiler) bridgeTable(ports []string, all func(func(opening) bool)) ruleset.Table {
	var between []opening
	for o := range all {
		if o.bridged() {
			between = append(between, o)
		}
	}
	t := ruleset.Table{Family: ruleset.Bridge, Name: TableName, Sets: []ruleset.Set{
		hash("ports", "ports of cameras and recorders", names(ports), ruleset.IIFName),
		hash("cameras", "ports of cameras", names(c.bridgePorts(kind(policy.CameraSegment))), ruleset.IIFName),
		hash("observed", "mode = observe: what would be refused is counted and goes on", names(c.bridgePorts(observed)), ruleset.IIFName),
		c.takenSet(),
		paths(between),
	}}
	if len(between) > 0 {
		for _, f := range families() {
			n := c.neighbourhood(f, between)
			t.Sets = append(t.Sets, n.sets()...)
			t.Chains = append(t.Chains, n.chains()...)
		}
		t.Chains = append(t.Chains, chain("judge",
			rule("guarded at ingress", is(ruleset.EtherTypeField, ruleset.Short(0x0806)), accept()),
			rule("", is(ruleset.EtherTypeField, ruleset.Short(0x0800)), goTo("judge4")),
			rule("", is(ruleset.EtherTypeField, ruleset.Short(0x86dd)), goTo("judge6")),
			rule("", goTo("refuse"))))
	}
	hook := ruleset.Hook{Point: ruleset.Forward, Priority: priorityBridge, Drop: true}
	rules := []ruleset.Rule{
		rule("", in("ports", ruleset.IIFName), goTo("refuse")),
		rule("", in("ports", ruleset.OIFName), goTo("refuse")),
		rule("another bridge", accept()),
	}
	if len(between) > 0 {
		pair := ruleset.Dispatch{Fields: []ruleset.Field{ruleset.IIFName, ruleset.OIFName}, Map: "paths"}
		rules = append([]ruleset.Rule{rule("", pair)}, rules...)
	}
	would := append([]ruleset.Statement{counter()}, carry()...)
	t.Chains = append(t.Chains, base("forward", hook, rules...), chain("refuse",
		rule("observed: would be refused", append([]ruleset.Statement{in("observed", ruleset.IIFName)}, would...)...),
		rule("observed: would be refused", append([]ruleset.Statement{in("observed", ruleset.OIFName)}, would...)...),
		refusal("refused between ports")))
	return t
}

// carry lets a frame cross the bridge.
func carry() []ruleset.Statement { return []ruleset.Statement{mark(markBridged), accept()} }

// paths is the map of the pairs of ports that some opening connects.
func paths(between []opening) ruleset.Set {
	pairs := map[string]string{}
	for _, o := range between {
		for _, a := range o.from.ports() {
			for _, b := range o.to.ports() {
				if a != b {
					pairs[ruleset.Key(ruleset.Name(a), ruleset.Name(b))] = ""
					pairs[ruleset.Key(ruleset.Name(b), ruleset.Name(a))] = ""
				}
			}
		}
	}
	set := ruleset.Set{
		Name: "paths", Comment: "pairs of ports that an allow connects", Key: []ruleset.Field{ruleset.IIFName, ruleset.OIFName},
		Verdicts: true, Size: room(len(pairs)), Elements: elements(pairs),
	}
	for i := range set.Elements {
		set.Elements[i].Verdict = goTo("judge")
	}
	return set
}

// ports returns the ports at which a side of a bridged opening may stand.
func (s side) ports() []string { return entrances(s.segment, s.device)[1:] }

// meetings returns the ports that must not be isolated: of the two ends of each bridged opening that of the recorder, and between equals
// that of who is called. What is isolated passes nothing to what is isolated, whatever any table says.
func meetings(all func(func(opening) bool)) map[string]bool {
	meets := map[string]bool{}
	for o := range all {
		if !o.bridged() {
			continue
		}
		end := o.to
		if o.from.records() > o.to.records() {
			end = o.from
		}
		for _, port := range end.ports() {
			meets[port] = true
		}
	}
	return meets
}

// records ranks a side by how much it is a recorder: by its segment before itself.
func (s side) records() int {
	rank := 0
	if s.segment.Kind == policy.RecorderSegment {
		rank += 2
	}
	if s.device.Kind == policy.Recorder {
		rank++
	}
	return rank
}

// octets are a packet's own octets in one family, and those of the packet that an ICMP error quotes. The keys of what a rule writes down
// hold no names of fields: nft keeps an address and the same octets of a quotation apart.
type octets struct {
	source, destination, protocol, sourcePort, destinationPort, id ruleset.Field
}

// own returns the octets of a packet itself. There are no options and no fragments: judge asks.
func (f family) own() octets {
	o := f.at(ruleset.NetworkHeader, 0)
	o.id = ruleset.Octets(ruleset.TransportHeader, 4, 2)
	return o
}

// quoted returns the octets of the packet behind the eight octets of an ICMP error (RFC 792, RFC 4443).
func (f family) quoted() octets { return f.at(ruleset.TransportHeader, 8) }

// quotedType returns the type of an ICMP message that an error quotes.
func (f family) quotedType() ruleset.Field {
	if f.v4 {
		return ruleset.Octets(ruleset.TransportHeader, 28, 1)
	}
	return ruleset.Octets(ruleset.TransportHeader, 48, 1)
}

func (f family) at(h ruleset.Header, start int) octets {
	field := func(offset, length int) ruleset.Field { return ruleset.Octets(h, start+offset, length) }
	if f.v4 {
		return octets{field(12, 4), field(16, 4), field(9, 1), field(20, 2), field(22, 2), field(24, 2)}
	}
	return octets{field(8, 16), field(24, 16), field(6, 1), field(40, 2), field(42, 2), field(44, 2)}
}

// turned returns the octets as the other end would send them.
func (o octets) turned() octets {
	return octets{o.destination, o.source, o.protocol, o.destinationPort, o.sourcePort, o.id}
}

// flow, echo and speech are the keys of what is remembered: of TCP and UDP, of echo requests, and of every other protocol.
func (o octets) flow() []ruleset.Field {
	return []ruleset.Field{o.source, o.destination, o.sourcePort, o.destinationPort}
}
func (o octets) echo() []ruleset.Field   { return []ruleset.Field{o.source, o.destination, o.id} }
func (o octets) speech() []ruleset.Field { return []ruleset.Field{o.source, o.destination, o.protocol} }

// memory is one set of what was opened, for the protocols that one key fits.
type memory struct {
	name      string
	protocols ruleset.Compare
	key       func(octets) []ruleset.Field
	last      int
	size      int
}

// memories are the sets of what was opened: TCP, UDP, and in IPv4 every other protocol, for IPv6 has no others here.
func (f family) memories() []memory {
	list := []memory{
		{"tcpopened" + f.suffix, protocol(6), octets.flow, flowsLast, flowsRoom},
		{"udpopened" + f.suffix, protocol(17), octets.flow, flowsLast, flowsRoom},
	}
	if f.v4 {
		others := isNot(ruleset.L4Proto, ruleset.Octet(6), ruleset.Octet(17), ruleset.Octet(uint8(f.icmp)))
		list = append(list, memory{"spoken" + f.suffix, others, octets.speech, flowsLast, echoesRoom})
	}
	return list
}

func (m memory) set(own octets) ruleset.Set {
	return ruleset.Set{
		Name: m.name, Comment: "what was opened: replies live on it", Key: m.key(own), Typeof: true, Dynamic: true,
		Timeout: m.last, Size: m.size,
	}
}

// holds holds for a packet whose octets are remembered, and renews writes them down.
func (m memory) holds(o octets) ruleset.In { return in(m.name, m.key(o)...) }

func (m memory) renews(o octets) ruleset.Update {
	return ruleset.Update{Fields: m.key(o), Set: m.name, Refresh: true}
}

func (f family) echoes() memory {
	return memory{"pinged" + f.suffix, protocol(uint8(f.icmp)), octets.echo, echoesLast, echoesRoom}
}
