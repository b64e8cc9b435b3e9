//go:build full

package integration_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"cordon/gateway"
)

// TestKernelWithoutReject takes a module away from the virtual machine's kernel, as one that was built without it, and holds that the
// missing feature is named, that the policy is refused and that nothing is changed. The control is the same kernel a moment before.
func TestKernelWithoutReject(t *testing.T) {
	if _, err := os.Stat("/modules"); err != nil {
		t.Skip("only in the virtual machine of TestDebianKernel: no kernel that others use loses a module")
	}
	l := open(t)
	p := read(t, head+allows)
	unsupported := func() (names []string) {
		inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
			s, err := g.Status(ctx, nil, "")
			for _, layer := range s.Layers {
				if layer.State == gateway.Unsupported && layer.Because != "" {
					names = append(names, layer.Name)
				}
			}
			return err
		})
		return names
	}
	propose := func() (err error) {
		inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
			_, err = g.Propose(ctx, p, "")
			return nil
		})
		return err
	}
	if names, err := unsupported(), propose(); slices.Contains(names, "reject at ingress") || err != nil {
		t.Fatalf("control: unsupported are %v, and the proposal fails with %v", names, err)
	}
	if err := unix.DeleteModule("nft_reject_inet", 0); err != nil {
		t.Fatalf("take the module away: %v", err)
	}
	if names := unsupported(); !slices.Contains(names, "reject at ingress") {
		t.Errorf("unsupported are %v", names)
	}
	if err := propose(); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the proposal fails with %v", err)
	}
	if state := holding(t, l, p); len(state.Tables) != 0 {
		t.Errorf("%d tables are there", len(state.Tables))
	}
}
