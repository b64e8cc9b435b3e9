package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"cordon/gateway/kernel/nft"
)

// TestSettled holds that an answer which was lost is read back, and that no other error is.
func TestSettled(t *testing.T) {
	overrun, silence := fmt.Errorf("change: %w", nft.ErrOverrun), fmt.Errorf("change: %w", nft.ErrNoAnswer)
	for _, c := range []struct {
		name    string
		err     error
		held    bool
		readErr error
		asked   bool
		want    []error
	}{
		{name: "done"},
		{name: "refused", err: fs.ErrPermission, want: []error{fs.ErrPermission}},
		{name: "lost, and done", err: overrun, held: true, asked: true},
		{name: "lost, and not done", err: overrun, asked: true, want: []error{nft.ErrOverrun}},
		{name: "no answer, and done", err: silence, held: true, asked: true},
		{
			name: "lost, and nobody knows", err: overrun, held: true, readErr: fs.ErrClosed, asked: true,
			want: []error{nft.ErrOverrun, fs.ErrClosed},
		},
	} {
		asked := false
		got := settled(c.err, func() (bool, error) {
			asked = true
			return c.held, c.readErr
		})
		if (got == nil) != (len(c.want) == 0) || asked != c.asked {
			t.Errorf("%s: %v, asked %t", c.name, got, asked)
		}
		for _, want := range c.want {
			if !errors.Is(got, want) {
				t.Errorf("%s: %v is not %v", c.name, got, want)
			}
		}
	}
}
