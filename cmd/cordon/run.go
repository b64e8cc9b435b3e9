package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/gateway/snapshot"
	"cordon/gateway/socket"
)

// runVerb is the service: it holds the lock, keeps in force what was applied, and answers at its socket, until it is told to end. That
// changes no rule.
func (a *app) runVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "run", Short: a.words.Text("verb.run", nil), Args: arguments(0, 0)}
	var timeout time.Duration
	a.lockFlag(cmd.Flags(), &timeout)
	cmd.RunE = a.verb(func(ctx context.Context, _ []string) (answer, error) {
		document := &api.Header{}
		lock, err := a.lock(ctx, timeout)
		if err != nil {
			return answer{document: document}, a.trouble("run", reading{}, err)
		}
		defer func() { _ = lock.Release() }() // the end of the process lets go of it too
		store := history.In(a.flags.state)
		if err := store.Ready(); err != nil {
			return answer{document: document}, a.unwritable("run", reading{}, err)
		}
		g, err := gateway.Open(a.clock())
		if err != nil {
			return answer{document: document}, a.trouble("run", reading{}, err)
		}
		defer func() { _ = g.Close() }() // what is in force stays in force
		log := slog.New(slog.NewTextHandler(a.stderr, nil))
		holder := gateway.NewHolder(&gateway.Writer{Gateway: g, Store: store, Now: a.now}, func(n gateway.News) { tell(ctx, log, n) })
		all, ctx := errgroup.WithContext(ctx)
		all.Go(func() error { return holder.Run(ctx) })
		all.Go(func() error { return a.answering(ctx, holder) })
		return answer{document: document}, all.Wait()
	})
	return cmd
}

// answering answers at the service's socket until the context ends.
func (a *app) answering(ctx context.Context, holder *gateway.Holder) error {
	listener, err := socket.Listen(a.flags.run)
	if err != nil {
		return err
	}
	return socket.Serve(ctx, listener, func(asked context.Context, _ socket.Caller, q snapshot.Request) snapshot.Reply {
		var reply snapshot.Reply
		// Who asks when the service is about to end is not answered.
		if err := holder.Do(ctx, func(w *gateway.Writer) { reply = a.answerTo(asked, w, q) }); err != nil {
			reply = a.unanswered(errors.Join(err, ctx.Err()))
		}
		return reply
	})
}
