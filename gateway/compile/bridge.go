package compile

import (
	"slices"

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

// portLinks wants each port on its bridge and up. Those of cameras and recorders carry the group of governed interfaces, for a port that is
// taken off its bridge is nobody's, and pass nothing to each other but where devices meet.
func portLinks(s *policy.Segment, meets map[string]bool) []netstate.Link {
	list := make([]netstate.Link, 0, len(s.Ports))
	for _, name := range s.Ports {
		l := netstate.Link{Name: name, Master: s.Interface, Up: true}
		if s.Kind.Governed() {
			l.Group, l.Isolated = netstate.GovernedGroup, enforced(s) && !meets[name]
		}
		list = append(list, l)
	}
	return list
}

// Sharing is a bridge that several segments have ports of, and what keeps this version from governing them.
type Sharing struct {
	Bridge  string
	Segment policy.SegmentID // the one that does not fit
	Why     Mismatch
}

// Mismatch is what segments of one bridge differ in, though behind routing all of them are the bridge.
type Mismatch string

// What segments of one bridge differ in.
const (
	SharedKind  Mismatch = "kind"  // a client segment or an uplink: who stands there has no name, and its addresses are the cameras' too
	SharedMode  Mismatch = "mode"  // one is observed
	SharedServe Mismatch = "serve" // what is intercepted, which routing decides by the bridge
)

// SharedBridge returns the first bridge that is shared in a way that cannot be governed.
func SharedBridge(p policy.Policy) (Sharing, bool) {
	first := map[string]*policy.Segment{}
	for i := range p.Segments {
		s := &p.Segments[i]
		if len(s.Ports) == 0 {
			continue
		}
		other, shared := first[s.Interface]
		if !shared {
			first[s.Interface] = s
			continue
		}
		found := Sharing{Bridge: s.Interface, Segment: policy.SegmentID(i)}
		switch {
		case !s.Kind.Governed() || !other.Kind.Governed():
			found.Why = SharedKind
		case s.Mode != other.Mode:
			found.Why = SharedMode
		case !slices.Equal(intercepted(s), intercepted(other)):
			found.Why = SharedServe
		default:
			continue
		}
		return found, true
	}
	return Sharing{}, false
}
