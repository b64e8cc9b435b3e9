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

// manyRemarks returns where remarks begin for which the lexer would take too long to find where they end.
func manyRemarks(f *file) policy.Origin {
	if bytes.Count(f.text, []byte("/*")) < maxSought/maxFile {
		return policy.Origin{}
	}
	r, at := remarks{}, 0
	for line := range bytes.Lines(f.text) {
		r.follow(line, at)
		at += len(line)
	}
	r.end(at)
	if r.sought <= maxSought {
		return policy.Origin{}
	}
	return f.offset(r.worst + 1)
}

// remarks follows where remarks of several lines begin and end, as far as each line alone shows it.
type remarks struct {
	begun, sum int // how many have begun since the last end, and the sum of their places
	first      int // the first of them
	sought     int // how far it is from each to the next end, in all
	worst      int // the first of those with which it became too far
}

// follow takes the next line. What stands behind a quote or a sign for a remark of one line begins nothing, unless there are escapes, with
// which a line shows too little.
func (r *remarks) follow(line []byte, at int) {
	escaped, quoted, spoken := bytes.ContainsRune(line, '\\'), false, false
	for i := range len(line) - 1 {
		c, next := line[i], line[i+1]
		switch {
		case c == '*' && next == '/':
			r.end(at + i)
		case spoken:
		case c == '"' && !escaped:
			quoted = !quoted
		case quoted:
		case !escaped && (c == '#' || c == '/' && next == '/'):
			spoken = true
		case c == '/' && next == '*':
			if r.begun++; r.begun == 1 {
				r.first = at + i
			}
			r.sum += at + i
		}
	}
}

// end is where a remark ends, and all that have begun before it.
func (r *remarks) end(at int) {
	before := r.sought
	r.sought += r.begun*at - r.sum
	if before <= maxSought && r.sought > maxSought {
		r.worst = r.first
	}
	r.begun, r.sum = 0, 0
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
