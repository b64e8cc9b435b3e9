package history_test

import (
	"errors"
	"regexp"

	"cordon/gateway/history"
)

func begun(s history.Store) error {
	_, err := s.Record(applied(), history.OutcomePending)
	return errors.Join(s.Save(applied()), err, s.Begin(second("c", 1)))
}

func second(id string, revision int) history.Pending {
	p := change(id, revision)
	p.Policy.Commit = "second"
	return p
}

func locked(s history.Store) error {
	return s.LockDown(history.Lockdown{Who: "a", Segments: []string{"gym"}})
}

// state is everything that a store says.
type state struct {
	Last     history.Applied
	Pending  history.Pending
	Entries  []history.Entry
	Lockdown history.Lockdown
	Locked   bool
	Trouble  []string
}

func stateOf(s history.Store) state {
	var result state
	var errs [4]error
	result.Last, errs[0] = s.Last()
	result.Pending, errs[1] = s.Pending()
	result.Entries, errs[2] = s.Entries()
	result.Lockdown, result.Locked, errs[3] = s.Lockdown()
	for _, err := range errs {
		if err != nil && !errors.Is(err, history.ErrNone) {
			result.Trouble = append(result.Trouble, regexp.MustCompile(`/\S*/`).ReplaceAllString(err.Error(), ""))
		}
	}
	return result
}
