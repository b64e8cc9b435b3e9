package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/policy/message"
)

// stand reads what ought to be in force, for a verb that only looks. A change that is overdue is taken back first, where the user may;
// what is damaged is said, and is as good as nothing.
func (a *app) stand(ctx context.Context, document api.Document) (gateway.Standing, error) {
	store := history.In(a.flags.state)
	standing, err := gateway.Stand(store)
	if err != nil {
		return standing, a.trouble("status", reading{}, err)
	}
	if p := standing.Pending; p != nil {
		if over, err := gateway.Overdue(*p); err == nil && over {
			if err := a.writing(ctx, "status", reading{}, time.Second, document, nothingMore); err != nil && !p.AtOnce {
				a.remark(document, "change-overdue", message.Args{"id": p.ID, "time": a.clockTime(p.Wall)})
			}
			if standing, err = gateway.Stand(store); err != nil {
				return standing, a.trouble("status", reading{}, err)
			}
		}
	}
	if p := standing.Pending; p != nil && p.AtOnce {
		standing.Pending = nil // nobody is asked to confirm it: it is being made, or waits for somebody who may take it back
	}
	for _, d := range standing.Damaged {
		a.remark(document, "state-damaged", message.Args{"file": d.File, "aside": d.SetAside, "cause": d.Cause.Error()})
	}
	if standing.Unreadable {
		a.remark(document, "state-policy", message.Args{"dir": a.flags.state})
	}
	return standing, nil
}

// standingRemarks says what else stands in every answer about changes: a change that waits, and a lockdown.
func (a *app) standingRemarks(document api.Document, s gateway.Standing) {
	if s.Pending != nil {
		a.remark(document, "change-pending", message.Args{"id": s.Pending.ID, "who": s.Pending.Who, "time": a.clockTime(s.Pending.Wall)})
	}
	if s.Locked {
		a.remark(document, "locked-down", message.Args{"segments": a.locked(s.Lockdown.Segments), "who": s.Lockdown.Who})
	}
}

// locked names the segments of a lockdown.
func (a *app) locked(names []string) string {
	if len(names) == 0 {
		return a.words.Text("lockdown.all", nil)
	}
	return strings.Join(names, ", ")
}

// writeStanding says what waits and what is locked down, in status. What is locked down is what the kernel says.
func (a *app) writeStanding(out io.Writer, s gateway.Standing, now gateway.Status) {
	if s.Pending != nil {
		args := message.Args{"id": s.Pending.ID, "who": s.Pending.Who, "time": a.clockTime(s.Pending.Wall)}
		fmt.Fprintln(out, a.words.Text("status.pending", args))
		fmt.Fprintln(out, "  $ "+a.next("cordon confirm"))
	}
	if len(now.Stamp.Lockdown) > 0 {
		fmt.Fprintln(out, a.words.Text("status.locked", message.Args{"segments": strings.Join(now.Stamp.Lockdown, ", ")}))
		if s.Lockdown.Who == gateway.Itself {
			by := cmp.Or(s.Lockdown.Because, a.words.Text("status.somebody", nil))
			fmt.Fprintln(out, "  "+a.words.Text("status.locked_itself", message.Args{"by": by}))
		}
		fmt.Fprintln(out, "  $ "+a.next("cordon release"))
	}
}

// changeTrouble gives what stood in the way of a change its sentence and the next command; nil for any other error.
func changeTrouble(err error) error {
	var (
		pending   *history.PendingError
		noSegment *gateway.NoSegmentError
	)
	switch {
	case errors.As(err, &pending):
		return &failure{code: exitFailed, sentence: "trouble.pending", next: "cordon confirm", args: message.Args{
			"id": pending.Pending.ID, "who": pending.Pending.Who, "time": pending.Pending.Wall.Local().Format(time.TimeOnly),
		}}
	case errors.As(err, &noSegment):
		return &failure{code: exitUsage, sentence: "trouble.no_segment", next: "cordon status", args: message.Args{
			"name": noSegment.Name, "known": strings.Join(noSegment.Known, ", "),
		}}
	}
	for _, known := range []struct {
		err      error
		code     exitCode
		sentence string
		next     string
	}{
		{gateway.ErrNothingPending, exitUsage, "trouble.nothing_pending", "cordon history"},
		{gateway.ErrSameSession, exitUsage, "trouble.same_session", "ssh … cordon confirm"},
		{gateway.ErrOverdue, exitReverted, "confirm.late", "cordon history"},
		{gateway.ErrNothingApplied, exitUsage, "trouble.nothing_applied", "cordon apply"},
		{gateway.ErrNotLocked, exitUsage, "trouble.not_locked", "cordon status"},
		{gateway.ErrUnreadable, exitFailed, "trouble.unreadable", "cordon apply"},
	} {
		if errors.Is(err, known.err) {
			return &failure{code: known.code, sentence: known.sentence, next: known.next}
		}
	}
	return nil
}
