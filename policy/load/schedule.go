package load

import (
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the zones of a policy must not depend on what the machine has installed

	"cordon/policy"
	"cordon/policy/message"
)

// week is how many minutes a week has.
const week = 7 * 24 * 60

// maxWindows is how many windows a schedule may have: the kernel is told of each of their ends.
const maxWindows = 100

func duringSchema() schema { return schema{optional: []string{"days", "hours"}} }

// during returns the windows of an allow or exception.
func (l *loader) during(b block) []policy.Window {
	var windows []policy.Window
	for _, inner := range l.nested(b, "during") {
		if w, ok := l.window(inner); ok {
			windows = append(windows, w)
		}
	}
	if len(windows) > maxWindows {
		l.report.add(at(windows[maxWindows].Origin), "windows-many", message.Args{"name": b.name})
		return windows[:maxWindows]
	}
	for i := len(windows) - 1; i >= 0 && len(windows) > 1; i-- {
		others := slices.Concat(windows[:i], windows[i+1:])
		if minutesOf(others).cover(minutesOf(windows[i : i+1])) {
			l.report.warn(at(windows[i].Origin), "window-covered", message.Args{"name": b.name})
			break
		}
	}
	return windows
}

// wholeWeek is the window of a block that names neither days nor hours.
func wholeWeek() policy.Window {
	return policy.Window{Days: [7]bool{true, true, true, true, true, true, true}, To: 24 * 60}
}

// minutesIn returns the minutes of a week at which a window is open.
func minutesIn(w policy.Window) iter.Seq[int] {
	length := w.To - w.From
	if length <= 0 {
		length += 24 * 60
	}
	return func(yield func(int) bool) {
		for day, on := range w.Days {
			for i := 0; on && i < length; i++ {
				if !yield((day*24*60 + w.From + i) % week) {
					return
				}
			}
		}
	}
}

// window reads one block of a schedule. Without days it is every day, without hours the whole day.
func (l *loader) window(b block) (policy.Window, bool) {
	l.shape(b, duringSchema())
	w := wholeWeek()
	w.Origin = b.origin()
	days, hours := b.body.Attributes["days"], b.body.Attributes["hours"]
	if days == nil && hours == nil {
		l.report.add(at(b.header), "window-empty", nil)
		return w, false
	}
	ok := true
	if days != nil {
		w.Days, ok = l.days(b)
	}
	if hours == nil {
		return w, ok
	}
	text, here, given := l.word(b, "hours")
	if !given {
		l.missing(b, "hours")
		return w, false
	}
	var fine bool
	w.From, w.To, fine = parseHours(text)
	switch {
	case !fine:
		l.report.add(here, "bad-hours", message.Args{"value": text})
	case w.From == w.To:
		l.report.add(here, "hours-empty", message.Args{"value": text})
	default:
		return w, ok
	}
	return w, false
}

// weekdays are the words of the language, by time.Weekday.
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

func (l *loader) days(b block) ([7]bool, bool) {
	var days [7]bool
	values, complete := l.values(b, "days", true)
	if complete && len(values) == 0 {
		l.report.add(b.place(b.body.Attributes["days"].Expr), "empty-value", message.Args{"name": "days"})
		return days, false
	}
	for _, v := range values {
		text, ok := l.asText(v)
		complete = ok && l.dayRun(text, v.place, &days) && complete
	}
	return days, complete
}

// dayRun reads "mon", or a run such as "mon-fri"; one that passes the end of the week goes on at its beginning.
func (l *loader) dayRun(text string, here place, days *[7]bool) bool {
	first, last, run := strings.Cut(text, "-")
	if !run {
		last = first
	}
	from, to := slices.Index(weekdays(), first), slices.Index(weekdays(), last)
	if from < 0 || to < 0 {
		wrong := first
		if from >= 0 {
			wrong = last
		}
		l.report.add(here, "bad-day", withNearest(wrong, weekdays(), message.Args{"value": text}))
		return false
	}
	for day := from; ; day = (day + 1) % len(days) {
		days[day] = true
		if day == to {
			return true
		}
	}
}

// parseHours reads "22:00-04:00" as minutes since midnight.
func parseHours(text string) (from, to int, ok bool) {
	m := regexp.MustCompile(`^(\d{1,2}):(\d\d) *- *(\d{1,2}):(\d\d)$`).FindStringSubmatch(text)
	if m == nil {
		return 0, 0, false
	}
	from, first := clock(m[1], m[2])
	to, second := clock(m[3], m[4])
	return from, to, first && second && from < 24*60
}

func clock(hours, minutes string) (int, bool) {
	h, err := strconv.Atoi(hours)
	m, fault := strconv.Atoi(minutes)
	return h*60 + m, err == nil && fault == nil && m < 60 && h*60+m <= 24*60
}

// minutes are those of a week, from Sunday's midnight, as bits.
type minutes [week/64 + 1]uint64

// minutesOf returns when a schedule is open; nil says always.
func minutesOf(windows []policy.Window) *minutes {
	if len(windows) == 0 {
		return nil
	}
	open := &minutes{}
	for _, w := range windows {
		for minute := range minutesIn(w) {
			open[minute/64] |= 1 << (minute % 64)
		}
	}
	return open
}

// cover says whether one schedule is open whenever another one is.
func (outer *minutes) cover(inner *minutes) bool {
	switch {
	case outer == nil:
		return true
	case inner == nil:
		inner = minutesOf([]policy.Window{wholeWeek()})
	}
	for i := range inner {
		if inner[i]&^outer[i] != 0 {
			return false
		}
	}
	return true
}

// zone reads the site's time zone.
func (l *loader) zone(b block) (string, policy.Zone) {
	name, here, ok := l.word(b, "timezone")
	if !ok {
		return "", policy.Zone{}
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // what this machine's administrator chose is no zone of a policy
		l.report.add(here, "bad-timezone", message.Args{"name": name})
		return name, policy.Zone{}
	}
	return name, policy.ZoneOf(location)
}

// duration reads a duration: Go's units and, as administrators count, days.
func (l *loader) duration(b block, name string, without time.Duration) time.Duration {
	text, here, ok := l.word(b, name)
	if !ok {
		return without
	}
	d, ok := parseDuration(text)
	if !ok {
		l.report.add(here, "bad-duration", message.Args{"value": text})
		return without
	}
	return d
}

func parseDuration(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n > 0 && n <= maxDays
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0 && d <= maxDays*24*time.Hour
}

// maxDays is the longest duration that a policy may name: what is longer is meant for ever, and has no end.
const maxDays = 3660

// spellDuration returns a duration as a policy writes it.
func spellDuration(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}
