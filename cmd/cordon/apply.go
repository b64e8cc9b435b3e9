package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/policy/message"
)

// applyFlags are the flags of apply.
type applyFlags struct {
	yes, noConfirm bool
	confirmWithin  time.Duration
	lockTimeout    time.Duration
}

// applyVerb puts a policy in force.
func (a *app) applyVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "apply [POLICY...]", Short: a.words.Text("verb.apply", nil), Args: arguments(0, -1)}
	f := applyFlags{}
	say := func(flag string) string { return a.words.Text("flag."+flag, nil) }
	cmd.Flags().BoolVar(&f.yes, "yes", false, say("yes"))
	cmd.Flags().BoolVar(&f.noConfirm, "no-confirm", false, say("no_confirm"))
	cmd.Flags().DurationVar(&f.confirmWithin, "confirm-within", 2*time.Minute, say("confirm_within"))
	cmd.Flags().DurationVar(&f.lockTimeout, "lock-timeout", 10*time.Second, say("lock_timeout"))
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		document := &api.Apply{}
		if err := a.mayApply(cmd, f, args); err != nil {
			return answer{document: document}, err
		}
		r, err := a.usable(cmd, args, document)
		if err != nil {
			return answer{document: document}, err
		}
		text, err := a.apply(ctx, r, f, document)
		return answer{document: document, text: text}, err
	})
	return cmd
}

// mayApply refuses a command line that would be carried out otherwise than it reads.
func (a *app) mayApply(cmd *cobra.Command, f applyFlags, args []string) error {
	typed := typedBy(cmd, args)
	switch {
	case f.noConfirm && cmd.Flags().Changed("confirm-within"):
		return wrongUsage(cmd, "usage.confirm_both", nil)
	case !f.noConfirm:
		return &failure{code: exitUsage, sentence: "confirm.later", next: typed.command("apply", "--no-confirm")}
	case !f.yes && (a.flags.json || !isTerminal(a.stdin)):
		return &failure{code: exitUsage, sentence: "apply.yes", next: typed.command("apply", "--yes", "--no-confirm")}
	}
	return nil
}

// apply changes the machine under the lock, and records what is then in force.
func (a *app) apply(ctx context.Context, r reading, f applyFlags, document *api.Apply) (func(io.Writer) error, error) {
	lock, err := a.lock(ctx, f.lockTimeout)
	if err != nil {
		return nil, a.trouble("apply", r, err)
	}
	defer func() { _ = lock.Release() }() // the end of the process lets go of it too
	store := history.In(a.flags.state)
	if err := store.Ready(); err != nil {
		return nil, a.unwritable(r, err)
	}
	g, err := gateway.Open(a.clock())
	if err != nil {
		return nil, a.trouble("apply", r, err)
	}
	defer func() { _ = g.Close() }() // what is in force stays in force
	proposal, err := g.Propose(ctx, r.policy, "")
	if err != nil {
		return nil, a.trouble("apply", r, err)
	}
	a.hours(document, r.policy)
	changes := a.changes(proposal)
	document.Plan, document.Flows.Kept = &changes, proposal.Kept
	if err := a.agree(ctx, r, f, proposal); err != nil {
		return nil, err
	}
	outcome, err := g.Change(ctx, proposal)
	if err != nil {
		return nil, a.trouble("apply", r, err)
	}
	document.Applied, document.Flows.Cut = outcome.Applied, outcome.Cut
	return a.appliedText(outcome), a.record(store, r, outcome)
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

// agree shows the plan and, without --yes, asks.
func (a *app) agree(ctx context.Context, r reading, f applyFlags, p gateway.Proposal) error {
	if a.flags.json {
		return nil
	}
	if !a.flags.quiet || !f.yes {
		if err := a.planText(p)(a.stdout); err != nil {
			return err
		}
	}
	if f.yes || p.Empty() {
		return nil
	}
	_, _ = fmt.Fprint(a.stderr, a.words.Text("apply.question", nil)+" ")
	answered, err := a.readLine(ctx)
	if err != nil {
		return err
	}
	if !strings.EqualFold(answered, a.words.Text("apply.agreed", nil)) {
		return &failure{code: exitFailed, sentence: "apply.declined", next: r.command("plan")}
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

// record keeps the policy that is in force now. When that fails the policy is in force all the same.
func (a *app) record(store history.Store, r reading, outcome gateway.Outcome) error {
	last, err := store.Last()
	if err == nil && !outcome.Applied && last.Digest == r.policy.Digest {
		return nil
	}
	if err := store.Save(a.recorded(r)); err != nil {
		return &failure{
			code: exitFailed, sentence: "apply.unrecorded", args: message.Args{"dir": a.flags.state}, cause: err,
			next: "ls -ld " + shellWord(a.flags.state),
		}
	}
	return nil
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

func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// unwritable says that what would be applied could not be remembered. It is found out before anything is changed.
func (a *app) unwritable(r reading, err error) error {
	if errors.Is(err, os.ErrPermission) && os.Getuid() != 0 {
		return a.trouble("apply", r, err)
	}
	return &failure{
		code: exitFailed, sentence: "apply.state", args: message.Args{"dir": a.flags.state}, cause: reason(err),
		next: r.command("apply", "--state DIR"),
	}
}
