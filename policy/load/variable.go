package load

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"cordon/policy/message"
)

// Variables are the values that variables are given from outside of the policy's files, by name.
type Variables map[string]Given

// Given is the value of a variable as it was typed.
type Given struct {
	Text string
	// Environment says that the value stands in the environment, where those of other policies may stand too: it is no mistake when no
	// block declares the variable.
	Environment bool
}

// Set returns variables that somebody set for this policy: each must be declared.
func Set(values map[string]string) Variables {
	set := make(Variables, len(values))
	for name, text := range values {
		set[name] = Given{Text: text}
	}
	return set
}

// collectVariables gives every variable its value: the one that it is given, else its default.
func (l *loader) collectVariables() {
	values, first := map[string]cty.Value{}, map[string]block{}
	for _, raw := range l.raw["variable"] {
		if raw.Type == "dynamic" {
			l.report.add(at(origin(raw.DefRange())), "dynamic-variable", nil)
			continue
		}
		b, ok := l.static(raw, schema{labelled: true}, l.root)
		if !ok {
			l.unread["variable"] = true
			continue
		}
		if earlier, twice := first[b.name]; twice {
			l.report.add(at(b.header), "duplicate-name", message.Args{"kind": "variable", "name": b.name}, earlier.header)
			continue
		}
		first[b.name] = b
		values[b.name] = l.variable(b)
	}
	l.variables = values
	l.root.Variables["var"] = cty.ObjectVal(values)
	l.reportUndeclared()
}

// variable returns the value of one variable; it is unknown where the variable has none, which is reported.
func (l *loader) variable(b block) cty.Value {
	s := schemaOf("variable")
	if b.body.Attributes["type"] != nil {
		l.report.add(at(origin(b.body.Attributes["type"].NameRange)), "variable-type", nil)
		s.optional = append(s.optional, "type")
	}
	l.shape(b, s)
	if a := b.body.Attributes["description"]; a != nil {
		if v, ok := l.constant(a.Expr); ok && !v.IsNull() {
			l.asText(value{cty: v, place: at(origin(a.Expr.Range()))})
		}
	}
	fallback, sound := cty.NilVal, true
	if a := b.body.Attributes["default"]; a != nil {
		fallback, sound = l.constant(a.Expr)
	}
	given, set := l.settings[b.name]
	switch {
	case !sound:
		return cty.DynamicVal
	case set:
		l.out.Variables[b.name] = given.Text
		return l.parseGiven(b, given.Text, fallback)
	case fallback == cty.NilVal:
		l.report.add(at(b.header), "variable-unset", message.Args{"name": b.name})
		return cty.DynamicVal
	}
	return fallback
}

// constant returns the value of an expression that may refer to nothing.
func (l *loader) constant(expr hclsyntax.Expression) (cty.Value, bool) {
	if l.budget.over() {
		return cty.DynamicVal, false
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() {
		l.report.add(at(origin(expr.Range())), "want-literal", nil)
		return cty.DynamicVal, false
	}
	return v, l.budget.valued(v, readCost, origin(expr.Range())) && v.IsWhollyKnown()
}

// parseGiven reads a value as it was typed: as it stands for a text, and for what has no default, else in the form of the default.
func (l *loader) parseGiven(b block, text string, fallback cty.Value) cty.Value {
	var v cty.Value
	var err error
	want := ""
	switch {
	case fallback == cty.NilVal || fallback.IsNull() || fallback.Type() == cty.String:
		return cty.StringVal(text)
	case fallback.Type().IsPrimitiveType():
		want = fallback.Type().FriendlyName()
		v, err = convert.Convert(cty.StringVal(strings.TrimSpace(text)), fallback.Type())
	case fallback.Type().IsTupleType():
		want = "list"
		v, err = l.typed(text, cty.Type.IsTupleType)
	default:
		want = "map"
		v, err = l.typed(text, cty.Type.IsObjectType)
	}
	if err != nil {
		l.report.add(at(b.header), "variable-form-"+want, message.Args{"name": b.name, "value": text})
		return cty.DynamicVal
	}
	return v
}

// typed reads an expression that was typed.
func (l *loader) typed(text string, form func(cty.Type) bool) (cty.Value, error) {
	if deep := TooDeep("", []byte(text)); deep.Line != 0 {
		return cty.NilVal, one("too-deep", nil)
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	l.budget.govern(expr)
	v, diags := expr.Value(nil)
	switch {
	case diags.HasErrors():
		return cty.NilVal, diags
	case !form(v.Type()) || tooLarge(v) || l.budget.over():
		return cty.NilVal, one("too-large", nil)
	}
	return v, nil
}

// reportUndeclared reports what somebody set in vain: a misspelt name would leave the default in force.
func (l *loader) reportUndeclared() {
	if l.missingMay("variable") {
		return
	}
	declared := slices.Sorted(maps.Keys(l.variables))
	for _, name := range slices.Sorted(maps.Keys(l.settings)) {
		if _, known := l.variables[name]; known || l.settings[name].Environment {
			continue
		}
		l.report.add(place{}, "variable-undeclared", withNearest(name, declared, message.Args{"name": name}))
	}
}
