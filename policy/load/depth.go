package load

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy"
)

// maxDepth is how deep blocks, brackets and templates may nest, and maxChain how many operators, dots and indexes may follow one another
// in an expression: the parser, and whoever walks what it has parsed, recurse for each.
const (
	maxDepth = 100
	maxChain = 1000
)

// maxLine is how long a line of a policy may be, in bytes. Nobody writes a longer one, and a parser's work for it has no bound.
const maxLine = 256 << 10

// tooLong returns the first line that is too long.
func tooLong(f *file) policy.Origin {
	if number := longLine(string(f.text)); number > 0 {
		return policy.Origin{File: f.name, Line: number, Column: 1, EndLine: number, EndColumn: 2}
	}
	return policy.Origin{}
}

// longLine returns the number of the first line that is too long, from 1, or 0.
func longLine(text string) int {
	number := 0
	for line := range strings.Lines(text) {
		if number++; len(line) > maxLine {
			return number
		}
	}
	return 0
}

// maxSought is how far the lexer may look for the ends of remarks in all, in bytes: where one has no end, it looks through the whole text.
const maxSought = 1 << 28

// manyRemarks returns where the first of so many remarks begins that the lexer would take too long to find where they end.
func manyRemarks(f *file) policy.Origin {
	begins, ends := []byte("/*"), []byte("*/")
	if bytes.Count(f.text, begins) < maxSought/maxFile {
		return policy.Origin{}
	}
	sought, end, first := 0, len(f.text), 0
	for at := len(f.text); at > 0; {
		line := f.text[bytes.LastIndexByte(f.text[:at-1], '\n')+1 : at]
		at -= len(line)
		n := len(line)
		for n > 0 {
			n = max(bytes.LastIndex(line[:n], begins), bytes.LastIndex(line[:n], ends))
			switch {
			case n < 0:
			case line[n] == '*':
				end = at + n
			case !spoken(line[:n]):
				first = at + n
				sought += end - first
			}
		}
	}
	if sought <= maxSought {
		return policy.Origin{}
	}
	return f.offset(first + 1)
}

// spoken says whether what follows on a line stands in a text or in a remark of one line, as far as the line shows it.
func spoken(line []byte) bool {
	quoted := false
	for i, c := range line {
		switch {
		case c == '\\':
			return false
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '#' || c == '/' && i+1 < len(line) && line[i+1] == '/'):
			return true
		}
	}
	return quoted
}

// depth follows the tokens of a text.
type depth struct {
	open       []level
	chain      int // of every level that is open
	directives int
}

// level is a bracket that is open, or the file itself.
type level struct {
	token hclsyntax.TokenType
	chain int
}

// TooDeep returns where a text nests deeper than a parser may follow, the zero origin where it does not: a stack that overflows ends the
// process.
func TooDeep(name string, text []byte) policy.Origin {
	tokens, _ := hclsyntax.LexConfig(text, name, hcl.InitialPos)
	return deepIn(tokens)
}

func deepIn(tokens hclsyntax.Tokens) policy.Origin {
	d := depth{open: []level{{}}}
	for i, t := range tokens {
		d.follow(t.Type)
		if t.Type == hclsyntax.TokenTemplateControl && i+1 < len(tokens) {
			d.direct(string(tokens[i+1].Bytes))
		}
		if len(d.open) > maxDepth || d.directives > maxDepth || d.chain > maxChain {
			return origin(t.Range)
		}
	}
	return policy.Origin{}
}

func (d *depth) follow(t hclsyntax.TokenType) {
	top := &d.open[len(d.open)-1]
	switch t { //nolint:exhaustive // no other token makes the parser recurse, or ends an expression
	case hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp,
		hclsyntax.TokenTemplateControl:
		if t == hclsyntax.TokenOBrack { // an index continues the expression that it stands behind
			d.link(top)
		}
		d.open = append(d.open, level{token: t})
	case hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
		d.reset(top)
		if len(d.open) > 1 {
			d.open = d.open[:len(d.open)-1]
		}
	case hclsyntax.TokenComma:
		d.reset(top)
	case hclsyntax.TokenNewline:
		if top.token == hclsyntax.TokenOBrace || len(d.open) == 1 { // in other brackets a new line means nothing
			d.reset(top)
		}
	case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenPlus, hclsyntax.TokenStar, hclsyntax.TokenSlash,
		hclsyntax.TokenPercent, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
		hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenQuestion,
		hclsyntax.TokenDot:
		d.link(top)
	}
}

func (d *depth) link(l *level) {
	l.chain++
	d.chain++
}

func (d *depth) reset(l *level) {
	d.chain -= l.chain
	l.chain = 0
}

// direct counts a directive of a template, such as %{ if }, which nests without a bracket.
func (d *depth) direct(keyword string) {
	switch keyword {
	case "if", "for":
		d.directives++
	case "endif", "endfor":
		d.directives = max(0, d.directives-1)
	}
}
