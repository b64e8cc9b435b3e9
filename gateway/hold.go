package gateway

import (
	"context"
	"log/slog"
	"time"
)

// Holder keeps in force what ought to be, for as long as the service runs. One goroutine does everything that changes the machine: what is
// asked for by Do, and what nobody asked for.
type Holder struct {
	writer   *Writer
	log      *slog.Logger
	requests chan request
}

// request is something to do in the loop.
type request struct {
	act  func(*Writer)
	done chan struct{}
}

// NewHolder returns the loop of a writer; nothing happens before Run.
func NewHolder(w *Writer, log *slog.Logger) *Holder {
	return &Holder{writer: w, log: log, requests: make(chan request)}
}

// beat is how often the loop looks for what nothing tells it of: a change whose time is over.
const beat = time.Second

// Do runs something in the loop and returns when it is done. It is for any goroutine but the loop's own.
func (h *Holder) Do(ctx context.Context, act func(*Writer)) error {
	r := request{act, make(chan struct{})}
	select {
	case h.requests <- r:
		<-r.done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run holds until the context ends, which changes nothing that is in force.
func (h *Holder) Run(ctx context.Context) error {
	if err := h.restore(ctx); err != nil {
		h.log.ErrorContext(ctx, "hold", slog.Any("error", err))
	}
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-h.requests:
			r.act(h.writer)
			close(r.done)
		case <-tick.C:
			taken, err := h.writer.Settle(ctx)
			switch {
			case err != nil:
				h.log.ErrorContext(ctx, "take back", slog.Any("error", err))
			case taken != nil:
				h.log.WarnContext(ctx, "taken back", slog.String("change", taken.ID), slog.String("who", taken.Who))
			}
		}
	}
}

// restore puts in force what ought to be, where anything differs.
func (h *Holder) restore(ctx context.Context) error {
	if _, err := h.writer.Settle(ctx); err != nil {
		return err
	}
	standing, err := Stand(h.writer.Store)
	if err != nil {
		return err
	}
	return h.writer.hold(ctx, standing)
}
