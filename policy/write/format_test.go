package write_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
