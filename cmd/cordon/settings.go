package main

import (
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/gateway/settings"
	"cordon/policy/message"
)

// machine is what the settings say, what is wrong with them, and why they could not be read.
type machine struct {
	settings.Settings

	file        string
	diagnostics []message.Diagnostic
	err         error
}

// settle reads the settings before the flags are parsed: they are the flags' defaults, and the language of what is wrong with a flag.
func settle(args, environ []string) machine {
	named, given := valueOf(args, "settings")
	from := settings.Source{File: settings.File, Optional: true, Environ: environ}
	if given {
		from.File, from.Optional = named, false
	}
	m := machine{file: from.File}
	m.Settings, m.diagnostics, m.err = settings.Read(from)
	return m
}

// valueOf finds a flag's value before the flags are parsed: the last one, as the parser does.
func valueOf(args []string, flag string) (value string, given bool) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if after, ok := strings.CutPrefix(arg, "--"+flag+"="); ok {
			value, given = after, true
		}
		if arg == "--"+flag && i+1 < len(args) {
			value, given = args[i+1], true
		}
	}
	return value, given
}

// unsettled refuses to work with settings that are wrong. What depends on none but the language works all the same: the way out of a
// mistake must not lead past it.
func (a *app) unsettled(cmd *cobra.Command) error {
	free := []string{"version", "completion", "man", "fmt", "demo", "guard"}
	if slices.Contains(free, cmd.Name()) {
		return nil
	}
	args := message.Args{"file": a.machine.file, "errors": strconv.Itoa(len(a.machine.diagnostics))}
	switch {
	case errors.Is(a.machine.err, fs.ErrNotExist):
		return &failure{code: exitPolicy, sentence: "settings.missing", args: args, next: "ls " + shellWord(existing(a.machine.file))}
	case a.machine.err != nil:
		return &failure{
			code: exitFailed, sentence: "settings.unreadable", args: args, cause: reason(a.machine.err),
			next: "ls -l " + shellWord(a.machine.file),
		}
	case message.HasErrors(a.machine.diagnostics):
		return &failure{code: exitPolicy, sentence: "settings.wrong", args: args, next: a.mend()}
	}
	return nil
}

// mend is the command that shows the first mistake where it stands: in the file, or in the environment.
func (a *app) mend() string {
	if at := a.machine.diagnostics[0].Origin; at.Line > 0 {
		return "vi +" + strconv.Itoa(at.Line) + " " + shellWord(a.machine.file)
	}
	return "env | grep ^CORDON_"
}

// refuse reports settings that are wrong, each mistake at its place.
func (a *app) refuse(cmd *cobra.Command, err error) error {
	document := &api.Header{}
	a.say(document, a.machine.diagnostics)
	f := failureOf(cmd.Context(), err)
	a.code = f.code
	return a.failWith(verbName(cmd), document, f)
}
