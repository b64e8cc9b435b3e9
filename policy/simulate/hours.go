package simulate

import (
	"time"

	"cordon/policy"
)

// openAt returns Named when a block that names a flow is open at a moment, else why it is not.
func (b block) openAt(at policy.Moment, zone policy.Zone) Reason {
	limited := b.exception != nil || len(b.during) > 0
	switch {
	case limited && !at.Trusted:
		return ClockUntrusted
	case b.exception != nil && !at.Time.Before(b.exception.Until):
		return ExceptionOver
	case len(b.during) > 0 && !openIn(b.during, zone.Location(), at.Time):
		return ScheduleClosed
	}
	return Named
}

// openIn says whether one of several windows is open at a moment. A window belongs to the day that it starts on, and may reach into the
// day after: the days before and after leave room for a clock that jumps.
func openIn(windows []policy.Window, zone *time.Location, at time.Time) bool {
	year, month, day := at.In(zone).Date()
	for _, w := range windows {
		for back := -2; back <= 1; back++ {
			midnight := time.Date(year, month, day+back, 0, 0, 0, 0, time.UTC)
			if !w.Days[midnight.Weekday()] {
				continue
			}
			end := midnight.Add(time.Duration(w.To) * time.Minute)
			if w.To <= w.From {
				end = end.AddDate(0, 0, 1)
			}
			opens := instant(midnight.Add(time.Duration(w.From)*time.Minute), zone)
			if !at.Before(opens) && at.Before(instant(end, zone)) {
				return true
			}
		}
	}
	return false
}

// instant returns when the clocks of a zone show a wall's time, given as if it were UTC: the first time of two, and of a time that they
// skip the moment at which they jump over it.
func instant(wall time.Time, zone *time.Location) time.Time {
	const around = 36 * time.Hour // no clock is further from UTC, and none jumps further than a day
	period := wall.Add(-around).In(zone)
	for {
		_, offset := period.Zone()
		begins, ends := period.ZoneBounds()
		shown := wall.Add(-time.Duration(offset) * time.Second)
		switch {
		case !begins.IsZero() && shown.Before(begins):
			return begins
		case ends.IsZero() || shown.Before(ends):
			return shown
		}
		period = ends
	}
}
