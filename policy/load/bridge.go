package load

import (
	"slices"
	"strconv"
	"strings"

	"cordon/policy"
	"cordon/policy/message"
)

func vlanSchema() schema { return schema{required: []string{"parent", "id"}} }

func bridgeSchema() schema { return schema{required: []string{"name", "ports"}} }

// tag is the identity of a VLAN: an interface has each number once.
type tag struct {
	parent string
	id     uint16
}

// link reads what a segment is connected by: an interface, a tagged one, or ports of a bridge.
func (l *loader) link(b block, s *policy.Segment) {
	bridge, bridged := l.one(b, "bridge")
	vlan, tagged := l.one(b, "vlan")
	given := b.body.Attributes["interface"]
	switch {
	case bridged && given != nil:
		l.report.add(at(origin(given.NameRange)), "interface-and-bridge", nil)
	case bridged && tagged:
		l.report.add(at(vlan.header), "vlan-and-bridge", nil)
	case !bridged && given == nil:
		l.report.add(at(b.header), "segment-unlinked", message.Args{"name": b.name})
	}
	if tagged {
		s.VLAN = l.vlan(vlan, b.name)
	}
	if bridged {
		s.Interface, s.Ports = l.bridge(bridge, b.name)
		return
	}
	if name, here, ok := l.interfaceName(b, "interface"); ok {
		l.plug(name, holder{name: b.name, place: here})
		s.Interface = name
	}
	if s.VLAN != nil && s.VLAN.Parent == s.Interface {
		l.report.add(at(vlan.header), "vlan-of-itself", message.Args{"name": s.Interface})
	}
}

// plug gives an interface to its segment; the second segment that takes it is reported.
func (l *loader) plug(name string, mine holder) {
	if first, taken := l.seen.interfaces[name]; taken {
		l.twice(first, mine, "duplicate-interface", message.Args{"name": name})
		return
	}
	l.seen.interfaces[name] = mine
}

// vlan reads the tag of an interface that Cordon makes itself.
func (l *loader) vlan(b block, segment string) *policy.VLAN {
	l.shape(b, vlanSchema())
	parent, _, ok := l.interfaceName(b, "parent")
	text, here, given := l.word(b, "id")
	if !given {
		l.missing(b, "id")
		return nil
	}
	id, err := strconv.ParseUint(text, 10, 16)
	if err != nil || id < 1 || id > 4094 {
		l.report.add(here, "bad-vlan", message.Args{"value": text})
		return nil
	}
	if !ok {
		return nil
	}
	vlan := &policy.VLAN{Parent: parent, ID: uint16(id)}
	mine := holder{name: segment, place: here}
	if first, taken := l.seen.tags[tag{parent, vlan.ID}]; taken {
		l.twice(first, mine, "duplicate-vlan", message.Args{"id": text, "parent": parent})
	} else {
		l.seen.tags[tag{parent, vlan.ID}] = mine
	}
	return vlan
}

// bridge reads the ports that are a segment where the gateway is the switch. Several segments may have ports of one bridge.
func (l *loader) bridge(b block, segment string) (string, []string) {
	l.shape(b, bridgeSchema())
	name, here, ok := l.interfaceName(b, "name")
	if ok && !l.seen.bridges[name] {
		l.plug(name, holder{name: segment, place: here})
		l.seen.bridges[name] = true
	}
	values, complete := l.values(b, "ports", true)
	if complete && len(values) == 0 && b.body.Attributes["ports"] != nil {
		l.report.add(b.place(b.body.Attributes["ports"].Expr), "empty-value", message.Args{"name": "ports"})
	}
	var ports []string
	for _, v := range values {
		text, isText := l.asText(v)
		if !isText || !l.validInterface(text, v.place) {
			continue
		}
		if text == name {
			l.report.add(v.place, "bridge-in-itself", message.Args{"name": name})
			continue
		}
		l.plug(text, holder{name: segment, place: v.place})
		ports = append(ports, text)
	}
	slices.Sort(ports)
	return name, slices.Compact(ports)
}

// share gives the segments of one bridge its addresses: one subnet, of which each segment is its ports.
func (l *loader) share() {
	givers := map[string]int{}
	for i, s := range l.out.Segments {
		if len(s.Ports) == 0 || len(s.Addresses) == 0 {
			continue
		}
		if first, given := givers[s.Interface]; given {
			related := l.out.Segments[first]
			l.report.add(at(s.Origin), "bridge-addresses", message.Args{"name": s.Interface, "segment": related.Name}, related.Origin)
			continue
		}
		givers[s.Interface] = i
	}
	for i, s := range l.out.Segments {
		giver, given := givers[s.Interface]
		if given && len(s.Ports) > 0 && len(s.Addresses) == 0 {
			l.out.Segments[i].Addresses = l.out.Segments[giver].Addresses
		}
	}
}

// checkTrunks reports cameras or recorders that stand on a trunk itself: its guard and theirs would see every frame of the tagged
// interfaces, too.
func (l *loader) checkTrunks() {
	on := map[string][]int{}
	for i, s := range l.out.Segments {
		if s.VLAN != nil {
			on[s.VLAN.Parent] = append(on[s.VLAN.Parent], i)
		}
	}
	for _, native := range l.out.Segments {
		first := slices.IndexFunc(on[native.Interface], func(i int) bool { return l.out.Segments[i].Name != native.Name })
		if first >= 0 && native.Interface != "" && native.Kind.Governed() {
			tagged := l.out.Segments[on[native.Interface][first]]
			l.report.add(at(native.Origin), "governed-trunk", message.Args{"name": native.Interface, "segment": tagged.Name}, tagged.Origin)
		}
	}
}

// checkAddressed reports a segment that has no addresses, its own or its bridge's.
func (l *loader) checkAddressed(b block, s policy.Segment) {
	if len(s.Addresses) == 0 && s.Kind != policy.UplinkSegment && b.body.Attributes["addresses"] == nil {
		l.report.add(at(b.header), "missing-attribute", message.Args{"name": "addresses", "kind": "segment"})
	}
}

// bridged says whether the gateway is the switch of a segment, and so sees what its neighbours exchange.
func bridged(s policy.Segment) bool { return len(s.Ports) > 0 }

// port reads the only port at which a device may stand.
func (l *loader) port(b block, id policy.SegmentID) string {
	text, here, ok := l.word(b, "port")
	if !ok || id < 0 {
		return ""
	}
	s := l.out.Segments[id]
	_, found := slices.BinarySearch(s.Ports, text)
	switch {
	case !bridged(s):
		l.report.add(here, "port-no-bridge", message.Args{"segment": s.Name})
	case !found:
		l.report.add(here, "port-unknown", withNearest(text, s.Ports, message.Args{
			"port": text, "segment": s.Name, "known": strings.Join(s.Ports, ", "),
		}))
	default:
		return text
	}
	return ""
}
