package nft

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cordon/gateway/ruleset"
	"cordon/gateway/wire"

	"golang.org/x/sys/unix"
)

// Ours is the name of all our tables, one a family.
const Ours = "cordon"

// readings is how often a reading begins anew when somebody changes the tables meanwhile.
const readings = 8

// getFlowtable is NFT_MSG_GETFLOWTABLE.
const getFlowtable = 23

// Reading is what is in force: our tables whole, of everybody else's only the names, and the generation that both belong to.
type Reading struct {
	Ours       []wire.Table
	Foreign    []wire.ID
	Generation uint32
}

// Known are the elements of sets that are known to hold just these.
type Known map[wire.SetID][]wire.Element

// Read reads all tables of ours. Foreign tables are named and never read: a table with a million elements takes minutes.
func (c *Conn) Read(ctx context.Context) (Reading, error) { return c.ReadBut(ctx, nil) }

// ReadBut is Read for somebody who knows the elements of some sets already. Whether those sets are there, and as what, is read all the
// same.
func (c *Conn) ReadBut(ctx context.Context, known Known) (Reading, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range readings {
		r, err := c.read(ctx, known)
		if errors.Is(err, errInterrupted) || errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return Reading{}, fmt.Errorf("read nf_tables: %w", err)
		}
		after, err := c.generation(ctx)
		if err != nil {
			return Reading{}, fmt.Errorf("read nf_tables: %w", err)
		}
		if after == r.Generation {
			return r, nil
		}
	}
	return Reading{}, fmt.Errorf("read nf_tables: %w", ErrChanged)
}

// Generation returns the number that each transaction of any program in this namespace raises.
func (c *Conn) Generation(ctx context.Context) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, err := c.generation(ctx)
	if err != nil {
		return 0, fmt.Errorf("read nf_tables' generation: %w", err)
	}
	return g, nil
}

func (c *Conn) generation(ctx context.Context) (id uint32, err error) {
	err = c.ask(ctx, request{command: unix.NFT_MSG_GETGEN}, func(m wire.Message) (err error) {
		id, err = wire.DecodeGeneration(m)
		return err
	})
	return id, err
}

func (c *Conn) read(ctx context.Context, known Known) (Reading, error) {
	generation, err := c.generation(ctx)
	if err != nil {
		return Reading{}, err
	}
	r := Reading{Generation: generation}
	err = c.ask(ctx, request{command: unix.NFT_MSG_GETTABLE, dump: true}, func(m wire.Message) error {
		t, err := wire.DecodeTable(m)
		if err != nil {
			return err
		}
		if t.Name == Ours {
			r.Ours = append(r.Ours, t)
		} else {
			r.Foreign = append(r.Foreign, t.ID())
		}
		return nil
	})
	if err != nil {
		return Reading{}, fmt.Errorf("list tables: %w", err)
	}
	for i := range r.Ours {
		if err := c.readTable(ctx, &r.Ours[i], known); err != nil {
			return Reading{}, fmt.Errorf("table %s: %w", r.Ours[i].ID(), err)
		}
	}
	return r, nil
}

func (c *Conn) readTable(ctx context.Context, t *wire.Table, known Known) error {
	for _, part := range []func(context.Context, *wire.Table) error{c.readChains, c.readRules, c.readSets, c.readOthers} {
		if err := part(ctx, t); err != nil {
			return err
		}
	}
	for i := range t.Sets {
		if elements, ok := known[wire.SetID{Table: t.ID(), Name: t.Sets[i].Name}]; ok {
			t.Sets[i].Elements = elements
			continue
		}
		if err := c.readElements(ctx, t.ID(), &t.Sets[i]); err != nil {
			return fmt.Errorf("set %s: %w", t.Sets[i].Name, err)
		}
	}
	return nil
}

// readChains lists the chains of the whole family: the kernel cannot be asked for one table's.
func (c *Conn) readChains(ctx context.Context, t *wire.Table) error {
	return c.ask(ctx, request{command: unix.NFT_MSG_GETCHAIN, dump: true, family: t.Family}, func(m wire.Message) error {
		table, chain, err := wire.DecodeChain(m)
		if err == nil && table == t.Name && m.Family == t.Family {
			t.Chains = append(t.Chains, chain)
		}
		return err
	})
}

func (c *Conn) readRules(ctx context.Context, t *wire.Table) error {
	q := request{command: unix.NFT_MSG_GETRULE, dump: true, family: t.Family, first: t.Name}
	return c.ask(ctx, q, func(m wire.Message) error {
		table, chain, rule, err := wire.DecodeRule(m)
		if err != nil {
			return err
		}
		if in := t.Chain(chain); table == t.Name && in != nil {
			in.Rules = append(in.Rules, rule)
		}
		return nil
	})
}

func (c *Conn) readSets(ctx context.Context, t *wire.Table) error {
	q := request{command: unix.NFT_MSG_GETSET, dump: true, family: t.Family, first: t.Name}
	return c.ask(ctx, q, func(m wire.Message) error {
		table, set, err := wire.DecodeSet(m)
		if err == nil && table == t.Name {
			t.Sets = append(t.Sets, set)
		}
		return err
	})
}

func (c *Conn) readElements(ctx context.Context, id wire.ID, s *wire.Set) error {
	q := request{command: unix.NFT_MSG_GETSETELEM, dump: true, family: id.Family, first: id.Name, second: s.Name}
	return c.ask(ctx, q, func(m wire.Message) (err error) {
		_, _, s.Elements, err = wire.DecodeElements(m, s.Elements)
		return err
	})
}

// Elements reads the elements of one of our sets, counters and deadlines and all.
func (c *Conn) Elements(ctx context.Context, id wire.ID, set string) ([]wire.Element, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range readings {
		s := wire.Set{Name: set}
		err := c.readElements(ctx, id, &s)
		if errors.Is(err, errInterrupted) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read set %s %s: %w", id, set, err)
		}
		return s.Elements, nil
	}
	return nil, fmt.Errorf("read set %s %s: %w", id, set, ErrChanged)
}

// readOthers lists objects and flowtables. We make none; a kernel without support for them has none.
func (c *Conn) readOthers(ctx context.Context, t *wire.Table) error {
	for _, command := range []uint16{unix.NFT_MSG_GETOBJ, getFlowtable} {
		q := request{command: command, dump: true, family: t.Family, first: t.Name}
		err := c.ask(ctx, q, func(m wire.Message) error {
			table, other, err := wire.DecodeOther(m)
			if err == nil && table == t.Name {
				t.Others = append(t.Others, other)
			}
			return err
		})
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return err
		}
	}
	return nil
}

// Table returns our table of a family, or nil.
func (r Reading) Table(family ruleset.Family) *wire.Table {
	i := slices.IndexFunc(r.Ours, func(t wire.Table) bool { return t.Family == family })
	if i < 0 {
		return nil
	}
	return &r.Ours[i]
}
