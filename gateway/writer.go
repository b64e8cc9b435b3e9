package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cordon/gateway/compile"
	"cordon/gateway/history"
	"cordon/gateway/kernel"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/policy"
)

// Writer changes a machine and remembers it: the kernel and the state directory, together, for whoever holds the lock. Whatever it is
// killed in the middle of, another one ends: what was not confirmed is taken back, what was confirmed is kept.
//
//	Apply    ─▶ on disk: pending ─▶ guardian ─▶ kernel ─┬─ Confirm ─▶ last good
//	                                                    └─ Revert  ─▶ the kernel as it was before
//	LockDown ─▶ on disk ─▶ kernel            Release ─▶ kernel ─▶ on disk
type Writer struct {
	*Gateway

	Store history.Store
	// Now is the machine's own clock, for what people read.
	Now func() time.Time

	// besides is what had to be put back when a change had been taken back: somebody else broke it, before the change or meanwhile.
	besides mended
}

// Confirmation is how a change waits to be confirmed.
type Confirmation struct {
	// Within is how long it waits; 0 keeps the change at once, and takes it back where its writer was cut off before that.
	Within time.Duration
	// Session is the connection by which whoever applies is logged in, as sshd writes it; empty on the machine's own terminal.
	Session string
	// Guard starts what takes the change back when nobody else does, before the kernel is touched.
	Guard func(history.Pending) error
}

// ErrNothingPending is what Confirm and Revert return where no change waits.
var ErrNothingPending = errors.New("no change waits for its confirmation")

// ErrSameSession is what Confirm returns to the connection that applied the change: that it still runs does not show that a new one can
// be opened.
var ErrSameSession = errors.New("the confirmation comes by the connection that applied the change")

// ErrOverdue is what Confirm returns when it came too late.
var ErrOverdue = errors.New("the time for the confirmation is over")

// ErrNothingApplied is what needs a policy to be in force returns where none is.
var ErrNothingApplied = errors.New("no policy has been applied")

// ErrNotLocked is what Release returns where no lockdown is in force.
var ErrNotLocked = errors.New("no segment is locked down")

// NoSegmentError says that no camera or recorder segment has a name.
type NoSegmentError struct {
	Name  string
	Known []string
}

// Error names it.
func (e *NoSegmentError) Error() string { return "no camera or recorder segment is named " + e.Name }

// Settle ends what an earlier writer did not: a change that is overdue is taken back. It returns the change that it took back, or nil.
func (w *Writer) Settle(ctx context.Context) (*history.Pending, error) {
	pending, err := w.Store.Pending()
	if errors.Is(err, history.ErrNone) {
		return nil, nil
	}
	if _, damaged := errors.AsType[*history.DamagedError](err); damaged {
		return &pending, w.Revert(ctx, pending.ID) // nobody could confirm what nobody can read
	}
	if err != nil {
		return nil, fmt.Errorf("read the pending change: %w", err)
	}
	overdue, err := Overdue(pending)
	if err != nil || !overdue {
		return nil, err
	}
	return &pending, w.Revert(ctx, pending.ID)
}

// Overdue says whether nobody can confirm a change any more.
func Overdue(p history.Pending) (bool, error) {
	boot, err := kernel.BootID()
	if err != nil {
		return false, err
	}
	now, err := kernel.BootTime()
	return p.Overdue(boot, now), err
}

// Apply carries a proposal out and remembers it. With a Confirmation that waits it returns the pending change.
func (w *Writer) Apply(ctx context.Context, p Proposal, a history.Applied, c Confirmation) (Outcome, *history.Pending, error) {
	if pending, err := w.Store.Pending(); err == nil {
		return Outcome{}, nil, &history.PendingError{Pending: pending}
	}
	if p.Empty() {
		outcome, err := w.Change(ctx, p)
		if err != nil {
			return outcome, nil, err
		}
		return outcome, nil, w.remember(a, outcome)
	}
	pending, err := w.begin(p, a, c)
	if err != nil {
		return Outcome{}, nil, err
	}
	outcome, err := w.Change(ctx, p)
	if err != nil {
		// What was begun has been undone, or not: the way back is forgotten when it has been seen that there is nothing left to undo.
		return outcome, nil, errors.Join(err, w.takeBack(context.WithoutCancel(ctx), pending))
	}
	if pending.AtOnce {
		return outcome, nil, w.keep(pending)
	}
	return outcome, &pending, nil
}

// keep makes what is in force the last good policy. What cannot be kept is what the next call takes back.
func (w *Writer) keep(p history.Pending) error {
	if err := w.Store.Confirm(p.ID); err != nil {
		return &UnrecordedError{err}
	}
	return nil
}

// UnrecordedError says that what is in force could not be remembered.
type UnrecordedError struct{ Cause error }

// Error says so.
func (e *UnrecordedError) Error() string { return "remember what is in force: " + e.Cause.Error() }

// Unwrap returns why.
func (e *UnrecordedError) Unwrap() error { return e.Cause }

// remember makes a policy the last good one.
func (w *Writer) remember(a history.Applied, o Outcome) error {
	if last, err := w.Store.Last(); err == nil && !o.Applied && last.Digest == a.Digest {
		return nil
	}
	err := w.Store.Save(a)
	if err == nil {
		_, err = w.Store.Record(a, history.OutcomeApplied)
	}
	if err != nil {
		return &UnrecordedError{err}
	}
	return nil
}

// begin writes down how to come back before anything is changed, and has somebody watch the clock.
func (w *Writer) begin(p Proposal, a history.Applied, c Confirmation) (history.Pending, error) {
	boot, err := kernel.BootID()
	if err != nil {
		return history.Pending{}, err
	}
	now, err := kernel.BootTime()
	if err != nil {
		return history.Pending{}, err
	}
	before, err := p.Plan.Back(now).MarshalBinary()
	if err != nil {
		return history.Pending{}, err
	}
	entry, err := w.Store.Record(a, history.OutcomePending)
	if err != nil {
		return history.Pending{}, fmt.Errorf("record the change: %w", err)
	}
	pending := history.Pending{
		ID: fmt.Sprintf("%d-%s", entry.Revision, boot[:min(8, len(boot))]), Revision: entry.Revision, Boot: boot,
		Since: now, Deadline: now + c.Within, Wall: w.Now().Add(c.Within), Who: a.Who, Session: c.Session, AtOnce: c.Within == 0,
		Policy: a, Before: before,
	}
	if err := w.Store.Begin(pending); err != nil {
		return pending, errors.Join(fmt.Errorf("write down how to come back: %w", err), w.Store.Settle(entry.Revision, history.OutcomeReverted))
	}
	if c.Guard == nil {
		return pending, nil
	}
	if err := c.Guard(pending); err != nil {
		return pending, errors.Join(fmt.Errorf("start the guardian of the change: %w", err), w.forget(pending, history.OutcomeReverted))
	}
	return pending, nil
}

// forget ends a change that is not in force. Where damage has left no number, the history knows by itself that it came to nothing.
func (w *Writer) forget(p history.Pending, o history.Outcome) error {
	if p.Revision == 0 {
		return w.Store.End(p.ID)
	}
	return errors.Join(w.Store.Settle(p.Revision, o), w.Store.End(p.ID))
}

// Confirm keeps the pending change. Session is the connection by which the confirmation comes.
func (w *Writer) Confirm(ctx context.Context, session string) (history.Pending, error) {
	taken, err := w.Settle(ctx)
	if err != nil {
		return history.Pending{}, err
	}
	if taken != nil {
		return *taken, ErrOverdue
	}
	pending, err := w.Store.Pending()
	switch {
	case errors.Is(err, history.ErrNone):
		return pending, ErrNothingPending
	case err != nil:
		return pending, fmt.Errorf("read the pending change: %w", err)
	case session != "" && session == pending.Session:
		return pending, ErrSameSession
	}
	return pending, w.keep(pending)
}

// Revert takes the pending change of a name back: the machine becomes what it was before it, whatever it has become since, and then what
// stands has the last word: what somebody had done to the machine before the change does not come back with it. A lockdown that came in
// between stays.
func (w *Writer) Revert(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	pending, err := w.Store.Pending()
	if errors.Is(err, history.ErrNone) {
		return ErrNothingPending
	}
	if _, damaged := errors.AsType[*history.DamagedError](err); err != nil && !damaged {
		return fmt.Errorf("read the pending change: %w", err)
	}
	if pending.ID != id {
		return &history.PendingError{Pending: pending}
	}
	if err := w.takeBack(ctx, pending); err != nil {
		return fmt.Errorf("take change %s back: %w", pending.ID, err)
	}
	standing, err := afterwards(w.Store)
	if err != nil || standing.Policy == nil {
		return err
	}
	w.besides, err = w.mend(ctx, w.aimAt(*standing.Policy, standing.Commit()))
	return err
}

// takeBack makes the machine what it was before a change, and forgets the change. Where a lockdown is in force nothing opens: what was
// good before is locked down, and where nothing was, the machine stays as it is.
func (w *Writer) takeBack(ctx context.Context, pending history.Pending) error {
	boot, err := kernel.BootID()
	if err != nil {
		return err
	}
	standing, err := afterwards(w.Store)
	if err != nil {
		return err
	}
	if standing.Locked || pending.Boot != boot {
		err = w.hold(ctx, standing)
	} else {
		err = w.back(ctx, pending, standing)
	}
	if err != nil {
		return err
	}
	return w.forget(pending, history.OutcomeReverted)
}

// hold puts in force what stands, where anything does, as far as its interfaces are there.
func (w *Writer) hold(ctx context.Context, s Standing) error {
	if s.Policy == nil {
		return nil
	}
	_, err := w.mend(ctx, w.aimAt(*s.Policy, s.Commit()))
	return err
}

// back takes the machine back the way that was written down.
func (w *Writer) back(ctx context.Context, pending history.Pending, s Standing) error {
	var way plan.Back
	if way.UnmarshalBinary(pending.Before) != nil {
		return w.hold(ctx, s) // damaged, or of another version
	}
	p, err := w.wayBack(ctx, way)
	if err != nil || p.Empty() {
		return err
	}
	refused := func(netstate.Flow) bool { return false }
	if s.Policy != nil {
		doors := compile.DoorsOf(*s.Policy, w.clock())
		refused = func(f netstate.Flow) bool { return !doors.Permit(f) }
	}
	_, err = w.kernel.Apply(ctx, p, refused, func(ctx context.Context, forwarding bool) error {
		again, err := w.wayBack(ctx, way)
		if !forwarding {
			again.Forward = nil
		}
		if err == nil && !again.Empty() {
			err = &DiffersError{again.Changes}
		}
		return err
	})
	return err
}

// wayBack reads the machine and plans the way back from there.
func (w *Writer) wayBack(ctx context.Context, way plan.Back) (plan.Plan, error) {
	live, err := w.kernel.Read(ctx, settings(way.Before))
	if err != nil {
		return plan.Plan{}, err
	}
	now, err := kernel.BootTime()
	return way.Plan(live.State, live.Generation, now), err
}

// LockDown lets nothing pass for some camera and recorder segments, or for all of them where none is named, until Release. It is on disk
// before the kernel is touched; an interface that is gone does not keep the others open.
func (w *Writer) LockDown(ctx context.Context, l history.Lockdown) (Outcome, error) {
	standing, err := Stand(w.Store)
	if err != nil {
		return Outcome{}, err
	}
	if standing.Applied == nil && standing.Pending != nil {
		standing.Applied = &standing.Pending.Policy // it could not be taken back, and nothing else is known
	}
	if standing.Applied == nil {
		return Outcome{}, ErrNothingApplied
	}
	p, err := standing.open()
	if err != nil {
		return Outcome{}, err
	}
	if err := segmentsExist(p, l.Segments); err != nil {
		return Outcome{}, err
	}
	l.Segments = joined(standing, l.Segments)
	if err := w.Store.LockDown(l); err != nil {
		return Outcome{}, fmt.Errorf("write the lockdown down: %w", err)
	}
	done, err := w.mend(ctx, w.aimAt(p.LockedDown(l.Segments...), standing.Commit()))
	return Outcome{Applied: len(done.changes) > 0, Cut: done.cut}, err
}

// ErrUnreadable says that the policy that was applied cannot be read by this version.
var ErrUnreadable = errors.New("the policy that was applied cannot be read again")

// joined are the segments of a lockdown and of one that is in force already; none means all.
func joined(s Standing, names []string) []string {
	if len(names) == 0 || s.Locked && len(s.Lockdown.Segments) == 0 {
		return nil
	}
	all := slices.Sorted(slices.Values(slices.Concat(names, s.Lockdown.Segments)))
	return slices.Compact(all)
}

func segmentsExist(p policy.Policy, names []string) error {
	var known []string
	for i := range p.Segments {
		if p.Segments[i].Kind.Governed() {
			known = append(known, p.Segments[i].Name)
		}
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return &NoSegmentError{n, known}
		}
	}
	return nil
}

// Release ends the lockdown: the kernel first, so that what fails stays locked.
func (w *Writer) Release(ctx context.Context) (Outcome, error) {
	standing, err := Stand(w.Store)
	if err != nil {
		return Outcome{}, err
	}
	if !standing.Locked {
		return Outcome{}, ErrNotLocked
	}
	if standing.Applied == nil {
		return Outcome{}, w.Store.Release()
	}
	p, err := standing.open()
	if err != nil {
		return Outcome{}, err
	}
	outcome, err := w.enforce(ctx, p, standing.Commit())
	if err != nil {
		return outcome, err
	}
	return outcome, w.Store.Release()
}

func (w *Writer) enforce(ctx context.Context, p policy.Policy, commit string) (Outcome, error) {
	proposal, err := w.Propose(ctx, p, commit)
	if err != nil {
		return Outcome{}, err
	}
	return w.Change(ctx, proposal)
}
