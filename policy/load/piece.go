package load

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy"
)

// pieceSize is how much of a file is lexed and parsed at once, in bytes. The tokens of 10 MiB take 250 MiB, and a list that grows so far is
// copied until five times as much was touched: that took three quarters of the time that 100,000 blocks of cameras took.
const pieceSize = 4 << 10

// parsers is how many pieces are parsed at the same time.
const parsers = 4

// piece is a run of whole items of a file's top level, so that each piece can be parsed on its own.
type piece struct {
	start hcl.Pos
	text  []byte
	body  *hclsyntax.Body
	diags hcl.Diagnostics
	parts []*piece // each block of a piece with a mistake on its own, instead of the piece
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
	for from := hcl.InitialPos; from.Byte < len(f.text) && code == ""; {
		tokens, end := lexPiece(f, from, size)
		if code, where = excess(tokens); code == "" {
			p := &piece{start: from, text: f.text[from.Byte:end.Byte]}
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
	if diags.HasErrors() {
		if p.parts = p.split(name); p.parts != nil {
			for _, part := range p.parts {
				part.parse(name, work)
			}
			return
		}
	}
	p.diags = diags
	if body, ok := parsed.Body.(*hclsyntax.Body); ok {
		work.govern(body)
		p.body = body
	}
}

// split cuts a piece wherever it can be cut: none where that is nowhere.
func (p *piece) split(name string) (parts []*piece) {
	tokens, _ := hclsyntax.LexConfig(p.text, name, p.start)
	from := p.start
	for _, n := range cuts(tokens, p.text, p.start.Byte) {
		end := tokens[n-1].Range.End
		if end.Byte < p.start.Byte+len(p.text) {
			parts = append(parts, &piece{start: from, text: p.text[from.Byte-p.start.Byte : end.Byte-p.start.Byte]})
			from = end
		}
	}
	if parts == nil {
		return nil
	}
	return append(parts, &piece{start: from, text: p.text[from.Byte-p.start.Byte:]})
}

// lexPiece returns the tokens of the piece that begins at a place, and its end. What cannot be cut yet is lexed again with four times as
// much behind it, and so less than twice in all.
func lexPiece(f *file, from hcl.Pos, size int) (hclsyntax.Tokens, hcl.Pos) {
	rest := f.text[from.Byte:]
	for ; ; size *= 4 {
		text := fullLines(rest, size)
		tokens, _ := hclsyntax.LexConfig(text, f.name, from)
		if len(text) == len(rest) {
			return tokens, hcl.Pos{Byte: len(f.text)}
		}
		if all := cuts(tokens, rest, from.Byte); len(all) > 0 {
			n := all[len(all)-1]
			return tokens[:n], tokens[n-1].Range.End
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
// nothing: these are the same tokens whatever follows. Where a bracket is closed that is not open, nobody knows what is meant, and nothing
// more is cut.
func cuts(tokens hclsyntax.Tokens, text []byte, start int) (ends []int) {
	closed := false
	var open []hclsyntax.TokenType
	for i, t := range tokens {
		closer, opens := closerOf(t.Type)
		switch {
		case opens:
			open = append(open, closer)
		case closes(t.Type):
			if len(open) == 0 || open[len(open)-1] != t.Type {
				return ends
			}
			open = open[:len(open)-1]
		case t.Type == hclsyntax.TokenSlash && tokens[i+1].Type == hclsyntax.TokenStar: // a remark that ends further on
			return ends
		case closed && len(open) == 0 && bytes.HasSuffix(t.Bytes, []byte("\n")):
			if !bytes.HasPrefix(text[t.Range.End.Byte-start:], []byte("\uFEFF")) { // the lexer drops one at a beginning
				ends = append(ends, i+1)
			}
		}
		closed = t.Type == hclsyntax.TokenCBrace
	}
	return ends
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
