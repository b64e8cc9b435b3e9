package nft_test

import (
	"context"
	"testing"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/wire"
)

func purge(t *testing.T, c *nft.Conn) error {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // cleaning up comes after the test's end
	r, err := c.Read(ctx)
	if err != nil {
		return err
	}
	b := wire.NewBatch(0)
	for _, table := range r.Ours {
		b.DeleteTable(table.ID())
	}
	for _, id := range r.Foreign {
		b.DeleteTable(id)
	}
	return c.Commit(ctx, b)
}
