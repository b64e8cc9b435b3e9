package load_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// except loads an exception that ends at a moment, read at another one, and returns its end and the codes of what is wrong.
func except(t *testing.T, until string, at policy.Moment) (time.Time, string) {
	t.Helper()
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
exception "x" {
  from     = camera.gym-north
  to       = "198.51.100.7"
  services = ["https"]
  until    = %q
  reason   = "Firmware"
  owner    = "mtremblay"
  during {
    hours = "06:00-08:00"
  }
}
`, until)
	p, diagnostics := load.Dir(at, nil, load.Directory{FS: fstest.MapFS{"base.hcl": {Data: base}, "x.hcl": file(text)}})
	var codes []string
	for _, d := range diagnostics {
		codes = append(codes, d.Code)
	}
	if len(p.Exceptions) == 0 {
		return time.Time{}, strings.Join(codes, " ")
	}
	return p.Exceptions[0].Until, strings.Join(codes, " ")
}

// TestUntil holds how the end of an exception is read: with an offset as it stands, without one by the clocks of the site.
func TestUntil(t *testing.T) {
	cases := map[string]string{
		"2026-11-20T07:00":          "2026-11-20T12:00:00Z",
		"2026-11-20T07:00:30":       "2026-11-20T12:00:30Z",
		"2026-11-20T07:00:00Z":      "2026-11-20T07:00:00Z",
		"2026-11-20T07:00:00+02:00": "2026-11-20T05:00:00Z",
		"2026-11-20T07:00+02:00":    "2026-11-20T05:00:00Z",
		"2026-11-20T07:00Z":         "2026-11-20T07:00:00Z",
		"2026-07-20T07:00":          "2026-07-20T11:00:00Z", // summer time
		"2026-11-01T00:59":          "2026-11-01T04:59:00Z",
		"2026-11-01T01:00":          "2026-11-01T05:00:00Z", // the first of the two
		"2026-11-01T01:59":          "2026-11-01T05:59:00Z",
		"2026-11-01T02:00":          "2026-11-01T07:00:00Z",
	}
	for text, want := range cases {
		if got, codes := except(t, text, policy.Moment{}); got.UTC().Format(time.RFC3339) != want || codes != "" {
			t.Errorf("%s is %s (%s), want %s", text, got.UTC().Format(time.RFC3339), codes, want)
		}
	}
	wrong := []string{"2026-11-20", "2026-11-20 07:00", "07:00", "tomorrow", "2026-11-20T07", "2026-11-20T25:00", "20/11/2026"}
	for _, text := range wrong {
		if _, codes := except(t, text, policy.Moment{}); codes != "bad-until" {
			t.Errorf("%s: %q", text, codes)
		}
	}
	if len(cases) != 11 || len(wrong) != 7 {
		t.Errorf("%d cases, %d mistakes", len(cases), len(wrong))
	}
}

// TestUntilNeedsAClock holds that a clock that is not known to be right refuses no exception: the policy that was in force before a
// restart must load after it, whatever the clock says by then.
func TestUntilNeedsAClock(t *testing.T) {
	const until = "2026-11-20T07:00:00Z"
	for at, want := range map[string]string{
		"2026-11-19T13:30:00Z": "never-opens", "1970-01-01T00:00:00Z": "exception-long",
		"2026-11-19T07:00:00Z": "", "2026-11-20T07:00:00Z": "exception-over",
		"2026-10-21T07:00:00Z": "", "2026-10-21T06:59:59Z": "exception-long",
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if _, codes := except(t, until, policy.Moment{Time: moment, Trusted: true}); codes != want {
			t.Errorf("at %s: %q, want %q", at, codes, want)
		}
		if _, codes := except(t, until, policy.Moment{Time: moment}); codes != "" {
			t.Errorf("at %s by a clock that nobody vouches for: %q", at, codes)
		}
	}
}

// TestSchedulesAreSmall holds that no schedule makes the loader slow. Each of these windows compared with all the others would outlast
// the time that tests have.
func TestSchedulesAreSmall(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("allow \"x\" {\n  from = segment.office\n  to = recorder.nvr-1\n  services = [\"https\"]\n")
	for range 20_000 {
		text.WriteString("  during {\n    days = [\"mon-sun\"]\n  }\n")
	}
	text.WriteString("}\n")
	_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"base.hcl": {Data: base}, "x.hcl": file(text.String())}})
	if len(diagnostics) != 1 || diagnostics[0].Code != "windows-many" {
		t.Errorf("%s", message.In(message.English).RenderAll(diagnostics))
	}
}
