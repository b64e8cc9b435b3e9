package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
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
		return answer{document: document}, a.hold(ctx, &gateway.Writer{Gateway: g, Store: store, Now: a.now})
	})
	return cmd
}

// hold does what the service is for until the context ends, and tells whoever manages it how it goes.
func (a *app) hold(ctx context.Context, w *gateway.Writer) error {
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
	manager := notifier{a.getenv("NOTIFY_SOCKET")}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	all, ctx := errgroup.WithContext(ctx)
	var ready sync.Once
	holder := gateway.NewHolder(w, func(n gateway.News) {
		tell(ctx, log, n)
		a.repaired(n)
		manager.say(ctx, "STATUS="+string(n.What)+" "+n.At.Format(time.RFC3339))
		ready.Do(func() { manager.say(ctx, "READY=1") })
	})
	all.Go(func() error { return holder.Run(ctx) })
	all.Go(func() error { return a.answering(ctx, holder) })
	all.Go(func() error { return a.reloads(ctx, hangups, holder, log, manager) })
	all.Go(func() error { return a.alive(ctx, holder, manager) })
	<-ctx.Done()
	manager.say(ctx, "STOPPING=1")
	return all.Wait()
}

// alive says to the manager that the loop still takes its turns, twice as often as he wants to hear it.
func (a *app) alive(ctx context.Context, holder *gateway.Holder, manager notifier) error {
	every := watchdog(a.getenv("WATCHDOG_USEC")) / 2
	if every == 0 {
		return nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := holder.Alive(ctx); err != nil {
			return nil // the service ends
		}
		manager.say(ctx, "WATCHDOG=1")
	}
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
			reply = a.unanswered(q, errors.Join(err, ctx.Err()))
		}
		return reply
	})
}
