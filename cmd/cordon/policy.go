package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/gateway/api"
	"cordon/gateway/compile"
	"cordon/gateway/history"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// reading is a policy that was read, what is to be said about it, and the bytes that it was read from.
type reading struct {
	policy      policy.Policy
	diagnostics []message.Diagnostic
	directories []history.Directory
	commit      string
	// typed is how the user named the policy, source the flags that belong to it, and flags what else he typed, for the next command to
	// type.
	typed, source, flags []string
}

// typedBy is a reading that has not begun yet.
func typedBy(cmd *cobra.Command, args []string) reading {
	r := reading{typed: args}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "confirm-within":
			r.flags = append(r.flags, "--"+f.Name+" "+shellWord(f.Value.String()))
		case "var", "policy":
			values, ok := f.Value.(pflag.SliceValue)
			if !ok || f.Name == "policy" && len(args) > 0 {
				return // what stands behind the verb counts
			}
			for _, value := range values.GetSlice() {
				r.source = append(r.source, "--"+f.Name+" "+shellWord(value))
			}
		case "yes", "no-confirm":
			r.flags = append(r.flags, "--"+f.Name)
		}
	})
	return r
}

// read reads the directories that a command line names, or those of --policy where it names none.
func (a *app) read(cmd *cobra.Command, args []string) (reading, error) {
	if a.asked != nil {
		return a.readAsked(cmd), nil
	}
	result := typedBy(cmd, args)
	if len(args) == 0 {
		args = a.flags.policy
	}
	opened, err := openAll(cmd, args)
	defer opened.close()
	if err != nil {
		return result, err
	}
	names := shortNames(args)
	directories := make([]load.Directory, len(args))
	recorders := make([]history.Recorder, len(args))
	for i, root := range opened {
		recorders[i] = history.Record(root.FS())
		directories[i] = load.Directory{Name: names[i], FS: recorders[i]}
	}
	var (
		found       policy.Policy
		diagnostics []message.Diagnostic
	)
	variables := a.variables()
	at := policy.Moment{Time: a.now(), Trusted: true}
	if err := promptly(cmd.Context(), func() { found, diagnostics = load.Dir(at, variables, directories...) }); err != nil {
		return result, fmt.Errorf("read the policy: %w", err)
	}
	result.policy, result.diagnostics = found, slices.Concat(diagnostics, ungoverned(found))
	for i := range recorders {
		result.directories = append(result.directories, history.Directory{Name: names[i], Files: recorders[i].Files()})
	}
	return result, nil
}

// ungoverned warns of what a policy may say and this version does not apply.
func ungoverned(p policy.Policy) []message.Diagnostic {
	shared, ok := compile.SharedBridge(p)
	if !ok {
		return nil
	}
	s := p.Segments[shared.Segment]
	return []message.Diagnostic{{
		Code: "bridge-shared-" + string(shared.Why), Severity: message.Warning, Origin: s.Origin,
		Args: message.Args{"name": shared.Bridge, "segment": s.Name},
	}}
}

// roots are open directories, which nothing that is read through them can leave.
type roots []*os.Root

func openAll(cmd *cobra.Command, directories []string) (roots, error) {
	opened := make(roots, 0, len(directories))
	for _, dir := range directories {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return opened, noDirectory(cmd, dir, err)
		}
		opened = append(opened, root)
	}
	return opened, nil
}

func (r roots) close() {
	for _, root := range r {
		_ = root.Close() // it was only read
	}
}

// shortNames are what stands before the names of files: nothing for a policy in one directory. What the kernel remembers must not
// depend on where somebody stood when he applied it.
func shortNames(directories []string) []string {
	names := make([]string, len(directories))
	if len(directories) == 1 {
		return names
	}
	for i, dir := range directories {
		names[i] = filepath.Base(dir)
		if slices.Contains(names[:i], names[i]) {
			names[i] = filepath.ToSlash(filepath.Clean(dir))
		}
	}
	return names
}

// noDirectory says why a policy cannot be read at all.
func noDirectory(cmd *cobra.Command, dir string, err error) error {
	f := &failure{code: exitPolicy, args: message.Args{"dir": dir}, cause: reason(err)}
	info, statErr := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.sentence, f.next, f.cause = "policy.missing", "ls "+shellWord(existing(dir)), nil
	case statErr == nil && !info.IsDir():
		f.sentence, f.next, f.cause = "policy.file", cmd.CommandPath()+" "+shellWord(filepath.Dir(dir)), nil
	default:
		f.code, f.sentence, f.next = exitFailed, "policy.unreadable", "ls -ld "+shellWord(dir)
	}
	return f
}

// existing returns the nearest directory above that is there.
func existing(dir string) string {
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		if _, err := os.Stat(parent); err == nil || parent == filepath.Dir(parent) {
			return parent
		}
	}
}

// reason leaves the name out of what a file system says: the sentence has it.
func reason(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}

// shellWord quotes what a shell would take apart.
func shellWord(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_./,:=@%+", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// command is a command line about the same policy, with what the user has typed and what he should have.
func (r reading) command(verb string, flags ...string) string {
	words := []string{"cordon", verb}
	for _, word := range r.typed {
		words = append(words, shellWord(word))
	}
	if verb != "status" {
		words = append(words, r.source...)
	}
	for _, f := range r.flags {
		if (verb == "apply" || verb == "rollback") && !slices.Contains(flags, f) {
			words = append(words, f)
		}
	}
	return strings.Join(append(words, flags...), " ")
}

// judge prints what is to be said about a policy and fails when it cannot be used.
func (a *app) judge(r reading, document api.Document, strict bool) error {
	a.say(document, r.diagnostics)
	counts := map[message.Severity]int{}
	for _, d := range r.diagnostics {
		counts[d.Severity]++
	}
	args := message.Args{"errors": strconv.Itoa(counts[message.Error]), "warnings": strconv.Itoa(counts[message.Warning])}
	switch {
	case counts[message.Error] > 0:
		return &failure{code: exitPolicy, sentence: "policy.wrong", args: args, next: r.command("validate")}
	case strict && counts[message.Warning] > 0:
		return &failure{code: exitPolicy, sentence: "policy.strict", args: args, next: r.command("validate")}
	}
	return nil
}

// say puts diagnostics into the document, and for people on stderr; --quiet leaves out what does not keep the policy from being used.
func (a *app) say(document api.Document, list []message.Diagnostic) {
	head := document.Head()
	var shown []message.Diagnostic
	for _, d := range list {
		head.Diagnostics = append(head.Diagnostics, a.diagnostic(d))
		if !a.flags.quiet || d.Severity == message.Error {
			shown = append(shown, d)
		}
	}
	if !a.flags.json && len(shown) > 0 {
		a.note(a.words.RenderAll(shown))
	}
}

// note writes to stderr. A reader of stderr who has gone away misses it, and nothing else.
func (a *app) note(text string) {
	_, _ = a.stderr.Write([]byte(strings.TrimSuffix(text, "\n") + "\n"))
}

func (a *app) diagnostic(d message.Diagnostic) api.Diagnostic {
	return api.Diagnostic{
		Code: d.Code, Severity: d.Severity.String(), Summary: a.words.Summary(d), Detail: a.words.Detail(d),
		File: d.Origin.File, Line: d.Origin.Line, Column: d.Origin.Column,
		EndLine: cmp.Or(d.Origin.EndLine, d.Origin.Line), EndColumn: cmp.Or(d.Origin.EndColumn, d.Origin.Column),
	}
}

// usable reads a policy that has to be without errors.
func (a *app) usable(cmd *cobra.Command, args []string, document api.Document) (reading, error) {
	r, err := a.read(cmd, args)
	if err != nil {
		return r, err
	}
	return r, a.judge(r, document, false)
}

// devices counts the devices of a kind.
func devices(p policy.Policy, kind policy.DeviceKind) int {
	n := 0
	for i := range p.Devices {
		if p.Devices[i].Kind == kind {
			n++
		}
	}
	return n
}
