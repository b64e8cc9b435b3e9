package ruleset

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// String returns the ruleset as text that `nft -f` accepts. It replaces our tables whole, in one transaction.
func (r Ruleset) String() string {
	var b strings.Builder
	_ = r.Write(&b) // a strings.Builder never fails
	return b.String()
}

// Write writes the ruleset as text that `nft -f` accepts: first each table is made sure to exist and deleted, then all are made anew.
func (r Ruleset) Write(w io.Writer) error {
	p := printer{bufio.NewWriter(w)}
	for _, t := range r.Tables {
		p.line("table ", t.Family.String(), " ", t.Name)
		p.line("delete table ", t.Family.String(), " ", t.Name)
	}
	for _, t := range r.Tables {
		p.table(t)
	}
	return p.Flush()
}

// printer remembers the first error of its writer (bufio.Writer does), so that the functions below need not look.
type printer struct{ *bufio.Writer }

func (p printer) line(parts ...string) {
	for _, s := range parts {
		_, _ = p.WriteString(s)
	}
	_ = p.WriteByte('\n')
}

func (p printer) table(t Table) {
	p.line("table ", t.Family.String(), " ", t.Name, " {")
	if t.Comment != "" {
		p.line("\tcomment ", quote(t.Comment))
	}
	// A map may send packets to a chain, and a rule may look into a set: nft wants every chain declared before either.
	for _, c := range t.Chains {
		p.line("\tchain ", c.Name, " {")
		if c.Hook != nil {
			p.line("\t\t", c.Hook.text())
		}
		p.line("\t}")
	}
	for _, s := range t.Sets {
		p.set(s)
	}
	for _, c := range t.Chains {
		p.chain(c)
	}
	p.line("}")
}

func (p printer) set(s Set) {
	word := "set "
	if s.Verdicts {
		word = "map "
	}
	p.line("\t", word, s.Name, " {")
	p.line("\t\t", s.declaration())
	if s.Size > 0 {
		p.line("\t\tsize ", strconv.Itoa(s.Size))
	}
	if flags := s.flags(); flags != "" {
		p.line("\t\tflags ", flags)
	}
	if s.Counted {
		p.line("\t\tcounter")
	}
	if s.Timeout > 0 {
		p.line("\t\ttimeout ", strconv.Itoa(s.Timeout), "s")
	}
	if s.Comment != "" {
		p.line("\t\tcomment ", quote(s.Comment))
	}
	p.elements(s)
	p.line("\t}")
}

func (p printer) elements(s Set) {
	if len(s.Elements) == 0 {
		return
	}
	p.line("\t\telements = {")
	for i, e := range s.Elements {
		comma := ","
		if i == len(s.Elements)-1 {
			comma = ""
		}
		p.line("\t\t\t", s.Text(e), comma)
	}
	p.line("\t\t}")
}

func (p printer) chain(c Chain) {
	if len(c.Rules) == 0 {
		return
	}
	p.line("\tchain ", c.Name, " {")
	for _, r := range c.Rules {
		p.line("\t\t", r.String())
	}
	p.line("\t}")
}

// declaration returns the set's key as nft declares it, by type or by the fields themselves.
func (s Set) declaration() string {
	names := make([]string, len(s.Key))
	for i, f := range s.Key {
		names[i] = f.Spec().Type.TypeName()
		if s.Typeof {
			names[i] = f.Spec().Name
		}
	}
	text := "type "
	if s.Typeof {
		text = "typeof "
	}
	text += strings.Join(names, " . ")
	if s.Verdicts {
		text += " : verdict"
	}
	return text
}

func (s Set) flags() string {
	var flags []string
	if s.Interval {
		flags = append(flags, "interval")
	}
	if s.Dynamic {
		flags = append(flags, "dynamic")
	}
	if s.Timed || s.Timeout > 0 {
		flags = append(flags, "timeout")
	}
	return strings.Join(flags, ",")
}

// Text returns an element in nft's syntax.
func (s Set) Text(e Element) string {
	first := s.Split(e.Key)
	last := first
	if e.End != "" {
		last = s.Split(e.End)
	}
	parts := make([]string, len(first))
	for i, f := range s.Key {
		parts[i] = f.Spec().format(first[i])
		if first[i] != last[i] {
			parts[i] += "-" + f.Spec().format(last[i])
		}
	}
	text := strings.Join(parts, " . ")
	if e.Timeout > 0 {
		text += " timeout " + strconv.Itoa(e.Timeout) + "s"
	}
	if e.Comment != "" {
		text += " comment " + quote(e.Comment)
	}
	if s.Verdicts {
		text += " : " + e.Verdict.String()
	}
	return text
}

func (h Hook) text() string {
	kind, policy := "filter", "accept"
	if h.NAT {
		kind = "nat"
	}
	if h.Drop {
		policy = "drop"
	}
	text := "type " + kind + " hook " + h.Point.String()
	if len(h.Devices) > 0 {
		quoted := make([]string, len(h.Devices))
		for i, d := range h.Devices {
			quoted[i] = quote(d)
		}
		text += " devices = { " + strings.Join(quoted, ", ") + " }"
	}
	return text + " priority " + strconv.Itoa(h.Priority) + "; policy " + policy + ";"
}

// String returns the rule in nft's syntax.
func (r Rule) String() string {
	parts := make([]string, 0, len(r.Statements)+1)
	for _, s := range r.Statements {
		parts = append(parts, s.String())
	}
	if r.Comment != "" {
		parts = append(parts, "comment "+quote(r.Comment))
	}
	return strings.Join(parts, " ")
}

// quote returns a text as nft reads one: to the next quotation mark, whatever stands before that. There is no escape, so a mark within the
// text, such as a file's name may have, is shown as another.
func quote(text string) string {
	return `"` + strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case unicode.IsControl(r) || r == utf8.RuneError:
			return '?'
		}
		return r
	}, text) + `"`
}
