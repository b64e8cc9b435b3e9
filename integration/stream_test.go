package integration_test

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/netstate"
	"cordon/gateway/wire"
	"cordon/integration/lab"
)

// conversation is a TCP connection whose far end sends back what it gets.
type conversation struct {
	name string
	conn net.Conn
}

// stream opens a connection to a machine that echoes.
func stream(t *testing.T, l *lab.Lab, from, to string, port uint16) *conversation {
	t.Helper()
	echo(t, l, owner(netip.MustParseAddr(to)), port)
	return dial(t, l, from, to, port)
}

// dial opens a connection to a machine that echoes already.
func dial(t *testing.T, l *lab.Lab, from, to string, port uint16) *conversation {
	t.Helper()
	remote := netip.AddrPortFrom(netip.MustParseAddr(to), port)
	m, err := l.Machine(from)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := m.Dial(t.Context(), "tcp", netip.AddrPort{}, remote)
	if err != nil {
		t.Fatalf("%s to %s: %v", from, remote, err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // what it carried is what the test looked at
	return &conversation{from + " to " + to, conn}
}

// echo makes a machine send back what connections to a port bring.
func echo(t *testing.T, l *lab.Lab, machine string, port uint16) {
	t.Helper()
	m, err := l.Machine(machine)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := m.Listen(t.Context(), netip.AddrPortFrom(netip.IPv6Unspecified(), port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // ends the loop below
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn) // until the other side has had enough
				_ = conn.Close()
			}()
		}
	}()
}

// ends returns the connection's own end and the far one.
func (c *conversation) ends(t *testing.T) (local, remote netip.AddrPort) {
	t.Helper()
	here, ok := c.conn.LocalAddr().(*net.TCPAddr)
	there, also := c.conn.RemoteAddr().(*net.TCPAddr)
	if !ok || !also {
		t.Fatalf("%s is no TCP connection", c.name)
	}
	return here.AddrPort(), there.AddrPort()
}

// alive says whether a word comes back.
func (c *conversation) alive(t *testing.T) bool {
	t.Helper()
	if err := c.conn.SetDeadline(time.Now().Add(patience / 4)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.conn.Write([]byte("word")); err != nil {
		return false
	}
	_, err := io.ReadFull(c.conn, make([]byte, 4))
	return err == nil
}

// flushTables deletes every table of the gateway, as somebody's `nft flush ruleset` would.
func flushTables(t *testing.T, l *lab.Lab) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		reading, err := conn.Read(t.Context())
		if err != nil {
			return err
		}
		if len(reading.Ours) != 2 {
			t.Errorf("%d tables before the flush, want 2", len(reading.Ours))
		}
		b := wire.NewBatch(0)
		for i := range reading.Ours {
			b.DeleteTable(reading.Ours[i].ID())
		}
		return conn.Commit(t.Context(), b)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// flushRules deletes the rules of policy routing, and what else refuses without the packet filter: strict reverse-path checks.
func flushRules(t *testing.T, l *lab.Lab) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
			rules, err := netlink.RuleList(family)
			if err != nil {
				return err
			}
			for _, r := range rules {
				if (netstate.Rule{Priority: uint32(r.Priority)}).Ours() {
					r.Family = family
					if err := netlink.RuleDel(&r); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
