package settings

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// What a file of settings cannot be.
var (
	errNotAFile = errors.New("not a regular file")
	errTooLarge = errors.New("over 1 MiB, which no file of settings is")
	errReadOnly = errors.New("settings are read, never written")
)

// codec reads HCL for viper, which speaks it no more since its version 1.20. Mistakes are kept with their places, for viper would make
// one text of them.
type codec struct {
	file  string
	found []message.Diagnostic
	lines []string
}

// Encode refuses: nobody writes settings.
func (*codec) Encode(map[string]any) ([]byte, error) { return nil, errReadOnly }

// Decode reads a file's keys; a key that is wrong is left out.
func (c *codec) Decode(text []byte, into map[string]any) error {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	c.lines = strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	file, diags := hclsyntax.ParseConfig(text, c.file, hcl.InitialPos)
	for _, d := range diags {
		code, args := message.Syntax(d.Summary, d.Detail)
		c.report(d.Subject, code, args)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok || diags.HasErrors() {
		return nil
	}
	for _, b := range body.Blocks {
		header := b.DefRange()
		c.report(&header, "settings-unknown", unknown(b.Type))
	}
	for _, a := range body.Attributes {
		c.attribute(a, into)
	}
	slices.SortStableFunc(c.found, func(a, b message.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Origin.Line, b.Origin.Line), cmp.Compare(a.Origin.Column, b.Origin.Column))
	})
	return nil
}

// attribute reads one key.
func (c *codec) attribute(a *hclsyntax.Attribute, into map[string]any) {
	known := keys()
	i := slices.IndexFunc(known, func(k key) bool { return k.name == a.Name })
	if i < 0 {
		c.report(&a.NameRange, "settings-unknown", unknown(a.Name))
		return
	}
	k, place := known[i], a.Expr.Range()
	values, ok := k.texts(a.Expr)
	if !ok {
		c.report(&place, k.kind(), message.Args{"key": k.name})
		return
	}
	if code, args := k.wrong(values, true); code != "" {
		c.report(&place, code, args)
		return
	}
	into[k.name] = k.of(values)
}

// kind is the code of what says which kind of value a key has.
func (k key) kind() string {
	if k.list {
		return "settings-list"
	}
	return "settings-text"
}

// texts evaluates a value without any name or function: settings depend on nothing.
func (k key) texts(expr hcl.Expression) ([]string, bool) {
	value, diags := expr.Value(nil)
	if diags.HasErrors() || value.IsNull() || !value.IsWhollyKnown() {
		return nil, false
	}
	if !k.list {
		return []string{text(value)}, value.Type() == cty.String
	}
	list, err := convert.Convert(value, cty.List(cty.String))
	if err != nil || value.Type() == cty.String {
		return nil, false
	}
	var values []string
	for _, v := range list.AsValueSlice() {
		if v.IsNull() {
			return nil, false
		}
		values = append(values, v.AsString())
	}
	return values, true
}

func text(value cty.Value) string {
	if value.Type() != cty.String {
		return ""
	}
	return value.AsString()
}

func unknown(name string) message.Args {
	var names []string
	for _, k := range keys() {
		names = append(names, k.name)
	}
	return message.Args{"key": name, "keys": strings.Join(names, ", "), "nearest": load.Nearest(name, names)}
}

func (c *codec) report(at *hcl.Range, code string, args message.Args) {
	d := message.Diagnostic{Code: code, Args: args, Origin: policy.Origin{File: c.file}}
	if at != nil {
		d.Origin = policy.Origin{
			File: c.file, Line: at.Start.Line, Column: at.Start.Column, EndLine: at.End.Line, EndColumn: at.End.Column,
		}
		if at.Start.Line <= len(c.lines) {
			d.Line = strings.ToValidUTF8(c.lines[at.Start.Line-1], "\uFFFD")
		}
	}
	c.found = append(c.found, d)
}
