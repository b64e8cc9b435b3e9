package nft

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cordon/gateway/wire"

	"golang.org/x/sys/unix"
)

// overhead is what the kernel keeps of a send buffer for itself (net/netlink/af_netlink.c, netlink_sendmsg).
const overhead = 32

// TooLargeError says that a transaction does not fit into the socket's send buffer and that the buffer may not grow: only root
// outside of user namespaces may pass the limit of the sysctl net.core.wmem_max. All sizes are in octets.
type TooLargeError struct{ Needed, Available int }

// Error names the sysctl and the value that it needs: the kernel doubles what is asked for.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the transaction has %d octets and the socket takes %d: raise the sysctl net.core.wmem_max to %d, or run as root",
		e.Needed, e.Available, e.Limit())
}

// Limit is the value that net.core.wmem_max needs.
func (e *TooLargeError) Limit() int { return (e.Needed + overhead + 1) / 2 }

// Refused is what the kernel found wrong with one message of a transaction.
type Refused struct {
	Subject string // what the message was about
	wire.Refusal
}

// RefusedError says that the kernel took nothing of a transaction, and why.
type RefusedError struct{ All []Refused }

// Error gives the first few refusals: the others mostly follow from them.
func (e *RefusedError) Error() string {
	const few = 3
	var texts []string
	for _, r := range e.All[:min(few, len(e.All))] {
		text := r.Subject + ": " + r.Errno.Error()
		if r.Text != "" {
			text += " (" + r.Text + ")"
		}
		texts = append(texts, text)
	}
	if n := len(e.All) - few; n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives the error numbers, so that errors.Is finds EPERM and the like.
func (e *RefusedError) Unwrap() []error {
	list := make([]error, len(e.All))
	for i, r := range e.All {
		list[i] = r.Errno
	}
	return list
}

// Commit applies a transaction: all of it, or, with a *RefusedError or *TooLargeError, nothing. After ErrOverrun and ErrNoAnswer it
// is not known which. An empty one is not sent.
func (c *Conn) Commit(ctx context.Context, b *wire.Batch) error {
	if b.Empty() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.transact(b, true); err != nil {
		return fmt.Errorf("change nf_tables: %w", err)
	}
	return nil
}

// Check has the kernel check a transaction as Commit would, and applies nothing. An empty one is not sent: kernels before 6.10 answer
// nothing to the beginning of a transaction alone.
func (c *Conn) Check(ctx context.Context, b *wire.Batch) error {
	if b.Empty() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.transact(b, false); err != nil {
		return fmt.Errorf("check a change of nf_tables: %w", err)
	}
	return nil
}

func (c *Conn) transact(b *wire.Batch, commit bool) error {
	if err := c.makeRoom(b.Size()); err != nil {
		return err
	}
	c.drain()
	first := c.numbers(b.Len() + 2)
	if err := c.send(b.Octets(first, commit)); err != nil {
		return err
	}
	return c.outcome(b, first)
}

// makeRoom lets the send buffer hold size octets.
func (c *Conn) makeRoom(size int) error {
	available, err := c.sock.WriteBuffer()
	if err != nil {
		return err
	}
	if size <= available-overhead {
		return nil
	}
	if err := c.sock.SetWriteBuffer(size + overhead); err != nil {
		return err
	}
	if available, err = c.sock.WriteBuffer(); err != nil {
		return err
	}
	if size > available-overhead {
		return &TooLargeError{size, available - overhead}
	}
	return nil
}

// outcome reads all that the kernel said of a transaction. It said it before the sending returned.
func (c *Conn) outcome(b *wire.Batch, first uint32) error {
	var all []Refused
	acknowledged := false
	for {
		datagram, err := c.receive()
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return err
		}
		for m, err := range wire.Messages(datagram) {
			if err != nil {
				return err
			}
			i := m.Sequence - first
			refusal, ok := m.Refusal()
			if !ok || i > uint32(b.Len())+1 { //nolint:gosec // counts messages
				continue
			}
			if refusal.Errno == 0 {
				acknowledged = true
				continue
			}
			all = append(all, Refused{b.Subject(int(i), refusal.Offset), refusal})
		}
	}
	switch {
	case len(all) > 0:
		return &RefusedError{all}
	case !acknowledged:
		return ErrNoAnswer
	}
	return nil
}
