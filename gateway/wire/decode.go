package wire

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// The functions of this file turn the body of one dump message into a value. They accept any octets: what is no attribute is not
// there, what they have no name for goes to Rest.

// DecodeTable reads NFT_MSG_NEWTABLE.
func DecodeTable(m Message) (Table, error) {
	if err := want(m, unix.NFT_MSG_NEWTABLE); err != nil {
		return Table{}, err
	}
	t := Table{Family: m.Family}
	var rest []byte
	for k, v := range m.Body.All() {
		switch k {
		case unix.NFTA_TABLE_NAME:
			t.Name = v.text()
		case unix.NFTA_TABLE_FLAGS:
			t.Flags = v.uint32()
		case tableUserdataAttr:
			t.Userdata = string(v)
		case tableOwnerAttr:
			t.Owner = v.uint32()
		case unix.NFTA_TABLE_USE, tableHandleAttr, tablePadAttr:
		default:
			rest = appendText(rest, k, string(v))
		}
	}
	t.Rest = Attributes(rest)
	return t, nil
}

// DecodeChain reads NFT_MSG_NEWCHAIN and returns the table's name and the chain.
func DecodeChain(m Message) (string, Chain, error) {
	if err := want(m, unix.NFT_MSG_NEWCHAIN); err != nil {
		return "", Chain{}, err
	}
	var c Chain
	var hook Hook
	var rest []byte
	for k, v := range m.Body.All() {
		switch k {
		case unix.NFTA_CHAIN_NAME:
			c.Name = v.text()
		case unix.NFTA_CHAIN_HOOK:
			c.Hook = &hook
			hook.decode(v)
		case unix.NFTA_CHAIN_POLICY:
			hook.Policy = v.uint32()
		case unix.NFTA_CHAIN_TYPE:
			hook.Type = v.text()
		case chainFlagsAttr:
			c.Flags = v.uint32()
		case chainUserdataAttr:
			c.Userdata = string(v)
		case unix.NFTA_CHAIN_TABLE, unix.NFTA_CHAIN_HANDLE, unix.NFTA_CHAIN_USE, unix.NFTA_CHAIN_COUNTERS, unix.NFTA_CHAIN_PAD:
		default:
			rest = appendText(rest, k, string(v))
		}
	}
	c.Rest = Attributes(rest)
	return m.Body.Text(unix.NFTA_CHAIN_TABLE), c, nil
}

func (h *Hook) decode(a Attributes) {
	for k, v := range a.All() {
		switch k {
		case unix.NFTA_HOOK_HOOKNUM:
			h.Number = v.uint32()
		case unix.NFTA_HOOK_PRIORITY:
			h.Priority = int32(v.uint32()) //nolint:gosec // the kernel's int
		case unix.NFTA_HOOK_DEV:
			if len(h.Devices) == 0 {
				h.Devices = []string{v.text()}
			}
		case hookDevicesAttr:
			h.Devices = nil
			for _, d := range v.All() {
				h.Devices = append(h.Devices, d.text())
			}
		}
	}
}

// DecodeRule reads NFT_MSG_NEWRULE and returns the names of its table and chain and the rule.
func DecodeRule(m Message) (table, chain string, r Rule, err error) {
	if err := want(m, unix.NFT_MSG_NEWRULE); err != nil {
		return "", "", Rule{}, err
	}
	var rest []byte
	for k, v := range m.Body.All() {
		switch k {
		case unix.NFTA_RULE_TABLE:
			table = v.text()
		case unix.NFTA_RULE_CHAIN:
			chain = v.text()
		case unix.NFTA_RULE_HANDLE:
			r.Handle = v.uint64()
		case unix.NFTA_RULE_EXPRESSIONS:
			r.Exprs = decodeExprs(v)
		case unix.NFTA_RULE_USERDATA:
			r.Userdata = string(v)
		case rulePositionAttr, unix.NFTA_RULE_PAD:
		default:
			rest = appendText(rest, k, string(v))
		}
	}
	r.Rest = Attributes(rest)
	return table, chain, r, nil
}

// DecodeSet reads NFT_MSG_NEWSET and returns the table's name and the set, without elements.
func DecodeSet(m Message) (string, Set, error) {
	if err := want(m, unix.NFT_MSG_NEWSET); err != nil {
		return "", Set{}, err
	}
	var s Set
	var rest []byte
	for k, v := range m.Body.All() {
		if !s.decodeNumber(k, v) && !s.decodeOther(k, v) {
			rest = appendText(rest, k, string(v))
		}
	}
	s.Rest = Attributes(rest)
	return m.Body.Text(unix.NFTA_SET_TABLE), s, nil
}

func (s *Set) decodeNumber(k uint16, v Attributes) bool {
	switch k {
	case unix.NFTA_SET_FLAGS:
		s.Flags = v.uint32()
	case unix.NFTA_SET_KEY_TYPE:
		s.KeyType = v.uint32()
	case unix.NFTA_SET_KEY_LEN:
		s.KeyLen = v.uint32()
	case unix.NFTA_SET_DATA_TYPE:
		s.DataType = v.uint32()
	case unix.NFTA_SET_DATA_LEN:
		s.DataLen = v.uint32()
	case unix.NFTA_SET_POLICY:
		s.Policy = v.uint32()
	case unix.NFTA_SET_TIMEOUT:
		s.Timeout = v.uint64()
	case unix.NFTA_SET_GC_INTERVAL:
		s.GCInterval = v.uint32()
	default:
		return false
	}
	return true
}

func (s *Set) decodeOther(k uint16, v Attributes) bool {
	switch k {
	case unix.NFTA_SET_NAME:
		s.Name = v.text()
	case unix.NFTA_SET_USERDATA:
		s.Userdata = string(v)
	case unix.NFTA_SET_DESC:
		s.Size, _ = v.Uint32(setSizeAttr)
		s.decodeFields(v)
	case setExprAttr:
		s.Exprs = []Expr{decodeExpr(v)}
	case setExprsAttr:
		s.Exprs = decodeExprs(v)
	case unix.NFTA_SET_TABLE, unix.NFTA_SET_ID, unix.NFTA_SET_PAD, setHandleAttr, setKindAttr, setCountAttr:
	default:
		return false
	}
	return true
}

func (s *Set) decodeFields(desc Attributes) {
	concat, _ := desc.Get(setConcatAttr)
	for _, f := range concat.All() {
		n, _ := f.Uint32(fieldLengthAttr)
		s.Fields = append(s.Fields, n)
	}
}

// DecodeElements reads NFT_MSG_NEWSETELEM, appends its elements to list, and returns the names of table and set.
func DecodeElements(m Message, list []Element) (table, set string, _ []Element, err error) {
	if err := want(m, unix.NFT_MSG_NEWSETELEM); err != nil {
		return "", "", list, err
	}
	for k, v := range m.Body.All() {
		switch k {
		case unix.NFTA_SET_ELEM_LIST_TABLE:
			table = v.text()
		case unix.NFTA_SET_ELEM_LIST_SET:
			set = v.text()
		case unix.NFTA_SET_ELEM_LIST_ELEMENTS:
			for _, e := range v.All() {
				list = append(list, decodeElement(e))
			}
		}
	}
	return table, set, list, nil
}

func decodeElement(a Attributes) Element {
	var e Element
	var rest []byte
	for k, v := range a.All() {
		switch k {
		case unix.NFTA_SET_ELEM_KEY:
			e.Key = value(v)
		case elementKeyEndAttr:
			e.KeyEnd = value(v)
		case unix.NFTA_SET_ELEM_DATA:
			e.Data = sorted(v, keepData)
		case unix.NFTA_SET_ELEM_FLAGS:
			e.Flags = v.uint32()
		case unix.NFTA_SET_ELEM_TIMEOUT:
			e.Timeout = v.uint64()
		case unix.NFTA_SET_ELEM_EXPIRATION:
			e.Expiration = v.uint64()
		case unix.NFTA_SET_ELEM_USERDATA:
			e.Userdata = string(v)
		case unix.NFTA_SET_ELEM_EXPR:
			e.Exprs = []Expr{decodeExpr(v)}
		case elementExprsAttr:
			e.Exprs = decodeExprs(v)
		case unix.NFTA_SET_ELEM_PAD:
		default:
			rest = appendText(rest, k, string(v))
		}
	}
	e.Rest = Attributes(rest)
	return e
}

func value(data Attributes) string {
	v, _ := data.Get(dataValueAttr)
	return string(v)
}

// DecodeOther reads NFT_MSG_NEWOBJ and NFT_MSG_NEWFLOWTABLE and returns the table's name and the thing.
func DecodeOther(m Message) (string, Other, error) {
	if want(m, newFlowtable) == nil {
		return m.Body.Text(1), Other{"flowtable", m.Body.Text(flowtableNameAttr), m.Body}, nil
	}
	if err := want(m, unix.NFT_MSG_NEWOBJ); err != nil {
		return "", Other{}, err
	}
	return m.Body.Text(unix.NFTA_OBJ_TABLE), Other{"object", m.Body.Text(unix.NFTA_OBJ_NAME), m.Body}, nil
}

// DecodeGeneration reads NFT_MSG_NEWGEN: the number that each transaction of any program on the machine raises.
func DecodeGeneration(m Message) (uint32, error) {
	if err := want(m, unix.NFT_MSG_NEWGEN); err != nil {
		return 0, err
	}
	id, ok := m.Body.Uint32(unix.NFTA_GEN_ID)
	if !ok {
		return 0, fmt.Errorf("%w: a generation without a number", ErrMalformed)
	}
	return id, nil
}

func want(m Message, command uint16) error {
	if c, ok := m.Command(); !ok || c != command {
		return fmt.Errorf("%w: type %#x instead of command %d of nf_tables", ErrMalformed, m.Type, command)
	}
	return nil
}

// native32 reads a number in the machine's own order, as netlink's control messages have it.
func native32(a Attributes) uint32 {
	if len(a) != 4 {
		return 0
	}
	return binary.NativeEndian.Uint32([]byte(a))
}
