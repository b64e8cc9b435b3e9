package history_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/history"
	"cordon/integration/lab"
)

// perform does one deed in a process of its own.
func perform(name, dir string) {
	if err := deeds()[name].do(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// deed is something done to a store that must be done whole or not at all.
type deed struct {
	before   func(history.Store) error
	do       func(dir string) error
	careless bool // it is a control: it is seen half done
}

func on(do func(history.Store) error) func(string) error {
	return func(dir string) error { return do(history.In(dir)) }
}

func recorded(s history.Store) error {
	_, err := s.Record(applied(), history.OutcomePending)
	return err
}

func appliedOnce(s history.Store) error {
	_, err := s.Record(applied(), history.OutcomeApplied)
	return err
}

func nothing(history.Store) error { return nil }

func deeds() map[string]deed {
	save := func(s history.Store) error { return s.Save(second("", 1).Policy) }
	return map[string]deed{
		"save":         {before: func(s history.Store) error { return s.Save(applied()) }, do: on(save)},
		"save first":   {before: nothing, do: on(save)},
		"record":       {before: appliedOnce, do: on(appliedOnce)},
		"record first": {before: nothing, do: on(recorded)},
		"settle":       {before: recorded, do: on(func(s history.Store) error { return s.Settle(1, history.OutcomeReverted) })},
		"begin":        {before: recorded, do: on(func(s history.Store) error { return s.Begin(second("c", 1)) })},
		"confirm":      {before: begun, do: on(func(s history.Store) error { return s.Confirm("c") })},
		"end":          {before: begun, do: on(func(s history.Store) error { return s.End("c") })},
		"lock down":    {before: nothing, do: on(locked)},
		"lock more":    {before: locked, do: on(func(s history.Store) error { return s.LockDown(history.Lockdown{Who: "b"}) })},
		"release":      {before: locked, do: on(history.Store.Release)},
		"careless": {before: func(s history.Store) error { return s.Save(applied()) }, careless: true, do: func(dir string) error {
			other := filepath.Join(dir, "other")
			err := save(history.In(other))
			content, unread := os.ReadFile(filepath.Join(other, "applied.zip"))
			return errors.Join(err, unread, os.WriteFile(filepath.Join(dir, "applied.zip"), content, 0o600))
		}},
	}
}

// TestKilledAnywhere kills the process of each deed before its first system call that can change something, its second, and so on to the
// last. What is on disk is then the old state or the new one, the new one where the deed got through, and the deed can be done again. The
// control is a deed that writes a file in its place.
func TestKilledAnywhere(t *testing.T) {
	for name, d := range deeds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			killAnywhere(t, name, d)
		})
	}
}

func killAnywhere(t *testing.T, name string, d deed) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	prepared := filepath.Join(root, "prepared")
	if err := errors.Join(os.Mkdir(prepared, 0o700), d.before(history.In(prepared))); err != nil {
		t.Fatal(err)
	}
	die := func(call int) (lab.End, string) {
		dir := filepath.Join(root, strconv.Itoa(call))
		if err := os.CopyFS(dir, os.DirFS(prepared)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		e, err := lab.Victim{Command: []string{self, "deed", name, dir}, Dir: root, Before: call}.Run()
		if err != nil || !e.Killed && e.Code != 0 {
			t.Fatalf("call %d: %+v: %v", call, e, err)
		}
		return e, dir
	}
	before := stateOf(history.In(prepared))
	_, dir := die(0)
	after := stateOf(history.In(dir))
	seen := map[string]int{}
	for call := 1; !t.Failed(); call++ {
		e, dir := die(call)
		now := stateOf(history.In(dir))
		verdict := judge(before, now, after)
		seen[verdict]++
		if verdict == "between" && !d.careless || !e.Killed && verdict != "new" {
			t.Errorf("call %d, killed %t: %s:\n%s", call, e.Killed, verdict, cmp.Diff(after, now))
		}
		again(t, d, dir, call)
		if !e.Killed {
			break
		}
	}
	if seen["new"] == 0 || seen["old"] == 0 || (seen["between"] > 0) != d.careless {
		t.Errorf("seen: %v", seen)
	}
	t.Log(seen)
}

func judge(before, now, after state) string {
	switch {
	case cmp.Equal(before, now):
		return "old"
	case cmp.Equal(after, now):
		return "new"
	}
	return "between"
}

// again does the deed once more, in a state that somebody left who was stopped.
func again(t *testing.T, d deed, dir string, n int) {
	t.Helper()
	err := d.do(dir)
	var pending *history.PendingError
	if err != nil && !errors.As(err, &pending) && !errors.Is(err, history.ErrNone) {
		t.Fatalf("again after call %d: %v", n, err)
	}
	if trouble := stateOf(history.In(dir)).Trouble; trouble != nil && !d.careless {
		t.Fatalf("again after call %d: %v", n, trouble)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.new"))
	if err != nil || len(left) > 0 {
		t.Fatalf("again after call %d: left lying about: %v", n, left)
	}
}
