package integration_test

import (
	"errors"
	"testing"
	"time"

	"cordon/gateway"
	"cordon/gateway/history"
)

// TestRevertNamesItsChange takes a change back by its name alone: who means another one, which was confirmed meanwhile, changes nothing.
func TestRevertNamesItsChange(t *testing.T) {
	l := open(t)
	store := history.In(t.TempDir())
	text := head + allows
	p := read(t, text)
	writing(t, l, store, func(w *gateway.Writer) error {
		proposal, err := w.Propose(t.Context(), p, "")
		if err != nil {
			return err
		}
		_, pending, err := w.Apply(t.Context(), proposal, applied(p, text), gateway.Confirmation{Within: time.Hour})
		if err != nil {
			return err
		}
		other := &history.PendingError{}
		if err := w.Revert(t.Context(), "another"); !errors.As(err, &other) || other.Pending.ID != pending.ID {
			t.Errorf("by another name: %v", err)
		}
		if s, err := w.Status(t.Context(), &p, ""); err != nil || !s.Whole {
			t.Errorf("by another name it was taken back: %v", err)
		}
		if err := w.Revert(t.Context(), pending.ID); err != nil {
			t.Errorf("by its own: %v", err)
		}
		if err := w.Revert(t.Context(), pending.ID); !errors.Is(err, gateway.ErrNothingPending) {
			t.Errorf("twice: %v", err)
		}
		if s, err := w.Status(t.Context(), &p, ""); err != nil || s.Whole {
			t.Errorf("control: by its own name it was not taken back: %v", err)
		}
		return nil
	})
}
