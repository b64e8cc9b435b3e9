package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/policy/message"
)

// outcome runs one made-up verb and returns what a caller of the process sees.
func outcome(ctx context.Context, t *testing.T, asJSON bool, found answer, err error) (code exitCode, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &problems}
	a.words, a.flags.json = message.In(message.English), asJSON
	root, cmd := &cobra.Command{Use: "cordon"}, &cobra.Command{Use: "try"}
	root.AddCommand(cmd)
	cmd.SetContext(ctx)
	if runErr := a.verb(func(context.Context, []string) (answer, error) { return found, err })(cmd, nil); runErr != nil {
		f := failureOf(ctx, runErr)
		if err := a.fail("try", f); err != nil {
			t.Fatal(err)
		}
		return f.code, out.String(), problems.String()
	}
	return a.code, out.String(), problems.String()
}

func TestOutcomes(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	refused := &failure{code: exitPolicy, sentence: "usage.lang", args: message.Args{"value": "de"}, next: "cordon validate"}
	text := func(out io.Writer) error { _, err := fmt.Fprintln(out, "drifted"); return err }
	for name, test := range map[string]struct {
		ctx            context.Context
		found          answer
		err            error
		code           exitCode
		stdout, stderr string
	}{
		"done":            {found: answer{document: &api.Version{}}, code: exitDone},
		"negative answer": {found: answer{code: exitNegative, document: &api.Version{}, text: text}, code: exitNegative, stdout: "drifted\n"},
		"failure": {
			err: fmt.Errorf("load: %w", refused), code: exitPolicy,
			stderr: "cordon: There is no language \"de\": en and fr are spoken.\n  $ cordon validate\n",
		},
		"failure after a finding": {
			found: answer{document: &api.Version{}, text: text}, err: refused, code: exitPolicy,
			stderr: "cordon: There is no language \"de\": en and fr are spoken.\n  $ cordon validate\n",
		},
		"any error": {err: errors.New("disk is full"), code: exitFailed, stderr: "cordon: disk is full\n  $ cordon help\n"},
		"interrupted": {
			ctx: interrupted, err: context.Canceled, code: exitInterrupted,
			stderr: "cordon: Interrupted.\n  $ cordon status\n",
		},
		"cancelled by itself": {
			err: context.Canceled, code: exitFailed, stderr: "cordon: context canceled\n  $ cordon help\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := test.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			code, stdout, stderr := outcome(ctx, t, false, test.found, test.err)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if diff := cmp.Diff([]string{test.stdout, test.stderr}, []string{stdout, stderr}); diff != "" {
				t.Error(diff)
			}
			code, stdout, stderr = outcome(ctx, t, true, test.found, test.err)
			checkDocument(t, stdout, test.code, test.err != nil)
			if code != test.code || stderr != "" {
				t.Errorf("with --json: exit code %d, want %d; stderr %q", code, test.code, stderr)
			}
		})
	}
}

// checkDocument holds a document against the promise that every outcome is one.
func checkDocument(t *testing.T, text string, code exitCode, failed bool) {
	t.Helper()
	var head api.Header
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if head.Schema != api.Schema || head.Verb != "try" || head.Exit != int(code) || head.Diagnostics == nil {
		t.Errorf("header %+v", head)
	}
	if failed != (head.Error != nil) || (failed && (head.Error.Summary == "" || head.Error.Next == "")) {
		t.Errorf("error %+v", head.Error)
	}
}
