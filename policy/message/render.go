package message

import (
	"maps"
	"strconv"
	"strings"
	"unicode"

	"cordon/policy"
)

// Summary returns the sentence that says what is wrong.
func (p Printer) Summary(d Diagnostic) string {
	return p.Text(d.Code+".summary", p.args(d))
}

// Detail returns the sentences that say what to do, and how many rows share the mistake. A sentence that has an argument "nearest" is the
// one of code.near.
func (p Printer) Detail(d Diagnostic) string {
	key := d.Code + ".detail"
	if _, near := p.sentences[d.Code+".near"]; near && d.Args["nearest"] != "" {
		key = d.Code + ".near"
	}
	detail := p.Text(key, p.args(d))
	if d.Rows > 1 {
		detail += " " + p.Text("diagnostic.rows", Args{"count": strconv.Itoa(d.Rows)})
	}
	return detail
}

// Every sentence may name the first related place as {related}.
func (p Printer) args(d Diagnostic) Args {
	args := Args{}
	if len(d.Related) > 0 {
		args["related"] = d.Related[0].String()
	}
	maps.Copy(args, d.Args)
	return args
}

// Render returns a diagnostic as a terminal shows it: its place, what is wrong, the line with the place underlined, what to do.
func (p Printer) Render(d Diagnostic) string {
	var out strings.Builder
	if at := place(d.Origin); at != "" {
		out.WriteString(at + ": ")
	}
	out.WriteString(p.Text("diagnostic."+d.Severity.String(), nil) + " " + p.Summary(d) + "\n")
	if d.Line != "" {
		number := strconv.Itoa(d.Origin.Line)
		margin := strings.Repeat(" ", len(number))
		text, mark := window(d.Line, d.Origin)
		out.WriteString("  " + number + " | " + text + "\n")
		out.WriteString("  " + margin + " | " + mark + "\n")
	}
	out.WriteString("  " + p.Detail(d) + "\n")
	return out.String()
}

// RenderAll returns diagnostics one after another, an empty line between two.
func (p Printer) RenderAll(list []Diagnostic) string {
	texts := make([]string, len(list))
	for i, d := range list {
		texts[i] = p.Render(d)
	}
	return strings.Join(texts, "\n")
}

func place(o policy.Origin) string {
	if o.Line == 0 || o.Column == 0 {
		return o.String()
	}
	return o.String() + "," + strconv.Itoa(o.Column)
}

// width is how much of a long line is shown: a CSV row or a minified file must not fill the screen.
const width = 160

// window returns the part of a line around the place, and the line of carets that underlines it.
func window(line string, o policy.Origin) (text, mark string) {
	first := max(o.Column-1, 0)
	last := o.EndColumn - 1
	if o.EndLine != o.Line || last <= first {
		last = first + 1
	}
	column, shown := -1, 0
	var source, under strings.Builder
	start := max(0, last-width)
	for _, r := range line {
		if !unicode.Is(unicode.Mn, r) {
			column++ // a combining accent stands on the column before it
		}
		if column < start {
			continue
		}
		if shown++; shown > width {
			break
		}
		source.WriteString(visible(r))
		if column < last && !unicode.Is(unicode.Mn, r) {
			under.WriteString(underline(r, column >= first))
		}
	}
	if column < first {
		under.WriteString(strings.Repeat(" ", first-column-1) + "^")
	}
	return source.String(), under.String()
}

// A control character in a policy must not reach the terminal.
func visible(r rune) string {
	if r != '\t' && unicode.IsControl(r) {
		return "\uFFFD"
	}
	return string(r)
}

func underline(r rune, marked bool) string {
	switch {
	case marked:
		return "^"
	case r == '\t':
		return "\t"
	}
	return " "
}
