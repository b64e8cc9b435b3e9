package history_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"cordon/gateway/history"
)

// model is a store in memory, told as plainly as can be.
type model struct {
	state
	count int
}

// step does one thing to both, and returns whether each refused.
func (m *model) step(s history.Store, deed, revision int, outcome history.Outcome) (refused, expected bool) {
	id := strconv.Itoa(revision)
	p := second(id, revision)
	policy := applied()
	policy.Who = id
	at := slices.IndexFunc(m.Entries, func(e history.Entry) bool { return e.Revision == revision })
	switch deed {
	case 0:
		_, err := s.Record(policy, outcome)
		m.record(policy, outcome)
		return err != nil, false
	case 1:
		return s.Settle(revision, outcome) != nil, !m.settle(at, outcome)
	case 2:
		expected = m.Pending.ID != ""
		if !expected {
			m.Pending = p
		}
		return s.Begin(p) != nil, expected
	case 3:
		expected = m.Pending.ID != "" && m.Pending.ID != id
		if !expected {
			m.Pending = history.Pending{}
		}
		return s.End(id) != nil, expected
	case 4:
		expected = m.Pending.ID != id
		if !expected {
			m.settle(at, history.OutcomeConfirmed)
			m.Last, m.Pending = m.Pending.Policy, history.Pending{}
		}
		return s.Confirm(id) != nil, expected
	case 5:
		m.Last = policy
		return s.Save(policy) != nil, false
	case 6:
		m.Lockdown, m.Locked = history.Lockdown{Who: id}, true
		return s.LockDown(m.Lockdown) != nil, false
	}
	m.Lockdown, m.Locked = history.Lockdown{}, false
	return s.Release() != nil, false
}

func (m *model) record(a history.Applied, outcome history.Outcome) {
	for i, e := range m.Entries {
		if e.Outcome == history.OutcomePending && e.Revision != m.Pending.Revision {
			m.Entries[i].Outcome = history.OutcomeReverted
		}
	}
	m.count++
	e := history.Entry{Revision: m.count, Time: a.Time, Who: a.Who, Commit: a.Commit, Digest: a.Digest, Outcome: outcome}
	m.Entries = slices.Insert(m.Entries, 0, e)
}

func (m *model) settle(at int, outcome history.Outcome) bool {
	if at < 0 || m.Entries[at].Outcome != outcome && m.Entries[at].Outcome != history.OutcomePending {
		return false
	}
	m.Entries[at].Outcome = outcome
	return true
}

// TestModel does random sequences of deeds (as many as -rapid.checks says) to a store on disk and to one in memory: they say the same
// after each.
func TestModel(t *testing.T) {
	root, made, done := t.TempDir(), 0, map[int]int{}
	outcomes := []history.Outcome{history.OutcomePending, history.OutcomeApplied, history.OutcomeConfirmed, history.OutcomeReverted}
	one := func(t *rapid.T) {
		made++
		dir := root + "/" + strconv.Itoa(made)
		defer func() { _ = os.RemoveAll(dir) }()
		store, m := history.In(dir), model{}
		for range rapid.IntRange(1, 10).Draw(t, "length") {
			deed, revision := rapid.IntRange(0, 7).Draw(t, "deed"), rapid.IntRange(1, 3).Draw(t, "revision")
			refused, expected := m.step(store, deed, revision, rapid.SampledFrom(outcomes).Draw(t, "outcome"))
			if refused != expected {
				t.Fatalf("deed %d: refused %t, want %t", deed, refused, expected)
			}
			if !refused {
				done[deed]++
			}
			if diff := cmp.Diff(m.state, stateOf(store), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("deed %d:\n%s", deed, diff)
			}
		}
	}
	for tries := 0; tries < 10 && len(done) < 8; tries++ { // some deeds are rarely in place
		rapid.Check(t, one)
	}
	if len(done) != 8 {
		t.Errorf("done: %v", done)
	}
}

// TestKept records more than is kept: the last good policy stays, however old; numbers go on after what was lost.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	store := history.In(dir)
	for i := range history.KeptPolicies + 3 {
		outcome := history.OutcomeReverted
		if i == 1 {
			outcome = history.OutcomeConfirmed
		}
		if _, err := store.Record(applied(), outcome); err != nil {
			t.Fatal(err)
		}
	}
	gone := &history.RevisionError{}
	if _, err := store.Revision(1); !errors.As(err, &gone) || !gone.Listed {
		t.Errorf("the first: %v", err)
	}
	if _, err := store.Revision(2); err != nil {
		t.Errorf("the last good one: %v", err)
	}
	if _, err := store.Revision(3); !errors.As(err, &gone) {
		t.Errorf("control, as old and not good: %v", err)
	}
	if _, err := store.Revision(9999); !errors.As(err, &gone) || gone.Listed {
		t.Errorf("one that never was: %v", err)
	}
	if entries, err := store.Entries(); err != nil || len(entries) != history.KeptPolicies+3 {
		t.Errorf("%d entries: %v", len(entries), err)
	}
	plant(t, dir+"/history/103.json", []byte("damaged"))
	if err := os.Remove(dir + "/history/103.zip"); err != nil {
		t.Fatal(err)
	}
	if e, err := store.Record(applied(), history.OutcomeApplied); err != nil || e.Revision != 104 {
		t.Errorf("%+v: %v", e, err)
	}
	settled := &history.SettledError{}
	if err := store.Settle(104, history.OutcomeReverted); !errors.As(err, &settled) {
		t.Errorf("settled twice: %v", err)
	}
}

func TestOverdue(t *testing.T) {
	p := change("c", 1)
	for _, test := range []struct {
		boot string
		now  time.Duration
		want bool
	}{
		{p.Boot, p.Since, false},
		{p.Boot, p.Deadline - 1, false},
		{p.Boot, p.Deadline, true},
		{"another", p.Since, true},
		{"", 0, true},
	} {
		if got := p.Overdue(test.boot, test.now); got != test.want {
			t.Errorf("boot %q at %s: %t", test.boot, test.now, got)
		}
	}
}
