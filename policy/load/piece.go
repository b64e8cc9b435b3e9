package load

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy"
	"cordon/policy/message"
)

// pieceSize is how much of a file is lexed and parsed at once, in bytes. The tokens of 10 MiB take 250 MiB, and a list that grows so far is
// copied until five times as much was touched: that took three quarters of the time that 100,000 blocks of cameras took.
const pieceSize = 4 << 10

// shortest is how much is lexed at first behind a tear, in bytes: where one is, many may be.
const shortest = 64

// parsers is how many pieces are parsed at the same time.
const parsers = 4

// piece is a run of whole items of a file's top level, so that each piece can be parsed on its own.
type piece struct {
	start hcl.Pos
	text  []byte
	body  *hclsyntax.Body
	diags hcl.Diagnostics
	parts []*piece // each block of a piece with a mistake on its own, instead of the piece
	torn  int      // of a piece with a tear: how many bytes of it show what is wrong
}

// pieces parses a file in pieces of about a size in bytes, which it cuts where blocks end. Where a piece has a mistake it is cut wherever
// it can be, and behind a tear where the next line begins a block, so that a mistake costs its own block only, whatever the size. It
// returns the code of what the parser, or who works with what it gives, could not end, instead.
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
	c := cutter{name: f.name, text: f.text, from: hcl.InitialPos, remarks: bytes.LastIndex(f.text, []byte("*/"))}
	n := size
	for c.from.Byte < len(f.text) && code == "" {
		p, tokens := c.next(n)
		if n = min(4*n, size); p.torn > 0 {
			n = min(shortest, size)
		}
		if code, where = l.excess(tokens); code == "" {
			list = append(list, p)
			work <- p
		}
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
	if p.torn > 0 {
		p.judge(name)
		return
	}
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

// judge finds the first mistake of a torn piece, which has to be the one that is meant; what follows from it is not said.
func (p *piece) judge(name string) {
	if len(p.diags) > 0 {
		return
	}
	_, diags := hclsyntax.ParseConfig(p.text[:p.torn], name, p.start)
	p.diags = diags[:min(1, len(diags))]
	for _, d := range p.diags {
		if d.Summary == "Argument or block definition required" && bytes.ContainsAny(p.text[d.Subject.Start.Byte-p.start.Byte:][:1], "}])") {
			d.Summary = message.UnopenedBracket
		}
	}
}

// lineOf returns the line of a piece that a place begins in.
func (p *piece) lineOf(r *hcl.Range) []byte {
	at := min(max(r.Start.Byte-p.start.Byte, 0), len(p.text))
	return p.text[bytes.LastIndexByte(p.text[:at], '\n')+1 : lineEnd(p.text, at)]
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
