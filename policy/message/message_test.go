package message_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"cordon/policy"
	"cordon/policy/message"
)

// arguments returns the names that stand in braces in a sentence, each once.
func arguments(sentence string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`\{([a-z_]+)(\|[^{}|]*\|[^{}|]*)?\}`).FindAllStringSubmatch(sentence, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// disparities returns in what two languages differ: keys that one has alone, arguments that one uses alone.
func disparities(a, b map[string]string) []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(a)) {
		other, ok := b[key]
		if !ok {
			list = append(list, key+" is missing")
			continue
		}
		if !slices.Equal(arguments(a[key]), arguments(other)) {
			list = append(list, key+" has other arguments")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[key]; !ok {
			list = append(list, key+" is too many")
		}
	}
	return list
}

func TestLanguagesSayTheSame(t *testing.T) {
	english, french := message.In(message.English).Keys(), message.In(message.French).Keys()
	if list := disparities(english, french); len(list) > 0 {
		t.Errorf("French: %s", strings.Join(list, "; "))
	}
	if len(english) < 200 {
		t.Errorf("%d sentences", len(english))
	}
	for key, sentence := range english {
		if sentence == "" || french[key] == "" {
			t.Errorf("%s says nothing", key)
		}
	}
}

func TestDisparitiesAreSeen(t *testing.T) {
	english := map[string]string{"a.summary": "{name} is wrong", "b.summary": "wrong", "c.summary": "{n} {n|row|rows}"}
	for name, french := range map[string]map[string]string{
		"a key less":     {"a.summary": "{name}", "b.summary": "faux"},
		"a key more":     {"a.summary": "{name}", "b.summary": "faux", "c.summary": "{n}", "d.summary": "faux"},
		"an argument":    {"a.summary": "{nom}", "b.summary": "faux", "c.summary": "{n}"},
		"argument added": {"a.summary": "{name}", "b.summary": "faux {x}", "c.summary": "{n}"},
	} {
		if len(disparities(english, french)) != 1 {
			t.Errorf("%s: %v", name, disparities(english, french))
		}
	}
	if list := disparities(english, map[string]string{"a.summary": "{name}", "b.summary": "faux", "c.summary": "{n|a|b}"}); len(list) > 0 {
		t.Errorf("control: %v", list)
	}
}

// Every code of a diagnostic has both a summary and a detail.
func TestDiagnosticsAreComplete(t *testing.T) {
	english := message.In(message.English).Keys()
	count := 0
	for key := range english {
		code, isSummary := strings.CutSuffix(key, ".summary")
		if !isSummary || strings.Contains(code, ".") { // a verb's own sentence
			continue
		}
		if count++; english[code+".detail"] == "" {
			t.Errorf("%s has no detail", code)
		}
		if strings.HasSuffix(english[key], ".") {
			t.Errorf("%s ends in a full stop", key)
		}
	}
	if count < 100 {
		t.Errorf("%d codes", count)
	}
}

// typography returns what a French sentence breaks of the Canadian usage: a no-break space before a colon and inside quotation marks,
// none before a semicolon, an exclamation mark or a question mark.
func typography(sentence string) string {
	for rule, pattern := range map[string]string{
		"space after «":         `«[^\x{00A0}]`,
		"space before »":        `[^\x{00A0}]»`,
		"space before ; ! ?":    `[ \x{00A0}\x{202F}][;!?]`,
		"plain space before :":  ` :`,
		"no space before :":     `\pL:( |$)`,
		"English quotes":        `[“”]`,
		"typewriter apostrophe": `\pL'\pL`,
	} {
		if regexp.MustCompile(pattern).MatchString(sentence) {
			return rule
		}
	}
	return ""
}

func TestFrenchTypography(t *testing.T) {
	for key, sentence := range message.In(message.French).Keys() {
		if rule := typography(sentence); rule != "" {
			t.Errorf("%s: %s: %q", key, rule, sentence)
		}
	}
	for _, wrong := range []string{"« a\u00a0»", "«\u00a0a »", "a ; b", "a\u00a0?", "a : b", "a: b", "“a”", "l'an"} {
		if typography(wrong) == "" {
			t.Errorf("control: %q passes", wrong)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no equals sign": "a.summary\n",
		"no part":        "a = text\n",
		"twice":          "a.summary = x\na.summary = y\n",
		"continuation":   " text\n",
	} {
		if _, err := message.Load(fstest.MapFS{"d/a.txt": {Data: []byte(text)}}, "d"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	two := fstest.MapFS{"d/a.txt": {Data: []byte("a.summary = x\n")}, "d/b.txt": {Data: []byte("a.summary = x\n")}}
	if _, err := message.Load(two, "d"); err == nil {
		t.Error("one key in two files: accepted")
	}
	got, err := message.Load(fstest.MapFS{"d/a.txt": {Data: []byte("# c\na.summary = x\n  y\n\nb.detail = z\n")}}, "d")
	if diff := cmp.Diff(map[string]string{"a.summary": "x y", "b.detail": "z"}, got); diff != "" || err != nil {
		t.Errorf("control: %v\n%s", err, diff)
	}
}

func TestText(t *testing.T) {
	en, fr := message.In(message.English), message.In(message.French)
	rows := func(n string) message.Args { return message.Args{"cells": n, "header": "4"} }
	for _, c := range []struct{ got, want string }{
		{en.Text("csv-ragged.summary", rows("1")), "The row has 1 cell, the header 4"},
		{en.Text("csv-ragged.summary", rows("0")), "The row has 0 cells, the header 4"},
		{fr.Text("csv-ragged.summary", rows("0")), "La ligne a 0 cellule, l’en-tête 4"},
		{fr.Text("csv-ragged.summary", rows("2")), "La ligne a 2 cellules, l’en-tête 4"},
		{en.Text("csv-ragged.summary", nil), "The row has {cells} {cells|cell|cells}, the header {header}"},
		{en.Text("no.such.sentence", nil), "no.such.sentence"},
		{en.Text("group-neither.detail", nil), `Add: cameras = [camera.gym-north], or: where = { building = "west" }`},
		{en.Text("unknown-name.summary", message.Args{"name": "{name}"}), `"{name}" means nothing here`},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	for locale, want := range map[string]message.Language{
		"fr": message.French, "fr_CA.UTF-8": message.French, "fr-CA": message.French, "fr.UTF-8": message.French,
		"en_CA.UTF-8": message.English, "C": message.English, "": message.English, "frr_DE": message.English, "de_DE": message.English,
	} {
		if got := message.Match(locale); got != want {
			t.Errorf("%q is %s, want %s", locale, got, want)
		}
	}
}

func TestSyntaxCodesHaveSentences(t *testing.T) {
	english := message.In(message.English).Keys()
	text, err := os.ReadFile(filepath.Join(".", "syntax.go"))
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`(?:return|code =) "([a-z-]+)"`).FindAllStringSubmatch(string(text), -1)
	for _, m := range codes {
		if english[m[1]+".summary"] == "" || english[m[1]+".detail"] == "" {
			t.Errorf("%s has no sentence", m[1])
		}
	}
	if len(codes) != 47 {
		t.Errorf("%d codes, want 47", len(codes))
	}
	if code, args := message.Syntax("Something new", "Explained."); code != "syntax" || args["explanation"] != "Explained." {
		t.Errorf("an unknown title is %s %v", code, args)
	}
	if code, known := message.Evaluation("Something new"); known {
		t.Errorf("an unknown title of an evaluation is %s", code)
	}
}

func TestRender(t *testing.T) {
	p := message.In(message.English)
	origin := func(line, column, end int) policy.Origin {
		return policy.Origin{File: "a.hcl", Line: line, Column: column, EndLine: line, EndColumn: end}
	}
	for name, c := range map[string]struct {
		d    message.Diagnostic
		want string
	}{
		"nowhere": {message.Diagnostic{Code: "no-site"}, "error: The policy has no site\n"},
		"underlined": {
			message.Diagnostic{Code: "no-site", Origin: origin(12, 7, 10), Line: "\tname = xyz", Severity: message.Warning},
			"a.hcl:12,7: warning: The policy has no site\n  12 | \tname = xyz\n     | \t     ^^^\n",
		},
		"at the end": {
			message.Diagnostic{Code: "no-site", Origin: origin(1, 5, 5), Line: "name"},
			"a.hcl:1,5: error: The policy has no site\n  1 | name\n    |     ^\n",
		},
		"an escape": {
			message.Diagnostic{Code: "no-site", Origin: origin(1, 1, 2), Line: "a\x1b[2J"},
			"a.hcl:1,1: error: The policy has no site\n  1 | a\uFFFD[2J\n    | ^\n",
		},
	} {
		if got := p.Render(c.d); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
	long := message.Diagnostic{Code: "no-site", Origin: origin(1, 900, 905), Line: strings.Repeat("x", 1000)}
	for line := range strings.SplitSeq(p.Render(long), "\n") {
		if len(line) > 200 && strings.Contains(line, "xxx") {
			t.Errorf("a line of %d characters", len(line))
		}
	}
}
