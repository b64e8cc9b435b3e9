package compile

import (
	"slices"

	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// priorityTrunk is before every other chain of ours: what the guard of a trunk refuses is seen by nobody.
const priorityTrunk = -520

// trunk is an interface whose frames carry tags, and the tagged interfaces of the policy that stand on it.
type trunk struct {
	name    string
	ids     []uint16 // in order
	segment *policy.Segment
}

// trunks returns the trunks of a policy by name. Segment is what stands on the trunk itself, without a tag.
func trunks(p policy.Policy) []trunk {
	byName := map[string]*trunk{}
	for i := range p.Segments {
		if v := p.Segments[i].VLAN; v != nil {
			if byName[v.Parent] == nil {
				byName[v.Parent] = &trunk{name: v.Parent}
			}
			byName[v.Parent].ids = append(byName[v.Parent].ids, v.ID)
		}
	}
	var list []trunk
	for _, name := range sortedKeys(byName) {
		t := byName[name]
		slices.Sort(t.ids)
		for i := range p.Segments {
			if p.Segments[i].Interface == name {
				t.segment = &p.Segments[i]
			}
		}
		list = append(list, *t)
	}
	return list
}

// trunkLinks wants every trunk up that no segment stands on.
func trunkLinks(p policy.Policy) []netstate.Link {
	var list []netstate.Link
	for _, t := range trunks(p) {
		if t.segment == nil {
			list = append(list, netstate.Link{Name: t.name, Up: true})
		}
	}
	return list
}

// trunkSysctls keeps the gateway from speaking IPv6 on a trunk that no segment stands on. In scope "segments" it is somebody else's.
func trunkSysctls(p policy.Policy) []netstate.Sysctl {
	var list []netstate.Sysctl
	for _, t := range trunks(p) {
		if t.segment == nil && p.Site.Scope == policy.ScopeBox {
			list = append(list, netstate.Sysctl{Name: "net/ipv6/conf/" + t.name + "/disable_ipv6", Value: "1"})
		}
	}
	return list
}

// tagged holds for frames of the trunk that carry one of its tags.
func (t trunk) tagged() ruleset.Compare {
	values := make([]string, len(t.ids))
	for i, id := range t.ids {
		values[i] = ruleset.Short(id)
	}
	return is(ruleset.VLANID, values...)
}

func ethertypes() []string {
	return []string{ruleset.Short(0x0800), ruleset.Short(0x86dd), ruleset.Short(0x0806)}
}

// trunkGuard returns the chain that judges what comes in by a trunk before any tag is taken off. The kernel takes a tag of VLAN 0 off
// and looks at the next one (measured: 0 in front of 30, and 802.1ad in front of it, both end on VLAN 30's interface), and behind 30 it
// hands a second tag on: only one tag of ours with IP, IPv6 or ARP right behind it is what it says that it is.
//
// In scope "box" nothing else passes but what a segment on the trunk itself gets. In scope "segments" the other VLANs are somebody else's.
func trunkGuard(p policy.Policy) []ruleset.Chain {
	all := trunks(p)
	if len(all) == 0 {
		return nil
	}
	hook := ruleset.Hook{Point: ruleset.Ingress, Priority: priorityTrunk, Drop: p.Site.Scope == policy.ScopeBox}
	var rules []ruleset.Rule
	for _, t := range all {
		hook.Devices = append(hook.Devices, t.name)
		on := is(ruleset.IIFName, ruleset.Name(t.name))
		if p.Site.Scope == policy.ScopeSegments {
			rules = append(rules, rule("a second tag behind ours", on, t.tagged(), isNot(ruleset.VLANType, ethertypes()...), counter(), drop()))
			continue
		}
		rules = append(rules, rule("", on, t.tagged(), is(ruleset.VLANType, ethertypes()...), accept()))
		if t.segment != nil {
			rules = append(rules, rule("a segment without a tag", on, is(ruleset.EtherTypeField, ethertypes()...), accept()))
		}
	}
	if p.Site.Scope == policy.ScopeSegments {
		return []ruleset.Chain{base("trunks", hook, append(rules,
			rule("a tag that is taken off unseen", is(ruleset.VLANID, ruleset.Short(0)), counter(), drop()),
			rule("", is(ruleset.EtherTypeField, ruleset.Short(0x88a8)), counter(), drop()))...)}
	}
	return []ruleset.Chain{base("trunks", hook, append(rules, refusal("no tag, two tags, or a VLAN that the policy does not name"))...)}
}

// carried lets frames of our own VLANs out by a trunk that is an uplink itself: they were judged on their own interface.
func carried(p policy.Policy) []ruleset.Rule {
	var rules []ruleset.Rule
	for _, t := range trunks(p) {
		if t.segment != nil && isUplink(t.segment) {
			rules = append(rules, rule("a VLAN of ours", is(ruleset.OIFName, ruleset.Name(t.name)), t.tagged(), accept()))
		}
	}
	return rules
}
