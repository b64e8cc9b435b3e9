package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/policy/message"
)

// applyFlags are the flags of what puts a policy in force: apply and rollback.
type applyFlags struct {
	yes, noConfirm bool
	confirmWithin  time.Duration
	lockTimeout    time.Duration
}

// longestConfirmation is how long a change may wait: whoever is still not sure after a day does not want it.
const longestConfirmation = 24 * time.Hour

func (a *app) applyFlags(set *pflag.FlagSet) *applyFlags {
	f := &applyFlags{}
	say := func(flag string) string { return a.words.Text("flag."+flag, nil) }
	set.BoolVar(&f.yes, "yes", false, say("yes"))
	set.BoolVar(&f.noConfirm, "no-confirm", false, say("no_confirm"))
	set.DurationVar(&f.confirmWithin, "confirm-within", 2*time.Minute, say("confirm_within"))
	a.lockFlag(set, &f.lockTimeout)
	return f
}

func (a *app) lockFlag(set *pflag.FlagSet, timeout *time.Duration) {
	set.DurationVar(timeout, "lock-timeout", 10*time.Second, a.words.Text("flag.lock_timeout", nil))
}

// applyVerb puts a policy in force.
func (a *app) applyVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "apply [POLICY...]", Short: a.words.Text("verb.apply", nil), Args: arguments(0, -1)}
	f := a.applyFlags(cmd.Flags())
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		document := &api.Apply{}
		if err := a.mayApply(cmd, *f, typedBy(cmd, args), "apply"); err != nil {
			return answer{document: document}, err
		}
		r, err := a.usable(cmd, args, document)
		if err != nil {
			return answer{document: document}, err
		}
		if found, ok, err := a.applyServiced(ctx, cmd, args, r, *f); ok {
			return orDocument(found, document), err
		}
		text, err := a.apply(ctx, "apply", r, *f, document)
		return answer{document: document, text: text}, err
	})
	return cmd
}

// mayApply refuses a command line that would be carried out otherwise than it reads.
func (a *app) mayApply(cmd *cobra.Command, f applyFlags, typed reading, verb string) error {
	switch {
	case f.noConfirm && cmd.Flags().Changed("confirm-within"):
		return wrongUsage(cmd, "usage.confirm_both", nil)
	case f.confirmWithin < time.Second || f.confirmWithin > longestConfirmation:
		return wrongUsage(cmd, "usage.confirm_within", message.Args{"value": f.confirmWithin.String()})
	case !f.yes && (a.flags.json || !isTerminal(a.stdin)):
		return &failure{code: exitUsage, sentence: "apply.yes", next: typed.command(verb, "--yes")}
	}
	return nil
}

// writing runs a body as the one writer: under the lock, with a state directory that can be written, and after what an earlier writer
// left has been ended.
func (a *app) writing(
	ctx context.Context, verb string, r reading, timeout time.Duration, document api.Document, body func(*gateway.Writer) error,
) error {
	if a.writer != nil {
		return a.settled(ctx, verb, r, document, body)
	}
	lock, err := a.lock(ctx, timeout)
	if err != nil {
		return a.trouble(verb, r, err)
	}
	defer func() { _ = lock.Release() }() // the end of the process lets go of it too
	store := history.In(a.flags.state)
	if err := store.Ready(); err != nil {
		return a.unwritable(verb, r, err)
	}
	g, err := gateway.Open(a.clock())
	if err != nil {
		return a.trouble(verb, r, err)
	}
	defer func() { _ = g.Close() }() // what is in force stays in force
	a.writer = &gateway.Writer{Gateway: g, Store: store, Now: a.now}
	defer func() { a.writer = nil }()
	return a.settled(ctx, verb, r, document, body)
}

// settled ends what an earlier writer left, says so, and goes on.
func (a *app) settled(ctx context.Context, verb string, r reading, document api.Document, body func(*gateway.Writer) error) error {
	taken, err := a.writer.Settle(ctx)
	if err != nil {
		return a.trouble(verb, r, err)
	}
	switch {
	case taken != nil && taken.ID == "":
		a.remark(document, "change-lost", nil)
	case taken != nil && taken.AtOnce:
		a.remark(document, "change-cut-off", message.Args{"id": taken.ID, "who": taken.Who})
	case taken != nil:
		a.remark(document, "change-reverted", message.Args{"id": taken.ID, "who": taken.Who, "time": a.clockTime(taken.Wall)})
	}
	return body(a.writer)
}

// apply changes the machine under the lock, and records what is then in force. A change that waits for its confirmation is watched as
// long as somebody looks on.
func (a *app) apply(
	ctx context.Context, verb string, r reading, f applyFlags, document *api.Apply,
) (func(io.Writer) error, error) {
	var (
		outcome gateway.Outcome
		pending *history.Pending
	)
	if err := a.recordable(verb, r); err != nil {
		return nil, err
	}
	if err := a.ask(ctx, verb, r, f, document); err != nil {
		return nil, err
	}
	err := a.writing(ctx, verb, r, f.lockTimeout, document, func(w *gateway.Writer) error {
		var err error
		outcome, pending, err = a.change(ctx, verb, w, r, f, document)
		return err
	})
	document.Applied, document.Flows.Cut = outcome.Applied, outcome.Cut
	if err != nil {
		return nil, err
	}
	if pending == nil {
		return a.appliedText(outcome), nil
	}
	document.Pending = pendingOf(*pending)
	if f.yes {
		return a.pendingText(outcome, *pending), nil
	}
	if err := a.pendingText(outcome, *pending)(a.stdout); err != nil {
		return nil, err
	}
	return a.await(ctx, *pending, document, func() error {
		return a.writing(ctx, verb, r, time.Minute, document, nothingMore)
	})
}

// change proposes, asks and applies.
func (a *app) change(
	ctx context.Context, verb string, w *gateway.Writer, r reading, f applyFlags, document *api.Apply,
) (gateway.Outcome, *history.Pending, error) {
	nothing := gateway.Outcome{}
	standing, err := gateway.Stand(w.Store)
	if err != nil {
		return nothing, nil, a.trouble(verb, r, err)
	}
	if standing.Pending != nil {
		return nothing, nil, a.trouble(verb, r, &history.PendingError{Pending: *standing.Pending})
	}
	proposal, err := w.Propose(ctx, standing.Over(r.policy), r.commit)
	if err != nil {
		return nothing, nil, a.trouble(verb, r, err)
	}
	changes := a.changes(proposal)
	document.Plan, document.Flows.Kept = &changes, proposal.Kept
	if err := a.shown(verb, r, document, standing, proposal); err != nil {
		return nothing, nil, err
	}
	outcome, pending, err := w.Apply(ctx, proposal, a.recorded(r), a.confirmation(f))
	if unrecorded, ok := errors.AsType[*gateway.UnrecordedError](err); ok {
		return outcome, nil, &failure{
			code: exitFailed, sentence: "apply.unrecorded", args: message.Args{"dir": a.flags.state}, cause: unrecorded.Cause,
			next: a.lookAtState(unrecorded.Cause),
		}
	}
	if err != nil {
		return outcome, nil, a.trouble(verb, r, err)
	}
	return outcome, pending, nil
}

// confirmation is how the change waits.
func (a *app) confirmation(f applyFlags) gateway.Confirmation {
	if f.noConfirm {
		return gateway.Confirmation{}
	}
	return gateway.Confirmation{Within: f.confirmWithin, Session: a.session(), Guard: a.guard}
}

// lock waits for whoever changes the machine now. An interruption is not the other one's fault.
func (a *app) lock(ctx context.Context, timeout time.Duration) (*history.Lock, error) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	lock, err := history.Acquire(waiting, a.flags.run)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return lock, err
}

// ask shows what would be done and asks, where nobody has said yes beforehand. Nobody's answer is waited for under the lock: a lockdown
// from another terminal comes at once.
func (a *app) ask(ctx context.Context, verb string, r reading, f applyFlags, document *api.Apply) error {
	if f.yes || a.writer != nil {
		return nil
	}
	standing, err := a.stand(ctx, document)
	if err != nil {
		return err
	}
	if standing.Pending != nil {
		return a.trouble(verb, r, &history.PendingError{Pending: *standing.Pending})
	}
	proposal, err := a.propose(ctx, standing.Over(r.policy))
	if err != nil {
		return a.trouble(verb, r, err)
	}
	a.agreed = agreement(standing, proposal)
	if err := a.show(document, r, standing, proposal, false); err != nil || proposal.Empty() {
		return err
	}
	return a.question(ctx, verb, r)
}

// show says what would be done, and what else there is to say to whoever decides.
func (a *app) show(document *api.Apply, r reading, standing gateway.Standing, p gateway.Proposal, quiet bool) error {
	a.hours(document, r.policy)
	a.standingRemarks(document, standing)
	a.cutOff(document, p)
	if quiet || a.flags.json {
		return nil
	}
	return a.planText(p)(a.stdout)
}

// shown makes sure, under the lock, that what was agreed to is what would be done now; what nobody was asked about is shown.
func (a *app) shown(verb string, r reading, document *api.Apply, standing gateway.Standing, p gateway.Proposal) error {
	switch {
	case a.agreed == "":
		return a.show(document, r, standing, p, a.flags.quiet)
	case a.agreed != agreement(standing, p):
		r.flags = slices.DeleteFunc(r.flags, func(flag string) bool { return flag == "--yes" }) // the service's: it is to be read again
		return &failure{code: exitFailed, sentence: "apply.meanwhile", next: r.command(verb)}
	}
	return nil
}

// agreement names what somebody sees before he agrees: the plan, and what is locked down over it, which may leave the plan as it is.
func agreement(standing gateway.Standing, p gateway.Proposal) string {
	name := p.Plan.Digest()
	if standing.Locked {
		name += " locked down:" + strings.Join(standing.Lockdown.Segments, " ")
	}
	return name
}

// question asks whether the plan is to be carried out.
func (a *app) question(ctx context.Context, verb string, r reading) error {
	_, _ = fmt.Fprint(a.stderr, a.words.Text("apply.question", nil)+" ")
	answered, err := a.readLine(ctx)
	if err != nil {
		return err
	}
	if !strings.EqualFold(answered, a.words.Text("apply.agreed", nil)) {
		next := r.command("plan")
		if verb != "apply" {
			next = "cordon history"
		}
		return &failure{code: exitFailed, sentence: "apply.declined", next: next}
	}
	return nil
}

// readLine reads an answer, and stops waiting for it when the user interrupts.
func (a *app) readLine(ctx context.Context) (string, error) {
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.stdin).ReadString('\n') // the end of the input is an empty answer
		lines <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case line := <-lines:
		return line, nil
	}
}

func (a *app) appliedText(o gateway.Outcome) func(io.Writer) error {
	if !o.Applied || a.flags.quiet {
		return nil // the plan has said that there is nothing to do
	}
	return func(out io.Writer) error {
		_, err := fmt.Fprintln(out, a.words.Text("apply.done", message.Args{"cut": a.number(o.Cut)}))
		return err
	}
}

// who is the user behind the process: the one who called sudo, else the process's own.
func (a *app) who() string {
	if name := a.getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

func isTerminal(in any) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// recordable finds out whether the change could be remembered, before anybody is asked about it.
func (a *app) recordable(verb string, r reading) error {
	octets := 0
	for _, d := range r.directories {
		for _, content := range d.Files {
			octets += len(content)
		}
	}
	store := history.In(a.flags.state)
	err := store.Ready()
	if err == nil {
		err = store.Room(octets)
	}
	if err != nil {
		return a.unwritable(verb, r, err)
	}
	return nil
}

// unwritable says that what would be changed could not be remembered. It is found out before anything is changed.
func (a *app) unwritable(verb string, r reading, err error) error {
	if errors.Is(err, os.ErrPermission) && os.Getuid() != 0 {
		return a.trouble(verb, r, err)
	}
	return &failure{
		code: exitFailed, sentence: "apply.state", args: message.Args{"dir": a.flags.state}, cause: reason(err),
		next: a.lookAtState(err),
	}
}

// lookAtState is the command that shows why the state directory takes nothing.
func (a *app) lookAtState(err error) string {
	dir := a.flags.state
	if _, missing := os.Stat(dir); missing != nil {
		dir = existing(dir)
	}
	switch {
	case errors.Is(err, unix.EROFS):
		return "findmnt --target " + shellWord(dir)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "df -h " + shellWord(dir)
	}
	return "ls -ld " + shellWord(dir)
}
