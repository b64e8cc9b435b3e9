package history_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/history"
)

// change is a pending change of a revision.
func change(id string, revision int) history.Pending {
	return history.Pending{
		ID: id, Revision: revision, Boot: "b", Since: time.Minute, Deadline: 3 * time.Minute,
		Wall: time.Date(2026, 11, 22, 19, 6, 0, 0, time.UTC), Who: "mtremblay", Session: "192.0.2.7 50022 192.0.2.1 22",
		Policy: applied(), Before: []byte("before"),
	}
}

// TestDay walks through an administrator's day: applied, confirmed, taken back.
func TestDay(t *testing.T) {
	store := history.In(t.TempDir())
	if _, err := store.Pending(); !errors.Is(err, history.ErrNone) {
		t.Errorf("nothing is pending: %v", err)
	}
	for i, end := range []func(p history.Pending) error{
		func(p history.Pending) error { return store.Confirm(p.ID) },
		func(p history.Pending) error {
			return errors.Join(store.Settle(p.Revision, history.OutcomeReverted), store.End(p.ID))
		},
	} {
		e, err := store.Record(applied(), history.OutcomePending)
		if err != nil || e.Revision != i+1 {
			t.Fatalf("%+v: %v", e, err)
		}
		p := change("c", e.Revision)
		p.Policy.Commit = []string{"good", "bad"}[i]
		if err := store.Begin(p); err != nil {
			t.Fatal(err)
		}
		got, err := store.Pending()
		if diff := cmp.Diff(p, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		there := &history.PendingError{}
		if err := store.Begin(change("d", 9)); !errors.As(err, &there) || !cmp.Equal(there.Pending, p) {
			t.Errorf("a second one: %v", err)
		}
		if err := store.End("d"); !errors.As(err, &there) {
			t.Errorf("another one's id: %v", err)
		}
		if err := store.Confirm("d"); !errors.As(err, &there) {
			t.Errorf("another one's id: %v", err)
		}
		if err := end(p); err != nil {
			t.Fatal(err)
		}
		if err := store.End(p.ID); err != nil {
			t.Errorf("ended twice: %v", err)
		}
		if err := store.Confirm(p.ID); !errors.Is(err, history.ErrNone) {
			t.Errorf("confirmed when over: %v", err)
		}
		if last, err := store.Last(); err != nil || last.Commit != "good" {
			t.Errorf("the last good one is %s: %v", last.Commit, err)
		}
	}
	entries, err := store.Entries()
	if err != nil || len(entries) != 2 || entries[0].Outcome != history.OutcomeReverted || entries[1].Outcome != history.OutcomeConfirmed {
		t.Errorf("%+v: %v", entries, err)
	}
}
