package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/policy/message"
)

// glance is how often somebody who waits looks whether a change still waits.
const glance = 200 * time.Millisecond

// guardPatience is how long a guardian waits for the lock before it looks again whether its change still waits: a service holds the lock
// for as long as it lives, and takes the change back itself.
const guardPatience = time.Second

// confirmVerb keeps the change that waits.
func (a *app) confirmVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "confirm", Short: a.words.Text("verb.confirm", nil), Args: arguments(0, 0)}
	var timeout time.Duration
	a.lockFlag(cmd.Flags(), &timeout)
	cmd.RunE = a.verb(func(ctx context.Context, _ []string) (answer, error) {
		document := &api.Confirm{}
		if found, ok, err := a.serviced(ctx, "confirm", nil, nil, nil); ok {
			return orDocument(found, document), err
		}
		var kept history.Pending
		err := a.writing(ctx, "confirm", reading{}, timeout, document, func(w *gateway.Writer) error {
			var err error
			if kept, err = w.Confirm(ctx, a.session()); err != nil {
				return a.trouble("confirm", reading{}, err)
			}
			return nil
		})
		if err != nil {
			return answer{document: document}, a.nothingToConfirm(document, err)
		}
		document.Confirmed, document.ID = true, kept.ID
		return answer{document: document, text: a.line("confirm.done", message.Args{"id": kept.ID})}, nil
	})
	return cmd
}

// nothingToConfirm tells whoever comes too late, or a second time, what has become of the change, rather than that there is none.
func (a *app) nothingToConfirm(document *api.Confirm, err error) error {
	f, known := errors.AsType[*failure](err)
	if !known || f.sentence != "trouble.nothing_pending" {
		return err
	}
	if len(document.Diagnostics) > 0 && document.Diagnostics[0].Code == "change-reverted" {
		return &failure{code: exitReverted, sentence: "confirm.late", next: "cordon history"}
	}
	entries, _ := history.In(a.flags.state).Entries() // what is damaged says nothing
	if len(entries) == 0 {
		return err
	}
	switch entries[0].Outcome {
	case history.OutcomeReverted:
		f.sentence = "confirm.gone"
	case history.OutcomeConfirmed:
		f.sentence = "confirm.kept"
	case history.OutcomeApplied, history.OutcomePending, history.OutcomeUnknown:
		return err
	}
	f.args = message.Args{"revision": a.number(entries[0].Revision), "who": entries[0].Who}
	return f
}

// line prints one sentence, unless only what was asked for is to be printed.
func (a *app) line(sentence string, args message.Args) func(io.Writer) error {
	if a.flags.quiet {
		return nil
	}
	return func(out io.Writer) error {
		_, err := fmt.Fprintln(out, a.words.Text(sentence, args))
		return err
	}
}

func pendingOf(p history.Pending) *api.Pending {
	return &api.Pending{ID: p.ID, Deadline: p.Wall.Format(time.RFC3339)}
}

// clockTime is a time as people on the machine read it.
func (a *app) clockTime(t time.Time) string { return t.Local().Format("15:04:05") }

// pendingText says until when the confirmation is awaited, also to those who asked for silence: who misses it sees the change go.
func (a *app) pendingText(o gateway.Outcome, p history.Pending) func(io.Writer) error {
	done := a.appliedText(o)
	return func(out io.Writer) error {
		if done != nil {
			if err := done(out); err != nil {
				return err
			}
		}
		sentence := "confirm.awaited"
		if p.Session != "" {
			sentence = "confirm.awaited_elsewhere"
		}
		_, err := fmt.Fprintln(out, a.words.Text(sentence, a.where(message.Args{"time": a.clockTime(p.Wall)})))
		return err
	}
}

// await counts down until the change is confirmed, or takes it back. An interruption ends the looking on, not the waiting.
func (a *app) await(
	ctx context.Context, p history.Pending, document *api.Apply, takeBack func() error,
) (func(io.Writer) error, error) {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	defer a.endCountdown()
	for {
		over, err := gateway.Overdue(p)
		if err != nil {
			return nil, err
		}
		entry, waits := a.fate(p)
		switch {
		case !waits && entry == history.OutcomeConfirmed:
			document.Pending = nil
			return a.line("confirm.done", message.Args{"id": p.ID}), nil
		case !waits:
			return nil, a.reverted(document)
		case over:
			if err := takeBack(); err != nil {
				return nil, err
			}
		}
		a.countdown(p)
		select {
		case <-ctx.Done():
			left := message.Args{"time": a.clockTime(p.Wall)}
			return nil, &failure{code: exitInterrupted, sentence: "confirm.left", args: left, next: "cordon confirm"}
		case <-tick.C:
		}
	}
}

func (a *app) reverted(document *api.Apply) error {
	document.Pending, document.Reverted, document.Applied = nil, true, false
	return &failure{code: exitReverted, sentence: "confirm.reverted", next: "cordon history"}
}

// fate is what has become of a change, and whether it still waits.
func (a *app) fate(p history.Pending) (history.Outcome, bool) {
	store := history.In(a.flags.state)
	now, err := store.Pending()
	if err == nil && now.ID == p.ID {
		return history.OutcomePending, true
	}
	entries, _ := store.Entries() // what cannot be read was not confirmed
	for _, e := range entries {
		if e.Revision == p.Revision {
			return e.Outcome, false
		}
	}
	return history.OutcomeReverted, false
}

// counting says whether somebody watches the countdown.
func (a *app) counting() bool { return isTerminal(a.stderr) && !a.flags.quiet }

// endCountdown leaves the line that the countdown wrote over.
func (a *app) endCountdown() {
	if a.counting() {
		_, _ = fmt.Fprintln(a.stderr)
	}
}

// countdown writes over itself on a terminal.
func (a *app) countdown(p history.Pending) {
	if !a.counting() {
		return
	}
	left := max(0, p.Wall.Sub(a.now())).Round(time.Second)
	_, _ = fmt.Fprintf(a.stderr, "\r%s ", a.words.Text("confirm.left_time", message.Args{"time": left.String()}))
}

// guard starts the process that takes a change back when nobody else does. It has a session of its own, so that it outlives the terminal,
// and nothing of it refers to where the user stands.
func (a *app) guard(p history.Pending) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	state, err := filepath.Abs(a.flags.state)
	if err != nil {
		return err
	}
	run, err := filepath.Abs(a.flags.run)
	if err != nil {
		return err
	}
	// It outlives whatever its parent is waiting for.
	cmd := exec.CommandContext(context.Background(), self, "guard", "--state", state, "--run", run, p.ID) //nolint:gosec // the program itself
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "CORDON_CLOCK=" + a.machine.Clock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // a service that lives for months is its parent too
	return nil
}

// guardVerb waits until a change is overdue and takes it back. It is what apply starts, not what people type.
func (a *app) guardVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "guard ID", Short: a.words.Text("verb.guard", nil), Args: arguments(1, 1), Hidden: true}
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		document := &api.Confirm{ID: args[0]}
		tick := time.NewTicker(glance)
		defer tick.Stop()
		store := history.In(a.flags.state)
		for {
			p, err := store.Pending()
			if err == nil && p.ID != args[0] || errors.Is(err, history.ErrNone) {
				return answer{document: document}, nil // confirmed, or taken back by somebody else
			}
			if over, overdueErr := gateway.Overdue(p); overdueErr == nil && (over || err != nil) {
				err = a.writing(ctx, "guard", reading{}, guardPatience, document, nothingMore)
				if err == nil {
					return answer{document: document}, nil
				}
			}
			select {
			case <-ctx.Done():
				return answer{document: document}, ctx.Err()
			case <-tick.C:
			}
		}
	})
	return cmd
}
