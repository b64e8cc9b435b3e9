//go:build full

package nft_test

import (
	"testing"
	"time"

	"cordon/gateway/wire"
)

// TestHundredThousandElementsAtOnce commits what only root's send buffer holds. TestTooLarge is what becomes of it in a user namespace.
func TestHundredThousandElementsAtOnce(t *testing.T) {
	const n = 100_000
	c := open(t)
	tables := large(n)
	b := wire.NewBatch(0)
	b.Replace(&tables[0])
	start := time.Now()
	if err := c.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	committed := time.Since(start)
	got := read(t, c)
	t.Logf("%d octets, committed in %v, read in %v", b.Size(), committed, time.Since(start)-committed)
	if len(got.Ours) != 1 || len(got.Ours[0].Sets) != 1 || len(got.Ours[0].Sets[0].Elements) != n || !wire.Equal(tables, got.Ours) {
		t.Error("the kernel holds something else")
	}
	if less := large(n - 1); wire.Equal(less, got.Ours) {
		t.Error("control: an element less makes no difference")
	}
}
