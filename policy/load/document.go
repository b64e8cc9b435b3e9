package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	yaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"cordon/policy"
	"cordon/policy/message"
)

// source returns a text and the file that it is, or nil.
func source(v cty.Value) (*file, string) {
	text, marks := v.Unmark()
	for m := range marks {
		if of, ok := m.(textOf); ok {
			return of.file, text.AsString()
		}
	}
	return nil, text.AsString()
}

// documentFunction makes a function that reads a text in a format of its own.
func documentFunction(read func(*file, string) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String, AllowMarked: true}},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := read(source(args[0]))
			if err != nil {
				return cty.DynamicVal, err
			}
			return v, nil
		},
	})
}

// The decoder of JSON recurses without end; encoding/json's own check has an end.
func jsonFunction() function.Function {
	return documentFunction(func(from *file, text string) (cty.Value, error) {
		err := json.Unmarshal([]byte(text), &json.RawMessage{})
		if at, ok := errors.AsType[*json.SyntaxError](err); ok {
			return cty.NilVal, faults{{code: "bad-json", origin: from.offset(int(at.Offset))}}
		}
		return stdlib.JSONDecodeFunc.Call([]cty.Value{cty.StringVal(text)})
	})
}

func yamlFunction() function.Function {
	return documentFunction(func(from *file, text string) (cty.Value, error) {
		if code := yamlLimits(text); code != "" {
			return cty.NilVal, one(code, nil)
		}
		v, err := yaml.YAMLDecodeFunc.Call([]cty.Value{cty.StringVal(text)})
		if err == nil {
			return v, nil
		}
		wrong := fault{code: "bad-yaml"}
		if at, ok := errors.AsType[yaml.Error](err); ok && from != nil {
			wrong.origin = policy.Origin{File: from.name, Line: at.Line, Column: 1, EndLine: at.Line}
			wrong.origin.EndColumn = utf8.RuneCountInString(from.line(at.Line)) + 1
		}
		return cty.NilVal, faults{wrong}
	})
}

// What YAML may hold. Its decoder recurses for each bracket and each "- ", compares what it has built level by level, and writes an alias
// out wherever it stands: none of the three has an end of its own.
const (
	maxYAMLBrackets = 10_000
	maxYAMLDashes   = 100 // in one line
	maxYAMLExpanded = 50_000_000
)

// yamlLimits returns the code of what is too much in a text, counted so that nothing can hide: brackets within texts count too.
func yamlLimits(text string) string {
	if strings.Count(text, "[")+strings.Count(text, "{") > maxYAMLBrackets {
		return "yaml-deep"
	}
	for line := range strings.Lines(text) {
		if strings.Count(line, "- ")+strings.Count(line, "-\t")+strings.Count(line, "? ")+strings.Count(line, "?\t") > maxYAMLDashes {
			return "yaml-deep"
		}
	}
	anchors, aliases := signs(text, '&'), signs(text, '*')
	expanded := float64(len(text))
	for range min(anchors, aliases) { // each anchor may hold its share of the aliases, and so multiply what those hold
		expanded *= 1 + float64(aliases)/float64(anchors)
		if expanded > maxYAMLExpanded {
			return "yaml-aliases"
		}
	}
	return ""
}

// signs counts where a sign may begin a word.
func signs(text string, sign rune) int {
	n, before := 0, ' '
	for _, r := range text {
		if r == sign && !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			n++
		}
		before = r
	}
	return n
}

// offset returns the place of a byte of a file, counted from 1; of none without a file.
func (f *file) offset(n int) policy.Origin {
	if f == nil {
		return policy.Origin{}
	}
	before := f.text[:min(max(n-1, 0), len(f.text))]
	line, start := bytes.Count(before, []byte("\n"))+1, bytes.LastIndexByte(before, '\n')+1
	column := utf8.RuneCount(before[start:]) + 1
	return policy.Origin{File: f.name, Line: line, Column: column, EndLine: line, EndColumn: column + 1}
}

// explainFunction reports what a function, or HCL about its arguments, says, with a call that works.
func (l *loader) explainFunction(here place, code, name, explanation string) {
	e := exampleOf(name)
	l.report.add(here, code, message.Args{
		"name": name, "explanation": explanation, "example": e.call, "result": strconv.Quote(e.result),
	})
}
