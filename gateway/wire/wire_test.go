package wire_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cordon/gateway/ruleset"
	"cordon/gateway/wire"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// messages cuts a batch into its messages, without its begin and end.
func messages(t *testing.T, b *wire.Batch) []wire.Message {
	t.Helper()
	var list []wire.Message
	for m, err := range wire.Messages(b.Octets(1, true)) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return list[1 : len(list)-1]
}

// tables decodes a batch as if the kernel had sent it.
func tables(t *testing.T, list []wire.Message) []wire.Table {
	t.Helper()
	var out []wire.Table
	for _, m := range list {
		command, _ := m.Command()
		switch command {
		case unix.NFT_MSG_NEWTABLE:
			table, err := wire.DecodeTable(m)
			check(t, err)
			out = append(out, table)
		case unix.NFT_MSG_NEWCHAIN:
			_, c, err := wire.DecodeChain(m)
			check(t, err)
			if c.Hook != nil {
				c.Flags = 1 // the kernel's own: a base chain
			}
			last(out).Chains = append(last(out).Chains, c)
		case unix.NFT_MSG_NEWSET:
			_, s, err := wire.DecodeSet(m)
			check(t, err)
			last(out).Sets = append(last(out).Sets, s)
		case unix.NFT_MSG_NEWSETELEM:
			_, name, list, err := wire.DecodeElements(m, nil)
			check(t, err)
			s := last(last(out).Sets)
			if s.Name != name {
				t.Fatalf("elements of %s after set %s", name, s.Name)
			}
			s.Elements = append(s.Elements, list...)
		case unix.NFT_MSG_NEWRULE:
			_, chain, r, err := wire.DecodeRule(m)
			check(t, err)
			c := last(out).Chain(chain)
			c.Rules = append(c.Rules, r)
		}
	}
	return out
}

func last[T any](list []T) *T { return &list[len(list)-1] }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sample() ruleset.Ruleset {
	key := []ruleset.Field{ruleset.IIFName, ruleset.EtherSource}
	return ruleset.Ruleset{Tables: []ruleset.Table{{
		Family: ruleset.Inet, Name: "cordon", Comment: "policy 1",
		Sets: []ruleset.Set{
			{
				Name: "devices", Comment: "who", Key: key, Size: 64, Timed: true, Elements: []ruleset.Element{
					{Key: ruleset.Key(ruleset.Name("cam0"), "\x01\x02\x03\x04\x05\x06"), Comment: "f1:2", Timeout: 30},
					{Key: ruleset.Key(ruleset.Name("cam1"), "\x01\x02\x03\x04\x05\x06")},
				},
			},
			{Name: "doors", Key: key[:1], Size: 64, Verdicts: true, Elements: []ruleset.Element{
				{Key: ruleset.Name("cam0"), Verdict: ruleset.Verdict{Kind: ruleset.GotoChain, Chain: "camera"}},
			}},
			{Name: "tried", Key: key, Size: 64, Dynamic: true, Counted: true, Timeout: 60},
		},
		Chains: []ruleset.Chain{
			{Name: "camera", Rules: []ruleset.Rule{
				{Statements: []ruleset.Statement{ruleset.In{Fields: key, Set: "devices"}, ruleset.Counter{}, ruleset.Verdict{}}, Comment: "named"},
				{Statements: []ruleset.Statement{ruleset.Counter{}, ruleset.Verdict{Kind: ruleset.DropPacket}}},
			}},
			{
				Name: "ingress", Hook: &ruleset.Hook{Point: ruleset.Ingress, Priority: -500, Devices: []string{"cam0", "cam1"}, Drop: true},
				Rules: []ruleset.Rule{{Statements: []ruleset.Statement{ruleset.Dispatch{Fields: key[:1], Map: "doors"}}}},
			},
		},
	}}}
}

func TestBatchIsReadBack(t *testing.T) {
	want := wire.Of(sample())
	b := wire.NewBatch(0)
	for i := range want {
		b.Add(&want[i])
	}
	got := tables(t, messages(t, b))
	if d := cmp.Diff(wire.Stable(want), wire.Stable(got)); d != "" {
		t.Errorf("decoded (-encoded +decoded):\n%s", d)
	}
}

func TestSizeIsKnownBefore(t *testing.T) {
	b := wire.NewBatch(7)
	table := wire.Of(sample())[0]
	for i := range 3 {
		size := b.Size()
		if n := len(b.Octets(1, true)); n != size {
			t.Errorf("%d: size %d, sent %d", i, size, n)
		}
		b.Replace(&table)
		if b.Size() <= size || b.Empty() {
			t.Errorf("%d: a table adds nothing", i)
		}
	}
	if !wire.NewBatch(7).Empty() {
		t.Error("a new batch is not empty")
	}
}

func TestOnlyTheLastMessageAsks(t *testing.T) {
	b := wire.NewBatch(0)
	table := wire.Of(sample())[0]
	b.Replace(&table)
	for _, first := range []uint32{1, 1 << 31} {
		list := messages(t, b)
		for m, err := range wire.Messages(b.Octets(first, true)) {
			check(t, err)
			asks := m.Flags&unix.NLM_F_ACK != 0
			if ends := m.Sequence == first+uint32(len(list)); asks != ends {
				t.Errorf("message %d of %d: asks %v", m.Sequence-first, len(list), asks)
			}
		}
	}
	n := 0
	for m, err := range wire.Messages(b.Octets(1, false)) {
		check(t, err)
		n++
		if m.Type == unix.NFNL_MSG_BATCH_END {
			t.Error("a batch that is only checked has an end")
		}
	}
	if n != b.Len()+1 {
		t.Errorf("%d messages, want a begin and %d", n, b.Len())
	}
}

func TestElementsAreChunked(t *testing.T) {
	list := make([]wire.Element, 10_000)
	for i := range list {
		list[i] = wire.Element{Key: string(binary.BigEndian.AppendUint64(nil, uint64(i))), Userdata: "\x00\x05f1:3\x00"}
	}
	id := wire.ID{Family: ruleset.Inet, Name: "cordon"}
	b := wire.NewBatch(0)
	b.AddElements(id, "s", list)
	var got []wire.Element
	parts := messages(t, b)
	for _, m := range parts {
		if len(m.Body) > 65_000 {
			t.Errorf("a message of %d octets", len(m.Body))
		}
		var err error
		_, _, got, err = wire.DecodeElements(m, got)
		check(t, err)
	}
	if d := cmp.Diff(list, got); d != "" || len(parts) < 5 {
		t.Errorf("%d parts, differing:\n%s", len(parts), d)
	}
}

// A fault is named by the element that the kernel points at.
func TestSubject(t *testing.T) {
	id := wire.ID{Family: ruleset.Inet, Name: "cordon"}
	b := wire.NewBatch(0)
	b.AddElements(id, "s", []wire.Element{{Key: "\x0a\x00\x00\x01"}, {Key: "\x0a\x00\x00\x02"}})
	first := uint32(16 + 4 + 12 + 8 + 4)
	for offset, want := range map[uint32]string{
		0:          "set inet cordon s",
		first:      "element 0a000001 of set inet cordon s",
		first + 16: "element 0a000002 of set inet cordon s",
		1 << 20:    "set inet cordon s",
	} {
		if got := b.Subject(1, offset); got != want {
			t.Errorf("at %d: %q, want %q", offset, got, want)
		}
	}
	if got := b.Subject(2, 0); got != "the end of the transaction" {
		t.Errorf("%q", got)
	}
	if got := b.Subject(0, 0); got != "the transaction" {
		t.Errorf("%q", got)
	}
}

// What lives is left out of a comparison; everything else is in it.
func TestEqual(t *testing.T) {
	same := map[string]func(*wire.Table){
		"nothing":  func(*wire.Table) {},
		"a handle": func(w *wire.Table) { w.Chains[0].Rules[0].Handle = 9 },
		"a counter": func(w *wire.Table) {
			w.Chains[0].Rules[1].Exprs[0].Attrs = "\x0c\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x07"
		},
		"a deadline":        func(w *wire.Table) { w.Sets[0].Elements[0].Expiration = 5 },
		"an owner's port":   func(w *wire.Table) { w.Owner = 4711 },
		"order of chains":   func(w *wire.Table) { slices.Reverse(w.Chains) },
		"order of sets":     func(w *wire.Table) { slices.Reverse(w.Sets) },
		"order of devices":  func(w *wire.Table) { slices.Reverse(w.Chains[1].Hook.Devices) },
		"order of elements": func(w *wire.Table) { slices.Reverse(w.Sets[0].Elements) },
		"a dynamic element": func(w *wire.Table) { w.Sets[2].Elements = []wire.Element{{Key: "x"}} },
	}
	other := map[string]func(*wire.Table){
		"a family":           func(w *wire.Table) { w.Family = ruleset.Bridge },
		"a table's name":     func(w *wire.Table) { w.Name = "other" },
		"a table's flags":    func(w *wire.Table) { w.Flags = 1 },
		"a table's comment":  func(w *wire.Table) { w.Userdata = "" },
		"an unknown word":    func(w *wire.Table) { w.Rest = "\x04\x00\x63\x00" },
		"a flowtable":        func(w *wire.Table) { w.Others = []wire.Other{{Kind: "flowtable", Name: "f"}} },
		"a chain less":       func(w *wire.Table) { w.Chains = w.Chains[:1] },
		"a policy":           func(w *wire.Table) { w.Chains[1].Hook.Policy = 1 },
		"a priority":         func(w *wire.Table) { w.Chains[1].Hook.Priority = 0 },
		"a hook":             func(w *wire.Table) { w.Chains[1].Hook = nil },
		"a device":           func(w *wire.Table) { w.Chains[1].Hook.Devices = []string{"cam0"} },
		"a chain's type":     func(w *wire.Table) { w.Chains[1].Hook.Type = "nat" },
		"a chain's flags":    func(w *wire.Table) { w.Chains[0].Flags = 2 },
		"order of rules":     func(w *wire.Table) { slices.Reverse(w.Chains[0].Rules) },
		"a rule's comment":   func(w *wire.Table) { w.Chains[0].Rules[0].Userdata = "" },
		"an expression less": func(w *wire.Table) { w.Chains[0].Rules[0].Exprs = w.Chains[0].Rules[0].Exprs[:1] },
		"an expression":      func(w *wire.Table) { w.Chains[0].Rules[1].Exprs[0].Name = "last" },
		"a verdict":          func(w *wire.Table) { w.Chains[0].Rules[1].Exprs[1].Attrs = "" },
		"a set's flags":      func(w *wire.Table) { w.Sets[0].Flags ^= unix.NFT_SET_TIMEOUT },
		"a set's size":       func(w *wire.Table) { w.Sets[0].Size = 1 },
		"a set's key":        func(w *wire.Table) { w.Sets[0].KeyType = 1 },
		"a set's comment":    func(w *wire.Table) { w.Sets[0].Userdata = "" },
		"a set's timeout":    func(w *wire.Table) { w.Sets[2].Timeout = 1 },
		"a set's counter":    func(w *wire.Table) { w.Sets[2].Exprs = nil },
		"a set's fields":     func(w *wire.Table) { w.Sets[0].Fields = []uint32{1} },
		"an element less":    func(w *wire.Table) { w.Sets[0].Elements = w.Sets[0].Elements[:1] },
		"an element's key":   func(w *wire.Table) { w.Sets[0].Elements[0].Key = "x" },
		"an element's end":   func(w *wire.Table) { w.Sets[0].Elements[0].KeyEnd = "x" },
		"an element's name":  func(w *wire.Table) { w.Sets[0].Elements[0].Userdata = "" },
		"an element's time":  func(w *wire.Table) { w.Sets[0].Elements[0].Timeout = 1 },
		"an element's flags": func(w *wire.Table) { w.Sets[0].Elements[0].Flags = 1 },
		"a map's verdict":    func(w *wire.Table) { w.Sets[1].Elements[0].Data = "" },
	}
	want := wire.Of(sample())
	for name, change := range same {
		got := wire.Of(sample())
		change(&got[0])
		if !wire.Equal(want, got) || !wire.Equal(got, want) {
			t.Errorf("%s makes a difference", name)
		}
	}
	for name, change := range other {
		got := wire.Of(sample())
		change(&got[0])
		if wire.Equal(want, got) || wire.Equal(got, want) {
			t.Errorf("%s makes no difference", name)
		}
	}
	if len(same)+len(other) != 42 {
		t.Errorf("%d cases", len(same)+len(other))
	}
	if wire.Equal(want, nil) || !wire.Equal(nil, nil) {
		t.Error("no tables are not equal to no tables only")
	}
}

// Anonymous sets have names that the kernel makes up; they are compared by where they are used.
func TestAnonymousSetsAreComparedByUse(t *testing.T) {
	named := func(first, second string) []wire.Table {
		ports := func(values ...uint16) ruleset.Rule {
			c := ruleset.Compare{Field: ruleset.TCPDestinationPort}
			for _, v := range values {
				c.Values = append(c.Values, ruleset.Short(v))
			}
			return ruleset.Rule{Statements: []ruleset.Statement{c}}
		}
		tables := wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{Name: "cordon", Family: ruleset.Inet, Chains: []ruleset.Chain{
			{Name: "c", Rules: []ruleset.Rule{ports(1, 2), ports(3, 4)}},
		}}}})
		rename := func(from, to string) {
			for i := range tables[0].Sets {
				if tables[0].Sets[i].Name == from {
					tables[0].Sets[i].Name = to
				}
			}
			for i := range tables[0].Chains[0].Rules {
				for j, e := range tables[0].Chains[0].Rules[i].Exprs {
					tables[0].Chains[0].Rules[i].Exprs[j].Attrs = wire.Attributes(strings.Replace(string(e.Attrs), from, to, 1))
				}
			}
		}
		rename("__set0", first)
		rename("__set1", second)
		return tables
	}
	if !wire.Equal(named("__set0", "__set1"), named("__set5", "__set4")) {
		t.Error("the kernel's numbers make a difference")
	}
	if d := cmp.Diff(wire.Stable(named("__set0", "__set1")), wire.Stable(named("__set5", "__set4"))); d != "" {
		t.Error(d)
	}
	swapped := named("__set0", "__set1")
	swapped[0].Sets[0].Elements, swapped[0].Sets[1].Elements = swapped[0].Sets[1].Elements, swapped[0].Sets[0].Elements
	if wire.Equal(named("__set0", "__set1"), swapped) {
		t.Error("two sets that changed places make no difference")
	}
}

func TestUnknownIsKept(t *testing.T) {
	unknown := wire.Expr{Name: "nonesuch", Attrs: "\x08\x00\x01\x00\x00\x00\x00\x01\x05\x00\x02\x00\x07\x00\x00\x00"}
	table := wire.Table{
		Family: ruleset.Inet, Name: "cordon",
		Chains: []wire.Chain{{Name: "c", Rules: []wire.Rule{{Exprs: []wire.Expr{unknown}}}}},
		Sets: []wire.Set{{
			Name: "s", KeyLen: 4, Exprs: []wire.Expr{unknown}, Elements: []wire.Element{{Key: "abcd", Exprs: []wire.Expr{unknown, unknown}}},
		}},
	}
	b := wire.NewBatch(0)
	b.Add(&table)
	if d := cmp.Diff([]wire.Table{table}, tables(t, messages(t, b))); d != "" {
		t.Errorf("(-encoded +decoded):\n%s", d)
	}
}

// An expression reads the same whatever order and flags its attributes come in.
func TestCanonicalForm(t *testing.T) {
	rule := func(exprs ...string) wire.Rule {
		var body []byte
		for _, e := range exprs {
			body = append(body, attribute(1, "\x08\x00\x01\x00cmp\x00"+attribute(2|unix.NLA_F_NESTED, e))...)
		}
		list := wire.Attributes(attribute(unix.NFTA_RULE_EXPRESSIONS, string(body)))
		m := wire.Message{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWRULE, Body: list}
		_, _, r, err := wire.DecodeRule(m)
		check(t, err)
		return r
	}
	register, op := attribute(1, "\x00\x00\x00\x01"), attribute(2, "\x00\x00\x00\x00")
	data := attribute(3, attribute(1, "\x06"))
	flagged := attribute(3|unix.NLA_F_NESTED, attribute(1|unix.NLA_F_NET_BYTEORDER, "\x06"))
	want := rule(register + op + data)
	if len(want.Exprs) != 1 || want.Exprs[0].Name != "cmp" {
		t.Fatalf("%+v", want)
	}
	if d := cmp.Diff(want, rule(flagged+op+register)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, rule(register+op)); d == "" {
		t.Error("an attribute less makes no difference")
	}
}

func attribute(kind uint16, value string) string {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return string(b)
}

func TestRefusal(t *testing.T) {
	header := strings.Repeat("\x00", 16)
	errno := func(n int32) string { return string(binary.NativeEndian.AppendUint32(nil, uint32(n))) }
	text := attribute(unix.NLMSGERR_ATTR_MSG, "Chain type does not exist\x00") + attribute(unix.NLMSGERR_ATTR_OFFS, "\x18\x00\x00\x00")
	long := string(binary.NativeEndian.AppendUint32(nil, 24)) + header[4:] + "12345678"
	for name, test := range map[string]struct {
		m    wire.Message
		want wire.Refusal
		ok   bool
	}{
		"acknowledged": {wire.Message{Type: unix.NLMSG_ERROR, Body: wire.Attributes(errno(0) + header)}, wire.Refusal{}, true},
		"a number": {
			wire.Message{Type: unix.NLMSG_ERROR, Body: wire.Attributes(errno(-2) + header)}, wire.Refusal{Errno: unix.ENOENT}, true,
		},
		"text, capped": {
			wire.Message{Type: unix.NLMSG_ERROR, Flags: unix.NLM_F_CAPPED | unix.NLM_F_ACK_TLVS, Body: wire.Attributes(errno(-2) + header + text)},
			wire.Refusal{Errno: unix.ENOENT, Text: "Chain type does not exist", Offset: 24},
			true,
		},
		"text behind the whole message": {
			wire.Message{Type: unix.NLMSG_ERROR, Flags: unix.NLM_F_ACK_TLVS, Body: wire.Attributes(errno(-2) + long + text)},
			wire.Refusal{Errno: unix.ENOENT, Text: "Chain type does not exist", Offset: 24},
			true,
		},
		"done":           {wire.Message{Type: unix.NLMSG_DONE, Body: wire.Attributes(errno(-4))}, wire.Refusal{Errno: unix.EINTR}, true},
		"cut":            {wire.Message{Type: unix.NLMSG_ERROR, Body: "\x00"}, wire.Refusal{}, false},
		"something else": {wire.Message{Type: 0x0a00, Body: wire.Attributes(errno(-2))}, wire.Refusal{}, false},
	} {
		got, ok := test.m.Refusal()
		if got != test.want || ok != test.ok {
			t.Errorf("%s: %+v %v, want %+v %v", name, got, ok, test.want, test.ok)
		}
	}
}

func TestIntervals(t *testing.T) {
	set := func(elements ...ruleset.Element) []wire.Element {
		s := ruleset.Set{Name: "s", Key: []ruleset.Field{ruleset.IPSource}, Interval: true, Elements: elements}
		return wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Sets: []ruleset.Set{s}}}})[0].Sets[0].Elements
	}
	const end = unix.NFT_SET_ELEM_INTERVAL_END
	for name, test := range map[string]struct{ got, want []wire.Element }{
		"none": {set(), nil},
		"one, and a range before it": {
			set(
				ruleset.Element{Key: "\x0a\x00\x00\x09", Comment: "b"},
				ruleset.Element{Key: "\x0a\x00\x00\x00", End: "\x0a\x00\x00\x07", Comment: "a"},
			),
			[]wire.Element{
				{Key: "\x00\x00\x00\x00", Flags: end},
				{Key: "\x0a\x00\x00\x00", Userdata: "\x00\x02a\x00"},
				{Key: "\x0a\x00\x00\x08", Flags: end},
				{Key: "\x0a\x00\x00\x09", Userdata: "\x00\x02b\x00"},
				{Key: "\x0a\x00\x00\x0a", Flags: end},
			},
		},
		"carries": {
			set(ruleset.Element{Key: "\x00\x00\x00\x00", End: "\x00\x00\xff\xff"}),
			[]wire.Element{{Key: "\x00\x00\x00\x00"}, {Key: "\x00\x01\x00\x00", Flags: end}},
		},
		"to the end": {
			set(ruleset.Element{Key: "\x00\x00\x00\x00", End: "\xff\xff\xff\xff"}),
			[]wire.Element{{Key: "\x00\x00\x00\x00", Userdata: "\x01\x04\x01\x00\x00\x00"}},
		},
	} {
		if d := cmp.Diff(test.want, test.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestComments(t *testing.T) {
	table := wire.Of(sample())[0]
	for got, want := range map[string]string{
		wire.Comment(table.Userdata):                     "policy 1",
		wire.Comment(table.Chains[0].Rules[0].Userdata):  "named",
		wire.Comment(table.Sets[0].Elements[0].Userdata): "f1:2",
	} {
		if got != want {
			t.Errorf("comment %q, want %q", got, want)
		}
	}
	for _, bad := range []string{"", "\x00", "\x00\x05ab", "\x01\x00", "\x00\x00"} {
		if got := wire.Comment(bad); got != "" {
			t.Errorf("comment %q of %q", got, bad)
		}
	}
}

func TestMalformed(t *testing.T) {
	good := wire.NewBatch(0).Octets(1, true)
	for i := range good {
		n, failed := 0, false
		for _, err := range wire.Messages(good[:i]) {
			failed = errors.Is(err, wire.ErrMalformed)
			if err == nil {
				n++
			}
		}
		if whole := i == 0 || i == 20; failed == whole || n > 1 {
			t.Errorf("%d octets: %d messages, malformed %v", i, n, failed)
		}
	}
	for name, err := range map[string]error{
		"table":  second(wire.DecodeTable(wire.Message{})),
		"set":    third(wire.DecodeSet(wire.Message{Type: 0x0a00})),
		"gen":    second(wire.DecodeGeneration(wire.Message{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWGEN})),
		"notice": second(wire.DecodeNotice(wire.Message{Type: 1})),
	} {
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error        { return err }
func third[S, T any](_ S, _ T, err error) error { return err }

func FuzzDecode(f *testing.F) {
	want := wire.Of(sample())
	b := wire.NewBatch(3)
	b.Replace(&want[0])
	f.Add(b.Octets(1, true))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, octets []byte) {
		var table wire.Table
		for m, err := range wire.Messages(octets) {
			if err != nil {
				break
			}
			decodeAny(&table, m)
		}
		_ = wire.Equal([]wire.Table{table}, []wire.Table{table})
		if len(octets) > 4_000 {
			return
		}
		again := wire.NewBatch(0)
		again.Add(&table)
		for i := range again.Len() {
			_ = again.Subject(i, uint32(len(octets)))
		}
		for _, err := range wire.Messages(again.Octets(1, true)) {
			if err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
		}
	})
}

func decodeAny(table *wire.Table, m wire.Message) {
	_, _ = m.Refusal()
	if w, err := wire.DecodeTable(m); err == nil {
		w.Chains, w.Sets = table.Chains, table.Sets
		*table = w
	}
	if _, c, err := wire.DecodeChain(m); err == nil {
		table.Chains = append(table.Chains, c)
	}
	if _, s, err := wire.DecodeSet(m); err == nil {
		table.Sets = append(table.Sets, s)
	}
	if _, _, r, err := wire.DecodeRule(m); err == nil && len(table.Chains) > 0 {
		last(table.Chains).Rules = append(last(table.Chains).Rules, r)
	}
	if _, _, list, err := wire.DecodeElements(m, nil); err == nil && len(table.Sets) > 0 {
		last(table.Sets).Elements = append(last(table.Sets).Elements, list...)
	}
	if _, o, err := wire.DecodeOther(m); err == nil {
		table.Others = append(table.Others, o)
	}
	_, _ = wire.DecodeGeneration(m)
	_, _ = wire.DecodeNotice(m)
}

// BenchmarkOfAndEncode is what an apply of 40,000 elements costs before the kernel sees it.
func BenchmarkOfAndEncode(b *testing.B) {
	set := ruleset.Set{Name: "s", Size: 131_072, Key: []ruleset.Field{
		ruleset.IIFName, ruleset.EtherSource, ruleset.IPSource, ruleset.IPDestination, ruleset.TCPDestinationPort,
	}}
	for i := range 40_000 {
		mac := string(binary.BigEndian.AppendUint64(nil, uint64(i))[2:])
		addr := string(binary.BigEndian.AppendUint32(nil, uint32(i)))
		key := ruleset.Key(ruleset.Name("cam0"), mac, addr, addr, ruleset.Short(554))
		set.Elements = append(set.Elements, ruleset.Element{Key: key, Comment: fmt.Sprintf("f1:%d", i)})
	}
	rules := ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Name: "cordon", Sets: []ruleset.Set{set}}}}
	for b.Loop() {
		tables := wire.Of(rules)
		batch := wire.NewBatch(0)
		batch.Replace(&tables[0])
		b.SetBytes(int64(len(batch.Octets(1, true))))
	}
}
