package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/settings"
	"cordon/gateway/snapshot"
	"cordon/policy/message"
)

// app is what every verb works with: the process's streams, its environment, its clock and the global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string // NAME=value
	process        bool     // what the process was called for: its signals are meant for it
	now            func() time.Time
	// tree is the machine's files, from its root.
	tree  fs.FS
	flags flags
	// machine is what the settings say: the defaults of the flags.
	machine machine
	// words says every sentence, in the user's language.
	words message.Printer

	language message.Language

	// writer is the machine in the hands of the service that this program is; asked is the policy that came with a request, and reply what
	// goes back. All of them are nil in a program that people call.
	writer *gateway.Writer
	asked  *snapshot.Policy
	reply  *snapshot.Reply
	// agreed is the plan that the user has seen and said yes to; empty where nobody was asked.
	agreed string
	// given is what the user has typed about where the files are, for the next commands to type.
	given []string
	// repairs are what the service has put back.
	repairs []api.Drift

	// code is what the verb that ran ended with.
	code exitCode
}

// flags are the global flags.
type flags struct {
	state, run     string
	policy         []string
	variables      []string
	json, plain    bool
	noColor        bool
	lang           string
	quiet, verbose bool
}

// answer is what a verb found out, once for each kind of reader.
type answer struct {
	code     exitCode
	document api.Document
	// text writes the answer for people; nil says nothing.
	text func(io.Writer) error
	// reply is what the service answered instead; nil where no service did.
	reply *snapshot.Reply
}

// execute runs one command line.
func (a *app) execute(ctx context.Context, args []string) exitCode {
	a.machine, a.given = settle(args, a.environ), whereabouts(args)
	a.language = languageOf(args, a.machine.Lang, a.getenv)
	a.words = message.In(a.language)
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root, a.completeAll(root)
	if err == nil {
		cmd, err = root.ExecuteContextC(ctx)
	}
	if err == nil {
		return a.code
	}
	// A flag that stands behind the mistake was not read; the reader of the document still wants one.
	a.flags.json = a.flags.json || slices.Contains(args, "--json")
	f := failureOf(ctx, err)
	if printErr := a.fail(verbName(cmd), f); printErr != nil {
		return exitFailed
	}
	return f.code
}

// root is the command line: the global flags and the verbs.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "cordon " + a.words.Text("command.verb", nil),
		Short:             a.words.Text("command.short", nil),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              knownVerb,
		RunE:              a.alone,
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(a.help)
	root.SetHelpCommand(a.helpVerb())
	a.globalFlags(root.PersistentFlags())
	root.AddCommand(a.verbs()...)
	return root
}

// alone is the program without a verb: help for people. A program that asks for a document made a mistake.
func (a *app) alone(cmd *cobra.Command, _ []string) error {
	if a.flags.json {
		return &failure{code: exitUsage, sentence: "usage.verb_needed", next: "cordon help"}
	}
	return cmd.Help()
}

// clock is the machine's clock, as far as it is known to be right.
func (a *app) clock() gateway.Clock { return gateway.SystemClock(a.now, a.machine.ClockTrusted()) }

// globalFlags declares the flags of every verb.
func (a *app) globalFlags(set *pflag.FlagSet) {
	say := func(flag string) string { return a.words.Text("flag."+flag, nil) }
	set.String("settings", settings.File, say("settings"))
	set.StringVar(&a.flags.state, "state", a.machine.State, say("state"))
	set.StringVar(&a.flags.run, "run", a.machine.Run, say("run"))
	set.StringArrayVar(&a.flags.policy, "policy", a.machine.Policy, say("policy"))
	set.StringArrayVar(&a.flags.variables, "var", nil, say("var"))
	set.BoolVar(&a.flags.json, "json", false, say("json"))
	set.BoolVar(&a.flags.plain, "plain", false, say("plain"))
	set.BoolVar(&a.flags.noColor, "no-color", false, say("no_color"))
	set.StringVar(&a.flags.lang, "lang", "", say("lang"))
	set.BoolVarP(&a.flags.quiet, "quiet", "q", false, say("quiet"))
	set.BoolVarP(&a.flags.verbose, "verbose", "v", false, say("verbose"))
	set.BoolP("help", "h", false, say("help"))
}

// verbs lists one command a file.
func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		a.initVerb(),
		a.validateVerb(),
		a.fmtVerb(),
		a.renderVerb(),
		a.servicesVerb(),
		a.planVerb(),
		a.applyVerb(),
		a.runVerb(),
		a.confirmVerb(),
		a.rollbackVerb(),
		a.historyVerb(),
		a.lockdownVerb(),
		a.releaseVerb(),
		a.statusVerb(),
		a.doctorVerb(),
		a.explainVerb(),
		a.demoVerb(),
		a.versionVerb(),
		a.completionVerb(),
		a.manVerb(),
		a.guardVerb(),
	}
}

// verb makes a verb's body what cobra calls: it prints the answer or hands the failure on. A body may return both: what it found out
// before it failed is in the JSON document.
func (a *app) verb(body func(ctx context.Context, args []string) (answer, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := a.checkFlags(cmd); err != nil {
			return err
		}
		if err := a.unsettled(cmd); err != nil {
			return a.refuse(cmd, err)
		}
		ctx, stop := a.untilHangup(cmd)
		defer stop()
		found, err := body(ctx, args)
		if err != nil && found.document == nil {
			return err
		}
		if err == nil && found.reply != nil {
			a.code = found.code
			return a.relay(*found.reply)
		}
		if err != nil {
			f := failureOf(ctx, err)
			a.code = f.code
			return a.failWith(verbName(cmd), found.document, f)
		}
		a.code = found.code
		return a.print(verbName(cmd), found)
	}
}

// untilHangup ends the work where the terminal or the connection that it was typed at goes away: in good order, as Ctrl-C does. To the
// service a hangup means something else, and what it carries out for others has no terminal; nohup keeps its promise.
func (a *app) untilHangup(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	if !a.process || verbName(cmd) == "run" || signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(cmd.Context())
	}
	return signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
}

// print writes an answer to stdout.
func (a *app) print(verb string, found answer) error {
	if a.flags.json || a.reply != nil {
		if err := a.writeDocument(verb, found.document, found.code, nil); err != nil {
			return err
		}
	}
	if a.flags.json || found.text == nil {
		return nil
	}
	return found.text(a.stdout)
}

// fail reports a failure of a verb that found nothing out.
func (a *app) fail(verb string, f *failure) error {
	return a.failWith(verb, &api.Header{}, f)
}

// failWith reports a failure: in the document for programs, on stderr for people.
func (a *app) failWith(verb string, document api.Document, f *failure) error {
	if a.flags.json || a.reply != nil {
		if err := a.writeDocument(verb, document, f.code, f); err != nil || a.flags.json {
			return err
		}
	}
	summary, detail := a.explain(f)
	lines := []string{"cordon: " + summary}
	if detail != "" {
		lines = append(lines, "  "+detail)
	}
	if f.next != "" {
		lines = append(lines, "  $ "+a.next(f.next))
	}
	_, _ = fmt.Fprintln(a.stderr, strings.Join(lines, "\n")) // where the terminal is gone, the exit code still says it
	return nil
}

// explain says what happened and why. A failure without a sentence is the machine's, and its cause speaks for itself.
func (a *app) explain(f *failure) (summary, detail string) {
	switch {
	case f.sentence != "":
		summary = a.words.Text(f.sentence+".summary", f.args)
		detail = a.words.Text(f.sentence+".detail", a.where(f.args))
		if detail == f.sentence+".detail" {
			detail = "" // the summary says it all
		}
	case f.cause != nil:
		return f.cause.Error(), ""
	}
	if f.cause != nil {
		detail = strings.TrimSpace(detail + " " + f.cause.Error())
	}
	return summary, detail
}

// writeDocument completes a document's header and prints it.
func (a *app) writeDocument(verb string, document api.Document, code exitCode, f *failure) error {
	head := document.Head()
	head.Schema, head.Verb, head.Exit = api.Schema, verb, int(code)
	if head.Diagnostics == nil {
		head.Diagnostics = []api.Diagnostic{}
	}
	if f != nil {
		summary, detail := a.explain(f)
		head.Error = &api.Failure{Summary: summary, Detail: detail, Next: a.next(f.next)}
	}
	if a.reply != nil {
		var err error
		a.reply.Document, err = json.Marshal(document)
		return err
	}
	out := json.NewEncoder(a.stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(document)
}
