package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/gateway/api"
	"cordon/gateway/settings"
	"cordon/policy/message"
)

// manual is what a verb's page says that its help does not.
type manual struct {
	exits    []exitCode
	examples []example
}

// example is a command that does what its sentence says, on a policy in the directory "policy", and ends with a code.
type example struct {
	sentence, command string
	code              exitCode
}

// manuals are the verbs' pages. Every example is run by a test.
func manuals() map[string]manual {
	judged := []exitCode{exitDone, exitFailed, exitPolicy, exitUsage, exitInterrupted}
	answered := []exitCode{exitDone, exitFailed, exitNegative, exitPolicy, exitUsage, exitInterrupted}
	changed := []exitCode{exitDone, exitFailed, exitPolicy, exitReverted, exitUsage, exitInterrupted}
	return map[string]manual{
		"init": {judged, []example{{"init", "cordon init begun", exitDone}}},
		"validate": {judged, []example{
			{"validate", "cordon validate policy", exitDone}, {"strict", "cordon validate --strict policy", exitDone},
		}},
		"fmt": {answered, []example{
			{"fmt_check", "cordon fmt --check policy", exitDone}, {"fmt_write", "cordon fmt -w policy", exitDone},
		}},
		"render":   {judged, []example{{"render", "cordon render policy", exitDone}}},
		"services": {judged, []example{{"services", "cordon services policy", exitDone}}},
		"plan": {answered, []example{
			{"plan", "cordon plan policy", exitDone}, {"plan_code", "cordon plan --detailed-exitcode policy", exitNegative},
		}},
		"apply": {changed, []example{
			{"apply", "cordon apply policy --yes --no-confirm", exitDone},
			{"apply_confirm", "cordon apply policy --yes --confirm-within 5m", exitDone},
		}},
		"run":      {judged, []example{{"run", "cordon run --help", exitDone}}},
		"confirm":  {changed, []example{{"confirm", "cordon confirm", exitUsage}}},
		"rollback": {changed, []example{{"rollback", "cordon rollback --yes", exitUsage}}},
		"history":  {judged, []example{{"history", "cordon history", exitDone}}},
		"lockdown": {judged, []example{{"lockdown", "cordon lockdown cameras", exitUsage}}},
		"release":  {judged, []example{{"release", "cordon release", exitUsage}}},
		"explain": {
			[]exitCode{exitDone, exitFailed, exitPolicy, exitUnknown, exitUsage, exitInterrupted},
			[]example{{"explain", "cordon explain camera.door recorder.nas https --against policy --policy policy", exitDone}},
		},
		"status": {answered, []example{{"status", "cordon status", exitNegative}}},
		"doctor": {answered, []example{{"doctor", "cordon doctor", exitNegative}}},
		"demo":   {answered, []example{{"demo", "cordon demo", exitDone}}},
		"version": {[]exitCode{exitDone, exitUsage}, []example{
			{"version", "cordon version --json", exitDone}, {"schema", "cordon version --schema plan", exitDone},
		}},
		"completion": {[]exitCode{exitDone, exitUsage}, []example{{"completion", "cordon completion bash", exitDone}}},
	}
}

// manVerb writes the manual in both languages, as /usr/share/man has it. It is for those who build and package.
func (a *app) manVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "man DIR", Short: a.words.Text("verb.man", nil), Args: arguments(1, 1), Hidden: true}
	cmd.RunE = a.verb(func(_ context.Context, args []string) (answer, error) {
		for language, folder := range map[message.Language]string{message.English: "man1", message.French: "fr/man1"} {
			dir := filepath.Join(args[0], folder)
			if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a manual is for everybody
				return answer{}, err
			}
			for name, text := range pages(language) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // a manual is for everybody
					return answer{}, err
				}
			}
		}
		return answer{document: &api.Header{}}, nil
	})
	return cmd
}

// pages are the manual in one language, by the files' names. They say nothing of the machine that they are made on.
func pages(language message.Language) map[string]string {
	a := &app{words: message.In(language), machine: machine{Settings: settings.Defaults()}}
	root := a.root()
	all := map[string]string{"cordon.1": a.page(root, root.Commands())}
	for _, verb := range root.Commands() {
		if !verb.Hidden {
			all["cordon-"+verb.Name()+".1"] = a.page(verb, nil)
		}
	}
	return all
}

// roff is a page that is being written.
type roff struct {
	strings.Builder

	// begun says that the section has a paragraph: the first one needs no request.
	begun bool
}

// page writes one page; that of the program itself lists the verbs.
func (a *app) page(cmd *cobra.Command, verbs []*cobra.Command) string {
	cmd.DisableFlagsInUseLine = true // cobra's word for them is English
	title := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	build, _ := debug.ReadBuildInfo()
	out := &roff{}
	fmt.Fprintf(out, ".\\\" -*- coding: UTF-8 -*-\n.TH %s 1 \"\" \"cordon %s\" \"Cordon\"\n",
		strings.ToUpper(title), versionOf(packaged, build).Version)
	out.section(a.man("name"))
	fmt.Fprintf(out, "%s \\- %s\n", escape(title), escape(strings.TrimSuffix(cmd.Short, ".")))
	out.section(a.man("synopsis"))
	fmt.Fprintf(out, ".B %s\n", escape(cmd.UseLine()))
	out.section(a.man("description"))
	out.paragraph(a.man(cmd.Name()))
	if len(verbs) > 0 {
		out.section(a.man("verbs"))
	}
	for _, verb := range verbs {
		if !verb.Hidden {
			out.item(verb.Name(), verb.Short)
		}
	}
	out.section(a.man("options"))
	if cmd.HasParent() {
		a.options(out, cmd.LocalNonPersistentFlags())
		out.paragraph(a.man("global"))
	} else {
		a.options(out, cmd.PersistentFlags())
	}
	a.ending(out, cmd, verbs)
	return out.String()
}

// ending writes what every page ends with.
func (a *app) ending(out *roff, cmd *cobra.Command, verbs []*cobra.Command) {
	about := manuals()[cmd.Name()]
	if !cmd.HasParent() {
		about.exits = []exitCode{
			exitDone, exitFailed, exitNegative, exitPolicy, exitUnknown, exitReverted, exitUsage, exitInterrupted,
		}
	}
	out.section(a.man("exit"))
	for _, code := range about.exits {
		out.item(strconv.Itoa(int(code)), a.man("exit_"+strconv.Itoa(int(code))))
	}
	out.section(a.man("files"))
	d := settings.Defaults()
	out.item(settings.File, a.man("file_settings"))
	out.item(d.Policy[0], a.man("file_policy"))
	out.item(d.State, a.man("file_state"))
	out.item(d.Run, a.man("file_run"))
	if len(about.examples) > 0 {
		out.section(a.man("examples"))
	}
	for _, e := range about.examples {
		out.paragraph(a.man("example_" + e.sentence))
		fmt.Fprintf(out, ".PP\n.RS 4\n.nf\n%s\n.fi\n.RE\n", escape(e.command))
	}
	out.section(a.man("see"))
	out.WriteString(seeAlso(verbs))
}

// seeAlso names the pages of the verbs, or the program's own.
func seeAlso(verbs []*cobra.Command) string {
	if len(verbs) == 0 {
		return ".BR cordon (1)\n"
	}
	var text strings.Builder
	for _, verb := range verbs {
		if !verb.Hidden {
			fmt.Fprintf(&text, ".BR %s (1),\n", escape("cordon-"+verb.Name()))
		}
	}
	return text.String() + ".BR nft (8)\n"
}

func (a *app) man(what string) string { return a.words.Text("man."+what, nil) }

// options lists flags as help does.
func (a *app) options(out *roff, set *pflag.FlagSet) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, purpose := pflag.UnquoteUsage(f)
		name := strings.TrimSpace("--" + f.Name + " " + strings.ToUpper(value))
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		out.item(name, purpose+a.standing(f))
	})
}

func (r *roff) section(title string) {
	r.begun = false
	fmt.Fprintf(r, ".SH %s\n", escape(title))
}

func (r *roff) paragraph(text string) {
	if r.begun {
		r.WriteString(".PP\n")
	}
	r.begun = true
	fmt.Fprintln(r, escape(text))
}

func (r *roff) item(term, text string) {
	r.begun = true
	fmt.Fprintf(r, ".TP\n.B %s\n%s\n", escape(term), escape(text))
}

// escape writes a text as roff reads it: a backslash, a line that would be a request, and dashes that a reader copies into a shell.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\u00A0", `\~`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
