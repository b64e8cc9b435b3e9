package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/kernel/route"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
)

// Layer is a part of the defence that a test leaves out, to see that the demo notices.
type Layer string

// The layers whose absence breaks a claim. Each other base chain hides behind those that are left: without the two of inet's ingress,
// prerouting, output, postrouting or those of netdev every claim holds all the same, and so it does without ingress and prerouting
// together, for forward knows each camera by MAC and address too.
const (
	None       Layer = ""
	Apply      Layer = "apply"      // the policy is never applied
	Record     Layer = "record"     // the policy does not let the recorder record
	Answers    Layer = "answers"    // cameras are refused in silence
	Filter     Layer = "filter"     // the packet filter is gone after the apply
	Forward    Layer = "forward"    // so is the chain that decides who may be reached through the gateway
	Input      Layer = "input"      // or the chain that decides who may reach the gateway itself
	Revocation Layer = "revocation" // the tightened policy is never applied
	Jail       Layer = "jail"       // policy routing is gone when the packet filter goes
	Repair     Layer = "repair"     // nothing is applied after the packet filter went
)

// Layers lists the layers that can be left out.
func Layers() []Layer {
	return []Layer{Apply, Record, Answers, Filter, Forward, Input, Revocation, Jail, Repair}
}

// Known says whether a word names a layer, or none.
func (l Layer) Known() bool { return l == None || slices.Contains(Layers(), l) }

// errNoLayer says that there was nothing to leave out: a demo that goes on would show nothing.
var errNoLayer = errors.New("the gateway has no such layer")

// leaveOut removes from the gateway what an apply put there.
func (d *demo) leaveOut(ctx context.Context) error {
	switch d.Without {
	case Filter:
		return d.flush(ctx)
	case Forward, Input:
		return d.removeChain(ctx, string(d.Without))
	case None, Apply, Record, Answers, Revocation, Jail, Repair:
	}
	return nil
}

// removeChain deletes the base chain of a name.
func (d *demo) removeChain(ctx context.Context, name string) error {
	removed := false
	err := d.filter(ctx, func(b *wire.Batch, t *wire.Table) {
		if c := t.Chain(name); t.Family == ruleset.Inet && c != nil && c.Hook != nil {
			b.FlushChain(t.ID(), name)
			b.DeleteChain(t.ID(), name)
			removed = true
		}
	})
	if err == nil && !removed {
		return fmt.Errorf("%w: %s", errNoLayer, name)
	}
	return err
}

// flush deletes every table of ours, as somebody's `nft flush ruleset` would.
func (d *demo) flush(ctx context.Context) error {
	return d.filter(ctx, func(b *wire.Batch, t *wire.Table) { b.DeleteTable(t.ID()) })
}

// filter changes the gateway's packet filter behind Cordon's back.
func (d *demo) filter(ctx context.Context, change func(*wire.Batch, *wire.Table)) error {
	return d.lab.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		return errors.Join(changeTables(ctx, conn, change), conn.Close())
	})
}

func changeTables(ctx context.Context, conn *nft.Conn, change func(*wire.Batch, *wire.Table)) error {
	reading, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	b := wire.NewBatch(0)
	for i := range reading.Ours {
		change(b, &reading.Ours[i])
	}
	if b.Empty() {
		return nil
	}
	return conn.Commit(ctx, b)
}

// unlock deletes the rules of policy routing.
func (d *demo) unlock() error {
	return d.lab.Gateway().Do(func() error {
		conn, err := route.Open()
		if err != nil {
			return err
		}
		rules, err := conn.Rules()
		errs := []error{err}
		for _, r := range rules {
			if r.Ours() {
				errs = append(errs, conn.Remove(r))
			}
		}
		return errors.Join(append(errs, conn.Close())...)
	})
}
