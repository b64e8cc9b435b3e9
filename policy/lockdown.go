package policy

import "slices"

// LockedDown returns the policy as it is while camera and recorder segments are locked down: nothing that they carry is allowed, their
// own recorders and what the gateway serves them included, and none of them is only observed. What remains is what does not touch
// them, `manage` first of all. No names means every camera and recorder segment; a name that is none of them changes nothing.
//
// The result is a policy like any other: what compiles, plans and proves a policy does so with a lockdown.
func (p Policy) LockedDown(names ...string) Policy {
	locked := map[SegmentID]bool{}
	p.Lockdown = nil
	p.Segments = slices.Clone(p.Segments)
	for i := range p.Segments {
		s := &p.Segments[i]
		if !s.Kind.Governed() || len(names) > 0 && !slices.Contains(names, s.Name) {
			continue
		}
		locked[SegmentID(i)] = true
		s.Mode, s.Serve = Enforce, Serve{}
		p.Lockdown = append(p.Lockdown, s.Name)
	}
	p.Allows = p.sparedAllows(locked)
	p.Exceptions = p.sparedExceptions(locked)
	return p
}

func (p Policy) sparedAllows(locked map[SegmentID]bool) []Allow {
	var list []Allow
	for _, a := range p.Allows {
		if a.From, a.To = p.spared(a.From, locked), p.spared(a.To, locked); len(a.From) > 0 && len(a.To) > 0 {
			list = append(list, a)
		}
	}
	return list
}

func (p Policy) sparedExceptions(locked map[SegmentID]bool) []Exception {
	var list []Exception
	for _, e := range p.Exceptions {
		if e.From, e.To = p.spared(e.From, locked), p.spared(e.To, locked); len(e.From) > 0 && len(e.To) > 0 {
			list = append(list, e)
		}
	}
	return list
}

// spared returns what is left of a list of endpoints without the segments that are locked down.
func (p Policy) spared(list []Endpoint, locked map[SegmentID]bool) []Endpoint {
	var left []Endpoint
	for _, e := range list {
		stands := e.Kind == AnyEndpoint
		if e.Kind == DeviceEndpoint {
			e.Devices = slices.DeleteFunc(slices.Clone(e.Devices), func(id DeviceID) bool { return locked[p.Devices[id].Segment] })
			stands = len(e.Devices) > 0
		}
		if len(e.Segments) > 0 {
			e.Segments = slices.DeleteFunc(slices.Clone(e.Segments), func(id SegmentID) bool { return locked[id] })
			stands = stands || len(e.Segments) > 0
		}
		if stands {
			left = append(left, e)
		}
	}
	return left
}
