package load

import (
	"bytes"
	"slices"
)

// header is how a block begins, as far as one line shows it.
type header struct {
	kind    string // of a dynamic block, the kind that it makes
	label   string // none of a dynamic block
	dynamic bool
	left    int // how many blanks stand before it
}

// headerOf returns what block a line begins: one whose first word has a quote or a brace behind it. A label may lack its second quote.
func headerOf(line []byte) (header, bool) {
	text := bytes.TrimLeft(line, " \t")
	h := header{left: len(line) - len(text)}
	end := wordEnd(text)
	if end == 0 {
		return header{}, false
	}
	h.kind = string(text[:end])
	rest := bytes.TrimLeft(text[end:], " \t")
	if !bytes.HasPrefix(rest, []byte(`"`)) && !bytes.HasPrefix(rest, []byte("{")) {
		return header{}, false
	}
	if label, quoted := bytes.CutPrefix(rest, []byte(`"`)); quoted {
		h.label = string(label[:wordEnd(label)])
	}
	if h.kind == "dynamic" {
		h.kind, h.label, h.dynamic = h.label, "", true
	}
	return h, true
}

// wordEnd returns where the name ends that a text begins with.
func wordEnd(text []byte) int {
	end := bytes.IndexFunc(text, func(c rune) bool { return !validLabel(string(c)) })
	if end < 0 {
		return len(text)
	}
	return end
}

// top says whether the block is of a kind that stands in a file, not in another block.
func (h header) top() bool { return h.kind != "dynamic" && slices.Contains(topLevel(), h.kind) }

// inner says whether the block is of a kind that stands in another block.
func (h header) inner() bool {
	return h.kind == "content" || slices.ContainsFunc(topLevel(), func(kind string) bool {
		return slices.Contains(schemaOf(kind).blocks, h.kind)
	})
}

// nextHeader returns where the next line of a text begins that begins a block, behind a place and with so many blanks before it at most:
// a kind that nobody knows may be a misspelt one.
func nextHeader(text []byte, from, left int) int {
	for from < len(text) {
		end := lineEnd(text, from)
		if h, ok := headerOf(text[from:end]); ok && h.left <= left && !h.inner() {
			return from
		}
		from = end
	}
	return from
}

// lose notes which blocks a text begins that cannot be read: what names one of them is no mistake.
func (l *loader) lose(text []byte) {
	for line := range bytes.Lines(text) {
		h, ok := headerOf(line)
		switch {
		case !ok || !h.top():
		case h.label == "":
			l.unread[h.kind] = true
		case l.lost[h.kind] == nil:
			l.lost[h.kind] = map[string]bool{h.label: true}
		default:
			l.lost[h.kind][h.label] = true
		}
	}
}
