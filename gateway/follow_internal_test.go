package gateway

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cordon/gateway/compile"
	"cordon/gateway/history"
	"cordon/policy"
)

// hourly is a policy with some cameras, one of which somebody may see from eight to nine.
func hourly(tb testing.TB, cameras int) policy.Policy {
	tb.Helper()
	text := &strings.Builder{}
	text.WriteString(`
site "school" { timezone = "UTC" }
manage { from = [] }
segment "cameras" {
  kind      = "camera"
  interface = "cam0"
  addresses = ["10.30.0.1/16"]
}
segment "office" {
  kind      = "client"
  interface = "lan0"
  addresses = ["10.50.0.1/24"]
}
allow "lesson" {
  from     = segment.office
  to       = camera.c0
  services = ["https"]
  during {
    days  = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    hours = "08:00-09:00"
  }
}
`)
	for i := range cameras {
		name, host := strconv.Itoa(i), strconv.Itoa(i/200+1)+"."+strconv.Itoa(i%200+1)
		mac := "44:19:b6:00:" + strconv.FormatInt(int64(0x10+i/200), 16) + ":" + strconv.FormatInt(int64(0x10+i%200), 16)
		text.WriteString("camera \"c" + name + "\" {\n  segment = segment.cameras\n")
		text.WriteString("  mac     = \"" + mac + "\"\n  address = \"10.30." + host + "\"\n}\n")
	}
	files := map[string][]byte{"site.hcl": []byte(text.String())}
	p, diagnostics := Recall(history.Applied{Directories: []history.Directory{{Name: "site", Files: files}}})
	if len(p.Devices) != cameras || !p.DependsOnTime() {
		tb.Fatalf("%d cameras: %v", len(p.Devices), diagnostics)
	}
	return p
}

// lefts is what is left to elements, in milliseconds.
func lefts(a *aim) []uint64 {
	var all []uint64
	for _, t := range a.wanted.Tables {
		for _, s := range t.Sets {
			for _, e := range s.Elements {
				if e.Timeout != 0 {
					all = append(all, e.Timeout)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestFollow holds that a policy is compiled again just where the clock crosses an edge, was set back, or is believed otherwise, and that
// what is left goes by in between.
func TestFollow(t *testing.T) {
	clock := func(text string) policy.Moment {
		at, err := time.Parse("2006-01-02 15:04:05", "2026-11-"+text)
		if err != nil {
			t.Fatal(err)
		}
		return policy.Moment{Time: at, Trusted: true}
	}
	a := &aim{policy: hourly(t, 3)}
	a.compile(clock("23 07:00:00"))
	again := 0
	for _, c := range []struct {
		name, at string
		unsure   bool
		anew     bool
		left     time.Duration // 0: nothing is open
	}{
		{"before the hour", "23 07:00:05", false, false, 0},
		{"just before the hour", "23 07:59:59", false, false, 0},
		{"the hour has come", "23 08:00:00", false, true, time.Hour},
		{"a second later", "23 08:00:01", false, false, time.Hour - time.Second},
		{"nothing has gone by", "23 08:00:01", false, false, time.Hour - time.Second},
		{"half of it is over", "23 08:30:00", false, false, time.Hour / 2},
		{"the clock is set back in it", "23 08:20:00", false, true, 40 * time.Minute},
		{"the clock is not known to be right", "23 08:21:00", true, true, 0},
		{"and still is not", "23 08:22:00", true, false, 0},
		{"it is again", "23 08:23:00", false, true, 37 * time.Minute},
		{"seconds are left", "23 08:59:58", false, false, 2 * time.Second},
		{"the last second is over", "23 09:00:00", false, true, 0},
		{"a day later it has come again", "24 08:10:00", false, true, 50 * time.Minute},
	} {
		before := &a.wanted.Tables[0]
		at := clock(c.at)
		at.Trusted = !c.unsure
		a.follow(at)
		if anew := before != &a.wanted.Tables[0]; anew != c.anew {
			t.Errorf("%s: compiled again: %t, want %t", c.name, anew, c.anew)
		} else if anew {
			again++
		}
		var want []uint64
		if c.left != 0 {
			want = []uint64{uint64(c.left.Milliseconds())}
		}
		if got := lefts(a); !slices.Equal(got, want) {
			t.Errorf("%s: %v ms are left, want %v", c.name, got, want)
		}
		if next := clock("23 08:00:00").Time; !a.opening.After(at.Time) || a.opening.Sub(next)%(24*time.Hour) != 0 {
			t.Errorf("%s: the next opening is at %s", c.name, a.opening)
		}
	}
	if again != 6 {
		t.Errorf("compiled again %d times", again)
	}
}

// BenchmarkFollow is what a look pays for the hour at 4,000 cameras: between two edges, and at one.
func BenchmarkFollow(b *testing.B) {
	p := hourly(b, 4000)
	at := policy.Moment{Time: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Trusted: true}
	b.Run("between", func(b *testing.B) {
		a := &aim{policy: p}
		a.compile(at)
		for i := 0; b.Loop(); i++ {
			a.follow(policy.Moment{Time: at.Time.Add(time.Duration(i) * time.Microsecond), Trusted: true})
		}
	})
	b.Run("at an edge", func(b *testing.B) {
		a := &aim{policy: p}
		for b.Loop() {
			a.compile(at)
		}
	})
}

// TestFollowedIsCompiled holds what has been followed against what is compiled at that moment.
func TestFollowedIsCompiled(t *testing.T) {
	p := hourly(t, 2)
	start := policy.Moment{Time: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), Trusted: true}
	a, open := &aim{policy: p}, 0
	a.compile(start)
	for minute := range 180 {
		at := policy.Moment{Time: start.Time.Add(time.Duration(minute) * time.Minute), Trusted: true}
		a.follow(at)
		fresh := &aim{policy: p}
		fresh.wanted, _ = compile.State(p, "", at)
		if !slices.Equal(lefts(a), lefts(fresh)) {
			t.Fatalf("%s: %v ms are left, compiled %v", at.Time, lefts(a), lefts(fresh))
		}
		open += len(lefts(a))
	}
	if open != 60 {
		t.Errorf("control: it is open in %d minutes", open)
	}
}
