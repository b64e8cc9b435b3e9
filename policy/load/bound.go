package load

import (
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// boundedBy makes a function refuse arguments that would make it fill the memory before anybody can look at its answer.
func boundedBy(f function.Function, size func([]cty.Value) int) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(), VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if known(args) && size(args) > maxElements {
				return cty.NilType, one("too-large", nil)
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

func known(args []cty.Value) bool {
	for _, a := range args {
		if !a.IsWhollyKnown() || a.IsNull() {
			return false
		}
	}
	return true
}

// product is how many elements a product of sets has.
func product(args []cty.Value) int {
	n := 1
	for _, a := range args {
		if n *= a.LengthInt(); n > maxElements {
			return n
		}
	}
	return n
}

// replaced is at most how long a text is in which every piece is replaced by another, in units of 16 bytes.
func replaced(args []cty.Value) int {
	text, piece, other := args[0].AsString(), args[1].AsString(), args[2].AsString()
	return (len(text) + strings.Count(text, piece)*len(other)) / 16
}
