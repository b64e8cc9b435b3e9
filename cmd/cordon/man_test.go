package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/gateway/settings"
	"cordon/policy/message"
)

// commands are the verbs that a user sees.
func commands() (root *cobra.Command, verbs []*cobra.Command) {
	a := &app{words: message.In(message.English), machine: machine{Settings: settings.Defaults()}}
	root = a.root()
	for _, verb := range root.Commands() {
		if !verb.Hidden {
			verbs = append(verbs, verb)
		}
	}
	return root, verbs
}

// TestManual holds that the manual of each language has a page for each verb, with every flag of it, an example, and every section; the
// verb that nobody but a packager calls has none.
func TestManual(t *testing.T) {
	root, verbs := commands()
	for _, language := range []message.Language{message.English, message.French} {
		written := pages(language)
		if len(written) != len(verbs)+1 || len(verbs) < 11 {
			t.Errorf("%s: %d pages for %d verbs", language, len(written), len(verbs))
		}
		say := message.In(language)
		for name, text := range written {
			for _, section := range []string{"name", "synopsis", "description", "options", "exit", "files", "see"} {
				if title := say.Text("man."+section, nil); strings.Count(text, ".SH "+title+"\n") != 1 {
					t.Errorf("%s, %s: no section %s", language, name, title)
				}
			}
			if at := strings.Index(text, "man."); at >= 0 || strings.Contains(text, "verb.") {
				t.Errorf("%s, %s: add a sentence to policy/message/text: %.40q", language, name, text[max(at, 0):])
			}
		}
		flags := missing(written["cordon.1"], root.PersistentFlags())
		for _, verb := range verbs {
			if !strings.Contains(written["cordon.1"], ".B "+verb.Name()+"\n") {
				t.Errorf("%s: cordon.1 does not name %s", language, verb.Name())
			}
			flags = append(flags, missing(written["cordon-"+verb.Name()+".1"], verb.LocalNonPersistentFlags())...)
			if m := manuals()[verb.Name()]; len(m.examples) == 0 || len(m.exits) == 0 {
				t.Errorf("%s has no example or no exit status: add it to manuals()", verb.Name())
			}
		}
		if len(flags) > 0 {
			t.Errorf("%s: no word of %s", language, strings.Join(flags, " "))
		}
	}
	if gone := missing("nothing", root.PersistentFlags()); len(gone) < 10 {
		t.Errorf("control: an empty page lacks only %q", gone)
	}
	if len(manuals()) != len(verbs) {
		t.Errorf("%d manuals for %d verbs", len(manuals()), len(verbs))
	}
}

// missing are the flags that a page does not name.
func missing(page string, set *pflag.FlagSet) []string {
	var list []string
	set.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && !strings.Contains(page, escape("--"+f.Name)) {
			list = append(list, "--"+f.Name)
		}
	})
	return list
}

// TestManualExamples runs every example of the manual.
func TestManualExamples(t *testing.T) {
	dir, count := t.TempDir(), 0
	home, err := os.ReadFile("../../examples/home/home.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for verb, m := range manuals() {
		var text strings.Builder
		text.WriteString("links eth0 eth1\n")
		for _, e := range m.examples {
			if !strings.HasPrefix(e.command, "cordon "+verb) {
				t.Errorf("%s: %q is no example of it", verb, e.command)
			}
			fmt.Fprintf(&text, "exits %d %s --state state --run run\n", e.code, e.command)
			count++
		}
		text.WriteString("-- policy/site.hcl --\n" + string(home))
		if err := os.WriteFile(filepath.Join(dir, verb+".txtar"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if count < 14 {
		t.Errorf("%d examples", count)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, RequireExplicitExec: true, Setup: enterNamespace,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"links": links, "exits": exits},
	})
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		".TH": `\&.TH`, "'br": `\&'br`, `a\b`: `a\eb`, "--plan": `\-\-plan`, "l’un\u00A0: x": `l’un\~: x`, "a.b": "a.b",
	} {
		if got := escape(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
