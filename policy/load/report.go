package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cordon/policy"
	"cordon/policy/message"
)

// manyRows is how many rows may each tell of the same kind of mistake in the same expression before the others are only counted.
const manyRows = 20

// place is where a mistake is. For what a CSV row caused, origin is the row's cell and block the expression that read it.
type place struct {
	origin policy.Origin
	block  policy.Origin
}

func at(o policy.Origin) place { return place{origin: o} }

// report collects diagnostics.
type report struct {
	list   []message.Diagnostic
	blocks []policy.Origin // beside list
}

func (r *report) add(p place, code string, args message.Args, related ...policy.Origin) {
	r.put(message.Error, p, code, args, related)
}

func (r *report) warn(p place, code string, args message.Args, related ...policy.Origin) {
	r.put(message.Warning, p, code, args, related)
}

func (r *report) put(severity message.Severity, p place, code string, args message.Args, related []policy.Origin) {
	if p.block.Line != 0 {
		related = append(related, p.block)
	}
	for name, text := range args {
		args[name] = clip(text)
	}
	r.list = append(r.list, message.Diagnostic{Code: code, Severity: severity, Args: args, Origin: p.origin, Related: related})
	r.blocks = append(r.blocks, p.block)
}

// maxArgument is how many characters of what somebody wrote are quoted in a sentence, and maxReported how many diagnostics are given: more
// than anybody reads would fill the memory.
const (
	maxArgument = 400
	maxReported = 1000
)

func clip(text string) string {
	if len(text) <= maxArgument {
		return text
	}
	n := 0
	for i := range text {
		if n++; n > maxArgument {
			return text[:i] + "…"
		}
	}
	return text
}

// bounded returns the first diagnostics, and one about the others. It is an error if one of them is.
func bounded(list []message.Diagnostic) []message.Diagnostic {
	if len(list) <= maxReported {
		return list
	}
	rest := list[maxReported:]
	more := message.Diagnostic{Code: "more-mistakes", Severity: message.Warning, Args: message.Args{"count": strconv.Itoa(len(rest))}}
	if message.HasErrors(rest) {
		more.Severity = message.Error
	}
	return append(list[:maxReported:maxReported], more)
}

// finish returns the diagnostics in the order of their places: what many rows share once, with their number, and each with its line.
func (r *report) finish(t *tree) []message.Diagnostic {
	list := r.merged()
	order := map[string]*file{}
	rank := map[string]int{}
	for i, f := range t.read {
		order[f.name], rank[f.name] = f, i
	}
	for i, d := range list {
		if f := order[d.Origin.File]; f != nil {
			list[i].Line = f.line(d.Origin.Line)
		}
	}
	slices.SortStableFunc(list, func(a, b message.Diagnostic) int {
		return cmp.Or(
			cmp.Compare(rank[a.Origin.File], rank[b.Origin.File]),
			cmp.Compare(a.Origin.Line, b.Origin.Line),
			cmp.Compare(a.Origin.Column, b.Origin.Column),
		)
	})
	return bounded(list)
}

// merged tells what the rows of a file, or the elements of a list, have in common once. Where it is one expression that goes wrong time
// and again in another way, the first few are told and the others counted.
func (r *report) merged() []message.Diagnostic {
	var list []message.Diagnostic
	same := map[string]int{}  // the same sentence from the same expression
	last := map[string]int{}  // the same code from the same expression: where its last one stands in list
	count := map[string]int{} // how many of those stand in list
	for i, d := range r.list {
		expression := r.blocks[i]
		if expression.Line == 0 {
			expression = d.Origin
		}
		code := fmt.Sprintf("%s %v", d.Code, expression)
		sentence := code + spell(d.Args)
		if len(d.Related) > 1 {
			sentence += fmt.Sprint(d.Origin) // two rows that each collide with another place share nothing
		}
		twin, twice := same[sentence]
		if !twice && count[code] == manyRows {
			twin, twice = last[code], true
		}
		if twice && expression.Line != 0 {
			list[twin].Rows += rows(list[twin], r.blocks[i])
			continue
		}
		same[sentence], last[code] = len(list), len(list)
		count[code]++
		list = append(list, d)
	}
	return list
}

// rows returns what one more row adds to the count of a diagnostic, which begins with the diagnostic's own row.
func rows(d message.Diagnostic, block policy.Origin) int {
	switch {
	case block.Line == 0:
		return 0
	case d.Rows == 0:
		return 2
	}
	return 1
}

func spell(args message.Args) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(args)) {
		fmt.Fprintf(&text, " %s=%q", name, args[name])
	}
	return text.String()
}
