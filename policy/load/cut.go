package load

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy/message"
)

// cutter cuts a file into pieces, from its beginning on.
type cutter struct {
	name    string
	text    []byte
	from    hcl.Pos // where the next piece begins
	remarks int     // where the last */ stands: no remark ends behind it
}

// tear is a token behind which nobody knows what is meant: a bracket that is closed and not open, or another one than is open; a quoted
// text that does not end on its line; a remark or a text of several lines that has no end; and the beginning of a block within brackets,
// unless it stands further to the right than the block around it.
type tear struct {
	before hclsyntax.Tokens // what was lexed above it
	at     hcl.Range
	kind   hclsyntax.TokenType // TokenIdent where a block begins, TokenComment where a remark does
	left   int                 // how many blanks the block around it has before it
}

// next returns the next piece with its tokens. What cannot be cut yet is lexed again with four times as much behind it, or up to where a
// remark ends, and so less than twice in all.
func (c *cutter) next(size int) (*piece, hclsyntax.Tokens) {
	rest := c.text[c.from.Byte:]
	for ; ; size *= 4 {
		head := fullLines(rest, size)
		tokens, _ := hclsyntax.LexConfig(head, c.name, c.from)
		ends, torn := cuts(tokens, rest, c.from.Byte)
		switch {
		case torn == nil && len(head) == len(rest):
			return c.upTo(len(rest), c.from), tokens // nothing begins behind it
		case len(ends) > 0:
			n := ends[len(ends)-1]
			return c.upTo(tokens[n-1].Range.End.Byte-c.from.Byte, tokens[n-1].Range.End), tokens[:n]
		case torn == nil, torn.kind == hclsyntax.TokenOHeredoc && len(head) < len(rest):
		case torn.kind == hclsyntax.TokenComment && len(head) < len(rest) && torn.at.Start.Byte+1 < c.remarks:
			inside := torn.at.Start.Byte + 2 - c.from.Byte
			size = max(size, (inside+bytes.Index(rest[inside:], []byte("*/"))+2+3)/4)
		default:
			return c.torn(*torn), torn.before
		}
	}
}

// upTo returns the piece of so many bytes, behind which another place is.
func (c *cutter) upTo(size int, end hcl.Pos) *piece {
	p := &piece{start: c.from, text: c.text[c.from.Byte:][:size]}
	end.Byte = c.from.Byte + size
	c.from = end
	return p
}

// torn returns the piece with a tear: it ends where the next line begins a block, and says what is torn.
func (c *cutter) torn(t tear) *piece {
	rest := c.text[c.from.Byte:]
	at := t.at.Start.Byte - c.from.Byte
	end := bytes.LastIndexByte(rest[:at], '\n') + 1
	switch t.kind {
	case hclsyntax.TokenIdent:
	case hclsyntax.TokenOHeredoc: // whether another one has an end would have to be looked for as far again
		end = len(rest)
	default:
		end = nextHeader(rest, lineEnd(rest, at), t.left)
	}
	p := c.upTo(end, hcl.Pos{Line: c.from.Line + bytes.Count(rest[:end], []byte("\n")), Column: 1})
	p.torn = min(end, lineEnd(rest, at))
	if said := titleOf(t.kind); said != "" {
		t.at.End = hcl.Pos{Line: t.at.Start.Line, Column: t.at.Start.Column + 1, Byte: t.at.Start.Byte + 1} // the token may hold all that follows
		p.diags = hcl.Diagnostics{{Severity: hcl.DiagError, Summary: said, Subject: &t.at}}
	}
	return p
}

// titleOf is what the parser would say of a tear, or ought to: nothing where it says it well.
func titleOf(kind hclsyntax.TokenType) string {
	switch kind { //nolint:exhaustive // of the others, the parser says what is wrong
	case hclsyntax.TokenQuotedNewline:
		return "Invalid multi-line string"
	case hclsyntax.TokenComment:
		return message.UnclosedRemark
	case hclsyntax.TokenOHeredoc:
		return "Unterminated template string"
	}
	return ""
}

// lineEnd returns where the line ends that a byte of a text stands in, behind its last character.
func lineEnd(text []byte, at int) int {
	if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(text)
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

// cuts returns how many tokens of a text, which begins somewhere in a file, come before each line that begins after a block or a remark,
// and in nothing: these are the same tokens whatever follows. Behind a tear nothing is cut.
func cuts(tokens hclsyntax.Tokens, text []byte, start int) (ends []int, torn *tear) {
	closed := false
	f := follower{text: text, start: start}
	for i, t := range tokens {
		if torn = f.follow(tokens, i); torn != nil {
			return ends, torn
		}
		apart := closed || t.Type == hclsyntax.TokenComment && begins(tokens, i)
		if apart && len(f.open) == 0 && endsLine(t) {
			if !bytes.HasPrefix(text[t.Range.End.Byte-start:], []byte("\uFEFF")) { // the lexer drops one at a beginning
				ends = append(ends, i+1)
			}
		}
		closed = t.Type == hclsyntax.TokenCBrace
	}
	if n := len(f.open); n > 0 && f.open[n-1].closer == hclsyntax.TokenCHeredoc {
		return ends, f.tear(tokens, f.open[n-1].token, hclsyntax.TokenOHeredoc)
	}
	return ends, nil
}

// follower follows which brackets of a text are open.
type follower struct {
	text  []byte
	start int
	open  []opener
	left  int // how many blanks the item of the top level has before it
}

// opener is a token that opened something, and the type of the one that closes it.
type opener struct {
	token  int
	closer hclsyntax.TokenType
}

// follow takes the next token, and returns the tear that it is.
func (f *follower) follow(tokens hclsyntax.Tokens, i int) *tear {
	t := tokens[i]
	closer, opens := closerOf(t.Type)
	if len(f.open) == 0 && begins(tokens, i) {
		f.left = t.Range.Start.Column - 1
	}
	switch {
	case len(f.open) > 0 && t.Type == hclsyntax.TokenIdent && begins(tokens, i) && t.Range.Start.Column-1 <= f.left:
		at := t.Range.Start.Byte - f.start
		if h, ok := headerOf(f.text[at:lineEnd(f.text, at)]); ok && h.top() {
			return f.tear(tokens, i, t.Type)
		}
	case opens:
		f.open = append(f.open, opener{token: i, closer: closer})
	case closes(t.Type):
		if len(f.open) == 0 || f.open[len(f.open)-1].closer != t.Type {
			return f.tear(tokens, i, t.Type)
		}
		f.open = f.open[:len(f.open)-1]
	case t.Type == hclsyntax.TokenQuotedNewline:
		return f.tear(tokens, i, t.Type)
	case t.Type == hclsyntax.TokenSlash && tokens[i+1].Type == hclsyntax.TokenStar && tokens[i+1].Range.Start == t.Range.End:
		return f.tear(tokens, i, hclsyntax.TokenComment)
	}
	return nil
}

// begins says whether a token is the first of its line.
func begins(tokens hclsyntax.Tokens, i int) bool {
	return i == 0 || endsLine(tokens[i-1])
}

// endsLine says whether a token ends its line. One of bytes that are no UTF-8 may hold a line's end too, and more of what follows.
func endsLine(t hclsyntax.Token) bool {
	return (t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenComment) && bytes.HasSuffix(t.Bytes, []byte("\n"))
}

func (f *follower) tear(tokens hclsyntax.Tokens, i int, kind hclsyntax.TokenType) *tear {
	return &tear{at: tokens[i].Range, kind: kind, left: f.left, before: tokens[:i]}
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
