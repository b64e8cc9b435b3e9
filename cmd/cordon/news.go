package main

import (
	"context"
	"log/slog"
	"strings"

	"cordon/gateway"
)

// named is how many of the things that changed a line of the log names; the others are counted.
const named = 8

// tell writes what the service has to say into its log: what happened, by whom where the kernel says so, what it was, how long it took.
func tell(ctx context.Context, log *slog.Logger, n gateway.News) {
	fields := []slog.Attr{}
	if n.Kinds != 0 {
		fields = append(fields, slog.String("heard", n.Kinds.String()))
	}
	for _, p := range n.By {
		fields = append(fields, slog.Group("by", slog.Int64("thread", int64(p.PID)), slog.String("name", p.Name)))
	}
	if len(n.Changes) > 0 {
		fields = append(fields, slog.Int("changes", len(n.Changes)), slog.String("what", changed(n)))
	}
	if n.Took > 0 {
		fields = append(fields, slog.Float64("ms", float64(n.Took.Microseconds())/1000))
	}
	if len(n.Absent) > 0 {
		fields = append(fields, slog.String("absent", strings.Join(n.Absent, " ")))
	}
	if n.Err != nil {
		fields = append(fields, slog.Any("error", n.Err))
	}
	log.LogAttrs(ctx, gravity(n), string(n.What), fields...) //nolint:sloglint // one of a few constant words
}

// gravity is how much somebody should care.
func gravity(n gateway.News) slog.Level {
	switch n.What {
	case gateway.Failed, gateway.LockedDown:
		return slog.LevelError
	case gateway.Repaired, gateway.Missing, gateway.Reverted:
		return slog.LevelWarn
	case gateway.Holding, gateway.Unapplied, gateway.Turned:
	}
	if n.Err != nil {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// changed names the first of what was put back.
func changed(n gateway.News) string {
	var words []string
	for _, c := range n.Changes[:min(named, len(n.Changes))] {
		words = append(words, string(c.Action)+" "+c.Kind+" "+c.Name)
	}
	return strings.Join(words, "; ")
}
