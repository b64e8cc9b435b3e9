package compile

import (
	"cordon/gateway/netstate"
	"cordon/policy"
)

// On a bridge, ingress sees the port that a frame came in by, and everything behind routing sees the bridge. What both ask for is
// written under both names: a packet that ingress did not judge still has to be a named device's.

// ports returns where a segment's frames come in: its interface, or the ports of its bridge.
func ports(s *policy.Segment) []string {
	if len(s.Ports) > 0 {
		return s.Ports
	}
	return []string{s.Interface}
}

// entrances returns every name that a packet of the segment may have come in by; of a device that has a port of its own, that one only.
func entrances(s *policy.Segment, d *policy.Device) []string {
	switch {
	case len(s.Ports) == 0:
		return []string{s.Interface}
	case d != nil && d.Port != "":
		return []string{s.Interface, d.Port}
	}
	return append([]string{s.Interface}, s.Ports...)
}

// entrances returns every name by which packets of the wanted segments may have come in.
func (c compiler) entrances(wanted func(*policy.Segment) bool) []string {
	var list []string
	for i := range c.Segments {
		if s := &c.Segments[i]; wanted(s) {
			list = append(list, entrances(s, nil)...)
		}
	}
	return list
}

// ports returns the names at which ingress judges the segments that are wanted.
func (c compiler) ports(wanted func(*policy.Segment) bool) []string {
	var list []string
	for i := range c.Segments {
		if wanted(&c.Segments[i]) {
			list = append(list, ports(&c.Segments[i])...)
		}
	}
	return list
}

// portLinks wants each port on its bridge and up. Those of cameras and recorders pass nothing to each other, and carry the group of
// governed interfaces: a port that is taken off its bridge is nobody's.
func portLinks(s *policy.Segment) []netstate.Link {
	list := make([]netstate.Link, 0, len(s.Ports))
	for _, name := range s.Ports {
		l := netstate.Link{Name: name, Master: s.Interface, Up: true}
		if s.Kind.Governed() {
			l.Group, l.Isolated = netstate.GovernedGroup, true
		}
		list = append(list, l)
	}
	return list
}

// SharedBridge returns the first bridge that several segments have ports of, or "": what they exchange would cross it unjudged.
func SharedBridge(p policy.Policy) string {
	seen := map[string]bool{}
	for i := range p.Segments {
		s := &p.Segments[i]
		if len(s.Ports) > 0 && seen[s.Interface] {
			return s.Interface
		}
		seen[s.Interface] = true
	}
	return ""
}
