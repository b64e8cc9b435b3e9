package write

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"cordon/policy"
	"cordon/policy/message"
)

// rounds bounds the search for a text that formatting leaves alone. One round does for nearly every text.
const rounds = 8

// Format returns the canonical format of a policy file: HCL's own spacing, no byte-order mark, lines that end in LF without spaces
// before it, one line end after the last line. A text that is not HCL is returned as it came, with what is wrong with it; name is how
// the diagnostics call the file.
func Format(name string, text []byte) ([]byte, []message.Diagnostic) {
	clean := bytes.TrimPrefix(text, []byte("\uFEFF"))
	for bytes.Contains(clean, []byte("\r\n")) {
		clean = bytes.ReplaceAll(clean, []byte("\r\n"), []byte("\n"))
	}
	if diagnostics := mistakes(name, clean); len(diagnostics) > 0 {
		return text, diagnostics
	}
	for range rounds {
		next := ended(hclwrite.Format(clean))
		if bytes.Equal(next, clean) {
			break
		}
		clean = next
	}
	return clean, nil
}

func mistakes(name string, text []byte) []message.Diagnostic {
	_, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	list := make([]message.Diagnostic, 0, len(diags))
	for _, d := range diags {
		code, args := message.Syntax(d.Summary, d.Detail)
		list = append(list, message.Diagnostic{Code: code, Args: args, Origin: origin(d.Subject), Line: line(text, d.Subject)})
	}
	return list
}

func origin(r *hcl.Range) policy.Origin {
	if r == nil {
		return policy.Origin{}
	}
	return policy.Origin{
		File: r.Filename,
		Line: r.Start.Line, Column: r.Start.Column,
		EndLine: r.End.Line, EndColumn: r.End.Column,
	}
}

func line(text []byte, r *hcl.Range) string {
	lines := bytes.Split(text, []byte("\n"))
	if r == nil || r.Start.Line < 1 || r.Start.Line > len(lines) {
		return ""
	}
	return string(bytes.ToValidUTF8(lines[r.Start.Line-1], []byte("\uFFFD")))
}

// ended returns the text with one end of line after its last line; an empty text stays empty.
func ended(text []byte) []byte {
	text = bytes.TrimRight(text, " \t\r\n")
	if len(text) == 0 {
		return text
	}
	return append(bytes.TrimLeft(text, "\n"), '\n')
}
