package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
	"cordon/policy/write"
)

// fmtFlags say what happens to the canonical text.
type fmtFlags struct{ write, diff, check bool }

// fmtVerb brings files of a policy into the canonical format.
func (a *app) fmtVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "fmt PATH...", Short: a.words.Text("verb.fmt", nil), Args: arguments(1, -1)}
	f := fmtFlags{}
	cmd.Flags().BoolVarP(&f.write, "write", "w", false, a.words.Text("flag.write", nil))
	cmd.Flags().BoolVarP(&f.diff, "diff", "d", false, a.words.Text("flag.diff", nil))
	cmd.Flags().BoolVar(&f.check, "check", false, a.words.Text("flag.check", nil))
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		document := &api.Format{Files: []api.FormattedFile{}}
		switch {
		case f.write && (f.diff || f.check):
			return answer{document: document}, wrongUsage(cmd, "usage.fmt_both", nil)
		case f.write && slices.Contains(args, stdin):
			return answer{document: document}, wrongUsage(cmd, "usage.fmt_stdin", nil)
		}
		texts, err := a.format(ctx, args, document)
		if err == nil && f.write {
			err = rewrite(ctx, document)
		}
		if err != nil {
			return answer{document: document}, err
		}
		found := answer{document: document, text: formatText(f, document, texts)}
		if f.check && anyChanged(document) {
			found.code = exitNegative
		}
		return found, nil
	})
	return cmd
}

// format reads and formats every file. The texts that it returns are the files' own.
func (a *app) format(ctx context.Context, paths []string, document *api.Format) ([][]byte, error) {
	files, err := policyFiles(paths)
	if err != nil {
		return nil, err
	}
	var (
		texts    [][]byte
		mistakes []message.Diagnostic
	)
	for _, name := range files {
		var one formatted
		if err := promptly(ctx, func() { one = a.formatOne(name) }); err != nil {
			return nil, fmt.Errorf("format %s: %w", name, err)
		}
		if one.err != nil {
			return nil, fmtFailure(name, one.err)
		}
		mistakes = append(mistakes, one.mistakes...)
		if one.readable {
			texts = append(texts, one.text)
			document.Files = append(document.Files, api.FormattedFile{
				File: name, Changed: !bytes.Equal(one.text, one.canonical), Text: string(one.canonical),
			})
		}
	}
	return texts, a.judge(reading{diagnostics: mistakes, typed: paths}, document, false)
}

// formatted is what became of one file.
type formatted struct {
	text, canonical []byte
	readable        bool
	mistakes        []message.Diagnostic
	err             error
}

func (a *app) formatOne(name string) formatted {
	text, mistake, err := a.formattable(name)
	if err != nil || mistake.Code != "" {
		f := formatted{err: err}
		if mistake.Code != "" {
			f.mistakes = append(f.mistakes, mistake)
		}
		return f
	}
	canonical, mistakes := write.Format(name, text)
	return formatted{text: text, canonical: canonical, readable: true, mistakes: mistakes}
}

// stdin is how a command line calls the standard input: an editor formats what is not saved yet.
const stdin = "-"

// mostText is the size in octets beyond which no file is a policy's; load refuses the same.
const mostText = 16 << 20

// formattable reads a file that can be formatted: opening a pipe would wait for its writer, a device may never end, and what is nested
// without bound would end the process.
func (a *app) formattable(name string) ([]byte, message.Diagnostic, error) {
	mistake := func(code string) message.Diagnostic {
		return message.Diagnostic{Code: code, Args: message.Args{"file": name}, Origin: policy.Origin{File: name}}
	}
	source := a.stdin
	if name != stdin {
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, message.Diagnostic{}, err
		case !info.Mode().IsRegular():
			return nil, mistake("not-a-file"), nil
		}
		file, err := os.Open(name)
		if err != nil {
			return nil, message.Diagnostic{}, err
		}
		defer func() { _ = file.Close() }() // it was only read
		source = file
	}
	text, err := io.ReadAll(io.LimitReader(source, mostText+1))
	switch {
	case err != nil:
		return nil, message.Diagnostic{}, err
	case len(text) > mostText:
		return nil, mistake("file-too-large"), nil
	}
	if deep := load.TooDeep(name, text); deep.Line != 0 {
		return nil, message.Diagnostic{Code: "too-deep", Origin: deep}, nil
	}
	return text, message.Diagnostic{}, nil
}

// policyFiles returns the files that are named, and those of each directory that is.
func policyFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		if path == stdin {
			files = append(files, path)
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmtFailure(path, err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmtFailure(path, err)
		}
		for _, e := range entries {
			if filepath.Ext(e.Name()) == ".hcl" && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	return files, nil
}

func fmtFailure(name string, err error) error {
	f := &failure{code: exitFailed, sentence: "fmt.unreadable", args: message.Args{"file": name}, cause: reason(err)}
	f.next = "ls -l " + shellWord(name)
	if errors.Is(err, fs.ErrNotExist) {
		f.sentence, f.cause, f.next = "fmt.missing", nil, "ls "+shellWord(existing(name))
	}
	return f
}

// rewrite puts the canonical texts in the place of the files that differ. Interrupted, it stops between two of them.
func rewrite(ctx context.Context, document *api.Format) error {
	for i := range document.Files {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("rewrite: %w", err)
		}
		f := &document.Files[i]
		if !f.Changed {
			continue
		}
		if err := replaceFile(f.File, []byte(f.Text)); err != nil {
			return &failure{
				code: exitFailed, sentence: "fmt.unwritten", args: message.Args{"file": f.File}, cause: reason(err), next: "ls -l " + shellWord(f.File),
			}
		}
		f.Written = true
	}
	return nil
}

// replaceFile gives a file another text by a rename, so that nobody ever reads half of it. Links are followed; mode and owner stay.
func replaceFile(name string, text []byte) (err error) {
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the error that counts is the one above
		}
	}()
	_, err = file.Write(text)
	if err = errors.Join(err, keepOwner(file, info), file.Chmod(info.Mode().Perm()), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// keepOwner gives the new file to the owner of the old one.
func keepOwner(file *os.File, old fs.FileInfo) error {
	owner, ok := old.Sys().(*syscall.Stat_t)
	if !ok || (int(owner.Uid) == os.Geteuid() && int(owner.Gid) == os.Getegid()) {
		return nil
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}

func anyChanged(document *api.Format) bool {
	for _, f := range document.Files {
		if f.Changed {
			return true
		}
	}
	return false
}

// formatText writes the canonical texts; with flags the differences, or the names of the files that differ.
func formatText(f fmtFlags, document *api.Format, texts [][]byte) func(io.Writer) error {
	return func(out io.Writer) error {
		for i, file := range document.Files {
			text := file.Text
			switch {
			case f.diff:
				text = write.Diff(file.File, string(texts[i]), file.Text)
			case f.check || f.write:
				text = ""
				if file.Changed {
					text = file.File + "\n"
				}
			}
			if _, err := io.WriteString(out, text); err != nil {
				return err
			}
		}
		return nil
	}
}
