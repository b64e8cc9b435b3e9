package history

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Pending is a change that is taken back unless somebody confirms it.
type Pending struct {
	ID       string
	Revision int
	Boot     string        // the kernel's boot id
	Since    time.Duration // when it began, on CLOCK_BOOTTIME
	Deadline time.Duration // until when a confirmation is awaited, on CLOCK_BOOTTIME
	Wall     time.Time     // the deadline on the wall clock, for those who read it
	Who      string
	Session  string // the ssh connection of the one who applied; empty on the console
	// AtOnce says that nobody is asked: it is kept as soon as it is in force, and whoever finds it has found it cut off.
	AtOnce bool
	Policy Applied // what waits for its confirmation
	Before []byte  // what takes the kernel back; opaque here
}

// Overdue says whether the change must be taken back: its time is over, or the machine was started again meanwhile, since which nobody
// knows how long it waited. The time is that of CLOCK_BOOTTIME.
func (p Pending) Overdue(boot string, now time.Duration) bool {
	return boot != p.Boot || now >= p.Deadline
}

// PendingError says that a change is pending, when another was to begin or to end.
type PendingError struct{ Pending Pending }

// Error names the change.
func (e *PendingError) Error() string {
	return fmt.Sprintf("change %s of %s awaits its confirmation", e.Pending.ID, e.Pending.Who)
}

// promise is the pending change's own file. It is written last and removed first: while it is there, a change is pending. The larger
// parts lie beside it under their digests, so that damage to them leaves the deadline readable.
type promise struct {
	ID       string        `json:"id"`
	Revision int           `json:"revision"`
	Boot     string        `json:"boot"`
	Since    time.Duration `json:"since"`
	Deadline time.Duration `json:"deadline"`
	Wall     time.Time     `json:"wall"`
	Who      string        `json:"who"`
	Session  string        `json:"session"`
	AtOnce   bool          `json:"at_once,omitempty"`
	Policy   string        `json:"policy"`
	Before   string        `json:"before"`
}

func (p promise) pending() Pending {
	return Pending{
		ID: p.ID, Revision: p.Revision, Boot: p.Boot, Since: p.Since, Deadline: p.Deadline, Wall: p.Wall,
		Who: p.Who, Session: p.Session, AtOnce: p.AtOnce,
	}
}

// outcome is what the change's revision becomes when it is kept.
func (p promise) outcome() Outcome {
	if p.AtOnce {
		return OutcomeApplied
	}
	return OutcomeConfirmed
}

func (s Store) pending(part string) string { return filepath.Join(s.dir, "pending."+part) }

// The parts of a pending change.
const (
	promisePart = "json"
	twinPart    = "twin.json"
	policyPart  = "zip"
	beforePart  = "before"
)

// Begin puts a pending change on disk, synced, before the kernel is touched. While one is pending it is a *PendingError, while a damaged
// one is, a *DamagedError.
func (s Store) Begin(p Pending) error {
	if there, err := s.Pending(); err == nil {
		return &PendingError{there}
	} else if !errors.Is(err, ErrNone) {
		return fmt.Errorf("begin a pending change: %w", err)
	}
	if err := s.finish(); err != nil {
		return err
	}
	if p.ID == "" {
		return errors.New("begin a pending change: it has no id")
	}
	policy, err := pack(p.Policy)
	if err != nil {
		return fmt.Errorf("pack the pending policy: %w", err)
	}
	text, err := seal(promise{
		p.ID, p.Revision, p.Boot, p.Since, p.Deadline, p.Wall.UTC(), p.Who, p.Session, p.AtOnce, digest(policy), digest(p.Before),
	})
	if err != nil {
		return fmt.Errorf("seal the pending change: %w", err)
	}
	if err := s.make(s.dir); err != nil {
		return err
	}
	return s.writePending(policy, p.Before, text)
}

func (s Store) writePending(policy, before, text []byte) error {
	for _, part := range []struct {
		name    string
		content []byte
	}{{policyPart, policy}, {beforePart, before}, {twinPart, text}, {promisePart, text}} {
		if err := replace(s.pending(part.name), part.content); err != nil {
			return fmt.Errorf("write the pending change: %w", err)
		}
	}
	return nil
}

// Pending returns the change that awaits its confirmation: ErrNone when there is none. With a *DamagedError it returns what could still
// be read: its deadline and its number unless both copies of them are damaged, its policy and what takes the kernel back where they are
// whole.
func (s Store) Pending() (Pending, error) {
	for {
		before, failed := read(s.pending(promisePart))
		if errors.Is(failed, fs.ErrNotExist) {
			return Pending{}, ErrNone
		}
		p, err := s.assemble()
		// A writer may have ended the change, and begun another, while its parts were read: then they are read again.
		after, again := read(s.pending(promisePart))
		if bytes.Equal(before, after) && (failed == nil) == (again == nil) {
			return p, err
		}
	}
}

// assemble reads a pending change from its parts.
func (s Store) assemble() (Pending, error) {
	what, damage := s.promised()
	if kept, err := s.kept(what); err != nil {
		return what.pending(), err
	} else if kept {
		return Pending{}, ErrNone
	}
	p := what.pending()
	before, err := s.part(beforePart, what.Before)
	p.Before = before
	damage = errors.Join(damage, err)
	policy, err := s.part(policyPart, what.Policy)
	if err == nil {
		p.Policy, err = unpack(policy)
	}
	if err := errors.Join(damage, err); err != nil {
		return p, fmt.Errorf("read the pending change: %w", err)
	}
	return p, nil
}

// promised reads the promise, or its twin and the damage.
func (s Store) promised() (promise, error) {
	what, twin := promise{}, promise{}
	damage := openSealed(s.pending(promisePart), &what)
	if damage == nil {
		return what, nil
	}
	return twin, errors.Join(damage, openSealed(s.pending(twinPart), &twin))
}

// kept says whether the change was confirmed and only not cleared away: its policy is the last good one instead of a pending one.
func (s Store) kept(what promise) (bool, error) {
	if _, err := os.Lstat(s.pending(policyPart)); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	content, err := read(s.applied())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && digest(content) == what.Policy, err
}

// part reads a part and holds it against its digest. A part that is not there is damage: it was synced before the promise.
func (s Store) part(name, sum string) ([]byte, error) {
	content, err := read(s.pending(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if digest(content) != sum {
		cause := errors.Join(errors.New("it is not what was written"), err)
		return nil, setAside(s.pending(name), cause)
	}
	return content, nil
}

// Confirm makes the pending policy the last good one, settles its revision and ends the change: ErrNone when none is pending, a
// *PendingError when it is another. Its moment is one rename: before it the change is pending, after it nobody takes it back.
func (s Store) Confirm(id string) error {
	p, err := s.Pending()
	if err != nil {
		return err
	}
	if p.ID != id {
		return &PendingError{p}
	}
	_, _ = s.Last() // a damaged one is set aside
	if err := rename(s.pending(policyPart), s.applied()); err != nil {
		return fmt.Errorf("make the pending policy the last good one: %w", err)
	}
	return s.finish()
}

// finish clears away a change that was confirmed, where somebody was cut off before he had.
func (s Store) finish() error {
	what, err := s.promised()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if damaged := (&DamagedError{}); err != nil && !errors.As(err, &damaged) {
		return fmt.Errorf("read the pending change: %w", err)
	}
	if kept, err := s.kept(what); err != nil || !kept {
		return err
	}
	err = s.Settle(what.Revision, what.outcome())
	gone, settled := &RevisionError{}, &SettledError{}
	if err != nil && !errors.As(err, &gone) && !errors.As(err, &settled) {
		return err
	}
	return s.sweep()
}

// End forgets the pending change. It is done when none is there; another one's id is a *PendingError. Where the damage left no id, any
// will do, and what is damaged is set aside.
func (s Store) End(id string) error {
	p, err := s.Pending()
	if p.ID != "" && p.ID != id {
		return &PendingError{p}
	}
	if errors.Is(err, ErrNone) {
		if err := s.finish(); err != nil {
			return err
		}
	}
	return s.sweep()
}

// sweep removes a change: its promise first, by which it is over, then its parts.
func (s Store) sweep() error {
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := errors.Join(remove(s.pending(promisePart)), syncDirectory(s.dir)); err != nil {
		return fmt.Errorf("end the pending change: %w", err)
	}
	var err error
	for _, part := range []string{twinPart, beforePart, policyPart} {
		err = errors.Join(err, remove(s.pending(part)))
	}
	if err != nil {
		return fmt.Errorf("remove what is left of a pending change: %w", err)
	}
	return nil
}
