package load

import (
	"bytes"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy"
	"cordon/policy/message"
)

// parse reads and parses every policy file of every directory.
func (l *loader) parse() {
	files := 0
	for i := range l.tree.directories {
		names, err := l.tree.policies(i)
		if err != nil {
			l.report.add(place{}, "unreadable", message.Args{"file": l.tree.display(i, ""), "cause": cause(err)})
			continue
		}
		for _, name := range names {
			files++
			f, faults := l.tree.open(i, name)
			if faults != nil {
				l.faults(at(policy.Origin{File: l.tree.display(i, name)}), faults)
				l.partial = true
				continue
			}
			l.parseFile(f)
		}
	}
	if files == 0 && len(l.report.list) == 0 {
		l.report.add(place{}, "no-policy", nil)
	}
}

func (l *loader) parseFile(f *file) {
	if l.written > maxCameras {
		return // nothing that it could say would help
	}
	if long := tooLong(f); long.Line != 0 {
		l.report.add(at(long), "line-too-long", nil)
		l.partial = true
		return
	}
	if here := manyRemarks(f); here.Line != 0 {
		l.report.add(at(here), "syntax-remark", nil)
		l.partial = true
		return
	}
	if first := l.budget.words <= maxWords; !l.budget.read(words(f.text)) {
		if first {
			l.report.add(at(policy.Origin{File: f.name, Line: 1, Column: 1, EndLine: 1, EndColumn: 2}), "too-many-words", nil)
		}
		l.partial = true
		return
	}
	if line := l.tooMany(f); line > 0 {
		here := policy.Origin{File: f.name, Line: line, Column: 1, EndLine: line, EndColumn: 2}
		l.report.add(at(here), "too-many-cameras", nil)
		l.partial = true
		return
	}
	pieces, code, here := l.pieces(f, pieceSize)
	if code != "" {
		l.report.add(at(here), code, nil)
		l.partial = true
		return
	}
	attributes := map[string]bool{}
	for _, p := range pieces {
		l.take(p, attributes)
	}
}

// take puts the blocks of a piece with the others. It adds the attributes of the top level to those of the pieces before it.
func (l *loader) take(p *piece, attributes map[string]bool) {
	intact := l.syntax(p)
	if intact < p.start.Byte+len(p.text) {
		l.lose(p.text)
	}
	if p.body == nil {
		return
	}
	for _, a := range sorted(p.body.Attributes) {
		code := "top-attribute"
		if attributes[a.Name] { // within a piece, the parser says so
			code = "syntax-redefined"
		}
		attributes[a.Name] = true
		l.report.add(at(origin(a.NameRange)), code, message.Args{"name": a.Name})
	}
	for _, b := range p.body.Blocks {
		// Of a header without a body the parser makes a block whose braces are its first word.
		if b.CloseBraceRange.End.Byte <= intact && b.OpenBraceRange != b.TypeRange {
			l.sort(b)
		}
	}
}

// tooMany counts the lines that begin a camera, over all files, and returns the one that is too much. To parse them all takes many times
// longer than to refuse them.
func (l *loader) tooMany(f *file) (line int) {
	rest, number := f.text, 0
	for len(rest) > 0 && l.written <= maxCameras {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		number++
		if bytes.HasPrefix(bytes.TrimLeft(text, " \t"), []byte(`camera "`)) {
			l.written++
		}
		if l.written > maxCameras {
			return number
		}
	}
	return 0
}

// syntax reports what the parser found, one mistake a line: what follows on the line is its consequence. It returns how many bytes of
// the file were read as they were meant.
func (l *loader) syntax(p *piece) int {
	intact, line := p.start.Byte+len(p.text), 0
	for _, d := range p.diags {
		here := span(d.Subject)
		if here.Line == line {
			continue
		}
		line = here.Line
		code, args := message.Syntax(d.Summary, d.Detail)
		if plain, what := plainer(code, p.lineOf(d.Subject)); plain != "" {
			code, args = plain, message.Args{"value": what}
		}
		l.report.add(at(here), code, args)
		if code != "syntax-redefined" {
			intact = min(intact, d.Subject.Start.Byte)
		}
	}
	return intact
}

// sort puts a block with the others of its kind.
func (l *loader) sort(b *hclsyntax.Block) {
	kind := b.Type
	if kind == "dynamic" && len(b.Labels) > 0 {
		kind = b.Labels[0]
	}
	here := at(origin(b.TypeRange))
	if kind != b.Type {
		here = at(origin(b.LabelRanges[0]))
	}
	switch {
	case kind == "dynamic":
		l.report.add(at(origin(b.DefRange())), "dynamic-label", nil)
	case !slices.Contains(topLevel(), kind):
		l.unknownBlock(here, kind, b)
	default:
		l.raw[kind] = append(l.raw[kind], b)
	}
}

// excess returns what the parser, or who works with what it gives, could not end.
func (l *loader) excess(tokens hclsyntax.Tokens) (string, policy.Origin) {
	if deep := deepIn(tokens); deep.Line != 0 {
		return "too-deep", deep
	}
	if large := longNumber(tokens); large.Line != 0 {
		return "too-large", large
	}
	return l.budget.longText(tokens)
}

// longNumber returns where a number has an exponent of more than three digits, the zero origin where none has: somebody asks for its
// digits, and there would be more than the memory holds.
func longNumber(tokens hclsyntax.Tokens) policy.Origin {
	for _, t := range tokens {
		if t.Type != hclsyntax.TokenNumberLit {
			continue
		}
		_, exponent, found := bytes.Cut(bytes.ToLower(t.Bytes), []byte("e"))
		if n := len(bytes.TrimLeft(exponent, "+-0")); found && n > 3 && n < 10 { // the parser itself refuses what is larger
			return origin(t.Range)
		}
	}
	return policy.Origin{}
}

func origin(r hcl.Range) policy.Origin {
	return policy.Origin{
		File: r.Filename,
		Line: r.Start.Line, Column: r.Start.Column,
		EndLine: r.End.Line, EndColumn: r.End.Column,
	}
}

func span(r *hcl.Range) policy.Origin {
	if r == nil {
		return policy.Origin{}
	}
	return origin(*r)
}
