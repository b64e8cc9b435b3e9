package load

import (
	"fmt"
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

// TestPiecesAreTheFile holds that a file parsed in pieces is what the parser makes of the whole, with every place; remarks, heredocs and
// texts that look like the end of a block are none. The control is that most of them are cut.
func TestPiecesAreTheFile(t *testing.T) {
	for name, trap := range map[string]string{
		"blocks":        "",
		"heredoc":       "host \"h\" {\n  description = <<EOT\n}\n\ncamera \"x\" {\n${\"}\"}\nEOT\n}\n",
		"remark":        "/* host {\n}\n\n" + strings.Repeat("camera \"x\" {\n}\n", 500) + "*/\n",
		"text":          "host \"h\" {\n  description = \"} ${\"{\"} %{ if true }}%{ endif }\"\n}\n",
		"long":          "locals {\n  x = [\n" + strings.Repeat("    \"}\",\n", 3000) + "  ]\n}\n",
		"CRLF":          "host \"h\" {\r\n  a = 1\r\n} # é\r\n",
		"accents":       "host \"école\" { # été\n  description = \"e\u0301\"\n}\n",
		"stray bracket": "host \"h\" {\n}\n}\n",
	} {
		text := strings.Repeat("camera \"c\" {\n  mac = \"a\"\n}\n"+trap, 200)
		whole, wrong := hclsyntax.ParseConfig([]byte(text), "a.hcl", hcl.InitialPos)
		parts, code, _ := newLoader(nil, nil).pieces(&file{name: "a.hcl", text: []byte(text)})
		var got []string
		faulty := false
		for _, p := range parts {
			got = append(got, outline(p.body)...)
			faulty = faulty || len(p.diags) > 0
		}
		if faulty != wrong.HasErrors() || code != "" || len(parts) < 2 && name != "stray bracket" {
			t.Errorf("%s: %d pieces, %q, %v", name, len(parts), code, wrong)
		}
		body, _ := whole.Body.(*hclsyntax.Body)
		if diff := cmp.Diff(outline(body), got); diff != "" && !faulty {
			t.Errorf("%s (-whole +pieces):\n%.2000s", name, diff)
		}
	}
}
