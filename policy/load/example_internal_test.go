package load

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"cordon/policy"
	"cordon/policy/message"
)

// describe loads a policy whose one description is an expression, and returns it or the diagnostics.
func describe(expression string) (string, []message.Diagnostic) {
	files := fstest.MapFS{
		"a.hcl":    {Data: []byte("site \"a\" {\n  scope = \"segments\"\n  description = " + expression + "\n}\n")},
		"note.txt": {Data: []byte("text of the file")},
	}
	p, diagnostics := Dir(policy.Moment{}, nil, Directory{FS: files})
	return p.Site.Description, diagnostics
}

// Every function has an example that is true: it is what the user is shown when his own call has no answer.
func TestExamples(t *testing.T) {
	functions := (&tree{}).functions(&budget{left: allowance})
	if diff := cmp.Diff(slices.Sorted(maps.Keys(functions)), slices.Sorted(maps.Keys(examples()))); diff != "" {
		t.Errorf("functions and examples (-functions +examples):\n%s", diff)
	}
	for name, e := range examples() {
		got, diagnostics := describe(e.call)
		if len(diagnostics) > 0 || got != e.result || !strings.Contains(e.call, name+"(") {
			t.Errorf("%s: %s is %q, want %q\n%s", name, e.call, got, e.result, message.In(message.English).RenderAll(diagnostics))
		}
	}
}

// callsOfTexts are calls with numbers and texts that have no answer, and the function that each calls.
func callsOfTexts() map[string]string {
	return map[string]string{
		`abs("x")`:                    "abs",
		`ceil([])`:                    "ceil",
		`floor("a")`:                  "floor",
		`int("a")`:                    "int",
		`log(0, 0)`:                   "log",
		`max()`:                       "max",
		`min()`:                       "min",
		`parseint("xyz", 10)`:         "parseint",
		`pow("a", 2)`:                 "pow",
		`signum("a")`:                 "signum",
		`chomp([])`:                   "chomp",
		`format("%d", "x")`:           "format",
		`formatlist("%d", ["x"])`:     "formatlist",
		`indent("x", "a")`:            "indent",
		`join(",", "a")`:              "join",
		`lower([])`:                   "lower",
		`regex("[0-9", "cam")`:        "regex",
		`regexall("(", "a")`:          "regexall",
		`regexreplace("a", "(", "b")`: "regexreplace",
		`replace("a", "b")`:           "replace",
		`reverse([])`:                 "reverse",
		`split(",", ["a"])`:           "split",
		`strlen([])`:                  "strlen",
		`substr("gym", "a", 1)`:       "substr",
		`title([])`:                   "title",
		`trim("a")`:                   "trim",
		`trimprefix("a")`:             "trimprefix",
		`trimspace([])`:               "trimspace",
		`trimsuffix("a")`:             "trimsuffix",
		`upper([])`:                   "upper",
	}
}

// callsOfCollections are such calls with lists, maps and what is read from files.
func callsOfCollections() map[string]string {
	return map[string]string{
		`chunklist(["a"], -1)`:              "chunklist",
		`coalesce(null, null)`:              "coalesce",
		`coalescelist([], [])`:              "coalescelist",
		`compact("a")`:                      "compact",
		`concat("a", "b")`:                  "concat",
		`contains("a", "b")`:                "contains",
		`distinct("a")`:                     "distinct",
		`element([], 0)`:                    "element",
		`flatten("a")`:                      "flatten",
		`index(["a"], 3)`:                   "index",
		`jsonencode()`:                      "jsonencode",
		`keys(["a"])`:                       "keys",
		`length(1)`:                         "length",
		`lookup("a", "b", "c")`:             "lookup",
		`merge("a", {})`:                    "merge",
		`range(1, 10, 0)`:                   "range",
		`reverselist(1)`:                    "reverselist",
		`sethaselement("a", "b")`:           "sethaselement",
		`setintersection("a", "b")`:         "setintersection",
		`setproduct(["a"])`:                 "setproduct",
		`setsubtract("a", "b")`:             "setsubtract",
		`setsymmetricdifference("a", "b")`:  "setsymmetricdifference",
		`setunion("a", "b")`:                "setunion",
		`slice(["a"], 0, 5)`:                "slice",
		`sort("a")`:                         "sort",
		`values("a")`:                       "values",
		`zipmap(["a"], [])`:                 "zipmap",
		`tobool("oui")`:                     "tobool",
		`tonumber("1,5")`:                   "tonumber",
		`tostring([])`:                      "tostring",
		`tolist("a")`:                       "tolist",
		`tomap("a")`:                        "tomap",
		`toset("a")`:                        "toset",
		`file(["a"])`:                       "file",
		`fileexists([])`:                    "fileexists",
		`csvdecode([])`:                     "csvdecode",
		`jsondecode([])`:                    "jsondecode",
		`yamldecode([])`:                    "yamldecode",
		`cidrhost("10.30.0.0", 1)`:          "cidrhost",
		`cidrsubnet("10.30.0.0/16", 99, 0)`: "cidrsubnet",
		`cidrnetmask("fd30::/64")`:          "cidrnetmask",
	}
}

// Every function says what is wrong with a call, in both languages, and how a call that works is written.
func TestWrongCalls(t *testing.T) {
	calls := callsOfTexts()
	maps.Copy(calls, callsOfCollections())
	named := map[string]bool{}
	for call, name := range calls {
		named[name] = true
		_, diagnostics := describe(call)
		if len(diagnostics) == 0 || !strings.HasPrefix(diagnostics[0].Code, "function-") {
			t.Errorf("%s: %s", call, message.In(message.English).RenderAll(diagnostics))
			continue
		}
		for _, language := range []message.Language{message.English, message.French} {
			p := message.In(language)
			summary, detail := p.Summary(diagnostics[0]), p.Detail(diagnostics[0])
			if !strings.Contains(summary, name) || !strings.Contains(detail, examples()[name].call) || strings.ContainsAny(detail, "\x00\n") {
				t.Errorf("%s in %s: %s\n%s", call, language, summary, detail)
			}
		}
	}
	if len(named) != len(examples()) {
		t.Errorf("%d of %d functions", len(named), len(examples()))
	}
}
