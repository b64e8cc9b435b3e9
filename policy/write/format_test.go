package write_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy/message"
	"cordon/policy/write"
)

func TestFormat(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"spacing":   {"camera \"a\"{\nmac=\"x\"\n  address   = \"y\"\n}\n", "camera \"a\" {\n  mac     = \"x\"\n  address = \"y\"\n}\n"},
		"comments":  {"# why\na = 1 # that\n", "# why\na = 1 # that\n"},
		"line ends": {"\uFEFFa = 1\r\nb = 2\r\n", "a = 1\nb = 2\n"},
		"last line": {"a = 1", "a = 1\n"},
		"tail":      {"a = 1\n\n\n  \n", "a = 1\n"},
		"head":      {"\n\na = 1\n", "a = 1\n"},
		"nothing":   {"", ""},
	}
	for name, c := range cases {
		got, diagnostics := write.Format("a.hcl", []byte(c.text))
		if diff := cmp.Diff(c.want, string(got)); diff != "" || len(diagnostics) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", name, diagnostics, diff)
		}
	}
}

func TestFormatRefuses(t *testing.T) {
	text := "camera \"a\" {\n  mac = \n}\n"
	got, diagnostics := write.Format("a.hcl", []byte(text))
	if string(got) != text {
		t.Errorf("a text that is not HCL was changed: %q", got)
	}
	if !message.HasErrors(diagnostics) {
		t.Fatal("no error")
	}
	if d := diagnostics[0]; d.Code != "syntax-expression" || d.Origin.Line != 2 || d.Line != "  mac = " {
		t.Errorf("got %+v", d)
	}
}

// meaning is a text's tokens without those that only part lines, comments included.
func meaning(t *testing.T, text []byte) []string {
	t.Helper()
	tokens, diags := hclsyntax.LexConfig(text, "a.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var list []string
	for _, token := range tokens {
		if word := strings.TrimRight(string(token.Bytes), "\r\n \t"); word != "" {
			list = append(list, word)
		}
	}
	return list
}

// TestFormatKeepsEverything formats every example, as it stands and spoilt: no word and no comment is lost, and once is enough.
func TestFormatKeepsEverything(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	comments := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		spoilt := strings.NewReplacer("  ", "\t", " = ", "=", " {\n", "{\n", "\n", " \r\n").Replace(string(text))
		comments += strings.Count(spoilt, "#")
		for _, before := range []string{string(text), spoilt, "\uFEFF\n\n" + string(text)} {
			once, diagnostics := write.Format(file, []byte(before))
			if len(diagnostics) > 0 {
				t.Fatalf("%s: %v", file, diagnostics)
			}
			if diff := cmp.Diff(meaning(t, []byte(strings.TrimPrefix(before, "\uFEFF"))), meaning(t, once)); diff != "" {
				t.Errorf("%s means something else (-before +after):\n%s", file, diff)
			}
			if twice, _ := write.Format(file, once); string(twice) != string(once) {
				t.Errorf("%s is formatted twice", file)
			}
		}
		if once, _ := write.Format(file, []byte(spoilt)); string(once) == spoilt {
			t.Errorf("%s: control: nothing was spoilt", file)
		}
	}
	if len(files) < 4 || comments < 10 {
		t.Errorf("%d files, %d comments", len(files), comments)
	}
}

// FuzzFormat holds that formatting is done in one go: what it returns, it leaves alone.
func FuzzFormat(f *testing.F) {
	for _, text := range []string{
		"a = 1\n", "#00\r", "#00\r\r\n", "camera \"a\" {\n}\n", "a = <<E\n  x\nE\n", "a = [\n1,\n 2]\r\n", "x = \"${ a }\"#\n", "a = -\n-1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return // long texts are slow, not different
		}
		once, diagnostics := write.Format("a.hcl", []byte(text))
		if len(diagnostics) > 0 {
			return
		}
		twice, diagnostics := write.Format("a.hcl", once)
		if len(diagnostics) > 0 {
			t.Fatalf("%q became %q, which is not HCL: %v", text, once, diagnostics)
		}
		if diff := cmp.Diff(string(once), string(twice)); diff != "" {
			t.Errorf("%q is formatted twice:\n%s", text, diff)
		}
	})
}
