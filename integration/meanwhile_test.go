package integration_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"cordon/gateway"
	"cordon/gateway/history"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/wire"
	"cordon/policy"
)

// breaker is a clock that breaks the packet filter when it is asked the time for the nth time since a change is overdue: the way back asks
// it between reading the machine and changing it, and again behind that. It is used by the loop alone.
type breaker struct {
	store     history.Store
	overdue   bool
	asked, at int // at 0: never
	err       error
}

// now tells the time.
func (b *breaker) now() policy.Moment {
	if p, err := b.store.Pending(); err == nil && !b.overdue {
		b.overdue, _ = gateway.Overdue(p) // the machine's own clock answers
	}
	if b.overdue {
		if b.asked++; b.asked == b.at {
			b.err = b.smash()
		}
	}
	return policy.Moment{Time: time.Now(), Trusted: true}
}

// smash deletes both tables. It is called in the gateway's namespace.
func (b *breaker) smash() error {
	conn, err := nft.Open()
	if err != nil {
		return err
	}
	defer conn.Close()
	reading, err := conn.Read(context.Background())
	if err != nil {
		return err
	}
	batch := wire.NewBatch(0)
	for i := range reading.Ours {
		batch.DeleteTable(reading.Ours[i].ID())
	}
	if batch.Empty() {
		return errors.New("there is nothing to break")
	}
	return conn.Commit(context.Background(), batch)
}

// met returns how often the clock was asked since a change was overdue, and what became of breaking: the loop asks it at any time.
func (h *keeper) met(t *testing.T, b *breaker) (asked int, broken error) {
	t.Helper()
	if err := h.hold.Do(t.Context(), func(*gateway.Writer) { asked, broken = b.asked, b.err }); err != nil {
		t.Fatal(err)
	}
	return asked, broken
}

// tried has the service apply a change that nobody confirms, and returns what it says until it has said what it
// repaired, or is quiet.
func (h *keeper) tried(t *testing.T, b *breaker, at int) []gateway.News {
	t.Helper()
	text := head + allows + more
	p := read(t, text)
	err := h.hold.Do(t.Context(), func(w *gateway.Writer) {
		b.overdue, b.asked, b.at, b.err = false, 0, at, nil
		proposal, err := w.Propose(t.Context(), p, "")
		if err == nil {
			_, _, err = w.Apply(t.Context(), proposal, applied(p, text), gateway.Confirmation{Within: 300 * time.Millisecond})
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	_, before := h.await(t, gateway.Reverted)
	back, restored := read(t, head+allows), false
	for deadline := time.Now().Add(10 * time.Second); !restored; {
		// In the loop nobody repairs meanwhile.
		err := h.hold.Do(t.Context(), func(w *gateway.Writer) {
			proposal, err := w.Propose(t.Context(), back, "")
			restored = err == nil && proposal.Plan.Empty()
		})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("what was before does not come back: %v", err)
		}
	}
	limit := time.After(patience)
	if at == 0 {
		limit = time.After(patience / 8) // what must not come is waited for a shorter time
	}
	for !slices.ContainsFunc(before, isRepair) {
		select {
		case n := <-h.news:
			before = append(before, n)
		case <-limit:
			return before
		}
	}
	return before
}

func isRepair(n gateway.News) bool { return n.What == gateway.Repaired }

// TestBrokenWhileTakenBack breaks the packet filter at each moment at which the service looks at its clock while it takes back a change
// that nobody confirmed: whatever was put back is said, with who broke it. The control breaks nothing, and nothing is said.
func TestBrokenWhileTakenBack(t *testing.T) {
	l := open(t)
	h := hold(t, l)
	h.await(t, gateway.Holding)
	h.stop()
	b := &breaker{store: h.store}
	h.runBy(t, l, b.now)
	h.await(t, gateway.Holding)
	if said := h.tried(t, b, 0); slices.ContainsFunc(said, isRepair) {
		t.Errorf("control: nothing is broken, and it says %+v", said)
	}
	met := 0
	for at := 1; at <= 4; at++ {
		said := h.tried(t, b, at)
		if asked, err := h.met(t, b); err != nil || asked < at {
			t.Fatalf("moment %d of %d was not met: %v", at, asked, err)
		}
		met++
		i := slices.IndexFunc(said, isRepair)
		if i < 0 {
			t.Errorf("moment %d: what was broken is not said: %+v", at, said)
			continue
		}
		if n := said[i]; len(n.By) == 0 || len(n.Changes) == 0 {
			t.Errorf("moment %d: by %v, %d changes", at, n.By, len(n.Changes))
		}
		t.Logf("moment %d: %d changes by %v", at, len(said[i].Changes), said[i].By)
	}
	if met != 4 {
		t.Errorf("only %d moments", met)
	}
}
