package compile

import (
	"net/netip"
	"slices"

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
// Who pretends to be somebody stays refused: a MAC that is named with another address, or an address that is named with another MAC,
// be it on another segment.

func observed(s *policy.Segment) bool { return s != nil && s.Mode == policy.Observe }

// enforced are the governed segments whose refusals refuse: those that the jail holds.
func enforced(s *policy.Segment) bool { return s != nil && s.Kind.Governed() && !observed(s) }

// halves says whether the two halves of a device's identity have to be known one by one, on whichever segment.
func (c compiler) halves() bool {
	return slices.ContainsFunc(c.Segments, func(s policy.Segment) bool { return s.Kind.Governed() && (observed(&s) || s.Serve.Leases != nil) })
}

// modes returns the sets of interfaces that decide whether a refusal refuses, and the MACs that are named where one of them needs it. The
// sets are made for every device, so that a switch between the modes changes elements and no set.
func (c compiler) modes() []ruleset.Set {
	return []ruleset.Set{
		hash("observed", "mode = observe: what would be refused is counted and goes on", names(c.entrances(observed)), ruleset.IIFName),
		hash("enforced", "camera and recorder interfaces with mode = enforce", names(c.interfaces(enforced)), ruleset.IIFName),
		c.macs(),
	}
}

// macs are the MACs of all named devices, alone: wherever a device does not belong, it is somebody else who pretends.
func (c compiler) macs() ruleset.Set {
	m, needed := map[string]string{}, c.halves()
	for i := range c.Devices {
		if mac := c.Devices[i].MAC; needed && !mac.IsZero() {
			m[string(mac[:])] = ""
		}
	}
	set := hash("macs", "half of who a named device is", m, ruleset.EtherSource)
	set.Size = room(len(c.Devices))
	return set
}

// addressSet are the addresses of all named devices alone, and the gateway's own.
func (c compiler) addressSet(f family) ruleset.Set {
	m, all, needed := map[string]string{}, 0, c.halves()
	add := func(a netip.Addr) {
		if needed && a.Is4() == f.v4 {
			m[ruleset.Addr(a)] = ""
		}
		all++
	}
	for i := range c.Segments {
		for _, a := range c.Segments[i].Addresses {
			add(a.Addr())
		}
	}
	for i := range c.Devices {
		d := &c.Devices[i]
		for _, a := range identities(&c.Segments[d.Segment], d) {
			add(a)
		}
	}
	set := hash("addresses"+f.suffix, "the other half, and the gateway's own", m, f.source)
	set.Size = room(all)
	return set
}

// targets are the IPv6 addresses again, for whom neighbour discovery is about: nft knows that field as octets only.
func (c compiler) targets() ruleset.Set {
	set := c.addressSet(ipv6())
	set.Name, set.Comment, set.Typeof = "targets6", "whom only a named device may speak for", true
	set.Key = []ruleset.Field{ruleset.NDTarget}
	return set
}

// guarded are the networks whose addresses leave by no uplink: those of segments that are enforced.
func guarded(p policy.Policy, f family) ruleset.Set {
	set := interval("guarded"+f.suffix, "networks of enforced cameras and recorders", prefixes(networks(p, f.v4, enforced)), f.source)
	set.Size = room(2 * len(outermost(networks(p, f.v4, governed))))
	return set
}

// native are the networks whose addresses come in by their own interface alone, whatever the mode: who pretends to stand there is refused.
func native(p policy.Policy, f family) ruleset.Set {
	return interval("governed"+f.suffix, "networks of cameras and recorders", prefixes(networks(p, f.v4, governed)), f.source)
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
			in("targets6", ruleset.NDTarget), counter(), drop()))
	}
	return []ruleset.Chain{
		chain("whoever"+s,
			rule("", in("devices"+s, ruleset.IIFName, ruleset.EtherSource, f.source), goTo("overlooked"+s)),
			rule("", in("bare"+s, ruleset.IIFName, f.source), goTo("overlooked"+s)),
			rule("", goTo("unnamed"+s))),
		chain("unnamed"+s,
			rule(half, in("macs", ruleset.EtherSource), counter(), drop()),
			rule(half, in("addresses"+s, f.source), counter(), drop()),
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
			rule(half, in("macs", ruleset.EtherSource), counter(), drop()),
			rule(half, in("macs", ruleset.ARPSenderEther), counter(), drop()),
			rule(half, in("addresses4", ruleset.ARPSenderIP), counter(), drop()),
			rule(passes, counter(), accept())),
		chain("foreign",
			rule(passes, in("observed", ruleset.IIFName), isNot(ruleset.EtherTypeField, ruleset.Short(0x8100), ruleset.Short(0x88a8)),
				counter(), accept()),
			refusal("a foreign ethertype or a VLAN tag")),
	}
}
