package gateway

import (
	"errors"
	"fmt"
	"reflect"

	"cordon/gateway/history"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// Standing is what ought to be in force, as the state directory has it: the change that waits for its confirmation, else the last good
// policy, and over it a lockdown.
type Standing struct {
	// Applied is nil where nothing has been applied yet, or where nothing of it can be read.
	Applied *history.Applied
	// Policy is the applied policy as it ought to be in force now; nil where it cannot be read.
	Policy *policy.Policy
	// Pending is the change that waits; nil where none does. One whose time is over is in force no more, whether it has been taken back or
	// not.
	Pending *history.Pending
	// Lost says that a change waits and nobody can read which.
	Lost bool
	// Locked says that a lockdown is in force, and Lockdown which.
	Locked   bool
	Lockdown history.Lockdown
	// Damaged are state files that cannot be used. None of them opens anything.
	Damaged []*history.DamagedError
	// Unreadable says that the applied policy is whole, and not a policy for this version.
	Unreadable bool

	// earlier is what was read before: a policy of thousands of cameras is not evaluated again because somebody asked for the status.
	earlier *Standing
}

// Stand reads what ought to be in force.
func Stand(store history.Store) (Standing, error) { return Standing{}.again(store) }

// again reads what ought to be in force by now. Where it is what it was, its Policy is the same pointer.
func (s Standing) again(store history.Store) (Standing, error) {
	now := Standing{earlier: &s}
	err := now.waiting(store)
	if err == nil {
		err = now.complete(store)
	}
	now.earlier = nil
	return now, err
}

// afterwards is what ought to be in force once nothing waits any more.
func afterwards(store history.Store) (Standing, error) {
	s := Standing{}
	err := s.complete(store)
	return s, err
}

// waiting reads the change that waits.
func (s *Standing) waiting(store history.Store) error {
	pending, err := store.Pending()
	switch {
	case err == nil:
		s.Pending = &pending
		if over, err := Overdue(pending); err != nil || over {
			return err
		}
		s.Applied = &pending.Policy
	case !errors.Is(err, history.ErrNone):
		if err := s.damaged(err); err != nil {
			return fmt.Errorf("read the pending change: %w", err)
		}
		s.Lost = true
	}
	return nil
}

// complete reads the last good policy where none waits, and the lockdown over it.
func (s *Standing) complete(store history.Store) error {
	if s.Applied == nil {
		if err := s.lastGood(store); err != nil {
			return err
		}
	}
	lockdown, locked, err := store.Lockdown()
	if err := s.damaged(err); err != nil {
		return fmt.Errorf("read the lockdown: %w", err)
	}
	s.Lockdown, s.Locked = lockdown, locked
	if s.Applied != nil {
		s.resolve()
	}
	return nil
}

// damaged keeps a damage and returns any other error.
func (s *Standing) damaged(err error) error {
	if at, ok := errors.AsType[*history.DamagedError](err); ok {
		s.Damaged = append(s.Damaged, at)
		return nil
	}
	return err
}

func (s *Standing) lastGood(store history.Store) error {
	applied, err := store.Last()
	switch {
	case errors.Is(err, history.ErrNone):
		return nil
	case err != nil:
		return s.damaged(err)
	}
	s.Applied = &applied
	return nil
}

// resolve makes a policy of the bytes that were applied.
func (s *Standing) resolve() {
	if s.earlier != nil && s.sameAs(s.earlier) {
		s.Policy, s.Unreadable = s.earlier.Policy, s.earlier.Unreadable
		return
	}
	p, err := s.open()
	if err != nil {
		s.Unreadable = true
		return
	}
	p = s.Over(p)
	s.Policy = &p
}

// sameAs says whether the same octets ought to be in force, under the same lockdown.
func (s *Standing) sameAs(o *Standing) bool {
	return o.Applied != nil && s.Locked == o.Locked && reflect.DeepEqual(s.Lockdown, o.Lockdown) && reflect.DeepEqual(s.Applied, o.Applied)
}

// open is the applied policy without any lockdown.
func (s *Standing) open() (policy.Policy, error) {
	p, diagnostics := Recall(*s.Applied)
	if message.HasErrors(diagnostics) {
		return p, ErrUnreadable
	}
	return p, nil
}

// waits says that what ought to be in force is a change that waits.
func (s *Standing) waits() bool { return s.Pending != nil && s.Applied == &s.Pending.Policy }

// Over returns a policy as it is under the lockdown, or as it is where there is none. Where the policy has no segment of a name that is
// locked down, somebody has given it another, and everything is locked.
func (s *Standing) Over(p policy.Policy) policy.Policy {
	switch {
	case !s.Locked:
		return p
	case segmentsExist(p, s.Lockdown.Segments) != nil:
		return p.LockedDown()
	}
	return p.LockedDown(s.Lockdown.Segments...)
}

// Commit is the commit that the standing policy came from.
func (s *Standing) Commit() string {
	if s.Applied == nil {
		return ""
	}
	return s.Applied.Commit
}

// Recall reads a policy again from the bytes that were applied. What was over when it was applied is no mistake of it.
func Recall(a history.Applied) (policy.Policy, []message.Diagnostic) {
	directories := make([]load.Directory, len(a.Directories))
	for i, d := range a.Directories {
		directories[i] = load.Directory{Name: d.Name, FS: d.FS()}
	}
	return load.Dir(policy.Moment{}, load.Set(a.Variables), directories...)
}
