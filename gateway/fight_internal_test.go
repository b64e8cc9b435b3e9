package gateway

import (
	"testing"
	"time"
)

// TestFight holds that a fight is lost by many blows in a short time and by none that come slowly.
func TestFight(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration
		blows int
		lost  bool
	}{
		{"once", time.Second, 1, false},
		{"as many as are borne", time.Second, mostRepairs, false},
		{"one more", time.Second, mostRepairs + 1, true},
		{"all at once", 0, mostRepairs + 1, true},
		{"for ever, slowly", 3 * time.Second, 1000, false},
		{"for ever, a little too fast", 1900 * time.Millisecond, 1000, true},
	} {
		f, now, lost := fight{}, time.Unix(0, 0), false
		for range c.blows {
			lost = lost || f.blow(now)
			now = now.Add(c.every)
		}
		if lost != c.lost || len(f.repairs) > mostRepairs+2 {
			t.Errorf("%s: lost %t, want %t; %d remembered", c.name, lost, c.lost, len(f.repairs))
		}
	}
}

func TestPause(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: 20 * time.Millisecond, 2: 40 * time.Millisecond, 5: 320 * time.Millisecond, 10: 10 * time.Second, 1 << 20: 10 * time.Second,
	} {
		if got := pause(failures); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
}
