package escape

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEscapes plays every technique on every site. None gets past a gateway with a policy, each does without one,
// and what is allowed works.
func TestEscapes(t *testing.T) {
	for _, site := range Sites() {
		t.Run(site.Name, func(t *testing.T) {
			report, err := Play(t.Context(), site)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if good, err := Write(&text, []Report{report}); err != nil || !good {
				t.Errorf("%v\n%s", err, text.String())
			}
			least := 480
			if slices.Contains(onBridges(), site.Name) {
				least = 520
			} else if site.Name == OnCareless {
				least = 510
			}
			if len(report.Verdicts) < least || report.Flows < 15 {
				t.Errorf("only %d techniques and %d flows", len(report.Verdicts), report.Flows)
			}
			t.Log(text.String()[strings.Index(text.String(), "\n\n")+2:])
		})
	}
}

// TestObserved plays every technique while the cameras are observed. Whatever form a camera's packets have,
// none reaches the gateway itself, nor a recorder but for those of an allowed flow, and nobody else's packets gain anything.
func TestObserved(t *testing.T) {
	site := Sites()[0]
	site.policy = strings.Replace(site.policy, `kind      = "camera"`, "kind      = \"camera\"\n  mode      = \"observe\"", 1)
	report, err := Play(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	ofAllowed := map[string]bool{}
	for _, x := range malformed() {
		ofAllowed[x.ID] = true
	}
	places := map[string]int{}
	cameras := []string{c1, c2, stranger}
	for _, v := range report.Verdicts {
		for _, where := range v.Guarded {
			places[where]++
			shut := where == nvr && !ofAllowed[v.ID] || where == nvr2 || where == InGateway
			if shut || !slices.Contains(cameras, v.From) && !slices.Contains(cameras, where) {
				t.Errorf("%s (%s): %s, from %s, reaches %s: %s", v.ID, v.Severity, v.What, v.From, where, v.Mechanism)
			}
		}
	}
	if places[internet] == 0 || places[c1] == 0 || places[nvr] == 0 {
		t.Errorf("nothing of an observed segment passes: %v", places)
	}
	t.Logf("of %d techniques, those that pass reach %v", len(report.Verdicts), places)
}

// TestTechniques holds the table together: no two techniques have one name, and each says what it is.
func TestTechniques(t *testing.T) {
	known := map[string]bool{}
	for _, x := range Techniques() {
		if known[x.ID] {
			t.Errorf("two techniques are called %s", x.ID)
		}
		known[x.ID] = true
		if x.What == "" || x.Mechanism == "" || x.From == "" || x.Severity == "" || x.Way < 1 || x.Way > len(Ways()) {
			t.Errorf("%s is not described: %+v", x.ID, x)
		}
	}
}

// TestWays holds that every way that is known is gone: by techniques, by another test of this repository that is really there, or that it
// is said why it cannot be. What is not yet is listed.
func TestWays(t *testing.T) {
	played := map[int]int{}
	for _, x := range Techniques() {
		played[x.Way]++
	}
	tests := testsOf(t, "..")
	gone, elsewhere, unplayed := 0, 0, 0
	var open []int
	for i, w := range Ways() {
		names := strings.FieldsFunc(w.Elsewhere, func(r rune) bool { return r == ' ' || r == ',' })
		for _, name := range names {
			if !tests[name] {
				t.Errorf("way %d, %s: there is no test %s", i+1, w.Name, name)
			}
		}
		switch {
		case played[i+1] > 0:
			gone++
		case len(names) > 0:
			elsewhere++
		case w.Unplayed != "":
			unplayed++
		default:
			open = append(open, i+1)
		}
		if w.Name == "" || w.Reference == "" || w.Stops == "" && w.Unplayed == "" {
			t.Errorf("way %d is not described: %+v", i+1, w)
		}
	}
	t.Logf("%d ways played, %d by other tests, %d not, and %d not yet", gone, elsewhere, unplayed, len(open))
	if diff := cmp.Diff(notYet(), open); diff != "" || len(Ways()) != 65 || tests["TestOfNothing"] {
		t.Errorf("of %d ways, these are played by nothing yet (-known +found):\n%s", len(Ways()), diff)
	}
}

// notYet are the ways that neither a technique nor a test is said to play. The list can only be shortened.
func notYet() []int {
	return []int{38, 58}
}

// testsOf are the names of the tests of a folder and of those below it.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
			names[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
