package wire

import (
	"cmp"
	"slices"
	"strconv"

	"cordon/gateway/ruleset"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// register1 is NFT_REG_1, into which nft puts whatever it tests next.
const register1 = 1

// rule collects the expressions of one rule, and remembers what the tests so far have made certain of the packet.
type rule struct {
	table   *Table
	counted map[string]bool
	steps   []step
	ether   bool  // the link layer is ethernet
	network int32 // ethertype; 0 is unknown
	// transport is the protocol's number; unknown when negative.
	transport int32
}

// step is one test or statement of a rule.
type step struct {
	exprs []Expr
	// test marks a condition. One that compares octets of the packet with constants may be put together with others.
	test   bool
	header *header
}

// header compares octets of a packet's header with constants.
type header struct {
	base   expr.PayloadBase
	offset uint32
	op     expr.CmpOp
	value  string
	// protocol marks a field that says what the next header is.
	protocol bool
}

func (t *Table) ruleOf(r ruleset.Rule, counted map[string]bool) Rule {
	w := rule{table: t, counted: counted, transport: -1, ether: t.Family == ruleset.Bridge}
	for _, s := range r.Statements {
		w.statement(s)
	}
	return Rule{Exprs: w.exprs(), Userdata: comment(ruleCommentTLV, r.Comment)}
}

func (w *rule) statement(s ruleset.Statement) {
	switch s := s.(type) {
	case ruleset.Compare:
		w.compare(s)
	case ruleset.Between:
		w.between(s)
	case ruleset.In:
		w.test(append(w.key(s.Fields), lookup(s.Set, s.Not))...)
	case ruleset.Dispatch:
		w.do(append(w.key(s.Fields), encoded(&expr.Lookup{SourceRegister: register1, SetName: s.Map, IsDestRegSet: true}))...)
	case ruleset.Update:
		w.update(s)
	case ruleset.Reject:
		w.reject(s)
	case ruleset.SetMark:
		w.do(encoded(&expr.Immediate{Register: register1, Data: []byte(ruleset.Word(s.Value))}),
			encoded(&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: register1}))
	default:
		w.do(simple(s))
	}
}

// simple returns the expression of a statement that looks at no field.
func simple(s ruleset.Statement) Expr {
	switch s := s.(type) {
	case ruleset.Counter:
		return encoded(&expr.Counter{})
	case ruleset.Limit:
		return encoded(&expr.Limit{
			Rate: uint64(s.Rate), Burst: uint32(s.Burst), Unit: expr.LimitTimeSecond, //nolint:gosec // never negative
		})
	case ruleset.Flows:
		return encoded(&expr.Connlimit{Count: uint32(s.Most)}) //nolint:gosec // never negative
	case ruleset.Log:
		return encoded(&expr.Log{
			Key:     1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_SNAPLEN | 1<<unix.NFTA_LOG_PREFIX,
			Group:   uint16(s.Group),   //nolint:gosec // 16 bits by the kernel
			Snaplen: uint32(s.SnapLen), //nolint:gosec // never negative
			Data:    []byte(s.Prefix),
		})
	case ruleset.Notrack:
		return Expr{Name: "notrack"}
	case ruleset.Masquerade:
		return encoded(&expr.Masq{})
	case ruleset.Verdict:
		return encoded(&expr.Verdict{Kind: expr.VerdictKind(verdictCode(s.Kind)), Chain: s.Chain})
	}
	return Expr{}
}

func (w *rule) test(exprs ...Expr) { w.steps = append(w.steps, step{exprs: exprs, test: true}) }
func (w *rule) do(exprs ...Expr)   { w.steps = append(w.steps, step{exprs: exprs}) }

func lookup(set string, not bool) Expr {
	return encoded(&expr.Lookup{SourceRegister: register1, SetName: set, Invert: not})
}

func compare(op expr.CmpOp, value string) Expr {
	return encoded(&expr.Cmp{Op: op, Register: register1, Data: []byte(value)})
}

// partOf returns the mask of a field that is only a part of the octets that are loaded for it, or "".
func partOf(f ruleset.Field) string {
	if bits := loaderOf(f).bits; bits != 0 {
		return ruleset.Short(1<<bits - 1)
	}
	return ""
}

func mask(register uint32, mask string) Expr {
	return encoded(&expr.Bitwise{
		SourceRegister: register, DestRegister: register, Len: uint32(len(mask)), //nolint:gosec // at most 16
		Mask: []byte(mask), Xor: make([]byte, len(mask)),
	})
}

func (w *rule) compare(c ruleset.Compare) {
	w.need(loaderOf(c.Field).needs)
	op := expr.CmpOpEq
	if c.Not {
		op = expr.CmpOpNeq
	}
	var masked []Expr
	c.Mask = cmp.Or(partOf(c.Field), c.Mask)
	if c.Mask != "" {
		masked = []Expr{mask(register1, c.Mask)}
	}
	loads := append([]Expr{load(c.Field, register1)}, masked...)
	switch {
	case len(c.Values) > 1:
		w.test(append(loads, lookup(w.anonymous(c), c.Not))...)
		if !c.Not && c.Mask == "" {
			w.learn(c.Field, c.Values[len(c.Values)-1]) // as nft does: its last value overwrites what it learnt from the others
		}
	case c.Mask != "":
		w.test(append(loads, compare(op, c.Values[0]))...)
	case bits(c.Field) && !c.Not:
		w.test(append(loads, mask(register1, c.Values[0]), compare(expr.CmpOpNeq, string(make([]byte, len(c.Values[0])))))...)
	default:
		w.constant(c.Field, op, c.Values[0])
	}
}

// bits tells whether nft compares a field by its bits: it holds when one of those named is set.
func bits(f ruleset.Field) bool {
	t := f.Spec().Type
	return t == ruleset.CTStateBits || t == ruleset.CTStatusBits || t == ruleset.TCPFlag
}

// constant compares a whole field with one value.
func (w *rule) constant(f ruleset.Field, op expr.CmpOp, value string) {
	s := step{exprs: []Expr{load(f, register1), compare(op, value)}, test: true}
	if l := loaderOf(f); l.source == fromPayload || l.source == fromRaw {
		s.header = &header{l.base, l.offset, op, value, f == ruleset.EtherTypeField || f == ruleset.IP6NextHeader}
	}
	w.steps = append(w.steps, s)
	if op == expr.CmpOpEq {
		w.learn(f, value)
	}
}

// learn remembers what a field's value says of the layer above.
func (w *rule) learn(f ruleset.Field, value string) {
	switch f {
	case ruleset.NFProto:
		w.network = map[string]int32{"\x02": unix.ETH_P_IP, "\x0a": unix.ETH_P_IPV6}[value]
	case ruleset.MetaProtocol:
		if w.table.Family != ruleset.Inet {
			w.network = int32(value[0])<<8 | int32(value[1])
		}
	case ruleset.EtherTypeField:
		w.network = int32(value[0])<<8 | int32(value[1])
	case ruleset.L4Proto, ruleset.IP6NextHeader:
		w.transport = int32(value[0])
	default:
	}
}

// between compares a field in network order with both ends of a range.
func (w *rule) between(b ruleset.Between) {
	w.need(loaderOf(b.Field).needs)
	w.test(load(b.Field, register1), compare(expr.CmpOpGte, b.First), compare(expr.CmpOpLte, b.Last))
}

// anonymous makes the set that a comparison with several values asks, and returns its name.
func (w *rule) anonymous(c ruleset.Compare) string {
	key := []ruleset.Field{c.Field}
	length, _ := keyLengths(key)
	values := slices.Sorted(slices.Values(c.Values))
	userdata := appendTLV32(nil, setKeyOrderTLV, order(key))
	if partOf(c.Field) == "" { // of a part of its octets nft does not remember what it was
		userdata = appendTLV(userdata, setKeyTypeofTLV, typeof(key))
	}
	s := Set{
		Name:     "__set" + strconv.Itoa(len(w.table.Sets)),
		Flags:    unix.NFT_SET_ANONYMOUS | unix.NFT_SET_CONSTANT,
		KeyType:  keyType(key),
		KeyLen:   length,
		Size:     uint32(len(values)), //nolint:gosec // a handful
		Userdata: string(userdata),
	}
	for _, v := range values {
		s.Elements = append(s.Elements, Element{Key: v})
	}
	w.table.Sets = append(w.table.Sets, s)
	return s.Name
}

// key loads fields one behind the other, each from a register of its own on: parts of a key are padded to four octets.
func (w *rule) key(fields []ruleset.Field) []Expr {
	for _, f := range fields {
		w.need(loaderOf(f).needs)
	}
	exprs := make([]Expr, 0, len(fields)+1)
	at := 0
	for _, f := range fields {
		exprs = append(exprs, load(f, registerAt(at)))
		if m := partOf(f); m != "" {
			exprs = append(exprs, mask(registerAt(at), m))
		}
		at += (f.Spec().Bytes + 3) / 4
	}
	return exprs
}

// registerAt returns the number of the register that begins n times four octets behind the first: one of 16 octets where there is
// one, else one of four.
func registerAt(n int) uint32 {
	if n%4 == 0 {
		return uint32(n/4) + register1 //nolint:gosec // at most 16
	}
	return uint32(n) + unix.NFT_REG32_00 //nolint:gosec // at most 16
}

// update writes to a set. The kernel leaves out the element's expressions where the set has its own.
func (w *rule) update(u ruleset.Update) {
	exprs := w.key(u.Fields)
	b := appendString(nil, unix.NFTA_DYNSET_SET_NAME, u.Set)
	op := uint32(unix.NFT_DYNSET_OP_ADD)
	if u.Refresh {
		op = unix.NFT_DYNSET_OP_UPDATE
	}
	b = appendUint32(b, unix.NFTA_DYNSET_OP, op)
	b = appendUint32(b, unix.NFTA_DYNSET_SREG_KEY, register1)
	if !w.counted[u.Set] && len(u.Statements) > 0 {
		list := make([]Expr, len(u.Statements))
		for i, s := range u.Statements {
			list[i] = simple(s)
		}
		if len(list) == 1 {
			b = appendText(b, unix.NFTA_DYNSET_EXPR, string(encodeExpr(list[0])))
		} else {
			b = appendUint32(b, unix.NFTA_DYNSET_FLAGS, expr.NFT_DYNSET_F_EXPR)
			b = appendText(b, dynsetExprsAttr, string(encodeExprs(list)))
		}
	}
	w.do(append(exprs, Expr{"dynset", canonical("dynset", Attributes(b), 0)})...)
}

// reject answers. The library sends a code with a TCP reset, which the kernel does not give back.
func (w *rule) reject(r ruleset.Reject) {
	if r.Reset {
		w.need(tcpLayer)
		w.do(Expr{"reject", Attributes(appendUint32(nil, unix.NFTA_REJECT_TYPE, unix.NFT_REJECT_TCP_RST))})
		return
	}
	w.do(encoded(&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}))
}

// need puts the tests in front that make a layer certain, as nft does.
func (w *rule) need(l layer) {
	switch l {
	case anyLayer:
	case etherLayer:
		if !w.ether {
			w.test(encoded(&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: register1}), compare(expr.CmpOpEq, ruleset.Word(unix.ARPHRD_ETHER)[:2]))
			w.ether = true
		}
	case ipLayer:
		w.needNetwork(unix.ETH_P_IP, false)
	case ip6Layer:
		w.needNetwork(unix.ETH_P_IPV6, false)
	case vlanLayer:
		w.need(etherLayer)
		w.needNetwork(unix.ETH_P_8021Q, true)
	case arpLayer:
		w.needNetwork(unix.ETH_P_ARP, true)
	case tcpLayer:
		w.needTransport(unix.IPPROTO_TCP)
	case udpLayer:
		w.needTransport(unix.IPPROTO_UDP)
	case icmpLayer:
		w.needAnyNetwork(unix.ETH_P_IP)
		w.needTransport(unix.IPPROTO_ICMP)
	case icmpv6Layer:
		w.needAnyNetwork(unix.ETH_P_IPV6)
		w.needTransport(unix.IPPROTO_ICMPV6)
	}
}

// needNetwork asks for the network layer's protocol where the family knows it best: in the frame's own header once that is known to
// be ethernet. For IP in a bridge nft trusts what the kernel noted, unless it asks on behalf of a transport layer (header).
func (w *rule) needNetwork(ethertype int32, inHeader bool) {
	if w.network == ethertype {
		return
	}
	w.network = ethertype
	value := ruleset.Short(uint16(ethertype)) //nolint:gosec // 16 bits
	switch {
	case w.table.Family == ruleset.Bridge && !inHeader, w.table.Family == ruleset.Netdev && !w.ether:
		w.test(encoded(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: register1}), compare(expr.CmpOpEq, value))
	case w.table.Family == ruleset.Inet && !w.ether:
		nfproto := map[int32]string{unix.ETH_P_IP: "\x02", unix.ETH_P_IPV6: "\x0a"}[ethertype]
		w.test(load(ruleset.NFProto, register1), compare(expr.CmpOpEq, nfproto))
	default:
		w.constant(ruleset.EtherTypeField, expr.CmpOpEq, value)
	}
}

// needAnyNetwork asks for a network protocol only where nothing is known: nft trusts the rule to know what it is about.
func (w *rule) needAnyNetwork(ethertype int32) {
	if w.network == 0 {
		w.needNetwork(ethertype, true)
	}
}

func (w *rule) needTransport(protocol int32) {
	if w.transport != protocol {
		w.constant(ruleset.L4Proto, expr.CmpOpEq, ruleset.Octet(uint8(protocol))) //nolint:gosec // 8 bits
	}
}

// exprs puts the steps one behind the other, tests of neighbouring octets as one.
func (w *rule) exprs() []Expr {
	gone := map[int]bool{}
	var group []int
	for i, s := range w.steps {
		switch {
		case s.header != nil:
			group = append(group, i)
		case !s.test && len(group) > 1:
			// A statement ends a group. nft forgets so when the group has but one test, which then moves across the statement.
			w.merge(group, gone)
			group = nil
		}
	}
	w.merge(group, gone)
	var exprs []Expr
	for i, s := range w.steps {
		if !gone[i] {
			exprs = append(exprs, s.exprs...)
		}
	}
	return exprs
}

// merge does what nft does to a group of tests: comparisons of neighbouring octets become one comparison, in the place of the one
// that comes first in the packet, or of the one that says what the next header is (src/rule.c, payload_try_merge).
func (w *rule) merge(group []int, gone map[int]bool) {
	slices.SortStableFunc(group, func(a, b int) int {
		x, y := w.steps[a].header, w.steps[b].header
		return cmp.Or(cmp.Compare(x.base, y.base), cmp.Compare(x.offset, y.offset))
	})
	for k := 0; k < len(group); {
		place := group[k]
		h := *w.steps[place].header
		start := k
		for k++; k < len(group) && joins(&h, w.steps[group[k]].header); k++ {
			h.value += w.steps[group[k]].header.value
			left := group[k]
			if w.steps[left].header.protocol {
				place, left = left, place
			}
			gone[left] = true
		}
		if k > start+1 {
			length := uint32(len(h.value)) //nolint:gosec // at most 16
			w.steps[place].exprs = []Expr{payload(h.base, h.offset, length, register1), compare(h.op, h.value)}
		}
	}
}

// joins tells whether nft puts two comparisons together (src/payload.c, payload_can_merge): not where two loads of up to four octets
// each are faster than one of more.
func joins(a, b *header) bool {
	const fast, register = 4, 16
	x, y := len(a.value), len(b.value)
	return a.base == b.base && a.op == b.op && a.offset+uint32(x) == b.offset && x+y <= register && //nolint:gosec // at most 16
		(x+y <= fast || a.base == expr.PayloadBaseLLHeader || x > fast || y > fast)
}
