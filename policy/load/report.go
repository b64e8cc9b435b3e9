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
	work   *budget // when it ran out, what is found is found for want of what was left out
	list   []message.Diagnostic
	same   map[string]int  // the same sentence from the same expression: where it stands in list
	last   map[string]int  // the same code from the same expression: where its last one stands in list
	count  map[string]int  // how many of those stand in list
	files  map[string]bool // what was found inside files, by code and place
	errors bool            // whether one of them all is an error
	more   int             // how many are not kept
	grave  bool            // whether one of those is an error
}

func (r *report) add(p place, code string, args message.Args, related ...policy.Origin) {
	r.put(message.Error, p, code, args, related)
}

func (r *report) warn(p place, code string, args message.Args, related ...policy.Origin) {
	r.put(message.Warning, p, code, args, related)
}

func (r *report) put(severity message.Severity, p place, code string, args message.Args, related []policy.Origin) {
	if r.work.over() {
		return
	}
	if p.block.Line != 0 {
		related = append(related, p.block)
	}
	for name, text := range args {
		args[name] = clip(text)
	}
	r.errors = r.errors || severity == message.Error
	r.merge(message.Diagnostic{Code: code, Severity: severity, Args: args, Origin: p.origin, Related: related}, p.block)
}

// maxArgument is how many characters of what somebody wrote are quoted in a sentence, and maxReported how many diagnostics are given: more
// than anybody reads would fill the memory.
const (
	maxArgument = 400
	maxReported = 1000
	maxKept     = 20_000 // before they are put in the order of their places
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
func (r *report) bounded(list []message.Diagnostic) []message.Diagnostic {
	if len(list) <= maxReported {
		return list
	}
	rest := list[maxReported:]
	more := message.Diagnostic{Code: "more-mistakes", Severity: message.Warning}
	more.Args = message.Args{"count": strconv.Itoa(len(rest) + r.more)}
	if message.HasErrors(rest) || r.grave {
		more.Severity = message.Error
	}
	return append(list[:maxReported:maxReported], more)
}

// finish returns the diagnostics in the order of their places: what many rows share once, with their number, and each with its line.
func (r *report) finish(t *tree) []message.Diagnostic {
	list := r.list
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
	return r.bounded(list)
}

// merge tells what the rows of a file, or the elements of a list, have in common once. Where it is one expression that goes wrong time and
// again in another way, the first few are told and the others counted.
func (r *report) merge(d message.Diagnostic, block policy.Origin) {
	expression := block
	if expression.Line == 0 {
		expression = d.Origin
	}
	code := d.Code + " " + expression.File + spot(expression)
	sentence := code + spell(d.Args)
	if len(d.Related) > 1 {
		sentence += d.Origin.File + spot(d.Origin) // two rows that each collide with another place share nothing
	}
	twin, twice := r.same[sentence]
	if !twice && r.count[code] == manyRows {
		twin, twice = r.last[code], true
	}
	if twice && expression.Line != 0 {
		r.list[twin].Rows += rows(r.list[twin], block)
		return
	}
	if len(r.list) == maxKept {
		r.more++
		r.grave = r.grave || d.Severity == message.Error
		return
	}
	if r.same == nil {
		r.same, r.last, r.count = map[string]int{}, map[string]int{}, map[string]int{}
	}
	r.same[sentence], r.last[code] = len(r.list), len(r.list)
	r.count[code]++
	r.list = append(r.list, d)
}

func spot(o policy.Origin) string {
	return fmt.Sprintf(":%d,%d-%d,%d", o.Line, o.Column, o.EndLine, o.EndColumn)
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
