package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/policy/message"
)

// lockdownVerb lets nothing pass for a segment, or for all camera and recorder segments, recorders included.
func (a *app) lockdownVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "lockdown [SEGMENT...]", Short: a.words.Text("verb.lockdown", nil), Args: arguments(0, -1)}
	var timeout time.Duration
	a.lockFlag(cmd.Flags(), &timeout)
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		if found, ok, err := a.serviced(ctx, "lockdown", args, nil, nil); ok {
			return orDocument(found, &api.Lockdown{Lockdown: []string{}}), err
		}
		l := history.Lockdown{Since: a.now(), Who: a.who(), Segments: args}
		return a.locking(ctx, "lockdown", timeout, func(w *gateway.Writer) (gateway.Outcome, error) { return w.LockDown(ctx, l) })
	})
	return cmd
}

// releaseVerb ends the lockdown.
func (a *app) releaseVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "release", Short: a.words.Text("verb.release", nil), Args: arguments(0, 0)}
	var timeout time.Duration
	a.lockFlag(cmd.Flags(), &timeout)
	cmd.RunE = a.verb(func(ctx context.Context, _ []string) (answer, error) {
		if found, ok, err := a.serviced(ctx, "release", nil, nil, nil); ok {
			return orDocument(found, &api.Lockdown{Lockdown: []string{}}), err
		}
		return a.locking(ctx, "release", timeout, func(w *gateway.Writer) (gateway.Outcome, error) { return w.Release(ctx) })
	})
	return cmd
}

// locking changes the lockdown and says what is locked down then.
func (a *app) locking(
	ctx context.Context, verb string, timeout time.Duration, act func(*gateway.Writer) (gateway.Outcome, error),
) (answer, error) {
	document := &api.Lockdown{Lockdown: []string{}}
	err := a.writing(ctx, verb, reading{}, timeout, document, func(w *gateway.Writer) error {
		outcome, err := act(w)
		document.Flows.Cut = outcome.Cut
		if standing, readErr := gateway.Stand(w.Store); readErr == nil && standing.Policy != nil {
			document.Lockdown = append(document.Lockdown, standing.Policy.Lockdown...)
		}
		if err != nil {
			return a.trouble(verb, reading{}, err)
		}
		return nil
	})
	if err != nil {
		return answer{document: document}, err
	}
	args := message.Args{"segments": strings.Join(document.Lockdown, ", "), "cut": a.number(document.Flows.Cut)}
	return answer{document: document, text: a.line(verb+".done", args)}, nil
}
