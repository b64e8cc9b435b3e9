package load

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// outline is where the blocks and attributes of a body stand.
func outline(body *hclsyntax.Body) []string {
	var lines []string
	for _, a := range sorted(body.Attributes) {
		lines = append(lines, fmt.Sprintf("%s %v %v", a.Name, a.SrcRange, a.Expr.Range()))
	}
	for _, b := range body.Blocks {
		lines = append(lines, fmt.Sprintf("%s %v %v %v", b.Type, b.Labels, b.DefRange(), b.CloseBraceRange))
		lines = append(lines, outline(b.Body)...)
	}
	return lines
}

// parsed is what the parser makes of a text that begins somewhere in a file.
func parsed(text []byte, from hcl.Pos) (lines []string, faulty bool) {
	whole, diags := hclsyntax.ParseConfig(text, "a.hcl", from)
	if body, ok := whole.Body.(*hclsyntax.Body); ok {
		lines = outline(body)
	}
	return slices.Sorted(slices.Values(lines)), diags.HasErrors()
}

// inPieces is what the pieces make of a file, with what is said of it, and where each begins. An attribute that two pieces have is a
// mistake that none of them has.
func inPieces(text []byte, size int) (lines []string, faulty bool, starts []int) {
	list, code, _ := newLoader(nil, nil).pieces(&file{name: "a.hcl", text: text}, size)
	faulty = code != ""
	attributes := map[string]bool{}
	for _, p := range list {
		starts = append(starts, p.start.Byte)
		faulty = faulty || p.diags.HasErrors()
		for _, d := range p.diags {
			lines = append(lines, d.Error())
		}
		if p.body == nil {
			continue
		}
		lines = append(lines, outline(p.body)...)
		for name := range p.body.Attributes {
			faulty = faulty || attributes[name]
			attributes[name] = true
		}
	}
	return slices.Sorted(slices.Values(lines)), faulty, starts
}

// traps are texts in which something looks like the end of a block, some of so many lines.
func traps(long int) map[string]string {
	return map[string]string{
		"blocks":          "",
		"heredoc":         "host \"h\" {\n  description = <<EOT\n}\n\ncamera \"x\" {\n${\"}\"}\nEOT\n}\n",
		"flush heredoc":   "host \"h\" {\n  description = <<-EOT\n  }\n  EOT\n}\n",
		"remark":          "/* host {\n}\n\n" + strings.Repeat("camera \"x\" {\n}\n", long) + "*/\n",
		"remark at }":     "host \"h\" {\n} /* a\n}\n*/\n",
		"line remark":     "host \"h\" {\n} // a /* b\n# }\n",
		"text":            "host \"h\" {\n  description = \"} ${\"{\"} %{ if true }}%{ endif }\"\n}\n",
		"long":            "locals {\n  x = [\n" + strings.Repeat("    \"}\",\n", long) + "  ]\n}\n",
		"object":          "locals {\n  x = {\n    a = {\n    }\n  }\n}\n",
		"CRLF":            "host \"h\" {\r\n  a = 1\r\n} # é\r\n",
		"accents":         "host \"école\" { # été\n  description = \"e\u0301\"\n}\n",
		"two on one line": "host \"h\" {\n}\nhost \"i\" { a = 1 }\n",
		"nested template": "host \"h\" {\n  description = \"${join(\"}\", [for x in [\"{\"] : \"${x}}\"])}\"\n}\n",
	}
}

// TestPiecesAreTheFile holds that a file parsed in pieces is what the parser makes of the whole, with every place, wherever it can be cut.
// The control is every other end of a line: where a cut there makes another file, the comparison says so.
func TestPiecesAreTheFile(t *testing.T) {
	cuts, wrong := 0, 0
	for name, trap := range traps(5) {
		text := []byte(strings.Repeat("camera \"c\" {\n  mac = \"a\"\n}\n"+trap, 3))
		want, faulty := parsed(text, hcl.InitialPos)
		if faulty {
			t.Fatalf("%s is not what a file may hold", name)
		}
		got, faulty, starts := inPieces(text, 1)
		if diff := cmp.Diff(want, got); diff != "" || faulty || len(starts) < 2 {
			t.Errorf("%s, %d pieces, faulty %t (-whole +pieces):\n%.2000s", name, len(starts), faulty, diff)
		}
		cuts += len(starts)
		at := hcl.InitialPos
		for line := range bytes.Lines(text[:len(text)-1]) {
			at.Byte += len(line)
			at.Line++
			head, badHead := parsed(text[:at.Byte], hcl.InitialPos)
			tail, badTail := parsed(text[at.Byte:], at)
			if badHead || badTail || !slices.Equal(want, slices.Sorted(slices.Values(append(head, tail...)))) {
				wrong++
			}
		}
	}
	if t.Logf("%d cuts; %d other ends of lines where a cut would show", cuts, wrong); wrong < 100 {
		t.Error("control: no cut is wrong")
	}
}

// TestLongPieces is the same at the size that files are parsed in: what lies across it, however long, is never cut.
func TestLongPieces(t *testing.T) {
	for name, trap := range traps(500) {
		text := []byte(strings.Repeat("camera \"c\" {\n  mac = \"a\"\n}\n"+trap, 160))
		want, _ := parsed(text, hcl.InitialPos)
		got, faulty, starts := inPieces(text, pieceSize)
		if diff := cmp.Diff(want, got); diff != "" || faulty || len(starts) < 2 || len(starts) > 2*len(text)/pieceSize+2 {
			t.Errorf("%s, %d bytes in %d pieces, faulty %t (-whole +pieces):\n%.2000s", name, len(text), len(starts), faulty, diff)
		}
	}
}

func excessive(tokens hclsyntax.Tokens) bool {
	code, _ := newLoader(nil, nil).excess(tokens)
	return code != ""
}

// TestAMistakeCostsItsBlock holds that blocks behind a mistake stand in pieces without one, whatever the size that a file is parsed in. The
// control is a text of several lines whose end is missing: nobody knows what is meant behind it.
func TestAMistakeCostsItsBlock(t *testing.T) {
	const other = "camera \"c\" {\n  mac = \"a\"\n}\n"
	for mistake, sound := range map[string]int{
		"host \"h\" {\n  address =\n}\n":      2,
		"host h h {\n  a = 1 2\n}\n":          2,
		"host \"h\" {\n  : b\n}\n":            2,
		"host \"h\" {\n  a = 1\n  a = 2\n}\n": 2,
		"host \"h\" {\n  a = 1, b = 2\n}\n":   2,
		"host \"h\" {\n  a = [1\n}\n":         2,
		"host \"h\" {\n  a = \"open\n}\n":     2,
		"host \"h\" {\n  a = [\"open]\n}\n":   2,
		"host \"h\" {\n  a = \"open)\n}\n":    2,
		"host \"h\" {\n  a = \"one\"\n  b = \"twenty-two\"\n  c = [\"three hundred and thirty-three]\n}\n": 2,
		"host \"h { a = 1 }\n":                 2,
		"host \"h\" { a = \"open }\n":          2,
		"host \"h\" {\n  a = {b = \"open\n}\n": 2,
		"host \"h\" {\n  a = {\n}\n":           2,
		"host \"h\" {\n  a = 1\n":              2,
		"}\n":                                  2,
		"host \"h\"\n  a = 1\n}\n":             2,
		"host \"h\" { /* open\n  a = 1\n}\n":   2,
		"  host \"h\" {\n    a = {\n  }\n":     2,
		"hots \"h\" {\n  a = (1\n}\n":          2,
		"host \"h\" {\n  a = <<EOT\nopen\n}\n": 1,
	} {
		text := []byte(other + mistake + other)
		want, _, _ := inPieces(text, 1)
		for _, size := range []int{1, 30, 64, 1 << 20} {
			got, faulty, _ := inPieces(text, size)
			if diff := cmp.Diff(want, got); diff != "" || !faulty {
				t.Errorf("%q by %d bytes, faulty %t (-by one +by so many):\n%s", mistake, size, faulty, diff)
			}
			list, _, _ := newLoader(nil, nil).pieces(&file{name: "a.hcl", text: text}, size)
			list = slices.DeleteFunc(list, func(p *piece) bool { return p.diags.HasErrors() })
			if len(list) != sound {
				t.Errorf("%q by %d bytes: %d sound pieces, want %d", mistake, size, len(list), sound)
			}
		}
	}
}

// nested says whether a block stands in another one that may stand in a file only: to the parser that is no mistake, and where it does not
// stand further to the right, the pieces take it for the one behind a block that is not closed.
func nested(text []byte) bool {
	found := false
	parsed, _ := hclsyntax.ParseConfig(text, "a.hcl", hcl.InitialPos)
	body, _ := parsed.Body.(*hclsyntax.Body)
	for _, b := range body.Blocks {
		_ = hclsyntax.VisitAll(b.Body, func(n hclsyntax.Node) hcl.Diagnostics {
			inner, ok := n.(*hclsyntax.Block)
			found = found || ok && (inner.Type == "dynamic" || slices.Contains(topLevel(), inner.Type))
			return nil
		})
	}
	return found
}

// FuzzPieces holds any text against the whole: where that is sound, the pieces are it; where it is not, some piece is not either, and what
// is read and said does not depend on the size of the pieces.
func FuzzPieces(f *testing.F) {
	for _, trap := range traps(3) {
		f.Add([]byte(trap + "camera \"c\" {\n}\n" + trap))
		f.Add([]byte("host \"h\" {\n}\n}\n" + trap))
	}
	for _, text := range []string{
		"/*\"\n*/0", "a\"\n\nb", "host {\nsite {\n}\n}\n", "host {\n/*\n",
		"a {\nb = <<E\n", "host\n a = 1\n}\nsite {\n}",
		"host \"h\" {\n}\xe9|\nhost \"h\" {\x00\n  a!= 1\n}\n",
	} {
		f.Add([]byte(text))
	}
	fixtures, err := filepath.Glob("testdata/*/*.hcl")
	if err != nil {
		f.Fatal(err)
	}
	examples, err := filepath.Glob("../../examples/*/*.hcl")
	if err != nil || len(fixtures) < 10 || len(examples) < 10 {
		f.Fatalf("%d fixtures, %d examples: %v", len(fixtures), len(examples), err)
	}
	for _, name := range append(fixtures, examples...) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<14 || bytes.Contains(text, []byte("\uFEFF")) { // a mark in the middle is refused before anything is parsed
			return
		}
		if tokens, _ := hclsyntax.LexConfig(text, "a.hcl", hcl.InitialPos); excessive(tokens) { // the whole would take for ever
			return
		}
		want, faulty := parsed(text, hcl.InitialPos)
		got, broken, starts := inPieces(text, 1)
		faulty = faulty || broken && nested(text)
		if faulty && !broken {
			t.Errorf("the whole has a mistake, none of %d pieces", len(starts))
		}
		if !faulty && broken {
			t.Errorf("a piece has a mistake, the whole has none")
		}
		if diff := cmp.Diff(want, got); diff != "" && !faulty {
			t.Errorf("%d pieces (-whole +pieces):\n%.2000s", len(starts), diff)
		}
		for _, size := range []int{50, 1 << 20} {
			other, _, _ := inPieces(text, size)
			if diff := cmp.Diff(got, other); diff != "" {
				t.Errorf("by %d bytes (-by one +by so many):\n%.2000s", size, diff)
			}
		}
	})
}
