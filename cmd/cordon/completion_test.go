package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"cordon/policy/message"
)

// completed is what the shell is offered behind words, and the directive that goes with it.
func completed(t *testing.T, words ...string) (offers []string, directive cobra.ShellCompDirective) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append([]string{cobra.ShellCompNoDescRequestCmd}, words...), strings.NewReader(""), &stdout, &stderr,
		nil)
	if code != exitDone {
		t.Fatalf("%q: exit code %d, %s", words, code, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	number, err := strconv.Atoi(strings.TrimPrefix(lines[len(lines)-1], ":"))
	if err != nil {
		t.Fatalf("%q: %s", words, stdout.String())
	}
	return lines[:len(lines)-1], cobra.ShellCompDirective(number)
}

func TestCompletion(t *testing.T) {
	const (
		nothing     = cobra.ShellCompDirectiveNoFileComp
		directories = cobra.ShellCompDirectiveFilterDirs
		files       = cobra.ShellCompDirectiveFilterFileExt
	)
	verbs, _ := completed(t, "")
	verbs = slices.DeleteFunc(verbs, func(verb string) bool { return verb == "help" })
	for words, want := range map[string]struct {
		offers    string
		directive cobra.ShellCompDirective
	}{
		"val":                     {"validate", nothing},
		"co":                      {"completion confirm", nothing},
		"help ":                   {strings.Join(verbs, " "), nothing},
		"help validate ":          {"", nothing},
		"completion ":             {"bash zsh fish", nothing},
		"--lang ":                 {"en fr", nothing},
		"validate --lang ":        {"en fr", nothing},
		"--settings ":             {"hcl", files},
		"plan --state ":           {"", directories},
		"plan --run ":             {"", directories},
		"services --policy ":      {"", directories},
		"validate ":               {"", directories},
		"apply one ":              {"", directories},
		"init ":                   {"", directories},
		"plan --var ":             {"", nothing},
		"fmt ":                    {"hcl", files},
		"status ":                 {"", nothing},
		"version ":                {"", nothing},
		"validate --str":          {"--strict", nothing},
		"fmt --che":               {"--check", nothing},
		"plan --detailed-exitco":  {"--detailed-exitcode", nothing},
		"apply --no-conf":         {"--no-confirm", nothing},
		"apply --confirm-within ": {"", nothing},
	} {
		offers, directive := completed(t, strings.Split(words, " ")...)
		if diff := cmp.Diff(strings.Fields(want.offers), offers, cmpEmpty()); diff != "" || directive != want.directive {
			t.Errorf("%q: directive %d, want %d (-want +got):\n%s", words, directive, want.directive, diff)
		}
	}
}

// cmpEmpty makes an empty list and none the same.
func cmpEmpty() cmp.Option {
	return cmp.Transformer("joined", func(list []string) string { return strings.Join(list, " ") })
}

// TestEveryVerbIsCompleted holds that no verb falls back on the names of files, which none of them takes unless it says so.
func TestEveryVerbIsCompleted(t *testing.T) {
	verbs, _ := completed(t, "")
	for _, verb := range verbs {
		if _, directive := completed(t, verb, ""); directive == cobra.ShellCompDirectiveDefault {
			t.Errorf("%s offers every file", verb)
		}
	}
	if len(verbs) < 12 {
		t.Errorf("%d verbs: %q", len(verbs), verbs)
	}
}

// TestCompleteNames offers what a policy names to a verb that takes two ends and a service.
func TestCompleteNames(t *testing.T) {
	a := &app{stdin: strings.NewReader(""), words: message.In(message.English), now: time.Now}
	cmd := &cobra.Command{Use: "try FROM TO [SERVICE]"}
	cmd.SetContext(t.Context())
	a.flags.policy = []string{"../../examples/home"}
	for count, want := range []string{
		"camera.door recorder.nas segment.cameras segment.house", "camera.door recorder.nas segment.cameras segment.house", "any ping http", "",
	} {
		names, directive := a.completeNames(cmd, make([]string, count), "")
		got := strings.Join(names, " ")
		if !strings.HasPrefix(got, want) || (want == "" && got != "") || directive != cobra.ShellCompDirectiveNoFileComp {
			t.Errorf("word %d: %s", count+1, got)
		}
	}
	a.flags.policy = []string{t.TempDir() + "/nowhere"}
	if names, _ := a.completeNames(cmd, nil, ""); len(names) > 0 {
		t.Errorf("no policy: %q", names)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "a.hcl"), []byte("camera {"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.flags.policy = []string{broken}
	if names, _ := a.completeNames(cmd, nil, ""); len(names) > 0 {
		t.Errorf("a broken policy: %q", names)
	}
}
