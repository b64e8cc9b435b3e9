package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"cordon/cmd/cordon/demo"
	"cordon/gateway/api"
	"cordon/integration/lab"
	"cordon/policy/message"
)

// demoVerb shows a whole site in namespaces, as root or as anybody.
func (a *app) demoVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "demo", Short: a.words.Text("verb.demo", nil), Args: arguments(0, 0)}
	without := cmd.Flags().String("without", "", a.words.Text("flag.without", nil))
	_ = cmd.Flags().MarkHidden("without") // the flag of the line above is there
	show := a.verb(func(ctx context.Context, _ []string) (answer, error) {
		return a.demo(ctx, demo.Layer(*without))
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := a.checkFlags(cmd); err != nil {
			return err
		}
		if layer := demo.Layer(*without); !layer.Known() {
			return wrongUsage(cmd, "demo.layer", message.Args{"value": *without, "layers": layerNames()})
		}
		code, done, err := lab.Enter(cmd.Context(), lab.Process{Args: os.Args[1:], Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr})
		switch {
		case err != nil:
			return unable(err)
		case done:
			a.code = exitCode(code) // the process that ran the demo has said everything
			return nil
		}
		return show(cmd, args)
	}
	return cmd
}

// demo runs the demo in this process.
func (a *app) demo(ctx context.Context, without demo.Layer) (answer, error) {
	options := demo.Options{
		Words: a.words, Program: typed(os.Args[0]), Plain: a.flags.plain, Verbose: a.flags.verbose, Color: a.colored(), Without: without,
	}
	if !a.flags.json && !a.flags.quiet {
		options.Out = a.stdout
	}
	report, err := demo.Run(ctx, options)
	document := &api.Demo{Steps: []api.DemoStep{}, ElapsedMS: report.Took.Milliseconds()}
	for _, s := range report.Steps {
		document.Steps = append(document.Steps, api.DemoStep(s))
	}
	found := answer{document: document}
	if len(report.Failed()) > 0 {
		found.code = exitNegative
	}
	if err != nil {
		return found, unable(err)
	}
	return found, nil
}

// colored says whether what is printed goes to a terminal whose user wants colours.
func (a *app) colored() bool {
	out, isFile := a.stdout.(*os.File)
	return isFile && isTerminal(out) && !a.flags.plain && !a.flags.noColor && a.getenv("NO_COLOR") == ""
}

func layerNames() string {
	var names []string
	for _, l := range demo.Layers() {
		names = append(names, string(l))
	}
	return strings.Join(names, ", ")
}

// unable says why no site can be built here, and who can build one.
func unable(err error) error {
	var forbidden *lab.ForbiddenError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case !errors.As(err, &forbidden):
		return &failure{code: exitFailed, sentence: "demo.unable", next: "sudo cordon demo", cause: err}
	case forbidden.Setting == "":
		return &failure{code: exitFailed, sentence: "demo.barred", next: "sudo cordon demo", cause: err}
	}
	return &failure{code: exitFailed, sentence: "demo.forbidden", next: "sudo cordon demo", args: message.Args{
		"setting": forbidden.Setting, "value": forbidden.Value, "wanted": wanted(forbidden.Setting),
	}}
}

// wanted is the value of a kernel setting with which anybody may make namespaces.
func wanted(setting string) string {
	switch setting {
	case "kernel.apparmor_restrict_unprivileged_userns":
		return "0"
	case "kernel.unprivileged_userns_clone":
		return "1"
	}
	return "10000"
}

// typed returns what runs this program again from the same folder: its path when it was called by one, else its name.
func typed(arg0 string) string {
	if strings.Contains(arg0, "/") && !filepath.IsAbs(arg0) {
		return arg0
	}
	return "cordon"
}
