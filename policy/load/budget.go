package load

import (
	"bytes"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"cordon/policy"
)

// allowance is the work that a policy may take in all, in units of about 20 ns or 16 bytes: what a text asks for in a few words has no
// other end, as when three for expressions over a thousand elements stand in one another. 100,000 cameras of a CSV file with ten columns
// take less than half of it.
const allowance = 100_000_000

// What work costs, in units.
const (
	turnCost    = 32   // for each element that a for expression or a dynamic block goes through,
	nodeCost    = 8    // and for each part of what it does with the element
	readingCost = 16   // for each time that an attribute is read,
	readCost    = 2    // and for each value that is read, within values too
	valueCost   = 8    // for each value, within values too, that an operation or a function is given
	madeCost    = 32   // for each value that a function makes out of a text
	rowCost     = 60   // for each row of a CSV file,
	cellCost    = 24   // and for each of its cells
	mistakeCost = 4000 // for each mistake that the library finds: it keeps them all, with all that they speak of
	compareCost = 24   // as much again for each that is compared,
	segmentCost = 16   // for each segment that an address is held against,
	pairCost    = 1    // each pair of networks that may overlap,
	coverCost   = 3    // and each pair of allows of which one may make the other needless
	typesAtOnce = 8    // types are held against one another so many for a unit
	textUnit    = 16   // a text counts as one value for each so many bytes
	maxBits     = 1 << 13
)

// maxWords is how many words and signs the files of a policy may have in all: the parser takes 1 µs to 4 µs and 200 bytes for each. It is
// 40 for each of 100,000 cameras that are written out.
const maxWords = 4_000_000

// maxLines is how many lines a text of several lines (<<) may have, or signs a text in quotes, and the root of the sum of the squares of
// all: the parser takes 1 s.
const maxLines = 10_000

// budget is the work that is left to a policy, and where it ran out.
type budget struct {
	left  int
	words int // that were read so far
	lines int // of texts, and what stands between their signs, each text's squared
	spent policy.Origin

	functions map[string]function.Function
}

// pay takes the cost of some work away, and says whether there was enough for it. The first work that is too much has its place kept.
func (b *budget) pay(cost int, where policy.Origin) bool {
	if b.left <= 0 {
		return false
	}
	if b.left -= min(max(cost, 0), b.left); b.left == 0 {
		b.spent = where
	}
	return b.left > 0
}

// over says whether nothing is left.
func (b *budget) over() bool { return b.left <= 0 }

// valued pays so much for each value within a value, itself included.
func (b *budget) valued(v cty.Value, cost int, where policy.Origin) bool {
	return b.pay(cost*weight(v, b.left/cost+1), where)
}

// weight is how many values a value holds, itself included; what is more than the limit is not counted.
func weight(v cty.Value, limit int) int {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return 1
	}
	switch t := v.Type(); {
	case t == cty.String:
		return 1 + len(v.AsString())/textUnit
	case t == cty.Number: // one of few bytes may have a billion digits
		if bits := v.AsBigFloat().MantExp(nil); bits > maxBits || bits < -maxBits {
			return limit
		}
		return 1
	case !v.CanIterateElements():
		return 1
	}
	n := 1
	for it := v.ElementIterator(); n < limit && it.Next(); {
		key, element := it.Element()
		n += weight(element, limit-n)
		if key.Type() == cty.String {
			n += weight(key, limit-n)
		}
	}
	return n
}

// counted is an expression whose value is paid for. When nothing is left, it is not evaluated, and its value is unknown: whoever goes
// through elements then goes through none.
type counted struct {
	hclsyntax.Expression

	budget *budget
	turn   int       // what each element costs, of a collection that is gone through; 0 for a value that is given to an operation
	form   converted // what the operation makes of it
}

// converted is what an operation makes of a value that it is given.
type converted int

const (
	asIs     converted = iota
	listed             // a collection of one type, where it is none
	matched            // one of the type that another value has too
	compared           // an answer, for which it may go through the whole of it, and find the type of each part
)

// Value returns the value of the expression.
func (c counted) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if c.budget.over() {
		return cty.DynamicVal, nil
	}
	v, diags := c.Expression.Value(ctx)
	here := origin(c.Range())
	affordable := c.budget.pay(mistakeCost*len(diags), here)
	if c.turn > 0 {
		affordable = c.budget.pay(valueCost+c.turn*length(v), here) && affordable
	} else {
		affordable = c.budget.valued(v, valueCost, here) && affordable
	}
	switch c.form {
	case asIs:
	case compared:
		affordable = c.budget.valued(v, compareCost, here) && affordable
	case listed, matched:
		v = uniform(v, c.form)
		affordable = c.budget.pay(unified(v), here) && affordable
	}
	if !affordable {
		return cty.DynamicVal, diags
	}
	return v, diags
}

// uniform makes the list of a tuple whose elements have one type, and the map of such an object. The library holds the type of each
// against those of all others.
func uniform(v cty.Value, form converted) cty.Value {
	plain, marks := v.Unmark()
	if form != listed || !plain.IsKnown() || plain.IsNull() || !plain.CanIterateElements() || plain.LengthInt() < 2 {
		return v
	}
	switch t := plain.Type(); {
	case t.IsTupleType() && alike(t.TupleElementTypes()):
		return cty.ListVal(plain.AsValueSlice()).WithMarks(marks)
	case t.IsObjectType() && alike(slices.Collect(maps.Values(t.AttributeTypes()))):
		return cty.MapVal(plain.AsValueMap()).WithMarks(marks)
	}
	return v
}

// alike says whether types are all one, which holds no unknown one.
func alike(types []cty.Type) bool {
	for _, t := range types {
		if t.HasDynamicTypes() || !t.Equals(types[0]) {
			return false
		}
	}
	return true
}

// unified is what it costs to find the type that the values within a value can all have: each is held against the others.
func unified(v cty.Value) int {
	v, _ = v.Unmark()
	t := v.Type()
	if !t.IsTupleType() && !t.IsObjectType() {
		return 0
	}
	n := min(values(t), allowance)
	return n * (n / typesAtOnce)
}

// values is how many values a value of a type that says it holds.
func values(t cty.Type) int {
	n := 1
	switch {
	case t.IsTupleType():
		for _, e := range t.TupleElementTypes() {
			n += values(e)
		}
	case t.IsObjectType():
		for _, e := range t.AttributeTypes() {
			n += values(e)
		}
	}
	return n
}

func length(v cty.Value) int {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return 1
	}
	return v.LengthInt()
}

// result is an expression whose mistakes are paid for, and nothing else.
type result struct {
	hclsyntax.Expression

	budget *budget
}

// Value returns the value of the expression.
func (r result) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if r.budget.over() {
		return cty.DynamicVal, nil
	}
	v, diags := r.Expression.Value(ctx)
	r.budget.pay(mistakeCost*len(diags), origin(r.Range()))
	return v, diags
}

// enclosed keeps an expression itself among those that a walk meets.
func enclosed(e hclsyntax.Expression) *hclsyntax.ParenthesesExpr {
	return &hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}
}

// parameter returns what a function makes of its argument.
func (b *budget) parameter(name string, i int) converted {
	f, known := b.functions[name]
	if !known {
		return asIs
	}
	p := f.VarParam()
	if params := f.Params(); i < len(params) {
		p = &params[i]
	}
	if p != nil && p.Type.IsCollectionType() || name == "tolist" || name == "toset" || name == "tomap" {
		return listed
	}
	return asIs
}

func (b *budget) argument(e *hclsyntax.Expression, form converted) {
	*e = counted{Expression: enclosed(*e), budget: b, form: form}
}

// operand makes an expression pay for what it gives to an operation, and collection for each of its elements.
func (b *budget) operand(e *hclsyntax.Expression) { b.collection(e, 0) }

func (b *budget) collection(e *hclsyntax.Expression, turn int) {
	if *e != nil {
		*e = counted{Expression: enclosed(*e), budget: b, turn: turn}
	}
}

// govern makes the operations under a node pay for what they do.
func (b *budget) govern(root hclsyntax.Node) {
	sizes := map[*hclsyntax.ForExpr]int{}
	var loops []*hclsyntax.ForExpr
	var nodes []hclsyntax.Node
	_ = hclsyntax.Walk(root, &walker{enter: func(n hclsyntax.Node) {
		for _, loop := range loops {
			sizes[loop]++
		}
		if loop, ok := n.(*hclsyntax.ForExpr); ok {
			loops = append(loops, loop)
		}
		if operates(n) {
			nodes = append(nodes, n)
		}
	}, leave: func(n hclsyntax.Node) {
		if _, ok := n.(*hclsyntax.ForExpr); ok {
			loops = loops[:len(loops)-1]
		}
	}})
	for _, n := range nodes {
		if loop, ok := n.(*hclsyntax.ForExpr); ok {
			b.governLoop(loop, turnCost+nodeCost*sizes[loop])
			continue
		}
		b.governNode(n)
	}
}

// walker follows the nodes of a tree.
type walker struct{ enter, leave func(hclsyntax.Node) }

// Enter is called before what a node holds.
func (w *walker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	w.enter(n)
	return nil
}

// Exit is called after what a node holds.
func (w *walker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	w.leave(n)
	return nil
}

// operates says whether a node is one that govern changes: most are literals and names.
func operates(n hclsyntax.Node) bool {
	switch n.(type) {
	case *hclsyntax.ForExpr, *hclsyntax.SplatExpr, *hclsyntax.FunctionCallExpr, *hclsyntax.BinaryOpExpr, *hclsyntax.UnaryOpExpr,
		*hclsyntax.ConditionalExpr, *hclsyntax.TemplateExpr, *hclsyntax.TemplateJoinExpr, *hclsyntax.IndexExpr, *hclsyntax.ObjectConsKeyExpr:
		return true
	}
	return false
}

func (b *budget) governLoop(e *hclsyntax.ForExpr, turn int) {
	b.collection(&e.CollExpr, turn)
	b.operand(&e.KeyExpr)
	for _, part := range []*hclsyntax.Expression{&e.ValExpr, &e.CondExpr} {
		if *part != nil {
			*part = result{Expression: enclosed(*part), budget: b}
		}
	}
}

func (b *budget) governNode(n hclsyntax.Node) {
	switch e := n.(type) {
	case *hclsyntax.SplatExpr:
		b.collection(&e.Source, turnCost)
	case *hclsyntax.FunctionCallExpr:
		for i := range e.Args {
			b.argument(&e.Args[i], b.parameter(e.Name, i))
		}
	case *hclsyntax.BinaryOpExpr:
		b.argument(&e.LHS, compared)
		b.argument(&e.RHS, compared)
	case *hclsyntax.UnaryOpExpr:
		b.operand(&e.Val)
	case *hclsyntax.ConditionalExpr:
		b.argument(&e.TrueResult, matched)
		b.argument(&e.FalseResult, matched)
	case *hclsyntax.TemplateExpr:
		for i := range e.Parts {
			if _, literal := e.Parts[i].(*hclsyntax.LiteralValueExpr); !literal && len(e.Parts) > 1 { // one alone is the text itself
				b.operand(&e.Parts[i])
			}
		}
	case *hclsyntax.TemplateJoinExpr:
		b.operand(&e.Tuple)
	case *hclsyntax.IndexExpr:
		b.operand(&e.Key)
	case *hclsyntax.ObjectConsKeyExpr:
		if key, ok := e.Wrapped.(*hclsyntax.ParenthesesExpr); ok {
			b.operand(&key.Expression)
		}
	}
}

// read takes the words and signs of a file from those that a policy may have, and says whether there were enough.
func (b *budget) read(words int) bool {
	b.words += words
	return b.words <= maxWords
}

// longText takes the pieces of texts from those that a policy may have, and returns the code of what there is too much of, and where: no
// code where there was enough. A piece is a line of a text of several lines, and what stands between two signs, $ or %, of one in quotes:
// what the parser takes for a text grows with the square of its pieces.
func (b *budget) longText(tokens hclsyntax.Tokens) (string, policy.Origin) {
	n := 0
	for _, t := range tokens {
		code := "text-too-long"
		switch t.Type {
		case hclsyntax.TokenOHeredoc, hclsyntax.TokenOQuote:
			n = 0
			continue
		case hclsyntax.TokenQuotedLit:
			code = "text-signs"
		case hclsyntax.TokenStringLit:
		default:
			continue
		}
		b.lines += 2*n + 1
		n++
		if b.lines > maxLines*maxLines {
			return code, origin(t.Range)
		}
	}
	return "", policy.Origin{}
}

// words is at least how many words and signs a text has for the parser. It counts those within a text in quotes only where the text may
// hold an expression.
func words(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		quotes := !bytes.ContainsAny(line, "#/{}$%\\")
		if begins := bytes.TrimLeft(line, " \t"); bytes.HasPrefix(begins, []byte("#")) && !bytes.ContainsRune(begins, '{') {
			n++ // a comment, or a line of a text
			continue
		}
		n += wordsIn(line, quotes)
	}
	return n
}

func wordsIn(line []byte, quotes bool) int {
	n, within, quoted := 0, false, false
	for _, c := range line {
		word := c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
		switch {
		case quoted && c != '"' && c != '\n':
		case c == '"':
			quoted = quotes && !quoted
			n += 2 // a text between two quotes counts as four
			within = false
		case word && !within:
			n++
			within = true
		case !word:
			within = false
			if c != ' ' && c != '\t' && c != '\r' {
				n++
			}
		}
	}
	return n
}
