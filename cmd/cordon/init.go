package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/policy/message"
	"cordon/policy/write"
)

// initVerb writes a policy to begin with.
func (a *app) initVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "init [DIR]", Short: a.words.Text("verb.init", nil), Args: arguments(0, 1)}
	cmd.RunE = a.verb(func(_ context.Context, args []string) (answer, error) {
		dir := a.flags.policy[0]
		if len(args) == 1 {
			dir = args[0]
		}
		document := &api.Init{}
		m, err := a.surroundings()
		if err != nil {
			return answer{document: document}, &failure{code: exitFailed, sentence: "init.unread", cause: err, next: "ip -brief address"}
		}
		file, err := begin(cmd, dir, write.Starter(m, a.words))
		if err != nil {
			return answer{document: document}, err
		}
		document.File, document.Manage, document.Guessed = file, m.Manage, m.Guessed
		document.Uplink, document.Cameras = m.Uplink, m.Cameras
		return answer{document: document, text: a.initText(document, dir)}, nil
	})
	return cmd
}

// begin writes a policy's first file, never over one that is there, nor beside one: two policies in one directory would be one.
func begin(cmd *cobra.Command, dir string, text []byte) (string, error) {
	file := filepath.Join(dir, "site.hcl")
	there, err := filepath.Glob(filepath.Join(escaped(dir), "*.hcl"))
	if err == nil && len(there) > 0 {
		return "", &failure{
			code: exitUsage, sentence: "init.there", args: message.Args{"dir": dir, "file": there[0]}, next: "cordon validate " + shellWord(dir),
		}
	}
	if err := errors.Join(err, os.MkdirAll(dir, 0o755), create(file, text)); err != nil { //nolint:gosec // whoever may log in may read it
		f := &failure{code: exitFailed, sentence: "init.unwritten", args: message.Args{"file": file}, cause: reason(err)}
		f.next = "ls -ld " + shellWord(existing(file))
		if errors.Is(err, fs.ErrPermission) {
			f.next = "sudo " + cmd.CommandPath() + " " + shellWord(dir)
		}
		return "", f
	}
	return file, nil
}

// escaped is a directory's name in which nothing is a pattern.
func escaped(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// create writes a file that must not be there yet. Half of one is taken away again.
func create(name string, text []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // whoever may log in may read it
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		_ = os.Remove(name) // the error that counts is the one above
	}
	return err
}

// initText says what was written, what of it is a guess, and what to type next.
func (a *app) initText(d *api.Init, dir string) func(io.Writer) error {
	return func(out io.Writer) error {
		if a.flags.quiet {
			_, err := fmt.Fprintln(out, d.File)
			return err
		}
		manage, cameras := "init.logged_in", "init.cameras"
		switch {
		case d.Manage == "":
			manage = "init.unmanaged"
		case d.Guessed:
			manage = "init.guessed"
		}
		if d.Cameras == "" {
			cameras = "init.no_cameras"
		}
		_, err := fmt.Fprintln(out, strings.Join([]string{
			a.words.Text("init.done", message.Args{"file": d.File}),
			a.words.Text(manage, message.Args{"interface": d.Manage}),
			a.words.Text(cameras, message.Args{"interface": d.Cameras}),
			"  $ " + a.next("cordon plan "+shellWord(cmp.Or(dir, "."))),
		}, "\n"))
		return err
	}
}
