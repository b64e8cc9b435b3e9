package load

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"cordon/policy/message"
)

// eval returns the value of an expression of a block. When it has none, the reason is reported.
func (l *loader) eval(b block, expr hclsyntax.Expression) (cty.Value, bool) {
	if l.budget.over() {
		return cty.DynamicVal, false
	}
	if v, ok := l.simple(b, expr); ok {
		here := origin(expr.Range())
		return v, l.budget.pay(readingCost, here) && l.budget.valued(v, readCost, here)
	}
	if !l.sound(b, expr) {
		return cty.DynamicVal, false
	}
	v, diags := expr.Value(l.scope(b))
	if l.budget.over() && l.budget.spent.Line == 0 { // a function does not know where it is called
		l.budget.spent = origin(expr.Range())
	}
	for _, d := range diags {
		l.explain(b, expr, d)
	}
	here := origin(expr.Range())
	affordable := l.budget.pay(readingCost, here) && l.budget.valued(v, readCost, here)
	if diags.HasErrors() || !affordable || !v.IsWhollyKnown() {
		return cty.DynamicVal, false
	}
	return v, true
}

// simple returns the value of what almost every attribute is: a text or number that is written out, or a cell of the row that made the
// block, row.value.mac. Of a cell it drops the mark that says where it comes from. To evaluate these as other expressions takes ten times
// as long.
func (l *loader) simple(b block, expr hclsyntax.Expression) (cty.Value, bool) {
	v := cty.DynamicVal
	switch e := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		v = e.Val
	case *hclsyntax.TemplateExpr:
		if text, literal := e.Parts[0].(*hclsyntax.LiteralValueExpr); literal && len(e.Parts) == 1 {
			v = text.Val
		}
	case *hclsyntax.ScopeTraversalExpr:
		v, _ = b.valueOf(e.Traversal).Unmark()
	}
	return v, v.IsKnown() && !v.IsNull() && v.Type().IsPrimitiveType()
}

// valueOf returns the part of the block's element that row.value.mac names; of another traversal, and of a part that there is not, an
// unknown value.
func (b block) valueOf(t hcl.Traversal) cty.Value {
	if b.element == nil || len(t) != 3 || t.RootName() != b.iterator {
		return cty.DynamicVal
	}
	value, isAttribute := t[1].(hcl.TraverseAttr)
	part, isNamed := t[2].(hcl.TraverseAttr)
	of, _ := b.element.value.Unmark()
	if !isAttribute || value.Name != "value" || !isNamed || !of.IsKnown() || of.IsNull() ||
		!of.Type().IsObjectType() || !of.Type().HasAttribute(part.Name) {
		return cty.DynamicVal
	}
	return of.GetAttr(part.Name)
}

// sound says whether every name that an expression uses is known, and reports those that are not: once, however often the expression
// is evaluated.
func (l *loader) sound(b block, expr hclsyntax.Expression) bool {
	if ok, done := l.checked[expr]; done {
		return ok
	}
	ok := true
	for _, t := range variablesOf(expr) {
		if b.element != nil && t.RootName() == b.iterator || inScope(b.ctx, t.RootName()) {
			continue
		}
		ok = l.known(t, b) && ok
		if beginsWithDigit(t) {
			break // what follows is the rest of the name
		}
	}
	l.checked[expr] = ok
	return ok
}

func variablesOf(expr hclsyntax.Expression) []hcl.Traversal {
	if e, ok := expr.(*hclsyntax.ScopeTraversalExpr); ok { // spares the walk
		return []hcl.Traversal{e.Traversal}
	}
	return expr.Variables()
}

func beginsWithDigit(t hcl.Traversal) bool {
	if len(t) < 2 || !slices.Contains(referable(), t.RootName()) {
		return false
	}
	_, named := stepName(t[1])
	return !named
}

// inScope says whether a dynamic block around the expression gives the name its meaning.
func inScope(ctx *hcl.EvalContext, name string) bool {
	for ; ctx != nil && ctx.Parent() != nil; ctx = ctx.Parent() {
		if _, ok := ctx.Variables[name]; ok {
			return true
		}
	}
	return false
}

// known says whether what a traversal names exists.
func (l *loader) known(t hcl.Traversal, b block) bool {
	root, here := t.RootName(), at(origin(t.SourceRange()))
	switch {
	case root == "local":
		return l.knownLocal(t, here)
	case root == "var":
		return l.knownVariable(t, here)
	case root == "each":
		l.report.add(here, "each-outside", nil)
		return false
	case slices.Contains(referable(), root):
		return l.knownReference(t, here)
	}
	candidates := append(referable(), "local", "var")
	if b.iterator != "" {
		candidates = append(candidates, b.iterator)
	}
	args := withNearest(root, candidates, message.Args{"name": root})
	l.report.add(here, "unknown-name", args)
	return false
}

func (l *loader) knownLocal(t hcl.Traversal, here place) bool {
	name := ""
	if len(t) > 1 {
		name, _ = stepName(t[1])
	}
	if _, ok := l.locals[name]; ok {
		return true
	}
	if !l.missingMay("locals") {
		args := withNearestOf(&l.hints, name, l.locals, message.Args{"name": name})
		l.report.add(here, "unknown-local", args)
	}
	return false
}

func (l *loader) knownVariable(t hcl.Traversal, here place) bool {
	name := ""
	if len(t) > 1 {
		name, _ = stepName(t[1])
	}
	if _, ok := l.variables[cty.NormalizeString(name)]; ok {
		return true
	}
	if !l.gone("variable", name) {
		args := withNearestOf(&l.hints, name, l.variables, message.Args{"name": name})
		l.report.add(here, "unknown-variable", args)
	}
	return false
}

func (l *loader) knownReference(t hcl.Traversal, here place) bool {
	kind := t.RootName()
	if len(t) == 1 {
		return true // the collection of all of them, or what an index with an expression chooses from
	}
	name, ok := stepName(t[1])
	switch {
	case !ok:
		l.report.add(here, "reference-digit", message.Args{"kind": kind, "name": l.wordAfter(t)})
		return false
	case len(t) > 2:
		l.report.add(here, "reference-attribute", message.Args{"reference": kind + "." + name})
		return false
	}
	if _, exists := l.ids[kind][cty.NormalizeString(name)]; !exists {
		l.unknownReference(here, kind, name)
		return false
	}
	return true
}

func (l *loader) unknownReference(here place, kind, name string) {
	if l.gone(kind, name) {
		return
	}
	args := withNearestOf(&l.hints, name, l.ids[kind], message.Args{"kind": kind, "name": name})
	l.report.add(here, "unknown-reference", args)
}

// wordAfter returns the name that begins with a digit, which HCL reads as a number and a subtraction.
func (l *loader) wordAfter(t hcl.Traversal) string {
	rest := strings.TrimPrefix(l.textAt(t[1].SourceRange()), ".")
	end := strings.IndexFunc(rest, func(c rune) bool { return !validLabel(string(c)) })
	if end > 0 {
		return rest[:end]
	}
	return "…"
}

// textAt returns what a file holds from a place on, as far as it matters for a word.
func (l *loader) textAt(r hcl.Range) string {
	for _, f := range l.tree.read {
		if f.name == r.Filename && r.Start.Byte < len(f.text) {
			return string(f.text[r.Start.Byte:min(len(f.text), r.Start.Byte+4*maxLabel)])
		}
	}
	return ""
}

// explain reports what HCL says about an expression, in our own words where we have them.
func (l *loader) explain(b block, expr hclsyntax.Expression, d *hcl.Diagnostic) {
	here := b.place(expr)
	if d.Subject != nil && here.block.Line == 0 {
		here = at(span(d.Subject))
	}
	var called hclsyntax.FunctionCallDiagExtra
	if call, ok := d.Extra.(hclsyntax.FunctionCallDiagExtra); ok {
		called = call
	}
	bare := l.textAt(expr.Range())
	bare = bare[:max(0, strings.IndexFunc(bare+" ", isApart))]
	switch {
	case isLiteral(bare):
		l.report.add(here, "syntax-unquoted", message.Args{"value": bare})
	case called != nil && called.FunctionCallError() != nil:
		l.explainCall(here, called)
	case d.Summary == "Call to unknown function":
		name := calledName(d)
		args := withNearestOf(&l.hints, name, l.functions, message.Args{"name": name})
		l.report.add(here, "unknown-function", args)
	case d.Summary == "Not enough function arguments", d.Summary == "Too many function arguments":
		l.explainFunction(here, "function-arguments", nameOf(called), d.Detail)
	case d.Summary == "Invalid function argument":
		l.explainFunction(here, "function-argument", nameOf(called), d.Detail)
	case l.explainIndex(here, d), l.explainAttribute(here, d):
	default:
		code, known := message.Evaluation(d.Summary)
		if !known {
			code = "expression"
		}
		l.report.add(here, code, message.Args{"explanation": d.Detail})
	}
}

func nameOf(called hclsyntax.FunctionCallDiagExtra) string {
	if called == nil {
		return ""
	}
	return called.CalledFunctionName()
}

func calledName(d *hcl.Diagnostic) string {
	if call, ok := d.Expression.(*hclsyntax.FunctionCallExpr); ok {
		return call.Name
	}
	return ""
}

func (l *loader) explainCall(here place, called hclsyntax.FunctionCallDiagExtra) {
	if wrong, ok := errors.AsType[faults](called.FunctionCallError()); ok {
		l.faults(here, wrong)
		return
	}
	if _, ok := errors.AsType[function.PanicError](called.FunctionCallError()); ok {
		l.explainFunction(here, "function-none", called.CalledFunctionName(), "") // what a library says then is for its authors
		return
	}
	l.explainFunction(here, "function-error", called.CalledFunctionName(), called.FunctionCallError().Error())
}

// faults reports what a function found, at its own place in a file where it has one.
func (l *loader) faults(here place, wrong faults) {
	for _, f := range wrong {
		if f.origin.Line == 0 {
			l.report.add(here, f.code, f.args)
			continue
		}
		l.once(f, here)
	}
}

// once reports a mistake inside a file that several expressions may read.
func (l *loader) once(f fault, here place) {
	key := f.code + " " + f.origin.File + spot(f.origin)
	if l.report.files[key] || len(l.report.files) > maxKept {
		l.report.errors = true
		return
	}
	l.report.files[key] = true
	l.report.add(place{origin: f.origin, block: here.origin}, f.code, f.args) // what many rows share is told once
}

// explainIndex finds the reference that segment[row.value.segment] names in vain.
func (l *loader) explainIndex(here place, d *hcl.Diagnostic) bool {
	index, ok := d.Expression.(*hclsyntax.IndexExpr)
	if !ok || d.EvalContext == nil {
		return false
	}
	collection, ok := index.Collection.(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(collection.Traversal) != 1 || !slices.Contains(referable(), collection.Traversal.RootName()) {
		return false
	}
	key, diags := index.Key.Value(d.EvalContext)
	key, _ = key.Unmark()
	if diags.HasErrors() || key.IsNull() || !key.IsKnown() || key.Type() != cty.String {
		return false
	}
	l.unknownReference(here, collection.Traversal.RootName(), key.AsString())
	return true
}

// explainAttribute finds the column or the key that row.value.maac names in vain.
func (l *loader) explainAttribute(here place, d *hcl.Diagnostic) bool {
	expr, ok := d.Expression.(*hclsyntax.ScopeTraversalExpr)
	if !ok || d.EvalContext == nil {
		return false
	}
	v := inContext(d.EvalContext, expr.Traversal.RootName())
	for _, step := range expr.Traversal[1:] {
		v, _ = v.Unmark()
		name, ok := stepName(step)
		if !ok || v.IsNull() || !v.Type().IsObjectType() {
			return false
		}
		if !v.Type().HasAttribute(name) {
			known := slices.Sorted(maps.Keys(v.Type().AttributeTypes()))
			args := withNearest(name, known, message.Args{"name": name, "known": strings.Join(known, ", ")})
			l.report.add(atStep(here, step), "unknown-key", args)
			return true
		}
		v = v.GetAttr(name)
	}
	return false
}

// A column that no row has is a mistake of the expression, not of the cell that it reads in vain.
func atStep(here place, step hcl.Traverser) place {
	return place{origin: origin(step.SourceRange()), block: here.block}
}

func inContext(ctx *hcl.EvalContext, name string) cty.Value {
	for ; ctx != nil; ctx = ctx.Parent() {
		if v, ok := ctx.Variables[name]; ok {
			return v
		}
	}
	return cty.DynamicVal
}
