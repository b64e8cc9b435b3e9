package nft

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"cordon/gateway/wire"
)

// Foreign reads other programs' tables: their chains, rules, objects and flowtables, but no sets, which may hold millions of elements.
func (c *Conn) Foreign(ctx context.Context) ([]wire.Table, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range readings {
		tables, err := c.foreign(ctx)
		if errors.Is(err, errInterrupted) || errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read other programs' tables: %w", err)
		}
		return tables, nil
	}
	return nil, fmt.Errorf("read other programs' tables: %w", ErrChanged)
}

func (c *Conn) foreign(ctx context.Context) ([]wire.Table, error) {
	var tables []wire.Table
	err := c.ask(ctx, request{command: unix.NFT_MSG_GETTABLE, dump: true}, func(m wire.Message) error {
		t, err := wire.DecodeTable(m)
		if err == nil && t.Name != Ours {
			tables = append(tables, t)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range tables {
		for _, part := range []func(context.Context, *wire.Table) error{c.readChains, c.readRules, c.readOthers} {
			if err := part(ctx, &tables[i]); err != nil {
				return nil, fmt.Errorf("table %s: %w", tables[i].ID(), err)
			}
		}
	}
	return tables, nil
}
