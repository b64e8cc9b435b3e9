package compile

import (
	"time"

	"cordon/policy"
)

// Edge returns the first moment after a given one for which State returns something else than for that one, but for the time that is left
// to elements: a window begins, or what is open ends, which it does in the last second as well as at its end. The zero time says that there
// is none. It holds for a clock that goes on, and is right or is not, all the while.
func Edge(p policy.Policy, at policy.Moment) time.Time {
	var first time.Time
	consider := func(candidates ...time.Time) {
		for _, t := range candidates {
			if t.After(at.Time) && (first.IsZero() || t.Before(first)) {
				first = t
			}
		}
	}
	limited := func(windows []policy.Window, end time.Time) {
		s := policy.Schedule{Windows: windows, Zone: p.Site.Zone}
		if !end.IsZero() {
			consider(lastSecond(end), end)
		}
		if next, ok := s.Next(at.Time); ok {
			consider(next)
		}
		if until, open := s.OpenAt(at.Time); open && !until.IsZero() {
			consider(lastSecond(until), until)
		}
	}
	for i := range p.Allows {
		limited(p.Allows[i].During, time.Time{})
	}
	for i := range p.Exceptions {
		limited(p.Exceptions[i].During, p.Exceptions[i].Until)
	}
	return first
}

// lastSecond is when whole seconds are over: what is left then is none. The moment after it is the first one.
func lastSecond(end time.Time) time.Time { return end.Add(1 - time.Second) }
