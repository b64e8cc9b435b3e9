package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
)

// app is what every verb works with: the process's streams, its environment, its clock and the global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	flags          flags

	// code is what the verb that ran ended with.
	code exitCode
}

// flags are the global flags.
type flags struct {
	state, run     string
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
}

// execute runs one command line.
func (a *app) execute(ctx context.Context, args []string) exitCode {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
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
		Use:           "cordon",
		Short:         "Isolate cameras: a policy becomes this machine's packet filter",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          a.noSuchVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(usageError)
	set := root.PersistentFlags()
	set.StringVar(&a.flags.state, "state", "/var/lib/cordon", "directory of what outlives a restart")
	set.StringVar(&a.flags.run, "run", "/run/cordon", "directory of the lock and the socket")
	set.BoolVar(&a.flags.json, "json", false, "print one JSON document")
	set.BoolVar(&a.flags.plain, "plain", false, "print text without drawing")
	set.BoolVar(&a.flags.noColor, "no-color", false, "print without colour (also NO_COLOR)")
	set.StringVar(&a.flags.lang, "lang", "", "en or fr (default: LC_ALL, LC_MESSAGES, LANG)")
	set.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print only what was asked for")
	set.BoolVarP(&a.flags.verbose, "verbose", "v", false, "say what is being done")
	root.AddCommand(a.verbs()...)
	return root
}

// verbs lists one command a file.
func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		a.versionVerb(),
	}
}

// verb makes a verb's body what cobra calls: it prints the answer or hands the failure on. A body may return both: what it found out
// before it failed is in the JSON document.
func (a *app) verb(body func(ctx context.Context, args []string) (answer, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := a.checkFlags(cmd); err != nil {
			return err
		}
		found, err := body(cmd.Context(), args)
		if err != nil && found.document == nil {
			return err
		}
		if err != nil {
			f := failureOf(cmd.Context(), err)
			a.code = f.code
			return a.failWith(verbName(cmd), found.document, f)
		}
		a.code = found.code
		return a.print(verbName(cmd), found)
	}
}

// print writes an answer to stdout.
func (a *app) print(verb string, found answer) error {
	if a.flags.json {
		return a.writeDocument(verb, found.document, found.code, nil)
	}
	if found.text == nil {
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
	if a.flags.json {
		return a.writeDocument(verb, document, f.code, f)
	}
	lines := []string{"cordon: " + f.Error()}
	if f.detail != "" {
		lines = append(lines, "  "+f.detail)
	}
	if f.next != "" {
		lines = append(lines, "  $ "+f.next)
	}
	_, err := fmt.Fprintln(a.stderr, strings.Join(lines, "\n"))
	return err
}

// writeDocument completes a document's header and prints it.
func (a *app) writeDocument(verb string, document api.Document, code exitCode, f *failure) error {
	head := document.Head()
	head.Schema, head.Verb, head.Exit = api.Schema, verb, int(code)
	if head.Diagnostics == nil {
		head.Diagnostics = []api.Diagnostic{}
	}
	if f != nil {
		head.Error = &api.Failure{Summary: f.Error(), Detail: f.detail, Next: f.next}
	}
	out := json.NewEncoder(a.stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(document)
}

// checkFlags refuses values of the global flags that no verb could work with.
func (a *app) checkFlags(cmd *cobra.Command) error {
	switch a.flags.lang {
	case "", "en", "fr":
		return nil
	}
	return usageError(cmd, fmt.Errorf("--lang %s: want en or fr", a.flags.lang))
}

// noSuchVerb refuses a word that is no verb, with those that resemble it.
func (a *app) noSuchVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	f := &failure{code: exitUsage, summary: fmt.Sprintf("there is no verb %q", args[0]), next: "cordon help"}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		f.next = "cordon " + near[0]
	}
	return f
}

// arguments makes a check of a verb's arguments end with the code for wrong usage.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError(cmd, err)
		}
		return nil
	}
}

// usageError is wrong usage of a verb: its help is the next thing to read.
func usageError(cmd *cobra.Command, err error) error {
	known := &failure{}
	if errors.As(err, &known) {
		return err
	}
	return &failure{code: exitUsage, summary: err.Error(), next: cmd.CommandPath() + " --help"}
}

// verbName is the verb as the document names it: without the program, empty when none was given.
func verbName(cmd *cobra.Command) string {
	_, name, _ := strings.Cut(cmd.CommandPath(), " ")
	return name
}
