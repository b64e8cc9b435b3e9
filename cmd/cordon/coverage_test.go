package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// ran are the verbs that scripts run: "plan 3" for an exit code, "plan --policy" for a flag.
func ran(scripts []string) map[string]bool {
	found := map[string]bool{}
	line := regexp.MustCompile(`(?m)^(?:\[.*\] )?(?:exec|exits (\d+))(?: ordinary| barred| terminal \w+)? (?:cordon|onbox) ([a-z]+)(.*)$`)
	for _, script := range scripts {
		for _, match := range line.FindAllStringSubmatch(script, -1) {
			code, verb := match[1], match[2]
			if code == "" {
				code = "0"
			}
			found[verb+" "+code] = true
			for word := range strings.FieldsSeq(match[3]) {
				flag, _, _ := strings.Cut(word, "=")
				found[verb+" "+flag] = true
			}
		}
	}
	return found
}

// promised are the exit codes that the manual gives each verb, and its own flags, "-" and a letter where there is one.
func promised() (codes, flags []string) {
	_, verbs := commands()
	for _, verb := range verbs {
		for _, code := range manuals()[verb.Name()].exits {
			codes = append(codes, verb.Name()+" "+strconv.Itoa(int(code)))
		}
		verb.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" {
				flags = append(flags, strings.TrimSuffix(verb.Name()+" --"+f.Name+"|"+verb.Name()+" -"+f.Shorthand, "|"+verb.Name()+" -"))
			}
		})
	}
	return codes, flags
}

// unheld are the promises that no script keeps: one of the spellings of each is enough.
func unheld(promises []string, found map[string]bool) []string {
	var list []string
	for _, p := range promises {
		if !slices.ContainsFunc(strings.Split(p, "|"), func(spelling string) bool { return found[spelling] }) {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

// TestEveryPromiseIsKept holds that a script runs every verb to every exit code that its manual names, and with every flag of its own.
// What no script brings about is listed, so that the list can only be shortened; interruptions have a test of their own.
func TestEveryPromiseIsKept(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var scripts []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, string(text))
	}
	found := ran(scripts)
	codes, flags := promised()
	beyond := slices.DeleteFunc(unheld(codes, found), func(p string) bool { return strings.HasSuffix(p, " 130") })
	if diff := cmp.Diff(notByScripts(), beyond); diff != "" {
		t.Errorf("exit codes that no script brings about (-known +found):\n%s", diff)
	}
	if lacking := unheld(flags, found); len(lacking) > 0 {
		t.Errorf("no script gives the flags %q", lacking)
	}
	if kept := len(codes) - len(unheld(codes, found)); kept < 40 || len(flags) < 15 {
		t.Errorf("%d of %d exit codes and %d flags", kept, len(codes), len(flags))
	}
	control := ran([]string{"exits 3 cordon plan --policy=x\n# exec cordon fmt\n! exec cordon status\n"})
	if diff := cmp.Diff(map[string]bool{"plan 3": true, "plan --policy": true}, control); diff != "" {
		t.Errorf("control (-want +got):\n%s", diff)
	}
}

// notByScripts are the exit codes of the manual that no script brings about.
func notByScripts() []string {
	return []string{"demo 3", "explain 4"}
}
