package nft_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"

	"github.com/vishvananda/netlink"
)

func open(t *testing.T) *nft.Conn {
	t.Helper()
	c, err := nft.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	wipe(t, c)
	t.Cleanup(func() { wipe(t, c) })
	return c
}

func read(t *testing.T, c *nft.Conn) nft.Reading {
	t.Helper()
	r, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wipe deletes all tables, ours and those that tests call foreign. It is also called when the test's own context has ended.
func wipe(t *testing.T, c *nft.Conn) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	r, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b := wire.NewBatch(0)
	for _, table := range r.Ours {
		b.DeleteTable(table.ID())
	}
	for _, id := range r.Foreign {
		b.DeleteTable(id)
	}
	if err := c.Commit(ctx, b); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, c *nft.Conn, rules ruleset.Ruleset) {
	t.Helper()
	if err := c.Commit(t.Context(), batchOf(rules)); err != nil {
		t.Fatal(err)
	}
}

func batchOf(rules ruleset.Ruleset) *wire.Batch {
	b := wire.NewBatch(0)
	for _, table := range wire.Of(rules) {
		b.Replace(&table)
	}
	return b
}

// links makes interfaces that live as long as the test: one end of a pair each, for not every kernel has dummies.
func links(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "peer"}
		if err := netlink.LinkAdd(link); err != nil {
			t.Fatalf("add link %s: %v", name, err)
		}
		t.Cleanup(func() {
			if err := netlink.LinkDel(link); err != nil {
				t.Errorf("delete link %s: %v", name, err)
			}
		})
	}
}

// fits tells whether nft knows a field in a family.
func fits(f ruleset.Field, family ruleset.Family) bool {
	name := f.Spec().Name
	switch {
	case strings.HasPrefix(name, "arp"):
		return family != ruleset.Inet && f != ruleset.ARPHardwareType
	case strings.HasPrefix(name, "ct"), strings.HasPrefix(name, "fib"), f == ruleset.NFProto:
		return family == ruleset.Inet
	}
	return true
}

// valuesOf returns two values that a field can have.
func valuesOf(f ruleset.Field) []string {
	switch f {
	case ruleset.IIFName, ruleset.OIFName:
		return []string{ruleset.Name("cam0"), ruleset.Name("rec0")}
	case ruleset.NFProto:
		return []string{"\x02", "\x0a"}
	case ruleset.L4Proto, ruleset.IP6NextHeader:
		return []string{"\x06", "\x11"}
	case ruleset.VLANID:
		return []string{ruleset.Short(30), ruleset.Short(50)}
	case ruleset.MetaProtocol, ruleset.EtherTypeField, ruleset.VLANType, ruleset.ARPProtocolType:
		return []string{"\x08\x00", "\x86\xdd"}
	case ruleset.CTState:
		return []string{ruleset.Word(ruleset.StateEstablished), ruleset.Word(ruleset.StateRelated)}
	case ruleset.CTStatus:
		return []string{ruleset.Word(ruleset.StatusConfirmed), ruleset.Word(ruleset.StatusSeenReply)}
	case ruleset.SourceKind, ruleset.DestinationKind:
		return []string{ruleset.Word(ruleset.KindLocal), ruleset.Word(ruleset.KindAnycast)}
	case ruleset.CTDirection:
		return []string{"\x00", "\x01"}
	default:
		n := f.Spec().Bytes
		return []string{strings.Repeat("\x01", n), strings.Repeat("\x02", n)}
	}
}

func address(text string) string { return ruleset.Addr(netip.MustParseAddr(text)) }
