package gateway

import (
	"testing"

	"cordon/gateway/observe"
)

// TestWhatIsMended holds that what the hour opens and closes is not called a repair, and that a repair is not called the hour's: neither
// where somebody else's transaction was heard of, nor where more was missing than the hour brings.
func TestWhatIsMended(t *testing.T) {
	heard := observe.Event{Kinds: observe.Tables}
	for _, c := range []struct {
		name   string
		mended mended
		seen   observe.Event
		want   What
	}{
		{"the hour", mended{broken: true, turned: true}, observe.Event{}, Turned},
		{"the hour's elements, and somebody was heard", mended{broken: true, turned: true}, heard, Repaired},
		{"what a look found under a schedule", mended{broken: true}, observe.Event{}, Repaired},
		{"what was heard", mended{broken: true}, heard, Repaired},
	} {
		if got := c.mended.what(c.seen); got != c.want {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
	}
}
