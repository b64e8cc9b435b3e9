package policy_test

import (
	"testing"
	"time"

	_ "time/tzdata" // a machine without zone data tests the same

	"cordon/policy"
)

func zone(t *testing.T, name string) policy.Zone {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return policy.ZoneOf(l)
}

func days(list ...time.Weekday) (d [7]bool) {
	for _, day := range list {
		d[day] = true
	}
	return d
}

func every() [7]bool { return [7]bool{true, true, true, true, true, true, true} }

// TestOpenAt holds until when a schedule is open, in the time of its own zone.
func TestOpenAt(t *testing.T) {
	const form = "2006-01-02 15:04:05"
	toronto := zone(t, "America/Toronto")
	on := func(from, to int) policy.Window {
		return policy.Window{Days: days(time.Monday), From: from * 60, To: to * 60}
	}
	work := policy.Window{Days: days(time.Monday, time.Friday), From: 8 * 60, To: 17 * 60}
	night := policy.Window{Days: days(time.Friday), From: 22 * 60, To: 4 * 60}
	cases := []struct {
		name    string
		windows []policy.Window
		at      string // in Toronto
		until   string // "" is shut
	}{
		{"before", []policy.Window{work}, "2026-11-23 07:59:59", ""},
		{"at its first second", []policy.Window{work}, "2026-11-23 08:00:00", "2026-11-23 17:00:00"},
		{"in its last", []policy.Window{work}, "2026-11-23 16:59:59", "2026-11-23 17:00:00"},
		{"at its end", []policy.Window{work}, "2026-11-23 17:00:00", ""},
		{"on another day", []policy.Window{work}, "2026-11-24 12:00:00", ""},
		{"on its other day", []policy.Window{work}, "2026-11-27 12:00:00", "2026-11-27 17:00:00"},
		{"over midnight, before it", []policy.Window{night}, "2026-11-27 23:00:00", "2026-11-28 04:00:00"},
		{"over midnight, after it", []policy.Window{night}, "2026-11-28 03:59:00", "2026-11-28 04:00:00"},
		{"over midnight, the night before", []policy.Window{night}, "2026-11-27 03:00:00", ""},
		{"two that meet", []policy.Window{work, on(17, 18)}, "2026-11-23 09:00:00", "2026-11-23 18:00:00"},
		{"two that overlap", []policy.Window{work, on(16, 19)}, "2026-11-23 09:00:00", "2026-11-23 19:00:00"},
		{"two with a gap", []policy.Window{work, on(18, 19)}, "2026-11-23 09:00:00", "2026-11-23 17:00:00"},
		{"to midnight", []policy.Window{{Days: days(time.Monday), From: 0, To: 24 * 60}}, "2026-11-23 12:00:00", "2026-11-24 00:00:00"},
		// On 2026-03-08 the clocks go from 01:59 to 03:00, and on 2026-11-01 from 01:59 back to 01:00.
		{"a start that is skipped", []policy.Window{{Days: every(), From: 2*60 + 30, To: 5 * 60}}, "2026-03-08 03:00:00", "2026-03-08 05:00:00"},
		{"before a start that is skipped", []policy.Window{{Days: every(), From: 2*60 + 30, To: 5 * 60}}, "2026-03-08 01:59:00", ""},
		{"an end that is skipped", []policy.Window{{Days: every(), From: 60, To: 2*60 + 30}}, "2026-03-08 01:30:00", "2026-03-08 03:00:00"},
	}
	for _, c := range cases {
		at, err := time.ParseInLocation(form, c.at, toronto.Location())
		if err != nil {
			t.Fatal(err)
		}
		until, open := policy.Schedule{Windows: c.windows, Zone: toronto}.OpenAt(at)
		got := ""
		if open {
			got = until.In(toronto.Location()).Format(form)
		}
		if got != c.until {
			t.Errorf("%s: at %s open until %q, want %q", c.name, c.at, got, c.until)
		}
	}
}

// TestHourThatOccursTwice holds that a time which the clocks show twice counts once, from its first.
func TestHourThatOccursTwice(t *testing.T) {
	toronto := zone(t, "America/Toronto")
	s := policy.Schedule{Windows: []policy.Window{{Days: every(), From: 90, To: 3 * 60}}, Zone: toronto}
	first := time.Date(2026, 11, 1, 5, 30, 0, 0, time.UTC) // 01:30 in summer's time
	for _, c := range []struct {
		at   time.Time
		open bool
	}{
		{first.Add(-time.Second), false},
		{first, true},
		{first.Add(time.Hour), true},
		{first.Add(150*time.Minute - time.Second), true},
		{first.Add(150 * time.Minute), false},
	} {
		if _, open := s.OpenAt(c.at); open != c.open {
			t.Errorf("at %s open %t, want %t", c.at.In(toronto.Location()), open, c.open)
		}
	}
}

func TestAlwaysOpen(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, s := range map[string]policy.Schedule{
		"no window":  {},
		"every hour": {Windows: []policy.Window{{Days: every(), From: 0, To: 24 * 60}}},
		"two halves": {Windows: []policy.Window{{Days: every(), From: 0, To: 12 * 60}, {Days: every(), From: 12 * 60, To: 0}}},
	} {
		if until, open := s.OpenAt(at); !open || !until.IsZero() {
			t.Errorf("%s: open %t until %s", name, open, until)
		}
	}
}

func TestNext(t *testing.T) {
	s := policy.Schedule{Windows: []policy.Window{{Days: days(time.Monday), From: 8 * 60, To: 17 * 60}}}
	monday := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct{ after, want time.Time }{
		{monday.Add(-time.Hour), monday},
		{monday, monday.AddDate(0, 0, 7)},
		{monday.AddDate(0, 0, 3), monday.AddDate(0, 0, 7)},
	} {
		if got, ok := s.Next(c.after); !ok || !got.Equal(c.want) {
			t.Errorf("after %s: %s, %t; want %s", c.after, got, ok, c.want)
		}
	}
	if got, ok := (policy.Schedule{}).Next(monday); ok {
		t.Errorf("without a schedule the next window begins at %s", got)
	}
}

func TestNextOpening(t *testing.T) {
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	at := func(day time.Weekday, from int) []policy.Window {
		return []policy.Window{{Days: days(day), From: from * 60, To: from*60 + 30}}
	}
	p := policy.Policy{
		Allows: []policy.Allow{{Name: "always"}, {Name: "late", During: at(time.Monday, 20)}, {Name: "early", During: at(time.Monday, 8)}},
		Exceptions: []policy.Exception{
			{Name: "over before", During: at(time.Monday, 7), Until: monday.Add(time.Hour)},
			{Name: "noon", During: at(time.Monday, 12), Until: monday.AddDate(0, 0, 2)},
		},
	}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, "allow early"}, {8 * time.Hour, "exception noon"}, {12 * time.Hour, "allow late"}, {21 * time.Hour, "allow early"}} {
		got, ok := p.NextOpening(monday.Add(c.after))
		if !ok || got.Kind+" "+got.Name != c.want {
			t.Errorf("after %s: %s %s, want %s", c.after, got.Kind, got.Name, c.want)
		}
	}
	if got, ok := (policy.Policy{Allows: p.Allows[:1]}).NextOpening(monday); ok {
		t.Errorf("%s opens", got.Name)
	}
}
