package policy

import "time"

// Moment is a time and whether the clock that tells it is known to be right. While it is not, nothing that depends on the hour is open.
type Moment struct {
	Time    time.Time
	Trusted bool
}

// Window is one block of a schedule: hours of some days, in the site's time zone.
type Window struct {
	Days [7]bool // by time.Weekday
	// From and To are minutes since midnight, To at most 24 hours. A To that is not after From lies on the next day; the window belongs to
	// the day it starts on.
	From, To int
	Origin   Origin
}

// Schedule is windows that add up, in a time zone. Without a window it is always open.
type Schedule struct {
	Windows []Window
	Zone    Zone
}

// span is one occurrence of a window.
type span struct{ start, end time.Time }

// OpenAt says whether the schedule is open, and until when: the zero time says without end. Windows that meet or overlap are one.
func (s Schedule) OpenAt(at time.Time) (until time.Time, open bool) {
	if len(s.Windows) == 0 {
		return time.Time{}, true
	}
	end := at
	for grown := true; grown; {
		grown = false
		for _, o := range s.around(end) {
			// A second of no schedule between two windows would cut what runs through both.
			if !o.start.After(end) && o.end.After(end) {
				end, grown = o.end, true
			}
		}
		if end.Sub(at) > 8*24*time.Hour {
			return time.Time{}, true // it meets itself a week later
		}
	}
	return end, end.After(at)
}

// Next returns the first moment after a given one at which a window begins; false where there is no schedule.
func (s Schedule) Next(after time.Time) (time.Time, bool) {
	var next time.Time
	for day := range 9 {
		for _, o := range s.around(after.AddDate(0, 0, day)) {
			if o.start.After(after) && (next.IsZero() || o.start.Before(next)) {
				next = o.start
			}
		}
	}
	return next, !next.IsZero()
}

// around returns what begins on the day before a moment, on its day and on the day after, in the site's time zone.
func (s Schedule) around(at time.Time) []span {
	local := at.In(s.Zone.Location())
	var list []span
	for _, w := range s.Windows {
		for _, days := range [...]int{-1, 0, 1} {
			y, m, d := local.AddDate(0, 0, days).Date()
			if midnight := time.Date(y, m, d, 12, 0, 0, 0, time.UTC); !w.Days[midnight.Weekday()] {
				continue
			}
			to := w.To
			if to <= w.From {
				to += 24 * 60
			}
			list = append(list, span{s.wall(y, m, d, w.From), s.wall(y, m, d, to)})
		}
	}
	return list
}

// wall returns the moment at which the clocks on the wall first show some minutes after a day's midnight, or the next minute that they
// do show where daylight saving skips it.
func (s Schedule) wall(y int, m time.Month, d, minutes int) time.Time {
	const most = 3 * time.Hour             // no change of daylight saving is larger
	shown := func(t time.Time) time.Time { // what the wall shows, as if it were UTC
		l := t.In(s.Zone.Location())
		return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
	}
	wanted := time.Date(y, m, d, 0, minutes, 0, 0, time.UTC)
	_, offset := wanted.In(s.Zone.Location()).Zone()
	guess := wanted.Add(-time.Duration(offset) * time.Second)
	for t := guess.Add(-most); t.Before(guess.Add(most)); t = t.Add(time.Minute) {
		if !shown(t).Before(wanted) {
			return t
		}
	}
	return guess
}

// Opening is a window of an allow or exception that begins.
type Opening struct {
	Kind, Name string // allow or exception, and its label
	At         time.Time
	Origin     Origin
}

// NextOpening returns the first window of the policy that begins after a moment; false where none does. An exception's windows behind its
// end never open.
func (p Policy) NextOpening(after time.Time) (Opening, bool) {
	var first Opening
	consider := func(o Opening, windows []Window, end time.Time) {
		at, ok := Schedule{Windows: windows, Zone: p.Site.Zone}.Next(after)
		if !ok || !end.IsZero() && !at.Before(end) || !first.At.IsZero() && !at.Before(first.At) {
			return
		}
		o.At = at
		first = o
	}
	for _, a := range p.Allows {
		consider(Opening{Kind: "allow", Name: a.Name, Origin: a.Origin}, a.During, time.Time{})
	}
	for _, e := range p.Exceptions {
		consider(Opening{Kind: "exception", Name: e.Name, Origin: e.Origin}, e.During, e.Until)
	}
	return first, !first.At.IsZero()
}
