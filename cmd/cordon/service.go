package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/gateway/snapshot"
	"cordon/gateway/socket"
	"cordon/policy/message"
)

// serviced asks the service to do what a verb was called for, where one runs: there is one writer. Where none runs it says false, and the
// verb works by itself.
func (a *app) serviced(ctx context.Context, verb string, args []string, flags map[string]string, r *reading) (answer, bool, error) {
	if a.writer != nil {
		return answer{}, false, nil // this is the service
	}
	q := snapshot.Request{
		Verb: verb, Arguments: args, Flags: flags, Language: string(a.language), Verbose: a.flags.verbose, Quiet: a.flags.quiet,
		Document: a.flags.json, Session: a.session(), Who: a.who(), Plan: a.agreed, Given: a.given,
	}
	if r != nil {
		q.Policy = &snapshot.Policy{Variables: r.policy.Variables, Commit: r.commit, Typed: r.typed, Source: r.source}
		for _, d := range r.directories {
			q.Policy.Directories = append(q.Policy.Directories, snapshot.Directory(d))
		}
	}
	reply, err := socket.NewClient(a.flags.run).Ask(ctx, q)
	switch {
	case errors.Is(err, socket.ErrNoService):
		return answer{}, false, nil
	case errors.Is(err, fs.ErrPermission) && ctx.Err() == nil:
		next := strings.Join(append([]string{"cordon", verb}, args...), " ")
		return answer{}, true, &failure{code: exitFailed, sentence: "service.refused", next: privileged(next)}
	case err != nil && ctx.Err() == nil:
		// It may have done it before it went away.
		return answer{}, true, &failure{code: exitFailed, cause: err, next: "cordon status"}
	case err != nil:
		return answer{}, true, err
	}
	return answer{code: exitCode(reply.Exit), reply: &reply}, true, nil
}

// applyServiced has the service change the machine. Who has not said yes beforehand sees its plan, is asked here, and waits here.
func (a *app) applyServiced(ctx context.Context, cmd *cobra.Command, args []string, r reading, f applyFlags) (answer, bool, error) {
	verb, sent := verbName(cmd), &r
	if verb == "rollback" {
		sent = nil // the service has the history itself
	}
	if f.yes {
		return a.serviced(ctx, verb, args, ownFlags(cmd), sent)
	}
	planned, ok, err := a.serviced(ctx, "plan", nil, map[string]string{"detailed-exitcode": "true"}, &r)
	if !ok || err != nil || planned.code != exitNegative {
		return planned, ok, err // nobody is there, or there is nothing to do, or nothing that can be done
	}
	if err := errors.Join(a.relay(*planned.reply), a.question(ctx, verb, r)); err != nil {
		return answer{}, true, err
	}
	a.agreed = planned.reply.Plan
	flags := ownFlags(cmd)
	flags["yes"] = "true"
	quiet := a.flags.quiet
	a.flags.quiet = true // the plan has been seen
	done, ok, err := a.serviced(ctx, verb, args, flags, sent)
	a.flags.quiet = quiet
	if !ok || err != nil || done.code != exitDone {
		return done, ok, err
	}
	pending, err := history.In(a.flags.state).Pending()
	document := &api.Apply{}
	if jsonErr := json.Unmarshal(done.reply.Document, document); jsonErr != nil {
		return answer{}, true, fmt.Errorf("read the service's answer: %w", jsonErr)
	}
	if err != nil || document.Pending == nil || document.Pending.ID != pending.ID {
		return done, true, nil //nolint:nilerr // nothing of this waits, or somebody else sees to it
	}
	if err := a.relay(*done.reply); err != nil {
		return answer{}, true, err
	}
	text, err := a.await(ctx, pending, document, func() error {
		err := a.writing(ctx, verb, r, time.Second, document, nothingMore)
		if f, ok := errors.AsType[*failure](err); ok && f.sentence == "trouble.held" {
			return nil // the service lives, and does it
		}
		return err
	})
	return answer{document: document, text: text}, true, err
}

// ownFlags are the verb's own flags that were given; how long to wait for the lock is no concern of the one who holds it.
func ownFlags(cmd *cobra.Command) map[string]string {
	given := map[string]string{}
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Name != "lock-timeout" {
			given[f.Name] = f.Value.String()
		}
	})
	return given
}

// orDocument gives an answer that is none the verb's own document, for the failure that comes with it.
func orDocument(found answer, document api.Document) answer {
	if found.reply == nil && found.document == nil {
		found.document = document
	}
	return found
}

// relay prints what the service answered.
func (a *app) relay(reply snapshot.Reply) error {
	if a.flags.json {
		var indented bytes.Buffer
		if err := json.Indent(&indented, reply.Document, "", "  "); err != nil {
			return err
		}
		_, err := indented.WriteTo(a.stdout)
		return err
	}
	if reply.Notes != "" {
		a.note(reply.Notes)
	}
	_, err := a.stdout.Write([]byte(reply.Text))
	return err
}

// answerTo answers a request as the service, with the machine and the lock that it holds. It is the same program that people call.
func (a *app) answerTo(ctx context.Context, w *gateway.Writer, q snapshot.Request) snapshot.Reply {
	var text, notes bytes.Buffer
	in := &app{
		stdin: strings.NewReader(""), stdout: &text, stderr: &notes, now: a.now, machine: a.machine, writer: w,
		environ: []string{"SSH_CONNECTION=" + q.Session, "SUDO_USER=" + q.Who}, words: message.In(message.Match(q.Language)),
		asked: q.Policy, agreed: q.Plan, reply: &snapshot.Reply{}, repairs: a.repairs, given: q.Given,
	}
	in.machine.State, in.machine.Run = a.flags.state, a.flags.run
	code := in.carryOut(ctx, argumentsOf(q))
	reply := *in.reply
	reply.Exit, reply.Text, reply.Notes = int(code), text.String(), notes.String()
	return reply
}

// argumentsOf is a request as a command line.
func argumentsOf(q snapshot.Request) []string {
	args := []string{q.Verb}
	for _, name := range slices.Sorted(maps.Keys(q.Flags)) {
		if slices.Contains([]string{"settings", "state", "run", "policy", "var"}, name) {
			continue // where the service's files are is its own business
		}
		args = append(args, "--"+name+"="+q.Flags[name])
	}
	for name, set := range map[string]bool{"json": q.Document, "verbose": q.Verbose, "quiet": q.Quiet} {
		if set {
			args = append(args, "--"+name+"="+strconv.FormatBool(set))
		}
	}
	if q.Policy != nil {
		return append(append(args, "--"), q.Policy.Typed...)
	}
	return append(append(args, "--"), q.Arguments...)
}

// carryOut runs a command line whose settings are known.
func (a *app) carryOut(ctx context.Context, args []string) exitCode {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return a.code
	}
	f := failureOf(ctx, err)
	if a.fail(verbName(cmd), f) != nil {
		return exitFailed
	}
	return f.code
}

// readAsked reads the policy that came with a request. What is to be said about it the one who sent it has said already.
func (a *app) readAsked(cmd *cobra.Command) reading {
	r := typedBy(cmd, a.asked.Typed)
	r.source = a.asked.Source
	applied := history.Applied{Variables: a.asked.Variables, Commit: a.asked.Commit}
	for _, d := range a.asked.Directories {
		applied.Directories = append(applied.Directories, history.Directory(d))
	}
	r.policy, r.diagnostics = gateway.Recall(applied)
	r.directories, r.commit = applied.Directories, applied.Commit
	if !a.flags.json {
		r.diagnostics = slices.DeleteFunc(r.diagnostics, func(d message.Diagnostic) bool { return d.Severity != message.Error })
	}
	return r
}

// unanswered is the reply of a service that is about to end.
func (a *app) unanswered(q snapshot.Request, err error) snapshot.Reply {
	in := &app{words: message.In(message.Match(q.Language)), given: q.Given, reply: &snapshot.Reply{}, stderr: io.Discard}
	f := &failure{code: exitFailed, sentence: "service.ending", cause: err, next: "cordon status"}
	_ = in.fail("", f) // into memory
	summary, _ := in.explain(f)
	return snapshot.Reply{Exit: int(exitFailed), Document: in.reply.Document, Notes: "cordon: " + summary}
}
