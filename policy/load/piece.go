package load

import (
	"bytes"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy"
)

// pieceSize is how much of a file is lexed and parsed at once, in bytes. The tokens of 10 MiB take 250 MiB, and a list that grows so far is
// copied until five times as much was touched: that took three quarters of the time that 100,000 blocks of cameras took.
const pieceSize = 4 << 10

// shortest is how much is lexed at first to find the end of a block in which a text is not closed, in bytes.
const shortest = 64

// parsers is how many pieces are parsed at the same time.
const parsers = 4

// piece is a run of whole items of a file's top level, so that each piece can be parsed on its own.
type piece struct {
	start hcl.Pos
	text  []byte
	body  *hclsyntax.Body
	diags hcl.Diagnostics
	parts []*piece        // each block of a piece with a mistake on its own, instead of the piece
	open  *hcl.Diagnostic // a text in its one block that does not end on its line
}

// pieces parses a file in pieces of about a size in bytes, which it cuts where blocks end. Where a piece has a mistake it is cut wherever
// it can be, so that a mistake costs its own block only, whatever the size. It returns the code of what the parser, or who works with what
// it gives, could not end, instead.
func (l *loader) pieces(f *file, size int) (list []*piece, code string, where policy.Origin) {
	work, done := make(chan *piece), make(chan struct{})
	for range parsers {
		go func() {
			for p := range work {
				p.parse(f.name, l.budget)
			}
			done <- struct{}{}
		}()
	}
	n := size
	for from := hcl.InitialPos; from.Byte < len(f.text) && code == ""; {
		p, tokens, end := next(f.name, f.text[from.Byte:], from, n)
		if n = min(4*n, size); p.open != nil {
			n = min(shortest, size) // where one is, many may be
		}
		if code, where = excess(tokens); code == "" {
			list = append(list, p)
			work <- p
		}
		from = end
	}
	close(work)
	for range parsers {
		<-done
	}
	return whole(list), code, where
}

// whole puts the parts of pieces in the place of the pieces.
func whole(list []*piece) (all []*piece) {
	for _, p := range list {
		if p.parts == nil {
			all = append(all, p)
		}
		all = append(all, p.parts...)
	}
	return all
}

// parse parses a piece, and where it has a mistake each of its parts instead.
func (p *piece) parse(name string, work *budget) {
	parsed, diags := hclsyntax.ParseConfig(p.text, name, p.start)
	if diags.HasErrors() && p.open == nil {
		if p.parts = p.split(name); p.parts != nil {
			for _, part := range p.parts {
				part.parse(name, work)
			}
			return
		}
	}
	p.diags = p.understood(diags)
	if body, ok := parsed.Body.(*hclsyntax.Body); ok {
		work.govern(body)
		p.body = body
	}
}

// understood are the mistakes above a text that is not closed, and that one: below it nobody knows what is meant.
func (p *piece) understood(diags hcl.Diagnostics) hcl.Diagnostics {
	if p.open == nil {
		return diags
	}
	above := slices.DeleteFunc(diags, func(d *hcl.Diagnostic) bool {
		return d.Subject == nil || d.Subject.Start.Line >= p.open.Subject.Start.Line
	})
	return append(above, p.open)
}

// split cuts a piece wherever it can be cut: none where that is nowhere.
func (p *piece) split(name string) (parts []*piece) {
	tokens, _ := hclsyntax.LexConfig(p.text, name, p.start)
	ends, _ := cuts(tokens, p.text, p.start.Byte)
	from := p.start
	for _, n := range ends {
		end := tokens[n-1].Range.End
		if end.Byte < p.start.Byte+len(p.text) {
			parts = append(parts, p.part(from, end.Byte))
			from = end
		}
	}
	if parts == nil {
		return nil
	}
	return append(parts, p.part(from, p.start.Byte+len(p.text)))
}

// part is what lies between two places of a piece.
func (p *piece) part(from hcl.Pos, end int) *piece {
	return &piece{start: from, text: p.text[from.Byte-p.start.Byte : end-p.start.Byte]}
}

// next returns the piece that begins a text, which begins somewhere in a file, with its tokens and its end. What cannot be cut yet is lexed
// again with four times as much behind it, and so less than twice in all.
func next(name string, text []byte, from hcl.Pos, size int) (*piece, hclsyntax.Tokens, hcl.Pos) {
	for ; ; size *= 4 {
		head := fullLines(text, size)
		tokens, _ := hclsyntax.LexConfig(head, name, from)
		ends, broken := cuts(tokens, text, from.Byte)
		open := broken >= 0 && tokens[broken].Type == hclsyntax.TokenQuotedNewline
		switch {
		case !open && len(head) == len(text):
			return &piece{start: from, text: text}, tokens, hcl.Pos{Byte: from.Byte + len(text)}
		case len(ends) > 0:
			n := ends[len(ends)-1]
			end := tokens[n-1].Range.End
			return &piece{start: from, text: text[:end.Byte-from.Byte]}, tokens[:n], end
		case open:
			return shut(name, text, from, tokens[broken].Range)
		}
	}
}

// shut is next for a text in whose first block a quoted text is not closed: the block is read as if it were, so that the blocks behind it
// count. Where the quoted text ought to end nobody knows: before the brackets that end its line, or with the line. Where the block has
// no end either way, the piece is all.
func shut(name string, text []byte, from hcl.Pos, open hcl.Range) (*piece, hclsyntax.Tokens, hcl.Pos) {
	open.End = hcl.Pos{Line: open.Start.Line, Column: open.Start.Column + 1, Byte: open.Start.Byte + 1} // it holds all empty lines behind it
	said := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid multi-line string", Subject: &open}
	line := open.Start.Byte - from.Byte
	for _, at := range []int{len(bytes.TrimRight(text[:line], " \t)]},")), line} {
		if closed, tokens := closedAt(name, text, from, at); closed != nil {
			end := tokens[len(tokens)-1].Range.End
			end.Byte--
			return &piece{start: from, text: closed, open: said}, tokens, end
		}
	}
	tokens, _ := hclsyntax.LexConfig(text, name, from)
	return &piece{start: from, text: text, open: said}, tokens, hcl.Pos{Byte: from.Byte + len(text)}
}

// closedAt returns the first block of a text, with a quote at a place, and its tokens: none where it does not end.
func closedAt(name string, text []byte, from hcl.Pos, at int) ([]byte, hclsyntax.Tokens) {
	for size := shortest; ; size *= 4 {
		head := fullLines(text, size)
		if len(head) < at {
			continue
		}
		closed := slices.Concat(head[:at], []byte(`"`), head[at:])
		tokens, _ := hclsyntax.LexConfig(closed, name, from)
		ends, broken := cuts(tokens, closed, from.Byte)
		if len(ends) > 0 {
			n := tokens[ends[0]-1].Range.End.Byte - from.Byte
			if n <= at || bytes.HasPrefix(text[n-1:], []byte("\uFEFF")) {
				return nil, nil
			}
			return closed[:n], tokens[:ends[0]]
		}
		if broken >= 0 || len(head) == len(text) {
			return nil, nil
		}
	}
}

// fullLines returns the first lines of a text, so many bytes or the first line that is longer.
func fullLines(text []byte, size int) []byte {
	if len(text) <= size {
		return text
	}
	if end := bytes.LastIndexByte(text[:size], '\n'); end >= 0 {
		return text[:end+1]
	}
	if end := bytes.IndexByte(text[size:], '\n'); end >= 0 {
		return text[:size+end+1]
	}
	return text
}

// cuts returns how many tokens of a text, which begins somewhere in a file, come before each line that begins after a block, and in
// nothing: these are the same tokens whatever follows. Where a bracket is closed that is not open, or a quoted text does not end on its
// line, nobody knows what is meant, and nothing more is cut: broken is which token that is, or less than 0.
func cuts(tokens hclsyntax.Tokens, text []byte, start int) (ends []int, broken int) {
	closed := false
	var open []hclsyntax.TokenType
	for i, t := range tokens {
		closer, opens := closerOf(t.Type)
		switch {
		case opens:
			open = append(open, closer)
		case closes(t.Type):
			if len(open) == 0 || open[len(open)-1] != t.Type {
				return ends, i
			}
			open = open[:len(open)-1]
		case t.Type == hclsyntax.TokenQuotedNewline:
			return ends, i
		case t.Type == hclsyntax.TokenSlash && tokens[i+1].Type == hclsyntax.TokenStar: // a remark that ends further on
			return ends, -1
		case closed && len(open) == 0 && bytes.HasSuffix(t.Bytes, []byte("\n")):
			if !bytes.HasPrefix(text[t.Range.End.Byte-start:], []byte("\uFEFF")) { // the lexer drops one at a beginning
				ends = append(ends, i+1)
			}
		}
		closed = t.Type == hclsyntax.TokenCBrace
	}
	return ends, -1
}

func closes(t hclsyntax.TokenType) bool {
	switch t { //nolint:exhaustive // no other token closes anything
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc,
		hclsyntax.TokenTemplateSeqEnd:
		return true
	}
	return false
}

func closerOf(t hclsyntax.TokenType) (hclsyntax.TokenType, bool) {
	switch t { //nolint:exhaustive // no other token opens anything
	case hclsyntax.TokenOBrace:
		return hclsyntax.TokenCBrace, true
	case hclsyntax.TokenOBrack:
		return hclsyntax.TokenCBrack, true
	case hclsyntax.TokenOParen:
		return hclsyntax.TokenCParen, true
	case hclsyntax.TokenOQuote:
		return hclsyntax.TokenCQuote, true
	case hclsyntax.TokenOHeredoc:
		return hclsyntax.TokenCHeredoc, true
	case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		return hclsyntax.TokenTemplateSeqEnd, true
	}
	return hclsyntax.TokenNil, false
}
