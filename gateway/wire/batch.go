package wire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"golang.org/x/sys/unix"
)

// chunk is how many octets of elements go into one message: the list is an attribute, whose length has 16 bits.
const chunk = 60_000

// Batch is one transaction on its way to the kernel, which takes all of it or nothing. Its methods write one or a few messages
// each, in the order of the calls; nothing is sent.
type Batch struct {
	octets  []byte
	starts  []int    // where each message begins
	names   []string // what each message is about
	numbers uint32   // of anonymous sets
}

// NewBatch begins a transaction. With a generation other than 0 the kernel takes it only while nobody has changed anything since.
func NewBatch(generation uint32) *Batch {
	b := &Batch{}
	b.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, "the transaction")
	if generation != 0 {
		b.octets = appendUint32(b.octets, batchGenerationAttr, generation)
	}
	b.end()
	return b
}

// batchGenerationAttr is NFNL_BATCH_GENID.
const batchGenerationAttr = 1

// begin writes a message's headers. The length is written by end, the sequence number by Octets.
func (b *Batch) begin(kind, flags uint16, family byte, resource uint16, name string) {
	b.starts = append(b.starts, len(b.octets))
	b.names = append(b.names, name)
	b.octets = append(b.octets, 0, 0, 0, 0)
	b.octets = binary.NativeEndian.AppendUint16(b.octets, kind)
	b.octets = binary.NativeEndian.AppendUint16(b.octets, unix.NLM_F_REQUEST|flags)
	b.octets = append(b.octets, 0, 0, 0, 0, 0, 0, 0, 0, family, unix.NFNETLINK_V0)
	b.octets = binary.BigEndian.AppendUint16(b.octets, resource)
}

func (b *Batch) end() {
	start := b.starts[len(b.starts)-1]
	binary.NativeEndian.PutUint32(b.octets[start:], uint32(len(b.octets)-start)) //nolint:gosec // far below 4 GiB
}

func (b *Batch) command(command, flags uint16, id ID, name string) {
	b.begin(unix.NFNL_SUBSYS_NFTABLES<<8|command, flags, byte(id.Family), 0, name) //nolint:gosec // a family of the kernel
}

// Empty tells whether the transaction changes nothing.
func (b *Batch) Empty() bool { return len(b.starts) == 1 }

// Size is how many octets the transaction will have when it is sent.
func (b *Batch) Size() int { return len(b.octets) + messageHeader + familyHeader }

// Len is how many messages the transaction has, its first and last not counted.
func (b *Batch) Len() int { return len(b.starts) - 1 }

// Octets returns the transaction as the kernel wants it, in one piece: messages numbered from first, and the last one before the
// end asking for an answer. Without commit the end is missing, and the kernel checks everything and applies nothing.
func (b *Batch) Octets(first uint32, commit bool) []byte {
	out := b.octets
	for i, at := range b.starts {
		binary.NativeEndian.PutUint32(out[at+8:], first+uint32(i))
	}
	last := b.starts[len(b.starts)-1]
	flags := binary.NativeEndian.Uint16(out[last+6:])
	binary.NativeEndian.PutUint16(out[last+6:], flags|unix.NLM_F_ACK)
	if !commit {
		return out
	}
	end := Batch{}
	end.begin(unix.NFNL_MSG_BATCH_END, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, "")
	end.end()
	binary.NativeEndian.PutUint32(end.octets[8:], first+uint32(len(b.starts))) //nolint:gosec // counts messages
	return append(out, end.octets...)
}

// Subject says what message number i of the transaction is about, counted from 0; offset is where in the message the kernel found
// fault, and names the element of a set.
func (b *Batch) Subject(i int, offset uint32) string {
	if i < 0 || i >= len(b.names) {
		return "the end of the transaction"
	}
	message := b.octets[b.starts[i]:]
	message = message[:binary.NativeEndian.Uint32(message)]
	if key := faultyKey(message, int(offset)); key != "" {
		return "element " + hex.EncodeToString([]byte(key)) + " of " + b.names[i]
	}
	return b.names[i]
}

// faultyKey returns the key of the element at offset, when the message carries elements.
func faultyKey(message []byte, offset int) string {
	command := binary.NativeEndian.Uint16(message[4:])
	if command != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSETELEM && command != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_DELSETELEM ||
		offset < messageHeader+familyHeader || offset >= len(message) {
		return ""
	}
	n := int(binary.NativeEndian.Uint16(message[offset:]))
	if n < headerLength || offset+n > len(message) {
		return ""
	}
	return decodeElement(Attributes(message[offset+headerLength : offset+n])).Key
}

// AddTable makes a table when there is none of its name. One that is there keeps its userdata: the kernel changes flags only.
func (b *Batch) AddTable(t *Table) {
	b.command(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, t.ID(), "table "+t.ID().String())
	b.octets = appendString(b.octets, unix.NFTA_TABLE_NAME, t.Name)
	b.octets = appendUint32(b.octets, unix.NFTA_TABLE_FLAGS, t.Flags)
	if t.Userdata != "" {
		b.octets = appendText(b.octets, tableUserdataAttr, t.Userdata)
	}
	b.end()
}

// DeleteTable deletes a table with all that is in it.
func (b *Batch) DeleteTable(id ID) {
	b.command(unix.NFT_MSG_DELTABLE, 0, id, "table "+id.String())
	b.octets = appendString(b.octets, unix.NFTA_TABLE_NAME, id.Name)
	b.end()
}

// Add makes a table with all that is in it. Chains come first, for a map's elements may name them, then sets, then rules.
func (b *Batch) Add(t *Table) {
	b.AddTable(t)
	for _, c := range t.Chains {
		b.AddChain(t.ID(), c)
	}
	for i := range t.Sets {
		if s := &t.Sets[i]; !s.Anonymous() {
			b.AddSet(t.ID(), s)
			b.AddElements(t.ID(), s.Name, s.Elements)
		}
	}
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			b.AddRule(t, c.Name, r)
		}
	}
}

// Replace makes a table anew whether it was there or not: every version of the kernel knows how to add, delete and add again.
func (b *Batch) Replace(t *Table) {
	b.AddTable(t)
	b.DeleteTable(t.ID())
	b.Add(t)
}

// AddChain makes a chain without its rules, or gives one that is there another policy.
func (b *Batch) AddChain(id ID, c Chain) {
	b.command(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, id, "chain "+id.String()+" "+c.Name)
	b.octets = appendString(b.octets, unix.NFTA_CHAIN_TABLE, id.Name)
	b.octets = appendString(b.octets, unix.NFTA_CHAIN_NAME, c.Name)
	if c.Hook != nil {
		b.hook(c.Hook)
	}
	if c.Userdata != "" {
		b.octets = appendText(b.octets, chainUserdataAttr, c.Userdata)
	}
	b.end()
}

// hook writes one device as an old kernel's attribute and several as a list: the kernel refuses a list of one only where it refuses
// lists, and prints both alike.
func (b *Batch) hook(h *Hook) {
	var at int
	b.octets, at = open(b.octets, unix.NFTA_CHAIN_HOOK)
	b.octets = appendUint32(b.octets, unix.NFTA_HOOK_HOOKNUM, h.Number)
	b.octets = appendUint32(b.octets, unix.NFTA_HOOK_PRIORITY, uint32(h.Priority)) //nolint:gosec // the kernel's int
	if len(h.Devices) == 1 {
		b.octets = appendString(b.octets, unix.NFTA_HOOK_DEV, h.Devices[0])
	} else if len(h.Devices) > 1 {
		var list int
		b.octets, list = open(b.octets, hookDevicesAttr)
		for _, d := range h.Devices {
			b.octets = appendString(b.octets, deviceNameAttr, d)
		}
		b.octets = closed(b.octets, list)
	}
	b.octets = closed(b.octets, at)
	b.octets = appendUint32(b.octets, unix.NFTA_CHAIN_POLICY, h.Policy)
	b.octets = appendString(b.octets, unix.NFTA_CHAIN_TYPE, h.Type)
}

// DeleteChain deletes a chain with its rules. One that is still jumped to stays, and the transaction fails.
func (b *Batch) DeleteChain(id ID, name string) {
	b.command(unix.NFT_MSG_DELCHAIN, 0, id, "chain "+id.String()+" "+name)
	b.octets = appendString(b.octets, unix.NFTA_CHAIN_TABLE, id.Name)
	b.octets = appendString(b.octets, unix.NFTA_CHAIN_NAME, name)
	b.end()
}

// ReplaceChain makes a base chain anew with its hook and rules, in every state that a device's disappearance can have left it in:
// there, gone, or there without the device. On Linux 6.1 an existing chain takes no further device and a chain whose only device
// went is gone, so it is first made without a hook, which succeeds either way, and deleted.
func (b *Batch) ReplaceChain(t *Table, c Chain) {
	b.AddChain(t.ID(), Chain{Name: c.Name})
	b.DeleteChain(t.ID(), c.Name)
	b.AddChain(t.ID(), c)
	for _, r := range c.Rules {
		b.AddRule(t, c.Name, r)
	}
}

// FlushChain deletes a chain's rules and keeps the chain.
func (b *Batch) FlushChain(id ID, name string) {
	b.command(unix.NFT_MSG_DELRULE, 0, id, "the rules of chain "+id.String()+" "+name)
	b.octets = appendString(b.octets, unix.NFTA_RULE_TABLE, id.Name)
	b.octets = appendString(b.octets, unix.NFTA_RULE_CHAIN, name)
	b.end()
}

// AddRule puts a rule at the end of a chain. The table is asked for the anonymous sets that the rule looks into.
func (b *Batch) AddRule(t *Table, chain string, r Rule) {
	numbers := map[string]uint32{}
	for _, e := range r.Exprs {
		name := e.looksUp()
		if s := t.Set(name); name != "" && s != nil && s.Anonymous() {
			numbers[name] = b.addAnonymous(t.ID(), s)
		}
	}
	id := t.ID()
	b.command(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, id, "rule of chain "+id.String()+" "+chain+remark(r.Userdata))
	b.octets = appendString(b.octets, unix.NFTA_RULE_TABLE, id.Name)
	b.octets = appendString(b.octets, unix.NFTA_RULE_CHAIN, chain)
	var at int
	b.octets, at = open(b.octets, unix.NFTA_RULE_EXPRESSIONS)
	for _, e := range r.Exprs {
		if n := numbers[e.looksUp()]; n != 0 {
			e = e.asking(anonymousSet)
			e.Attrs += Attributes(appendUint32(nil, unix.NFTA_LOOKUP_SET_ID, n))
		}
		b.octets = appendText(b.octets, listElementAttr, string(encodeExpr(e)))
	}
	b.octets = closed(b.octets, at)
	if r.Userdata != "" {
		b.octets = appendText(b.octets, unix.NFTA_RULE_USERDATA, r.Userdata)
	}
	b.end()
}

// anonymousSet is what the kernel wants an anonymous set to be called: it puts a number in.
const anonymousSet = "__set%d"

func (b *Batch) addAnonymous(id ID, s *Set) uint32 {
	b.numbers++
	c := *s
	c.Name = anonymousSet
	b.addSet(id, &c, b.numbers)
	b.elements(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, id, anonymousSet, b.numbers, s.Elements)
	return b.numbers
}

// AddSet makes a set without its elements.
func (b *Batch) AddSet(id ID, s *Set) {
	b.numbers++
	b.addSet(id, s, b.numbers)
}

func (b *Batch) addSet(id ID, s *Set, number uint32) {
	b.command(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, id, "set "+id.String()+" "+s.Name)
	o := appendString(b.octets, unix.NFTA_SET_TABLE, id.Name)
	o = appendString(o, unix.NFTA_SET_NAME, s.Name)
	o = appendUint32(o, unix.NFTA_SET_FLAGS, s.Flags)
	o = appendUint32(o, unix.NFTA_SET_KEY_TYPE, s.KeyType)
	o = appendUint32(o, unix.NFTA_SET_KEY_LEN, s.KeyLen)
	if s.Flags&unix.NFT_SET_MAP != 0 {
		o = appendUint32(o, unix.NFTA_SET_DATA_TYPE, s.DataType)
		o = appendUint32(o, unix.NFTA_SET_DATA_LEN, s.DataLen)
	}
	o = appendUint32(o, unix.NFTA_SET_ID, number)
	if s.Timeout != 0 {
		o = appendUint64(o, unix.NFTA_SET_TIMEOUT, s.Timeout)
	}
	if s.GCInterval != 0 {
		o = appendUint32(o, unix.NFTA_SET_GC_INTERVAL, s.GCInterval)
	}
	if s.Policy != 0 {
		o = appendUint32(o, unix.NFTA_SET_POLICY, s.Policy)
	}
	o = appendDescription(o, s)
	if s.Userdata != "" {
		o = appendText(o, unix.NFTA_SET_USERDATA, s.Userdata)
	}
	b.octets = appendSetExprs(o, s.Exprs)
	b.end()
}

func appendSetExprs(o []byte, exprs []Expr) []byte {
	switch len(exprs) {
	case 0:
		return o
	case 1:
		return appendText(o, setExprAttr, string(encodeExpr(exprs[0])))
	default:
		return appendText(o, setExprsAttr, string(encodeExprs(exprs)))
	}
}

func appendDescription(o []byte, s *Set) []byte {
	if s.Size == 0 && len(s.Fields) == 0 {
		return o
	}
	o, at := open(o, unix.NFTA_SET_DESC)
	if s.Size != 0 {
		o = appendUint32(o, setSizeAttr, s.Size)
	}
	if len(s.Fields) > 0 {
		var list int
		o, list = open(o, setConcatAttr)
		for _, n := range s.Fields {
			var field int
			o, field = open(o, listElementAttr)
			o = closed(appendUint32(o, fieldLengthAttr, n), field)
		}
		o = closed(o, list)
	}
	return closed(o, at)
}

// DeleteSet deletes a set that no rule looks into.
func (b *Batch) DeleteSet(id ID, name string) {
	b.command(unix.NFT_MSG_DELSET, 0, id, "set "+id.String()+" "+name)
	b.octets = appendString(b.octets, unix.NFTA_SET_TABLE, id.Name)
	b.octets = appendString(b.octets, unix.NFTA_SET_NAME, name)
	b.end()
}

// AddElements puts elements into a set, in as many messages as they need. One that is there already is no error.
func (b *Batch) AddElements(id ID, set string, list []Element) {
	b.elements(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, id, set, 0, list)
}

// DeleteElements takes elements out of a set. One that is not there makes the transaction fail.
func (b *Batch) DeleteElements(id ID, set string, list []Element) {
	b.elements(unix.NFT_MSG_DELSETELEM, 0, id, set, 0, list)
}

func (b *Batch) elements(command, flags uint16, id ID, set string, number uint32, list []Element) {
	name := "set " + id.String() + " " + set
	for len(list) > 0 {
		b.command(command, flags, id, name)
		b.octets = appendString(b.octets, unix.NFTA_SET_ELEM_LIST_TABLE, id.Name)
		b.octets = appendString(b.octets, unix.NFTA_SET_ELEM_LIST_SET, set)
		if number != 0 {
			b.octets = appendUint32(b.octets, unix.NFTA_SET_ELEM_LIST_SET_ID, number)
		}
		var at int
		b.octets, at = open(b.octets, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		for len(list) > 0 && len(b.octets)-at < chunk {
			b.octets = appendElement(b.octets, &list[0])
			list = list[1:]
		}
		b.octets = closed(b.octets, at)
		b.end()
	}
}

func appendElement(o []byte, e *Element) []byte {
	o, at := open(o, listElementAttr)
	if e.Key != "" {
		o = appendData(o, unix.NFTA_SET_ELEM_KEY, e.Key)
	}
	if e.KeyEnd != "" {
		o = appendData(o, elementKeyEndAttr, e.KeyEnd)
	}
	if e.Flags != 0 {
		o = appendUint32(o, unix.NFTA_SET_ELEM_FLAGS, e.Flags)
	}
	if e.Data != "" {
		o = appendText(o, unix.NFTA_SET_ELEM_DATA|unix.NLA_F_NESTED, string(e.Data))
	}
	if e.Timeout != 0 {
		o = appendUint64(o, unix.NFTA_SET_ELEM_TIMEOUT, e.Timeout)
	}
	if e.Userdata != "" {
		o = appendText(o, unix.NFTA_SET_ELEM_USERDATA, e.Userdata)
	}
	switch len(e.Exprs) {
	case 0:
	case 1:
		o = appendText(o, unix.NFTA_SET_ELEM_EXPR, string(encodeExpr(e.Exprs[0])))
	default:
		o = appendText(o, elementExprsAttr, string(encodeExprs(e.Exprs)))
	}
	return closed(o, at)
}

func appendData(o []byte, kind uint16, v string) []byte {
	o, at := open(o, kind)
	return closed(appendText(o, dataValueAttr, v), at)
}

// remark returns a rule's comment for an error's text.
func remark(userdata string) string {
	if c := Comment(userdata); c != "" {
		return fmt.Sprintf(" (%s)", c)
	}
	return ""
}
