package compile

import (
	"net/netip"

	"cordon/gateway/ruleset"
	"cordon/policy"
)

// A segment in observe mode keeps every chain and every set of an enforced one. What its refusals would stop is counted and goes on,
// for its interface is an element of "observed", which only the ends of refusing chains ask for: an allowed packet never meets it.
//
//	refused by …            asks                  goes on when
//	a flow, a fragment  ──▶ whoever, overlooked   the device is known, or neither its MAC nor its address is anybody's
//	forward             ──▶ overlook              the other side is not a camera or recorder segment that is enforced
//	ARP                 ──▶ heard                 as above
//	input, output           –                     never: the gateway itself stays shut
//
// Who pretends to be somebody stays refused: a MAC that is named with another address, or an address that is named with another MAC.

func observed(s *policy.Segment) bool { return s != nil && s.Mode == policy.Observe }

// enforced are the governed segments whose refusals refuse: those that the jail holds.
func enforced(s *policy.Segment) bool { return s != nil && s.Kind.Governed() && !observed(s) }

// halves says whether the two halves of a device's identity have to be known one by one on a segment.
func halves(s *policy.Segment) bool {
	return s.Kind.Governed() && (observed(s) || s.Serve.Leases != nil)
}

// modes returns the sets of interfaces that decide whether a refusal refuses, and the MACs that are named on those that need it. The
// sets are made for every device, so that a switch between the modes changes elements and no set.
func (c compiler) modes() []ruleset.Set {
	return []ruleset.Set{
		hash("observed", "mode = observe: what would be refused is counted and goes on", names(c.entrances(observed)), ruleset.IIFName),
		hash("enforced", "camera and recorder interfaces with mode = enforce", names(c.interfaces(enforced)), ruleset.IIFName),
		c.macs(),
	}
}

// macs are the MACs of named devices, alone: at every port, for at one that is not its own a device is somebody else who pretends.
func (c compiler) macs() ruleset.Set {
	m, all := map[string]string{}, 0
	for i := range c.Devices {
		d := &c.Devices[i]
		s := &c.Segments[d.Segment]
		for _, name := range entrances(s, nil) {
			if halves(s) && !d.MAC.IsZero() {
				m[ruleset.Key(ruleset.Name(name), string(d.MAC[:]))] = ""
			}
			all++
		}
	}
	set := hash("macs", "half of who a named device is", m, ruleset.IIFName, ruleset.EtherSource)
	set.Size = room(all)
	return set
}

// addressSet are the addresses of named devices alone, and the gateway's own.
func (c compiler) addressSet(f family) ruleset.Set {
	m, all := map[string]string{}, 0
	add := func(s *policy.Segment, a netip.Addr) {
		for _, name := range entrances(s, nil) {
			if halves(s) && a.Is4() == f.v4 {
				m[ruleset.Key(ruleset.Name(name), ruleset.Addr(a))] = ""
			}
			all++
		}
	}
	for i := range c.Segments {
		for _, a := range c.Segments[i].Addresses {
			add(&c.Segments[i], a.Addr())
		}
	}
	for i := range c.Devices {
		d := &c.Devices[i]
		s := &c.Segments[d.Segment]
		for _, a := range identities(s, d) {
			add(s, a)
		}
	}
	set := hash("addresses"+f.suffix, "the other half, and the gateway's own", m, ruleset.IIFName, f.source)
	set.Size = room(all)
	return set
}

// targets are the IPv6 addresses again, for whom neighbour discovery is about: nft knows that field as octets only.
func (c compiler) targets() ruleset.Set {
	set := c.addressSet(ipv6())
	set.Name, set.Comment, set.Typeof = "targets6", "whom only a named device may speak for", true
	set.Key = []ruleset.Field{ruleset.IIFName, ruleset.NDTarget}
	return set
}

// guarded are the networks whose addresses leave by no uplink: those of segments that are enforced.
func guarded(p policy.Policy, f family) ruleset.Set {
	set := interval("guarded"+f.suffix, "networks of cameras and recorders", prefixes(networks(p, f.v4, enforced)), f.source)
	set.Size = room(2 * len(outermost(networks(p, f.v4, governed))))
	return set
}

// settled says where a source lives: clients, and the devices of observed segments.
func settled(p policy.Policy, f family) ruleset.Set {
	client := kind(policy.ClientSegment)
	live := func(some func(*policy.Segment) bool) []ruleset.Element {
		at := homes(p, f.v4, func(s *policy.Segment) bool { return client(s) || some(s) })
		for i := range p.Segments {
			if s := &p.Segments[i]; some(s) {
				for _, port := range s.Ports {
					at[port] = at[s.Interface]
				}
			}
		}
		return ranges(at)
	}
	set := interval("home"+f.suffix, "which source lives behind which interface", live(observed), ruleset.IIFName, f.source)
	set.Size = room(2 * len(live(governed)))
	return set
}

// overlooking returns the chains in which ingress and prerouting end for an observed interface, in one family.
func (f family) overlooking() []ruleset.Chain {
	s := f.suffix
	foreign := in("home"+s, ruleset.IIFName, f.source)
	foreign.Not = true
	const half = "half of a named device"
	pass := []ruleset.Statement{counter(), mark(markJudge), accept()}
	var last []ruleset.Rule
	if !f.v4 {
		last = append(last, rule("speaks for a named device", is(ruleset.ICMPv6Type, ruleset.Octet(ndAdvert)),
			in("targets6", ruleset.IIFName, ruleset.NDTarget), counter(), drop()))
	}
	return []ruleset.Chain{
		chain("whoever"+s,
			rule("", in("devices"+s, ruleset.IIFName, ruleset.EtherSource, f.source), goTo("overlooked"+s)),
			rule("", in("bare"+s, ruleset.IIFName, f.source), goTo("overlooked"+s)),
			rule("", goTo("unnamed"+s))),
		chain("unnamed"+s,
			rule(half, in("macs", ruleset.IIFName, ruleset.EtherSource), counter(), drop()),
			rule(half, in("addresses"+s, ruleset.IIFName, f.source), counter(), drop()),
			rule("an address of another segment", in("inside"+s, f.source), foreign, counter(), drop()),
			rule("", goTo("overlooked"+s))),
		chain("overlooked"+s, append(last, rule("observed: would be refused", pass...))...),
	}
}

// overlook lets pass, in forward, what an observed segment would refuse. It returns for everything else.
func overlook() ruleset.Chain {
	var rules []ruleset.Rule
	for _, sides := range [...][2]ruleset.Field{{ruleset.IIFName, ruleset.OIFName}, {ruleset.OIFName, ruleset.IIFName}} {
		other := in("enforced", sides[1])
		other.Not = true
		rules = append(rules, rule("observed: would be refused", in("observed", sides[0]), other, counter(), unmark(), accept()))
	}
	return chain("overlook", rules...)
}

// overlooks is the rule by which a refusing chain of ingress asks whether it only counts.
func overlooks(target string) ruleset.Rule {
	return rule("", in("observed", ruleset.IIFName), goTo(target))
}

// heard lets ARP and foreign ethertypes of an observed interface pass, but for who pretends to be somebody. A VLAN tag leads to another
// segment.
func heard() []ruleset.Chain {
	const half = "half of a named device"
	passes := "observed: would be refused"
	return []ruleset.Chain{
		chain("heard",
			rule(passes, in("devices4", ruleset.IIFName, ruleset.EtherSource, ruleset.ARPSenderIP),
				in("devices4", ruleset.IIFName, ruleset.ARPSenderEther, ruleset.ARPSenderIP), counter(), accept()),
			rule(passes, in("bare4", ruleset.IIFName, ruleset.ARPSenderIP), counter(), accept()),
			rule(half, in("macs", ruleset.IIFName, ruleset.EtherSource), counter(), drop()),
			rule(half, in("macs", ruleset.IIFName, ruleset.ARPSenderEther), counter(), drop()),
			rule(half, in("addresses4", ruleset.IIFName, ruleset.ARPSenderIP), counter(), drop()),
			rule(passes, counter(), accept())),
		chain("foreign",
			rule(passes, in("observed", ruleset.IIFName), isNot(ruleset.EtherTypeField, ruleset.Short(0x8100), ruleset.Short(0x88a8)),
				counter(), accept()),
			refusal("a foreign ethertype or a VLAN tag")),
	}
}
