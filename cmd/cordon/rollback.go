package main

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/policy/message"
)

// rollbackVerb goes back: from a change that waits to what was before it, else to an earlier policy.
func (a *app) rollbackVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "rollback [REVISION]", Short: a.words.Text("verb.rollback", nil), Args: arguments(0, 1)}
	f := a.applyFlags(cmd.Flags())
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		document := &api.Apply{}
		if found, ok, err := a.rollbackServiced(ctx, cmd, args, *f); ok {
			return orDocument(found, document), err
		}
		pending, err := history.In(a.flags.state).Pending()
		if err == nil && len(args) == 0 {
			return a.takeBack(ctx, pending, *f, document)
		}
		if err := a.mayApply(cmd, *f, typedBy(cmd, args), "rollback"); err != nil {
			return answer{document: document}, err
		}
		r, err := a.earlier(cmd, args)
		if err != nil {
			return answer{document: document}, err
		}
		if err := a.judge(r, document, false); err != nil {
			return answer{document: document}, err
		}
		text, err := a.apply(ctx, "rollback", r, *f, document)
		return answer{document: document, text: text}, err
	})
	return cmd
}

// rollbackServiced has the service go back, after the question where nobody has said yes beforehand.
func (a *app) rollbackServiced(ctx context.Context, cmd *cobra.Command, args []string, f applyFlags) (answer, bool, error) {
	_, err := history.In(a.flags.state).Pending()
	if f.yes || err == nil && len(args) == 0 || a.flags.json || !isTerminal(a.stdin) {
		return a.serviced(ctx, "rollback", args, ownFlags(cmd), nil)
	}
	number, err := a.revision(cmd, history.In(a.flags.state), args)
	if err != nil {
		return answer{}, true, err
	}
	args = []string{strconv.Itoa(number)} // what is shown and agreed to is what is done
	r, err := a.earlier(cmd, args)
	if err != nil {
		return answer{}, true, err
	}
	return a.applyServiced(ctx, cmd, args, r, f)
}

// takeBack ends the waiting: what it was before is what anybody who types rollback now means.
func (a *app) takeBack(ctx context.Context, p history.Pending, f applyFlags, document *api.Apply) (answer, error) {
	err := a.writing(ctx, "rollback", reading{}, f.lockTimeout, document, func(w *gateway.Writer) error {
		err := w.Revert(ctx, p.ID)
		if errors.Is(err, gateway.ErrNothingPending) {
			if fate, _ := a.fate(p); fate == history.OutcomeReverted {
				return nil // its time was over a moment ago
			}
		}
		if err != nil {
			return a.trouble("rollback", reading{}, err)
		}
		return nil
	})
	if err != nil {
		return answer{document: document}, err
	}
	document.Reverted = true
	return answer{document: document, text: a.line("rollback.taken_back", message.Args{"id": p.ID})}, nil
}

// earlier reads a policy of the history as it was applied.
func (a *app) earlier(cmd *cobra.Command, args []string) (reading, error) {
	store := history.In(a.flags.state)
	r := typedBy(cmd, args)
	number, err := a.revision(cmd, store, args)
	if err != nil {
		return r, err
	}
	applied, err := store.Revision(number)
	if err != nil {
		return r, a.noRevision(number, err)
	}
	r.policy, r.diagnostics = gateway.Recall(applied)
	r.directories, r.commit = applied.Directories, applied.Commit
	return r, nil
}

// revision is the one that the user named, else the last before the one in force that was in force itself.
func (a *app) revision(cmd *cobra.Command, store history.Store, args []string) (int, error) {
	if len(args) == 1 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 {
			return 0, wrongUsage(cmd, "rollback.number", message.Args{"value": args[0]})
		}
		return n, nil
	}
	entries, err := store.Entries()
	if err != nil {
		return 0, a.trouble("rollback", reading{}, err)
	}
	last, err := store.Last()
	if err != nil && !errors.Is(err, history.ErrNone) {
		return 0, a.trouble("rollback", reading{}, err)
	}
	before := slices.IndexFunc(entries, func(e history.Entry) bool {
		return e.Outcome.Good() && e.Digest != last.Digest
	})
	if before < 0 {
		return 0, &failure{code: exitUsage, sentence: "rollback.none", next: "cordon history"}
	}
	return entries[before].Revision, nil
}

func (a *app) noRevision(number int, err error) error {
	missing := &history.RevisionError{}
	if errors.As(err, &missing) {
		return &failure{code: exitUsage, sentence: "rollback.missing", args: message.Args{"number": strconv.Itoa(number)}, next: "cordon history"}
	}
	return a.trouble("rollback", reading{}, err)
}

// nothingMore is a body that only needs what writing does by itself.
func nothingMore(*gateway.Writer) error { return nil }
