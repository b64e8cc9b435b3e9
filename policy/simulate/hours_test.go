package simulate_test

import (
	"net/netip"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"cordon/policy"
	"cordon/policy/simulate"
)

// hourly is a policy whose only allow has a schedule, and a packet of it.
func hourly(t *testing.T, zone string, windows ...policy.Window) (policy.Policy, policy.Packet) {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	segment := func(name string, network string) policy.Segment {
		return policy.Segment{
			Name: name, Kind: policy.ClientSegment, Interface: name, Addresses: []netip.Prefix{netip.MustParsePrefix(network)},
		}
	}
	end := func(id policy.SegmentID) []policy.Endpoint {
		return []policy.Endpoint{{Kind: policy.SegmentEndpoint, Segments: []policy.SegmentID{id}}}
	}
	p := policy.Policy{
		Site:     policy.Site{Zone: policy.ZoneOf(location)},
		Segments: []policy.Segment{segment("a", "10.1.0.1/24"), segment("b", "10.2.0.1/24")},
		Allows: []policy.Allow{{
			Name: "hours", From: end(0), To: end(1), Services: []policy.Service{{Any: true}}, During: windows,
		}},
	}
	k := policy.Packet{
		IIF: "a", Source: netip.MustParseAddr("10.1.0.5"), Destination: netip.MustParseAddr("10.2.0.5"), Protocol: policy.TCP,
	}
	return p, k
}

// window is minutes of some days.
func window(from, to int, days ...time.Weekday) policy.Window {
	w := policy.Window{From: from, To: to}
	for _, d := range days {
		w.Days[d] = true
	}
	return w
}

const hour = 60

// TestHoursOfTheWall has the days on which clocks jump.
func TestHoursOfTheWall(t *testing.T) {
	sunday, friday, saturday := time.Sunday, time.Friday, time.Saturday
	cases := []struct {
		name, zone, at string
		window         policy.Window
		open           bool
	}{
		{"the skipped start, before the jump", "America/Toronto", "2026-03-08T01:59:59-05:00", window(2*hour+30, 5*hour, sunday), false},
		{"the skipped start begins at the next minute", "America/Toronto", "2026-03-08T03:00:00-04:00", window(2*hour+30, 5*hour, sunday), true},
		{"the skipped end, before", "America/Toronto", "2026-03-08T01:59:59-05:00", window(1*hour, 2*hour+30, sunday), true},
		{"the skipped end ends at the jump", "America/Toronto", "2026-03-08T03:00:00-04:00", window(1*hour, 2*hour+30, sunday), false},
		{"a window that is skipped whole", "America/Toronto", "2026-03-08T03:00:00-04:00", window(2*hour+5, 2*hour+50, sunday), false},
		{"an hour that occurs twice, first", "America/Toronto", "2026-11-01T01:30:00-04:00", window(1*hour+30, 5*hour, sunday), true},
		{"just before it", "America/Toronto", "2026-11-01T01:29:59-04:00", window(1*hour+30, 5*hour, sunday), false},
		{"the same hour again is still open", "America/Toronto", "2026-11-01T01:15:00-05:00", window(1*hour+30, 5*hour, sunday), true},
		{"an end that occurs twice counts from its first", "America/Toronto", "2026-11-01T01:15:00-05:00", window(0, 1*hour+30, sunday), false},
		{"before the first of the ends", "America/Toronto", "2026-11-01T01:15:00-04:00", window(0, 1*hour+30, sunday), true},
		{"half an hour's jump", "Australia/Lord_Howe", "2026-10-04T02:30:00+11:00", window(2*hour+15, 4*hour, sunday), true},
		{"before half an hour's jump", "Australia/Lord_Howe", "2026-10-04T01:59:00+10:30", window(2*hour+15, 4*hour, sunday), false},
		{"a day that was left out", "Pacific/Apia", "2011-12-31T00:00:00+14:00", window(8*hour, 17*hour, friday), false},
		{"the day after it", "Pacific/Apia", "2011-12-31T09:00:00+14:00", window(8*hour, 17*hour, saturday), true},
		{"a whole day, its last second", "America/Toronto", "2026-11-22T23:59:59-05:00", window(0, 24*hour, sunday), true},
		{"a whole day, the next one's first", "America/Toronto", "2026-11-23T00:00:00-05:00", window(0, 24*hour, sunday), false},
		{"from and to are the same: a day", "America/Toronto", "2026-11-23T09:59:59-05:00", window(10*hour, 10*hour, sunday), true},
		{"and not more", "America/Toronto", "2026-11-23T10:00:00-05:00", window(10*hour, 10*hour, sunday), false},
	}
	verdicts := map[bool]int{}
	for _, c := range cases {
		verdicts[c.open]++
		p, k := hourly(t, c.zone, c.window)
		d := simulate.Packet(p, moment(c.at), k)
		if got := d.Verdict == policy.Allowed; got != c.open {
			t.Errorf("%s: open %t (%v), want %t", c.name, got, d.Reason, c.open)
		}
	}
	if verdicts[true] < 8 || verdicts[false] < 8 {
		t.Errorf("the table holds %v", verdicts)
	}
}

// TestHoursOfTwoArithmetics holds the oracle's schedules against those that the gateway acts on: they share no line.
func TestHoursOfTwoArithmetics(t *testing.T) {
	zones := []string{
		"America/Toronto", "America/St_Johns", "Australia/Lord_Howe", "Europe/London", "Asia/Kolkata", "UTC", "Africa/Casablanca",
	}
	minutes := rapid.Custom(func(t *rapid.T) int {
		return rapid.OneOf(rapid.IntRange(0, 4*hour), rapid.IntRange(0, 24*hour-1)).Draw(t, "minutes")
	})
	starts := []string{"2026-03-07T00:00:00Z", "2026-10-31T00:00:00Z", "2026-04-04T00:00:00Z", "2026-10-03T00:00:00Z", "2026-06-01T00:00:00Z"}
	seen := map[bool]int{}
	rapid.Check(t, func(r *rapid.T) {
		var windows []policy.Window
		for range rapid.IntRange(1, 3).Draw(r, "windows") {
			w := policy.Window{From: minutes.Draw(r, "from"), To: minutes.Draw(r, "to") + 1}
			for i := range w.Days {
				w.Days[i] = rapid.Bool().Draw(r, "day")
			}
			windows = append(windows, w)
		}
		p, k := hourly(t, rapid.SampledFrom(zones).Draw(r, "zone"), windows...)
		start := moment(rapid.SampledFrom(starts).Draw(r, "start"))
		for range 50 {
			at := policy.Moment{Trusted: true, Time: start.Time.Add(time.Duration(rapid.IntRange(0, 4*24*60).Draw(r, "at")) * time.Minute)}
			_, want := policy.Schedule{Windows: windows, Zone: p.Site.Zone}.OpenAt(at.Time)
			got := simulate.Packet(p, at, k).Verdict == policy.Allowed
			seen[got]++
			if got != want {
				r.Fatalf("%v in %s: %t, the gateway says %t", at.Time.In(p.Site.Zone.Location()), p.Site.Zone.Location(), got, want)
			}
		}
	})
	if seen[true] < 100 || seen[false] < 100 {
		t.Errorf("open and shut: %v", seen)
	}
}

// TestEveryHour: a schedule without an hour that is shut is always open, and needs a clock that is right as every schedule does.
func TestEveryHour(t *testing.T) {
	week := []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday}
	for name, windows := range map[string][]policy.Window{
		"one window":    {window(0, 24*hour, week...)},
		"two that meet": {window(0, 8*hour, week...), window(8*hour, 24*hour, week...)},
		"over midnight": {window(8*hour, 8*hour, week...)},
	} {
		p, k := hourly(t, "America/Toronto", windows...)
		at := moment("2026-11-23T10:15:00-05:00")
		for _, at.Trusted = range []bool{true, false} {
			if d := simulate.Packet(p, at, k); (d.Verdict == policy.Allowed) != at.Trusted {
				t.Errorf("%s, trusted %t: %+v", name, at.Trusted, d)
			}
		}
	}
}
