package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"

	"cordon/gateway"
	"cordon/gateway/settings"
)

// reloads reads the settings again at each hangup and applies the policy that they name. What is wrong with either leaves in force what is.
func (a *app) reloads(ctx context.Context, hangups <-chan os.Signal, holder *gateway.Holder, log *slog.Logger, manager notifier) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
		}
		manager.reloading(ctx)
		code, said := exitFailed, ""
		if err := holder.Do(ctx, func(w *gateway.Writer) { code, said = a.reload(ctx, w) }); err != nil {
			return nil //nolint:nilerr // the service ends
		}
		level := slog.LevelInfo
		if code != exitDone {
			level = slog.LevelError
		}
		log.Log(ctx, level, "reloaded", slog.Int("exit", int(code)), slog.String("said", said))
		manager.say(ctx, "READY=1")
	}
}

// reload applies the policy of the settings as somebody would who types it. It returns what he would have seen.
func (a *app) reload(ctx context.Context, w *gateway.Writer) (exitCode, string) {
	var text, notes bytes.Buffer
	var from []string
	if a.machine.file != settings.File {
		from = []string{"--settings", a.machine.file}
	}
	in := &app{
		stdin: strings.NewReader(""), stdout: &text, stderr: &notes, now: a.now, machine: settle(from, a.environ), writer: w,
		environ: a.environ, words: a.words, language: a.language, given: a.given,
	}
	in.machine.State, in.machine.Run = a.flags.state, a.flags.run
	args := []string{"apply", "--yes", "--no-confirm", "--quiet"}
	if !slices.Equal(a.flags.policy, a.machine.Policy) {
		for _, dir := range a.flags.policy {
			args = append(args, "--policy", dir)
		}
	}
	for _, v := range a.flags.variables {
		args = append(args, "--var", v)
	}
	code := in.carryOut(ctx, args)
	return code, strings.TrimSpace(notes.String())
}
