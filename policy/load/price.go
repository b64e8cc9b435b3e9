package load

import (
	"regexp/syntax"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"cordon/policy"
)

// maxWidth is how many characters a verb of format may ask for.
const maxWidth = 1000

// priced makes a function be paid for what its arguments make it do, before it begins: it would fill the memory, or never end, before
// anybody could look at its answer. What it does for each value that it is given is paid already.
func (b *budget) priced(f function.Function, cost func([]cty.Value) int) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(), VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			plain := make([]cty.Value, len(args))
			for i := range args {
				plain[i], _ = args[i].Unmark()
			}
			if !known(plain) {
				return f.ReturnTypeForValues(args)
			}
			price := cost(plain)
			if price > allowance/2 {
				return cty.NilType, one("too-large", nil)
			}
			if !b.pay(price, policy.Origin{}) {
				return cty.NilType, one("too-much-work", nil)
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// price gives each function its price that does more than go through its arguments once.
func (b *budget) price(all map[string]function.Function) {
	for name, cost := range map[string]func([]cty.Value) int{
		"replace": replaced, "join": joined, "indent": indented, "split": parted, "trim": trimmed,
		"format": formatted, "formatlist": formatted, "regex": sought, "regexall": sought, "regexreplace": rewritten,
		"distinct": crossed, "parseint": digits, "jsondecode": structured, "yamldecode": laidOut,
		"coalesce": paired, "coalescelist": paired, "concat": paired, "setunion": paired, "setintersection": paired,
		"setsubtract": paired, "setsymmetricdifference": paired, "setproduct": product, "flatten": flattened,
	} {
		all[name] = b.priced(all[name], cost)
	}
}

func known(args []cty.Value) bool {
	for _, a := range args {
		if !a.IsWhollyKnown() || a.IsNull() {
			return false
		}
	}
	return true
}

// product is what the elements of a product of sets cost.
func product(args []cty.Value) int {
	n := madeCost
	for _, a := range args {
		if n *= a.LengthInt(); n > allowance {
			return n
		}
	}
	return n * len(args)
}

// flattened is for the list of all elements, which is made for the type of the answer and for the answer, and copied while it grows.
func flattened(args []cty.Value) int { return 3 * valueCost * weight(args[0], allowance/valueCost) }

// inText is what a text of so many bytes costs.
func inText(bytes int) int { return valueCost * (bytes / textUnit) }

// replaced is for at most how long a text is in which every piece is replaced by another.
func replaced(args []cty.Value) int {
	text, piece, other := args[0].AsString(), args[1].AsString(), args[2].AsString()
	return inText(len(text) + strings.Count(text, piece)*len(other))
}

// joined is for the separators: the elements are paid.
func joined(args []cty.Value) int {
	n := 0
	for _, list := range args[1:] {
		n += list.LengthInt()
	}
	return inText(n * len(args[0].AsString()))
}

func indented(args []cty.Value) int {
	spaces, _ := args[0].AsBigFloat().Int64()
	lines := strings.Count(args[1].AsString(), "\n")
	if spaces > allowance {
		return allowance
	}
	return inText(int(max(spaces, 0)) * lines)
}

func parted(args []cty.Value) int {
	separator, text := args[0].AsString(), args[1].AsString()
	return madeCost * (strings.Count(text, separator) + 1)
}

func trimmed(args []cty.Value) int {
	return inText(len(args[0].AsString())) * (1 + len(args[1].AsString())/textUnit)
}

// formatted is for at most how long the text is that a format makes: each verb may ask for the longest argument.
func formatted(args []cty.Value) int {
	if args[0].Type() != cty.String {
		return 0
	}
	format := args[0].AsString()
	if wide(format) {
		return allowance
	}
	longest, rows := 0, 1
	for _, a := range args[1:] {
		longest = max(longest, weight(a, allowance))
		if a.CanIterateElements() {
			rows = max(rows, a.LengthInt())
		}
	}
	return min(strings.Count(format, "%"), allowance) * (valueCost*longest + 1) * rows
}

// wide says whether a verb of a format asks for more characters than anybody wants.
func wide(format string) bool {
	width := 0
	for _, c := range format {
		switch {
		case c < '0' || c > '9':
			width = 0
		default:
			if width = width*10 + int(c-'0'); width > maxWidth {
				return true
			}
		}
	}
	return false
}

// sought is for the steps of a regular expression, which are those of its states for each byte, and for what it finds.
func sought(args []cty.Value) int {
	pattern, text := args[0].AsString(), args[1].AsString()
	return states(pattern)*(1+len(text)/textUnit) + madeCost*(1+len(text)/textUnit)
}

func rewritten(args []cty.Value) int {
	text, pattern, other := args[0].AsString(), args[1].AsString(), args[2].AsString()
	made := (len(text)+1)*len(other) + strings.Count(other, "$")*len(text)
	return states(pattern)*(1+len(text)/textUnit) + inText(made)
}

// states is how many states a regular expression has once its repetitions are written out; one that is none has none.
func states(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	return unrolled(parsed)
}

func unrolled(e *syntax.Regexp) int {
	n := 1 + len(e.Rune)
	for _, part := range e.Sub {
		n += unrolled(part)
	}
	if e.Op == syntax.OpRepeat {
		n *= max(e.Min, e.Max, 1)
	}
	return n
}

// crossed is for elements of which each is held against the others.
func crossed(args []cty.Value) int {
	n := args[0].LengthInt()
	return n * n / 2
}

// digits is for a number that is as long as somebody writes: to read it takes more than its length.
func digits(args []cty.Value) int {
	n := len(args[0].AsString())
	return n * n / textUnit
}

// structured is for the values that a document holds.
func structured(args []cty.Value) int {
	text, _ := args[0].Unmark()
	n := 0
	for _, c := range []byte(text.AsString()) {
		switch c {
		case ',', ':', '[', '{', '\n':
			n++
		}
	}
	return madeCost * n
}

// laidOut is structured for YAML. What is refused before it is read costs nothing.
func laidOut(args []cty.Value) int {
	if text, _ := args[0].Unmark(); yamlLimits(text.AsString()) != "" {
		return 0
	}
	return structured(args)
}

// paired is for arguments of which the type of each is held against those of the others.
func paired(args []cty.Value) int { return len(args) * (len(args) / typesAtOnce) }
