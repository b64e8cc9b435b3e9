package compile

import (
	"math"
	"time"

	"cordon/policy"
)

// term is how long an opening lasts. The zero term has no end.
type term struct {
	limited bool          // by an exception's end or by a schedule
	left    time.Duration // how long it is still open, in whole seconds; 0 while it is shut, endless where it never shuts
}

// endless is what a schedule of every hour has left: it needs a clock that is right, as every schedule does.
const endless time.Duration = math.MaxInt64

// shut says whether the opening is shut now.
func (t term) shut() bool { return t.limited && t.left == 0 }

// termOf returns the term of an allow or exception at a moment; false when it is over for good. While the clock is not known to be
// right nothing that depends on the hour is open, and nothing is over.
func termOf(s policy.Schedule, end time.Time, at policy.Moment) (term, bool) {
	if at.Trusted && !end.IsZero() && !at.Time.Before(end) {
		return term{}, false
	}
	until, open := s.OpenAt(at.Time)
	if !end.IsZero() && (until.IsZero() || until.After(end)) {
		until = end
	}
	switch {
	case len(s.Windows) == 0 && end.IsZero():
		return term{}, true
	case !open || !at.Trusted:
		return term{limited: true}, true
	case until.IsZero():
		return term{limited: true, left: endless}, true
	}
	return term{limited: true, left: until.Sub(at.Time).Truncate(time.Second)}, true
}
