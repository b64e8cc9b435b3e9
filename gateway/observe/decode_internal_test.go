package observe

import (
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
)

func TestMain(m *testing.M) {
	runtime.LockOSThread() // every test makes namespaces on threads of its own
	os.Exit(m.Run())
}

func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func number(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func notice(command, port uint32, attributes ...[]byte) wire.Message {
	m := wire.Message{Type: uint16(unix.NFNL_SUBSYS_NFTABLES<<8 | command), Port: port, Family: ruleset.Inet}
	for _, a := range attributes {
		m.Body += wire.Attributes(a)
	}
	return m
}

// end is the last notification of a transaction.
func end(port uint32) wire.Message {
	return notice(unix.NFT_MSG_NEWGEN, port, attribute(unix.NFTA_GEN_ID, number(7)), attribute(unix.NFTA_GEN_PROC_PID, number(4711)),
		attribute(unix.NFTA_GEN_PROC_NAME, []byte("nft\x00")))
}

func TestTransactions(t *testing.T) {
	ours := func(port uint32) wire.Message {
		return notice(unix.NFT_MSG_DELCHAIN, port, attribute(1, []byte("cordon\x00")))
	}
	foreign := notice(unix.NFT_MSG_NEWRULE, 9, attribute(1, []byte("docker\x00")))
	element := func(command uint32, set string) wire.Message {
		return notice(command, 9, attribute(1, []byte("cordon\x00")), attribute(2, []byte(set+"\x00")))
	}
	named := func(sets ...string) (list []wire.SetID) {
		for _, s := range sets {
			list = append(list, wire.SetID{Table: wire.ID{Family: ruleset.Inet, Name: "cordon"}, Name: s})
		}
		return list
	}
	var many []wire.Message
	var first []string
	for i := range mostSets + 1 {
		many = append(many, element(unix.NFT_MSG_NEWSET, strconv.Itoa(i)))
		first = append(first, strconv.Itoa(i))
	}
	nft := []Process{{4711, "nft"}}
	for _, c := range []struct {
		name string
		in   []wire.Message
		want Event
	}{
		{"a chain of ours", []wire.Message{ours(9), end(9)}, Event{Kinds: Tables, By: nft}},
		{"by ourselves", []wire.Message{ours(5), end(5)}, Event{}},
		{"somebody else's table", []wire.Message{foreign, end(9)}, Event{Kinds: Foreign}},
		{"both in one", []wire.Message{foreign, ours(9), end(9)}, Event{Kinds: Tables | Foreign, By: nft}},
		{"one after another", []wire.Message{ours(5), end(5), foreign, end(9)}, Event{Kinds: Foreign}},
		{"not ended yet", []wire.Message{ours(9)}, Event{}},
		{
			"elements",
			[]wire.Message{
				element(unix.NFT_MSG_NEWSETELEM, "a"), element(unix.NFT_MSG_DELSETELEM, "b"), element(unix.NFT_MSG_NEWSETELEM, "a"), end(9),
			},
			Event{Kinds: Tables, By: nft, Sets: named("a", "b")},
		},
		{"a set goes", []wire.Message{element(unix.NFT_MSG_DELSET, "a"), end(9)}, Event{Kinds: Tables, By: nft, Sets: named("a")}},
		{"elements by ourselves", []wire.Message{element(unix.NFT_MSG_NEWSETELEM, "a"), end(5)}, Event{}},
		{"sets one after another", []wire.Message{element(unix.NFT_MSG_NEWSET, "a"), end(5), ours(9), end(9)}, Event{Kinds: Tables, By: nft}},
		{"a rule has no set", []wire.Message{element(unix.NFT_MSG_NEWRULE, "forward"), end(9)}, Event{Kinds: Tables, By: nft}},
		{"too many sets to name", append(many, end(9)), Event{Kinds: Tables | Lost, By: nft, Sets: named(first[:mostSets]...)}},
		{"not of nf_tables", []wire.Message{{Type: 1 << 8}}, Event{Kinds: Lost}},
	} {
		got, t1 := Event{}, transaction{table: "cordon", own: 5}
		for _, m := range c.in {
			got = got.And(t1.add(m))
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// neighbourBody is a notification's body with a state and an address.
func neighbourBody(family uint8, state uint16, address []byte) []byte {
	b := make([]byte, neighbourHeader)
	b[0] = family
	binary.NativeEndian.PutUint16(b[neighbourState:], state)
	return append(b, attribute(unix.NDA_DST, address)...)
}

func TestRouting(t *testing.T) {
	v4 := netip.MustParseAddr("10.30.0.21")
	permanent := neighbourBody(unix.AF_INET, unix.NUD_PERMANENT, v4.AsSlice())
	fleeting := neighbourBody(unix.AF_INET, unix.NUD_REACHABLE, v4.AsSlice())
	kinds := Kind(0)
	for _, c := range []struct {
		name string
		kind uint16
		body []byte
		want Event
	}{
		{"link", unix.RTM_NEWLINK, nil, Event{Kinds: Links}},
		{"link gone", unix.RTM_DELLINK, nil, Event{Kinds: Links}},
		{"address", unix.RTM_DELADDR, nil, Event{Kinds: Addresses}},
		{"route", unix.RTM_DELROUTE, nil, Event{Kinds: Routes}},
		{"rule", unix.RTM_NEWRULE, nil, Event{Kinds: Rules}},
		{"netconf", unix.RTM_NEWNETCONF, nil, Event{Kinds: Settings}},
		{"permanent neighbour", unix.RTM_NEWNEIGH, permanent, Event{Kinds: Neighbours}},
		{"a neighbour that was permanent", unix.RTM_DELNEIGH, permanent, Event{Fleeting: []netip.Addr{v4}}},
		{"a neighbour that answered", unix.RTM_NEWNEIGH, fleeting, Event{Fleeting: []netip.Addr{v4}}},
		{"what a bridge learned", unix.RTM_NEWNEIGH, neighbourBody(unix.AF_BRIDGE, 0, nil), Event{}},
		{"a neighbour without an address", unix.RTM_NEWNEIGH, neighbourBody(unix.AF_INET, 0, nil), Event{Kinds: Lost}},
		{"too short", unix.RTM_NEWNEIGH, permanent[:8], Event{Kinds: Lost}},
		{"something else", unix.RTM_NEWQDISC, nil, Event{}},
	} {
		got := routing(c.kind, c.body)
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		kinds |= got.Kinds
	}
	if want := Links | Addresses | Routes | Rules | Neighbours | Settings | Lost; kinds != want {
		t.Errorf("seen %s, want %s", kinds, want)
	}
}

func FuzzNotice(f *testing.F) {
	f.Add(uint16(unix.RTM_NEWNEIGH), neighbourBody(unix.AF_INET, unix.NUD_PERMANENT, []byte{10, 0, 0, 1}))
	f.Add(uint16(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN), append([]byte{0, 0, 0, 0}, end(0).Body...))
	f.Fuzz(func(t *testing.T, kind uint16, body []byte) {
		if e := routing(kind, body); e.Kinds&(Tables|Foreign) != 0 || len(e.Fleeting) > 1 {
			t.Errorf("a message of routing is %+v", e)
		}
		tr := transaction{table: "cordon", own: 5}
		m := message(netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind)}, Data: body})
		if e := tr.add(m); len(e.By) > 1 || e.Err != nil || len(e.Fleeting) != 0 {
			t.Errorf("a message of nf_tables is %+v", e)
		}
	})
}

// TestAnd holds that events become one without losing anything, and that what does not fit is Lost and not forgotten.
func TestAnd(t *testing.T) {
	e := Event{}
	if !e.Empty() {
		t.Error("control: nothing is something")
	}
	for i := range mostAddresses + 1 {
		if e.Kinds&Lost != 0 {
			t.Fatalf("lost after %d addresses", i)
		}
		one := Event{Fleeting: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}}
		e = e.And(one)
		if i < mostAddresses {
			e = e.And(one) // twice is once
		}
	}
	if e.Kinds != Lost || len(e.Fleeting) != mostAddresses {
		t.Errorf("%s, %d addresses", e.Kinds, len(e.Fleeting))
	}
	first, second := Event{Kinds: Links, By: []Process{{1, "a"}}}, Event{Kinds: Rules, By: []Process{{2, "b"}, {1, "a"}}}
	both := first.And(second)
	if diff := cmp.Diff(Event{Kinds: Links | Rules, By: []Process{{1, "a"}, {2, "b"}}}, both, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if len(first.By) != 1 {
		t.Error("And changed what it was given")
	}
	if got := both.Kinds.String(); got != "links, rules" {
		t.Errorf("in words: %s", got)
	}
}

// TestOverrun holds that what the socket could not hold is an event, and that the reading goes on behind it.
func TestOverrun(t *testing.T) {
	inNamespace(t, func() {
		conn, err := listen(unix.NETLINK_ROUTE, unix.RTNLGRP_IPV4_RULE)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadBuffer(1); err != nil { // the kernel's least
			t.Fatal(err)
		}
		w := &Watcher{parts: make(chan Event)}
		storm(t, 300)
		w.readers.Go(func() {
			w.read(conn, func(m netlink.Message) Event { return routing(uint16(m.Header.Type), m.Data) })
		})
		seen := Event{}
		for seen.Kinds != Rules|Lost {
			seen = seen.And(<-w.parts)
		}
		storm(t, 1)
		if e := <-w.parts; e.Kinds != Rules {
			t.Errorf("after the overrun: %s", e.Kinds)
		}
		go func() { // what it still has to say
			for range w.parts {
			}
		}()
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		w.readers.Wait()
		close(w.parts)
	})
}
