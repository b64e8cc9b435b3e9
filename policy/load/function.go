package load

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions returns the functions of the language. What a function answers depends on its arguments and the policy's files only: no
// clock, no chance.
func (t *tree) functions(work *budget) map[string]function.Function {
	all := standard()
	all["file"] = t.fileFunction()
	all["fileexists"] = t.fileExistsFunction()
	all["csvdecode"] = csvFunction(work)
	all["jsondecode"] = jsonFunction()
	all["yamldecode"] = yamlFunction()
	all["cidrhost"] = cidrHostFunction()
	all["cidrsubnet"] = cidrSubnetFunction()
	all["cidrnetmask"] = cidrNetmaskFunction()
	work.price(all)
	return all
}

func standard() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "int": stdlib.IntFunc, "log": stdlib.LogFunc,
		"max": stdlib.MaxFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc,

		"chomp": stdlib.ChompFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc,
		"join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"regexreplace": stdlib.RegexReplaceFunc,
		"replace":      stdlib.ReplaceFunc, "reverse": stdlib.ReverseFunc, "split": stdlib.SplitFunc,
		"strlen": stdlib.StrlenFunc, "substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc,
		"upper": stdlib.UpperFunc,

		"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
		"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "index": stdlib.IndexFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"keys": stdlib.KeysFunc, "length": stdlib.LengthFunc, "lookup": stdlib.LookupFunc, "merge": stdlib.MergeFunc,
		"range": stdlib.RangeFunc, "reverselist": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc,
		"sethaselement": stdlib.SetHasElementFunc, "setproduct": stdlib.SetProductFunc, "setsubtract": stdlib.SetSubtractFunc,
		"setsymmetricdifference": stdlib.SetSymmetricDifferenceFunc, "setunion": stdlib.SetUnionFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

		"tobool": stdlib.MakeToFunc(cty.Bool), "tonumber": stdlib.MakeToFunc(cty.Number), "tostring": stdlib.MakeToFunc(cty.String),
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
	}
}

// textOf marks a string as the text of a file, so that csvdecode knows where its rows stand.
type textOf struct{ file *file }

func (t *tree) fileFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			f, wrong := t.lookup(args[0].AsString())
			if wrong != nil {
				return cty.UnknownVal(cty.String), wrong
			}
			return cty.StringVal(string(f.text)).Mark(textOf{file: f}), nil
		},
	})
}

func (t *tree) fileExistsFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			exists, wrong := t.exists(args[0].AsString())
			if wrong != nil {
				return cty.UnknownVal(cty.Bool), wrong
			}
			return cty.BoolVal(exists), nil
		},
	})
}

func csvFunction(work *budget) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String, AllowMarked: true}},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			from, text := source(args[0])
			rows, wrong := decodeCSV(from, text, work)
			if wrong != nil {
				return cty.DynamicVal, wrong
			}
			return rows, nil
		},
	})
}

func cidrHostFunction() function.Function {
	return cidrFunction([]string{"host"}, func(p netip.Prefix, numbers []*big.Int) (string, error) {
		return host(p, numbers[0])
	})
}

func cidrSubnetFunction() function.Function {
	return cidrFunction([]string{"newbits", "number"}, func(p netip.Prefix, numbers []*big.Int) (string, error) {
		return subnet(p, numbers[0], numbers[1])
	})
}

var (
	errRange = errors.New("the number does not fit in the prefix")
	errIPv4  = errors.New("only an IPv4 prefix has a netmask")
)

func cidrNetmaskFunction() function.Function {
	return cidrFunction(nil, func(p netip.Prefix, _ []*big.Int) (string, error) {
		if !p.Addr().Is4() {
			return "", errIPv4
		}
		ones := netip.AddrFrom4([4]byte{255, 255, 255, 255})
		return netip.PrefixFrom(ones, p.Bits()).Masked().Addr().String(), nil
	})
}

// cidrFunction makes a function of a prefix and whole numbers.
func cidrFunction(names []string, answer func(netip.Prefix, []*big.Int) (string, error)) function.Function {
	params := []function.Parameter{{Name: "prefix", Type: cty.String}}
	for _, name := range names {
		params = append(params, function.Parameter{Name: name, Type: cty.Number})
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			p, err := netip.ParsePrefix(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), fmt.Errorf("%q is not a network such as 10.30.0.0/24", args[0].AsString())
			}
			numbers := make([]*big.Int, len(names))
			for i := range names {
				n, accuracy := args[i+1].AsBigFloat().Int(nil)
				if accuracy != big.Exact || n.BitLen() > 128 {
					return cty.UnknownVal(cty.String), errRange
				}
				numbers[i] = n
			}
			text, err := answer(p.Masked(), numbers)
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			return cty.StringVal(text), nil
		},
	})
}

// host returns the n-th address of a prefix; a negative n counts from its end.
func host(p netip.Prefix, n *big.Int) (string, error) {
	size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	if n.Sign() < 0 {
		n = new(big.Int).Add(size, n)
	}
	if n.Sign() < 0 || n.Cmp(size) >= 0 {
		return "", errRange
	}
	return plus(p.Addr(), n).String(), nil
}

// subnet returns the n-th prefix that is bits longer.
func subnet(p netip.Prefix, bits, n *big.Int) (string, error) {
	if !bits.IsInt64() || bits.Int64() < 0 || bits.Int64() > int64(p.Addr().BitLen()-p.Bits()) {
		return "", errRange
	}
	length := p.Bits() + int(bits.Int64())
	if n.Sign() < 0 || n.BitLen() > int(bits.Int64()) {
		return "", errRange
	}
	shifted := new(big.Int).Lsh(n, uint(p.Addr().BitLen()-length))
	return netip.PrefixFrom(plus(p.Addr(), shifted), length).String(), nil
}

func plus(a netip.Addr, n *big.Int) netip.Addr {
	sum := new(big.Int).Add(new(big.Int).SetBytes(a.AsSlice()), n)
	octets := sum.FillBytes(make([]byte, a.BitLen()/8))
	moved, _ := netip.AddrFromSlice(octets)
	return moved
}
