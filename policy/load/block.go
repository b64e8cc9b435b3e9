package load

import (
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"cordon/policy"
	"cordon/policy/message"
)

// maxLabel is the longest label, in characters.
const maxLabel = 63

// block is a block with a name to decode: one that stands in a file, or one that a row made.
type block struct {
	kind     string
	name     string
	body     *hclsyntax.Body
	ctx      *hcl.EvalContext // of what stands around it
	header   policy.Origin
	iterator string
	element  *element // what the iterator stands for; nil where no dynamic block is around it
	columns  columns
	row      *row // nil when it does not come from a CSV file
}

// columns are which columns expressions of a dynamic block read, as far as somebody asked.
type columns map[hcl.Expression]string

// origin returns where the block comes from: the row, else the block itself.
func (b block) origin() policy.Origin {
	if b.row != nil && b.row.sheet.file != nil {
		return b.row.origin("")
	}
	return b.header
}

// place returns where an expression of the block is wrong: in the cell that it reads, when it reads one.
func (b block) place(expr hcl.Expression) place {
	here := origin(expr.Range())
	if b.row == nil || b.row.sheet.file == nil {
		return at(here)
	}
	return place{origin: b.row.origin(b.column(expr)), block: here}
}

// column returns which column of the row the expression reads.
func (b block) column(expr hcl.Expression) string {
	if e, ok := expr.(*hclsyntax.ScopeTraversalExpr); ok { // as almost every attribute of such a block is
		return b.cell(e.Traversal)
	}
	name, asked := b.columns[expr]
	if asked {
		return name
	}
	for _, t := range expr.Variables() {
		if name = b.cell(t); name != "" {
			break
		}
	}
	if b.columns != nil {
		b.columns[expr] = name
	}
	return name
}

func (b block) cell(t hcl.Traversal) string {
	if t.RootName() != b.iterator || len(t) < 3 {
		return ""
	}
	name, _ := stepName(t[2])
	return name
}

func stepName(step hcl.Traverser) (string, bool) {
	switch s := step.(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String {
			return s.Key.AsString(), true
		}
	}
	return "", false
}

// expansion is a dynamic block, taken apart.
type expansion struct {
	kind     string
	forEach  hclsyntax.Expression
	labels   hclsyntax.Expression // nil when not given
	iterator string
	content  *hclsyntax.Body
	header   policy.Origin
	columns  columns
}

// dissect takes a dynamic block apart. It reports what is wrong with it once, however often it is expanded.
func (l *loader) dissect(b *hclsyntax.Block) *expansion {
	if e, ok := l.expansions[b]; ok {
		return e
	}
	e := &expansion{kind: b.Labels[0], iterator: b.Labels[0], header: origin(b.DefRange()), columns: columns{}}
	l.expansions[b] = e
	for _, a := range sorted(b.Body.Attributes) {
		l.dissectAttribute(e, a)
	}
	for _, inner := range b.Body.Blocks {
		switch {
		case inner.Type != "content":
			l.report.add(at(origin(inner.TypeRange)), "unknown-inner-block", message.Args{"name": inner.Type, "kind": "dynamic"})
		case e.content != nil:
			l.report.add(at(origin(inner.TypeRange)), "content-twice", nil)
		default:
			e.content = inner.Body
		}
	}
	if e.forEach == nil || e.content == nil {
		name := "content"
		if e.forEach == nil {
			name = "for_each"
		}
		l.report.add(at(e.header), "missing-attribute", message.Args{"name": name, "kind": "dynamic"})
		e.content = nil
	}
	return e
}

func (l *loader) dissectAttribute(e *expansion, a *hclsyntax.Attribute) {
	switch a.Name {
	case "for_each":
		e.forEach = a.Expr
	case "labels":
		e.labels = a.Expr
	case "iterator":
		if e.iterator = hcl.ExprAsKeyword(a.Expr); e.iterator == "" {
			l.report.add(at(origin(a.Expr.Range())), "bad-iterator", nil)
		}
	default:
		args := withNearest(a.Name, []string{"for_each", "labels", "iterator"},
			message.Args{"name": a.Name, "kind": "dynamic"})
		l.report.add(at(origin(a.NameRange)), "unknown-attribute", args)
	}
}

// expand returns the blocks that a dynamic block makes. The expressions of its content are evaluated later, in the context of parent.
func (l *loader) expand(b *hclsyntax.Block, parent block, s schema) []block {
	e := l.dissect(b)
	if e.content == nil {
		l.unread[e.kind] = true
		return nil
	}
	parent.header = e.header
	elements, ok := l.elements(parent, e.forEach)
	if !ok {
		l.unread[e.kind] = true
		return nil
	}
	if len(elements) > maxCameras {
		l.tooManyOf(e.kind, parent.place(e.forEach))
		return nil
	}
	blocks, ctx := make([]block, 0, len(elements)), l.scope(parent)
	for i := range elements {
		made := block{
			kind: e.kind, body: e.content, ctx: ctx, header: e.header,
			iterator: e.iterator, element: &elements[i], columns: e.columns, row: parent.row,
		}
		if r := rowOf(elements[i].value); r != nil {
			made.row = r
		}
		if s.labelled && !l.label(&made, e, s, i) {
			l.unread[e.kind] = true
			continue
		}
		blocks = append(blocks, made)
	}
	return blocks
}

// element is one of what a dynamic block goes through.
type element struct{ key, value cty.Value }

// scope is the context of the block whose expressions were evaluated last: to keep one for each row would take more memory than the rows.
type scope struct {
	element *element
	within  *hcl.EvalContext
	ctx     *hcl.EvalContext
}

// scope returns the context in which the expressions of a block are evaluated.
func (l *loader) scope(b block) *hcl.EvalContext {
	if b.element == nil {
		return b.ctx
	}
	if l.scoped.element != b.element || l.scoped.within != b.ctx {
		ctx := b.ctx.NewChild()
		ctx.Variables = map[string]cty.Value{
			b.iterator: cty.ObjectVal(map[string]cty.Value{"key": b.element.key, "value": b.element.value}),
		}
		l.scoped = scope{element: b.element, within: b.ctx, ctx: ctx}
	}
	return l.scoped.ctx
}

func (l *loader) elements(b block, expr hclsyntax.Expression) ([]element, bool) {
	v, ok := l.eval(b, expr)
	if !ok {
		return nil, false
	}
	v, _ = v.Unmark()
	if v.IsNull() || !v.CanIterateElements() {
		l.report.add(b.place(expr), "bad-for-each", nil)
		return nil, false
	}
	if !l.budget.pay(turnCost*v.LengthInt(), origin(expr.Range())) {
		return nil, false
	}
	list := make([]element, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if v.Type().IsSetType() {
			key = value
		}
		list = append(list, element{key: key, value: value})
	}
	return list, true
}

// rowOf returns the one row that a value comes from.
func rowOf(v cty.Value) *row {
	_, marks := v.Unmark()
	var found *row
	for m := range marks {
		if r, ok := m.(*row); ok {
			if found != nil {
				return nil
			}
			found = r
		}
	}
	return found
}

// label evaluates the label of a block that a dynamic block makes.
func (l *loader) label(b *block, e *expansion, s schema, first int) bool {
	if e.labels == nil {
		if first == 0 {
			l.report.add(at(e.header), "missing-label", message.Args{"kind": e.kind})
		}
		return false
	}
	v, ok := l.eval(*b, e.labels)
	if !ok {
		return false
	}
	if v = unmarked(v); v.IsNull() || !v.CanIterateElements() || v.LengthInt() != 1 {
		l.report.add(b.place(e.labels), "bad-labels", nil)
		return false
	}
	text, err := convert.Convert(v.AsValueSlice()[0], cty.String)
	if err != nil || text.IsNull() || !text.IsKnown() {
		l.report.add(b.place(e.labels), "bad-labels", nil)
		return false
	}
	b.name = text.AsString()
	return l.named(*b, s, b.place(e.labels))
}

// named says whether a block's label can be one, and reports it where it cannot.
func (l *loader) named(b block, s schema, here place) bool {
	switch {
	case s.statement && !validStatement(b.name):
		l.report.add(here, "bad-statement", nil)
	case !s.statement && !validLabel(b.name):
		l.report.add(here, "bad-label", message.Args{"name": b.name})
	default:
		return true
	}
	return false
}

// validLabel says whether a name is 1 to 63 letters, digits, "-" and "_".
func validLabel(name string) bool {
	n := 0
	for _, r := range name {
		n++
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' {
			return false
		}
	}
	return n > 0 && n <= maxLabel
}

// static returns the block as it stands in a file.
func (l *loader) static(b *hclsyntax.Block, s schema, ctx *hcl.EvalContext) (block, bool) {
	made := block{kind: b.Type, body: b.Body, ctx: ctx, header: origin(b.DefRange())}
	switch {
	case !s.labelled && len(b.Labels) > 0:
		l.report.add(at(origin(b.LabelRanges[0])), "no-label", message.Args{"kind": b.Type, "name": b.Labels[0]})
	case !s.labelled:
	case len(b.Labels) == 0:
		l.report.add(at(made.header), "missing-label", message.Args{"kind": b.Type})
		return made, false
	case len(b.Labels) > 1:
		l.report.add(at(origin(b.LabelRanges[1])), "extra-label", message.Args{"kind": b.Type})
	}
	if s.labelled {
		made.name = cty.NormalizeString(b.Labels[0])
		return made, l.named(made, s, at(origin(b.LabelRanges[0])))
	}
	return made, true
}
