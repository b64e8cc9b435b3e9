package wire

import (
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Attributes of an element of an expression list (NFTA_EXPR_*).
const (
	exprNameAttr = unix.NFTA_EXPR_NAME
	exprDataAttr = unix.NFTA_EXPR_DATA
)

// nesting is how deep expressions stand in expressions at most: the kernel goes no deeper than one in a dynset. What stands deeper
// is kept as it is, so that no octets cost more than their length.
const nesting = 2

// decodeExpr reads one expression: its name and its attributes, in canonical form.
func decodeExpr(a Attributes) Expr { return decodeExprAt(a, 0) }

func decodeExprAt(a Attributes, depth int) Expr {
	name := a.Text(exprNameAttr)
	data, _ := a.Get(exprDataAttr)
	return Expr{name, canonical(name, data, depth)}
}

// decodeExprs reads a list of expressions.
func decodeExprs(list Attributes) []Expr { return decodeExprsAt(list, 0) }

func decodeExprsAt(list Attributes, depth int) []Expr {
	var exprs []Expr
	for t, v := range list.All() {
		if t == listElementAttr {
			exprs = append(exprs, decodeExprAt(v, depth))
		}
	}
	return exprs
}

// canonical sorts an expression's attributes and, in those that are known to be nested, the attributes within. What says nothing
// goes: set numbers, which live as long as a transaction, and flags of zero, which some kernels send and others don't.
func canonical(name string, data Attributes, depth int) Attributes {
	return sorted(data, func(t uint16, v Attributes) (Attributes, bool) {
		shape := shapeOf(name, t)
		if depth > nesting && (shape == shapeExpr || shape == shapeExprs) {
			return v, true
		}
		switch shape {
		case shapeNumber:
			return "", false
		case shapeFlags:
			return v, strings.Trim(string(v), "\x00") != ""
		case shapeData:
			return sorted(v, keepData), true
		case shapeExpr:
			return encodeExpr(decodeExprAt(v, depth+1)), true
		case shapeExprs:
			return encodeExprs(decodeExprsAt(v, depth+1)), true
		case shapePlain:
		}
		return v, true
	})
}

type shape int

const (
	shapePlain  shape = iota
	shapeNumber       // of a set, within a transaction
	shapeFlags
	shapeData
	shapeExpr
	shapeExprs
)

func shapeOf(name string, kind uint16) shape {
	type attribute struct {
		expr string
		kind uint16
	}
	switch (attribute{name, kind}) {
	case attribute{"lookup", unix.NFTA_LOOKUP_SET_ID}, attribute{"dynset", unix.NFTA_DYNSET_SET_ID}:
		return shapeNumber
	case attribute{"lookup", unix.NFTA_LOOKUP_FLAGS}, attribute{"dynset", unix.NFTA_DYNSET_FLAGS},
		attribute{"dynset", unix.NFTA_DYNSET_TIMEOUT}, attribute{"limit", unix.NFTA_LIMIT_FLAGS},
		attribute{"connlimit", expr.NFTA_CONNLIMIT_FLAGS},
		attribute{"bitwise", bitwiseOpAttr}, attribute{"log", unix.NFTA_LOG_QTHRESHOLD},
		attribute{"masq", unix.NFTA_MASQ_FLAGS}, attribute{"payload", unix.NFTA_PAYLOAD_CSUM_FLAGS}:
		return shapeFlags
	case attribute{"cmp", unix.NFTA_CMP_DATA}, attribute{"immediate", unix.NFTA_IMMEDIATE_DATA},
		attribute{"bitwise", unix.NFTA_BITWISE_MASK}, attribute{"bitwise", unix.NFTA_BITWISE_XOR},
		attribute{"range", unix.NFTA_RANGE_FROM_DATA}, attribute{"range", unix.NFTA_RANGE_TO_DATA}:
		return shapeData
	case attribute{"dynset", unix.NFTA_DYNSET_EXPR}:
		return shapeExpr
	case attribute{"dynset", dynsetExprsAttr}:
		return shapeExprs
	}
	return shapePlain
}

// bitwiseOpAttr is NFTA_BITWISE_OP; 0 is a mask, the only operation of old kernels.
const bitwiseOpAttr = 6

// keepData keeps a value as it is and sorts a verdict.
func keepData(t uint16, v Attributes) (Attributes, bool) {
	if t == dataVerdictAttr {
		return sorted(v, func(_ uint16, v Attributes) (Attributes, bool) { return v, true }), true
	}
	return v, true
}

func encodeExpr(e Expr) Attributes {
	b := appendString(make([]byte, 0, len(e.Attrs)+len(e.Name)+12), exprNameAttr, e.Name)
	if e.Attrs != "" {
		b = appendText(b, exprDataAttr, string(e.Attrs))
	}
	return Attributes(b)
}

func encodeExprs(list []Expr) Attributes {
	var b []byte
	for _, e := range list {
		b = appendText(b, listElementAttr, string(encodeExpr(e)))
	}
	return Attributes(b)
}

// Stable returns the expression without what lives: a counter's packets and octets, a quota's consumption.
func (e Expr) Stable() Expr {
	switch e.Name {
	case "counter":
		return Expr{Name: e.Name}
	case "quota":
		e.Attrs = sorted(e.Attrs, func(t uint16, v Attributes) (Attributes, bool) { return v, t != unix.NFTA_QUOTA_CONSUMED })
	case "last":
		return Expr{Name: e.Name}
	}
	return e
}

// Counted returns what an expression counter has counted.
func (e Expr) Counted() (packets, octets uint64, ok bool) {
	if e.Name != "counter" {
		return 0, 0, false
	}
	packets, ok = e.Attrs.Uint64(unix.NFTA_COUNTER_PACKETS)
	octets, _ = e.Attrs.Uint64(unix.NFTA_COUNTER_BYTES)
	return packets, octets, ok
}
