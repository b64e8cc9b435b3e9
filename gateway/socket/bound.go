package socket

import (
	"net"
	"slices"
	"sync"

	"cordon/gateway/snapshot"
)

const (
	// mostOperate is how many connections those who may operate have at once, mostView how many all others have together.
	mostOperate = 32
	mostView    = 32
	// mostOfUser is how many of mostView one user has.
	mostOfUser = 8
)

// bounded is a listener whose connections are counted. Where there are too many, the one that has been silent for longest makes room for
// the next; where each is being answered, the next one is not taken.
type bounded struct {
	net.Listener

	self uint32

	mu    sync.Mutex
	conns []*conn // the oldest first
}

// conn is a connection and who is at the other end.
type conn struct {
	net.Conn

	caller Caller
	in     *bounded
	// answered says that its request is whole and is being answered, and gone that it is closed.
	answered, gone bool
}

// role is what the one at the other end may do.
func (c *conn) role() snapshot.Role { return c.caller.Role(c.in.self) }

// Accept returns the next connection that there is room for.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		raw, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		caller, err := callerOf(raw)
		c := &conn{Conn: raw, caller: caller, in: b}
		if err == nil && b.admit(c) {
			return c, nil
		}
		_ = raw.Close() // nobody is nobody, and what is too much has not been heard
	}
}

// admit counts a connection, and says whether there is room for it.
func (b *bounded) admit(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	peer := func(o *conn) bool { return o.role() == c.role() }
	own := func(o *conn) bool { return peer(o) && o.caller.UID == c.caller.UID }
	room := b.room(mostOperate, peer)
	if c.role() == snapshot.View {
		room = b.room(mostOfUser, own) && b.room(mostView, peer)
	}
	if room {
		b.conns = append(b.conns, c)
	}
	return room
}

// room makes sure that there are fewer of some connections than may be.
func (b *bounded) room(most int, of func(*conn) bool) bool {
	var oldest *conn
	count := 0
	for _, c := range b.conns {
		if !of(c) {
			continue
		}
		if count++; oldest == nil && !c.answered {
			oldest = c
		}
	}
	if count < most {
		return true
	}
	if oldest != nil {
		b.forget(oldest)
		_ = oldest.Conn.Close() // it said nothing that could be lost
	}
	return oldest != nil
}

func (b *bounded) forget(c *conn) {
	c.gone = true
	b.conns = slices.DeleteFunc(b.conns, func(o *conn) bool { return o == c })
}

// Close closes the connection and makes room for another.
func (c *conn) Close() error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.forget(c)
	return c.Conn.Close()
}

// answer notes whether the connection is being answered, and says whether it is still there.
func (c *conn) answer(begins bool) bool {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.answered = begins
	return !c.gone
}
