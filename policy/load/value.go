package load

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"cordon/policy/message"
)

// value is a value of an attribute, or one of its list, with its place.
type value struct {
	cty   cty.Value
	place place
}

// attribute returns the value of an attribute. It is false when the attribute is not given, is null, or has no value, which is then
// reported.
func (l *loader) attribute(b block, name string) (value, bool) {
	a := b.body.Attributes[name]
	if a == nil {
		return value{}, false
	}
	v, ok := l.eval(b, a.Expr)
	if !ok || v.IsNull() {
		return value{}, false
	}
	return value{cty: unmarked(v), place: b.place(a.Expr)}, true
}

// unmarked drops the marks that say where a value comes from. The deep walk copies every value, so what holds no others is spared it.
func unmarked(v cty.Value) cty.Value {
	shallow, _ := v.Unmark()
	if t := shallow.Type(); t.IsPrimitiveType() || t.IsCapsuleType() {
		return shallow
	}
	deep, _ := v.UnmarkDeep()
	return deep
}

// text returns an attribute that is a text, trimmed.
func (l *loader) text(b block, name string) (string, place, bool) {
	v, ok := l.attribute(b, name)
	if !ok {
		return "", place{}, false
	}
	text, ok := l.asText(v)
	return text, v.place, ok
}

// word returns an attribute that is a text and may not be empty.
func (l *loader) word(b block, name string) (string, place, bool) {
	text, here, ok := l.text(b, name)
	if ok && text == "" {
		l.report.add(here, "empty-value", message.Args{"name": name})
		return "", here, false
	}
	return text, here, ok
}

func (l *loader) asText(v value) (string, bool) {
	if text, ok := plain(v.cty); ok {
		return text, true
	}
	l.report.add(v.place, "want-text", nil)
	return "", false
}

func plain(v cty.Value) (string, bool) {
	if v.IsNull() || !v.IsKnown() || !v.Type().IsPrimitiveType() {
		return "", false
	}
	text, err := convert.Convert(v, cty.String)
	if err != nil {
		return "", false
	}
	return strings.TrimSpace(text.AsString()), true
}

// values returns the elements of a list, each at its own place where the list is written out, those of a list within it too. An
// attribute that is not a list is a list of one; mustList reports it. The second result says that every element has a value.
func (l *loader) values(b block, name string, mustList bool) ([]value, bool) {
	a := b.body.Attributes[name]
	if a == nil {
		return nil, true
	}
	tuple, ok := a.Expr.(*hclsyntax.TupleConsExpr)
	if !ok {
		v, ok := l.attribute(b, name)
		if !ok {
			return nil, l.isNull(b, a.Expr)
		}
		if l.comma(v) {
			return nil, false
		}
		if mustList && !v.cty.CanIterateElements() {
			l.report.add(v.place, "want-list", message.Args{"name": name})
			return nil, false
		}
		return l.single(flat(v))
	}
	var list []value
	complete := true
	for _, expr := range tuple.Exprs {
		v, ok := l.eval(b, expr)
		complete = complete && ok
		if ok {
			list = append(list, flat(value{cty: unmarked(v), place: b.place(expr)})...)
		}
	}
	list, single := l.single(list)
	return list, complete && single
}

// isNull tells an attribute that is null, and so as good as not written, from one that has no value for a mistake in it.
func (l *loader) isNull(b block, expr hclsyntax.Expression) bool {
	if l.budget.over() {
		return false
	}
	v, diags := expr.Value(l.scope(b))
	return l.checked[expr] && !diags.HasErrors() && v.IsKnown() && v.IsNull()
}

func flat(v value) []value {
	t := v.cty.Type()
	if v.cty.IsNull() || !v.cty.IsKnown() || !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		return []value{v}
	}
	var list []value
	for it := v.cty.ElementIterator(); it.Next(); {
		_, element := it.Element()
		list = append(list, flat(value{cty: element, place: v.place})...)
	}
	return list
}

// words returns a list of texts.
func (l *loader) words(b block, name string) []word {
	values, _ := l.values(b, name, true)
	var list []word
	for _, v := range values {
		if text, ok := l.asText(v); ok {
			list = append(list, word{text: text, place: v.place})
		}
	}
	return list
}

type word struct {
	text  string
	place place
}

// pairs returns an attribute that is a map of texts.
func (l *loader) pairs(b block, name string) (map[string]string, place, bool) {
	if pairs, here, ok := l.simplePairs(b, name); ok {
		return pairs, here, true
	}
	v, ok := l.attribute(b, name)
	if !ok {
		return nil, place{}, false
	}
	if t := v.cty.Type(); !t.IsObjectType() && !t.IsMapType() {
		l.report.add(v.place, "want-map", message.Args{"name": name})
		return nil, v.place, false
	}
	pairs := map[string]string{}
	for it := v.cty.ElementIterator(); it.Next(); {
		key, element := it.Element()
		text, ok := plain(element)
		if !ok {
			l.report.add(v.place, "want-map", message.Args{"name": name})
			return nil, v.place, false
		}
		pairs[key.AsString()] = text
	}
	return pairs, v.place, true
}

// simplePairs is pairs for a map that is written out, of which every key and every value is simple.
func (l *loader) simplePairs(b block, name string) (map[string]string, place, bool) {
	a := b.body.Attributes[name]
	if a == nil || l.budget.over() {
		return nil, place{}, false
	}
	object, ok := a.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil, place{}, false
	}
	pairs, cost := make(map[string]string, len(object.Items)), readingCost+readCost
	for _, item := range object.Items {
		key, isKey := item.KeyExpr.(*hclsyntax.ObjectConsKeyExpr)
		v, isSimple := l.simple(b, item.ValueExpr)
		if !isKey || !isSimple || key.ForceNonLiteral {
			return nil, place{}, false
		}
		word := cty.NormalizeString(hcl.ExprAsKeyword(key.Wrapped))
		text, isText := plain(v)
		if _, twice := pairs[word]; word == "" || !isText || twice {
			return nil, place{}, false
		}
		pairs[word] = text
		cost += readCost * (2 + (len(word)+len(text))/textUnit)
	}
	here := b.place(a.Expr)
	return pairs, here, l.budget.pay(cost, origin(a.Expr.Range()))
}

// asReference returns the reference that a value is. What is none, or one of another kind, is reported.
func (l *loader) asReference(v value, kinds ...string) (*ref, bool) {
	if r, ok := l.refOf(v.cty); ok {
		if slices.Contains(kinds, r.kind) {
			return r, true
		}
		l.report.add(v.place, "wrong-kind", message.Args{"reference": r.kind + "." + r.name, "want": strings.Join(kinds, ", ")})
		return nil, false
	}
	if text, ok := plain(v.cty); ok && l.quoted(v.place, text) {
		return nil, false
	}
	l.report.add(v.place, "want-reference", message.Args{"want": strings.Join(kinds, ", ")})
	return nil, false
}

func (l *loader) refOf(v cty.Value) (*ref, bool) {
	if v.IsNull() || !v.IsKnown() || !v.Type().Equals(l.reference) {
		return nil, false
	}
	r, ok := v.EncapsulatedValue().(*ref)
	return r, ok
}

// quoted reports a reference that was written as a text.
func (l *loader) quoted(here place, text string) bool {
	if !isReference(text) {
		return false
	}
	l.report.add(here, "quoted-reference", message.Args{"reference": text})
	return true
}

// isReference says whether a text is a reference in quotes.
func isReference(text string) bool {
	end := strings.IndexAny(text, ".[")
	return end >= 0 && slices.Contains(referable(), text[:end])
}

// entries returns where each entry of a map is written: at its value where the map is written out, else where the map is.
func (l *loader) entries(b block, name string) func(key string) place {
	expr := b.body.Attributes[name].Expr
	places := map[string]place{}
	if object, ok := expr.(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range object.Items {
			v, diags := item.KeyExpr.Value(l.scope(b))
			if text, ok := plain(unmarked(v)); ok && !diags.HasErrors() {
				places[text] = b.place(item.ValueExpr)
			}
		}
	}
	return func(key string) place {
		if here, written := places[key]; written {
			return here
		}
		return b.place(expr)
	}
}
