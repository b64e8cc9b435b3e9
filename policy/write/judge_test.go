//go:build full

package write_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cordon/policy/write"
)

// TestDiffIsAPatch lets patch(1) make one text of the other, for any two texts.
func TestDiffIsAPatch(t *testing.T) {
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("there is no patch(1) here to judge")
	}
	name := filepath.Join(t.TempDir(), "f")
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "\n"}), 1, 30).Draw(t, "lines"), "")
	})
	rapid.Check(t, func(rt *rapid.T) {
		before, after := text.Draw(rt, "before"), text.Draw(rt, "after")
		if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
			rt.Fatal(err)
		}
		difference := write.Diff("f", before, after)
		if difference == "" {
			if before != after {
				rt.Fatal("no difference between two texts")
			}
			return
		}
		cmd := exec.CommandContext(t.Context(), patch, "--silent", "--fuzz=0", name)
		cmd.Stdin = strings.NewReader(difference)
		if out, err := cmd.CombinedOutput(); err != nil {
			rt.Fatalf("%v: %s\n%s", err, out, difference)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != after {
			rt.Fatalf("%v\n%s", err, cmp.Diff(after, string(got)))
		}
	})
}
