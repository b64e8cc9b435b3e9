package nft_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestWrittenIsRead(t *testing.T) {
	c := open(t)
	links(t, "cam0", "cam1", "rec0", "wan0")
	rules := skeleton()
	commit(t, c, rules)
	first := read(t, c)
	want := wire.Of(rules)
	if d := cmp.Diff(wire.Stable(want), wire.Stable(first.Ours)); d != "" {
		t.Fatalf("the kernel holds something else (-written +read):\n%s", d)
	}
	if !wire.Equal(want, first.Ours) {
		t.Error("Equal sees a difference that Diff does not")
	}
	second := read(t, c)
	if d := cmp.Diff(wire.Stable(first.Ours), wire.Stable(second.Ours)); d != "" {
		t.Errorf("read twice (-first +second):\n%s", d)
	}
	for _, table := range first.Ours {
		for _, chain := range table.Chains {
			for i, r := range chain.Rules {
				if r.Handle == 0 {
					t.Errorf("%s %s: rule %d has no handle", table.ID(), chain.Name, i)
				}
			}
		}
	}
}

// Every kind of expression and every flag of a set that our rules use goes through the round trip above.
func TestSkeletonHasEverything(t *testing.T) {
	exprs, flags := map[string]bool{}, uint32(0)
	for _, table := range wire.Of(skeleton()) {
		for i := range table.Sets {
			flags |= table.Sets[i].Flags
		}
		for _, chain := range table.Chains {
			for _, r := range chain.Rules {
				for _, e := range r.Exprs {
					exprs[e.Name] = true
				}
			}
		}
	}
	want := []string{
		"bitwise", "cmp", "counter", "ct", "dynset", "immediate", "limit", "log", "lookup", "masq", "meta", "notrack", "payload", "reject",
	}
	for _, name := range want {
		if !exprs[name] {
			t.Errorf("the skeleton has no %s", name)
		}
	}
	if len(exprs) != len(want) {
		t.Errorf("the skeleton has %d kinds of expression, %d are expected", len(exprs), len(want))
	}
	const all = unix.NFT_SET_ANONYMOUS | unix.NFT_SET_CONSTANT | unix.NFT_SET_INTERVAL | unix.NFT_SET_MAP | unix.NFT_SET_TIMEOUT |
		unix.NFT_SET_EVAL | 0x80
	if flags != all {
		t.Errorf("set flags %#x, want %#x", flags, all)
	}
}

func TestOneChangeIsSeen(t *testing.T) {
	c := open(t)
	links(t, "cam0", "cam1", "rec0", "wan0")
	commit(t, c, skeleton())
	want := wire.Of(skeleton())
	id := wire.ID{Family: ruleset.Inet, Name: nft.Ours}
	table := read(t, c).Table(ruleset.Inet)
	changes := map[string]func(*wire.Batch){
		"an element more": func(b *wire.Batch) { b.AddElements(id, "totals", []wire.Element{{Key: "\x01\x02\x03\x04\x05\x06"}}) },
		"an element less": func(b *wire.Batch) { b.DeleteElements(id, "doors", []wire.Element{{Key: ruleset.Name("cam0")}}) },
		"a rule more":     func(b *wire.Batch) { b.AddRule(table, "judge", wire.Rule{Exprs: []wire.Expr{{Name: "counter"}}}) },
		"no rules":        func(b *wire.Batch) { b.FlushChain(id, "input") },
		"a chain more":    func(b *wire.Batch) { b.AddChain(id, wire.Chain{Name: "more"}) },
		"a set more":      func(b *wire.Batch) { b.AddSet(id, &wire.Set{Name: "more", KeyType: 7, KeyLen: 4}) },
		"an empty set":    func(b *wire.Batch) { b.DeleteElements(id, "flows4", table.Set("flows4").Elements) },
		"another policy": func(b *wire.Batch) {
			b.AddChain(id, wire.Chain{Name: "input", Hook: opened(table.Chain("input").Hook)})
		},
		"a hook with one device": func(b *wire.Batch) { b.ReplaceChain(table, onOneDevice(table.Chain("cameras"))) },
		"a table less":           func(b *wire.Batch) { b.DeleteTable(wire.ID{Family: ruleset.Bridge, Name: nft.Ours}) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			commit(t, c, skeleton())
			if !wire.Equal(want, read(t, c).Ours) {
				t.Fatal("not equal before the change")
			}
			b := wire.NewBatch(0)
			change(b)
			if err := c.Commit(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if wire.Equal(want, read(t, c).Ours) {
				t.Error("equal after the change")
			}
		})
	}
	if len(changes) != 10 {
		t.Errorf("%d changes", len(changes))
	}
}

func opened(h *wire.Hook) *wire.Hook {
	o := *h
	o.Policy = 1
	return &o
}

func onOneDevice(c *wire.Chain) wire.Chain {
	o := *c
	h := *c.Hook
	h.Devices = h.Devices[:1]
	o.Hook = &h
	return o
}

// elements returns a set of that many addresses and the tables that hold it.
func large(n int) []wire.Table {
	set := ruleset.Set{Name: "flows4", Key: fields{src4, dst4, proto, dport}, Size: 2 * n}
	for i := range n {
		from := []byte{10, byte(i >> 16), byte(i >> 8), byte(i)}
		key := ruleset.Key(string(from), address("10.40.0.10"), "\x06", ruleset.Short(554))
		set.Elements = append(set.Elements, ruleset.Element{Key: key, Comment: "f1:117"})
	}
	return wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Name: nft.Ours, Sets: []ruleset.Set{set}}}})
}

func TestLargeSet(t *testing.T) {
	c := open(t)
	for _, n := range []int{1, 2_730, 2_731, 100_000} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			tables := large(n)
			b := wire.NewBatch(0)
			b.Replace(&tables[0])
			start := time.Now()
			err := c.Commit(t.Context(), b)
			if errors.As(err, new(*nft.TooLargeError)) && n > 3_000 {
				t.Logf("%d elements: %v", n, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			committed := time.Since(start)
			got := read(t, c)
			t.Logf("%d elements: %d octets, committed in %v, read in %v", n, b.Size(), committed, time.Since(start)-committed)
			if !wire.Equal(tables, got.Ours) {
				t.Error("the kernel holds something else")
			}
		})
	}
}

func TestNothingAppliesWhenOneMessageFails(t *testing.T) {
	c := open(t)
	tables := large(10)
	id := tables[0].ID()
	cases := []struct {
		name, subject string
		errno         unix.Errno
		bad           func(*wire.Batch)
	}{
		{"an element twice", "element 0a0000090a28000a06000000022a0000 of set inet cordon flows4", unix.ENOENT, func(b *wire.Batch) {
			b.DeleteElements(id, "flows4", tables[0].Sets[0].Elements[9:])
			b.DeleteElements(id, "flows4", tables[0].Sets[0].Elements[9:])
		}},
		{"a chain that is not there", "rule of chain inet cordon nowhere (f1:3)", unix.ENOENT, func(b *wire.Batch) {
			b.AddRule(&tables[0], "nowhere", wire.Rule{Exprs: []wire.Expr{{Name: "counter"}}, Userdata: "\x00\x05f1:3\x00"})
		}},
		{"a set that is not there", "set inet cordon nowhere", unix.ENOENT, func(b *wire.Batch) {
			b.AddElements(id, "nowhere", tables[0].Sets[0].Elements)
		}},
		{"an unknown expression", "rule of chain inet cordon c", unix.ENOENT, func(b *wire.Batch) {
			b.AddChain(id, wire.Chain{Name: "c"})
			b.AddRule(&tables[0], "c", wire.Rule{Exprs: []wire.Expr{{Name: "nonesuch"}}})
		}},
		{"a chain of no type", "chain inet cordon c", unix.ENOENT, func(b *wire.Batch) {
			b.AddChain(id, wire.Chain{Name: "c", Hook: &wire.Hook{Type: "nonesuch", Number: 1, Policy: 1}})
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			wipe(t, c)
			before := read(t, c)
			b := wire.NewBatch(0)
			b.Replace(&tables[0])
			test.bad(b)
			err := c.Commit(t.Context(), b)
			var refused *nft.RefusedError
			if !errors.As(err, &refused) || !errors.Is(err, test.errno) || refused.All[0].Subject != test.subject {
				t.Errorf("error %v, want %v of %s", err, test.errno, test.subject)
			}
			after := read(t, c)
			if len(after.Ours) != 0 || after.Generation != before.Generation {
				t.Errorf("something was applied: %v, generation %d and then %d", after.Ours, before.Generation, after.Generation)
			}
			control := wire.NewBatch(0)
			control.Replace(&tables[0])
			if err := c.Commit(t.Context(), control); err != nil {
				t.Fatalf("without the bad message: %v", err)
			}
			if after := read(t, c); !wire.Equal(after.Ours, tables) || after.Generation == before.Generation {
				t.Error("without the bad message it does not apply")
			}
		})
	}
}

func TestForeignTablesStay(t *testing.T) {
	c := open(t)
	foreign := wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Name: "docker", Chains: []ruleset.Chain{{
		Name: "input", Hook: &ruleset.Hook{Point: ruleset.Input}, Rules: []ruleset.Rule{line("", ruleset.Counter{}, accept)},
	}}}}})
	b := wire.NewBatch(0)
	b.Add(&foreign[0])
	if err := c.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	ours := large(10)
	for range 2 {
		b := wire.NewBatch(0)
		b.Replace(&ours[0])
		if err := c.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	r := read(t, c)
	if d := cmp.Diff([]wire.ID{{Family: ruleset.Inet, Name: "docker"}}, r.Foreign); d != "" {
		t.Errorf("foreign tables (-want +got):\n%s", d)
	}
	if !wire.Equal(ours, r.Ours) {
		t.Error("a chain of the foreign table of the same family was taken for ours")
	}
}

func TestGenerationGuardsATransaction(t *testing.T) {
	c := open(t)
	tables := large(1)
	old, err := c.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := wire.NewBatch(old)
	b.Replace(&tables[0])
	if err := c.Commit(t.Context(), b); err != nil {
		t.Fatalf("nobody changed anything: %v", err)
	}
	if now := read(t, c).Generation; now != old+1 {
		t.Errorf("generation %d after %d", now, old)
	}
	b = wire.NewBatch(old)
	b.DeleteTable(tables[0].ID())
	if err := c.Commit(t.Context(), b); !errors.Is(err, unix.ERESTART) {
		t.Errorf("somebody changed something: %v, want ERESTART", err)
	}
	if !wire.Equal(tables, read(t, c).Ours) {
		t.Error("the late transaction applied")
	}
}

func TestCheckAppliesNothing(t *testing.T) {
	c := open(t)
	tables := large(5)
	b := wire.NewBatch(0)
	b.Add(&tables[0])
	before := read(t, c)
	if err := c.Check(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, read(t, c)); d != "" {
		t.Errorf("the check left something (-before +after):\n%s", d)
	}
	if err := c.Commit(t.Context(), b); err != nil {
		t.Fatalf("the same batch cannot be committed: %v", err)
	}
	if !wire.Equal(tables, read(t, c).Ours) {
		t.Error("the same batch applies something else")
	}
}

// A plan that changes nothing is checked and committed like any other. Kernels before 6.10 give no answer when it is sent.
func TestEmptyTransaction(t *testing.T) {
	c := open(t)
	before := read(t, c)
	if err := c.Check(t.Context(), wire.NewBatch(before.Generation)); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := c.Commit(t.Context(), wire.NewBatch(before.Generation)); err != nil {
		t.Errorf("commit: %v", err)
	}
	if d := cmp.Diff(before, read(t, c)); d != "" {
		t.Errorf("nothing changed something (-before +after):\n%s", d)
	}
}

func TestFeatures(t *testing.T) {
	c := open(t)
	before := read(t, c)
	list, err := c.Features(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if !f.OK {
			t.Errorf("%s: %v", f.Name, f.Err)
		}
		if f.OK != (f.Err == nil) {
			t.Errorf("%s: %v and %v", f.Name, f.OK, f.Err)
		}
	}
	if len(list) != 17 {
		t.Errorf("%d features", len(list))
	}
	if d := cmp.Diff(before, read(t, c)); d != "" {
		t.Errorf("trying left something (-before +after):\n%s", d)
	}
}

// The kernel points at the attribute that it did not like.
func TestRefusalSaysWhere(t *testing.T) {
	c := open(t)
	b := wire.NewBatch(0)
	b.DeleteTable(wire.ID{Family: ruleset.Bridge, Name: "nonesuch"})
	err := c.Commit(t.Context(), b)
	var refused *nft.RefusedError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	want := "change nf_tables: table bridge nonesuch: no such file or directory"
	if got := refused.All[0]; got.Offset == 0 || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%q at %d, want %q and a place", err, got.Offset, want)
	}
}

// Where the send buffer may not grow, a transaction is refused before it is sent. The control is TestLargeSet.
func TestTooLarge(t *testing.T) {
	c := open(t)
	tables := large(400_000)
	b := wire.NewBatch(0)
	b.Replace(&tables[0])
	err := c.Commit(t.Context(), b)
	var small *nft.TooLargeError
	switch {
	case err == nil:
		if got := read(t, c).Ours; len(got) != 1 || len(got[0].Sets[0].Elements) != 400_000 {
			t.Error("the kernel holds something else")
		}
	case !errors.As(err, &small):
		t.Fatal(err)
	case small.Needed != b.Size() || small.Needed <= small.Available || !strings.Contains(err.Error(), "sysctl net.core.wmem_max"):
		t.Errorf("%+v, %d octets: %v", small, b.Size(), err)
	default:
		if got := read(t, c).Ours; len(got) != 0 {
			t.Error("something was applied")
		}
		b = wire.NewBatch(0)
		tables = large(10)
		b.Replace(&tables[0])
		if err := c.Commit(t.Context(), b); err != nil {
			t.Errorf("a small transaction afterwards: %v", err)
		}
	}
}

func TestCanceledContext(t *testing.T) {
	c := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tables := large(1)
	b := wire.NewBatch(0)
	b.Replace(&tables[0])
	_, readErr := c.Read(ctx)
	_, featuresErr := c.Features(ctx)
	for i, err := range []error{readErr, featuresErr, c.Commit(ctx, b), c.Check(ctx, b)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := read(t, c).Ours; len(got) != 0 {
		t.Error("a canceled commit applied")
	}
}

// The kernel keeps a table's userdata as it was made: a batch that wants another comment has to replace the table.
func TestTableKeepsItsComment(t *testing.T) {
	c := open(t)
	table := wire.Table{Family: ruleset.Inet, Name: nft.Ours, Userdata: "\x00\x04old\x00"}
	for _, comment := range []string{"\x00\x04old\x00", "\x00\x04new\x00"} {
		table.Userdata = comment
		b := wire.NewBatch(0)
		b.AddTable(&table)
		if err := c.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if got := wire.Comment(read(t, c).Ours[0].Userdata); got != "old" {
		t.Errorf("comment %q: this kernel changes it in place", got)
	}
	b := wire.NewBatch(0)
	b.Replace(&table)
	if err := c.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := wire.Comment(read(t, c).Ours[0].Userdata); got != "new" {
		t.Errorf("comment %q after the table was replaced", got)
	}
}

// Without the right to administer the network every answer is EPERM, and can be told from other errors.
func TestWithoutPermission(t *testing.T) {
	c := open(t)
	tables := large(1)
	b := wire.NewBatch(0)
	b.Replace(&tables[0])
	withoutRights(t, func() {
		_, readErr := c.Read(t.Context())
		for i, err := range []error{readErr, c.Commit(t.Context(), b), c.Check(t.Context(), b)} {
			if !errors.Is(err, unix.EPERM) {
				t.Errorf("%d: %v, want EPERM", i, err)
			}
		}
		list, err := c.Features(t.Context())
		if err != nil || len(list) == 0 {
			t.Errorf("features: %v, %v", list, err)
		}
		for _, f := range list {
			if f.OK || !errors.Is(f.Err, unix.EPERM) {
				t.Errorf("%s: %v", f.Name, f.Err)
			}
		}
	})
	if got := read(t, c).Ours; len(got) != 0 {
		t.Error("it applied without permission")
	}
	if err := c.Commit(t.Context(), b); err != nil {
		t.Errorf("with permission: %v", err)
	}
}

// withoutRights calls do with no effective capability, on a thread of its own.
func withoutRights(t *testing.T, do func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		t.Fatal(err)
	}
	none := had
	none[0].Effective, none[1].Effective = 0, 0
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Capset(&header, &had[0]); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// A base chain comes back in every state that the disappearance of its devices can have left it in.
func TestChainIsReplacedInEveryState(t *testing.T) {
	c := open(t)
	links(t, "cam0", "cam1")
	rules := ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Name: nft.Ours, Chains: hooks()[:1]}}}
	rules.Tables[0].Chains[0].Rules = []ruleset.Rule{line("", ruleset.Counter{}, drop)}
	want := wire.Of(rules)
	id, chain := want[0].ID(), want[0].Chains[0]
	states := map[string]func(*wire.Batch){
		"there": func(b *wire.Batch) { b.Replace(&want[0]) },
		"gone":  func(b *wire.Batch) { b.Replace(&wire.Table{Family: id.Family, Name: id.Name}) },
		"one device": func(b *wire.Batch) {
			b.Replace(&wire.Table{Family: id.Family, Name: id.Name, Chains: []wire.Chain{onOneDevice(&chain)}})
		},
	}
	for name, state := range states {
		for _, change := range []func(*wire.Batch){state, func(b *wire.Batch) { b.ReplaceChain(&want[0], chain) }} {
			b := wire.NewBatch(0)
			change(b)
			if err := c.Commit(t.Context(), b); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if d := cmp.Diff(wire.Stable(want), wire.Stable(read(t, c).Ours)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if len(states) != 3 {
		t.Errorf("%d states", len(states))
	}
}

// When the kernel has more to say than the socket holds, the outcome is not known, and the socket works on.
func TestOverrun(t *testing.T) {
	c := open(t)
	b := wire.NewBatch(0)
	for range 60_000 {
		b.DeleteTable(wire.ID{Family: ruleset.Bridge, Name: "nonesuch"})
	}
	if err := c.Commit(t.Context(), b); !errors.Is(err, nft.ErrOverrun) {
		t.Fatalf("%v, want ErrOverrun", err)
	}
	if got := read(t, c).Ours; len(got) != 0 {
		t.Error("something was applied")
	}
	tables := large(10)
	b = wire.NewBatch(0)
	b.Replace(&tables[0])
	if err := c.Commit(t.Context(), b); err != nil {
		t.Errorf("the next transaction: %v", err)
	}
}
