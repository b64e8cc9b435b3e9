//go:build full

package compile_test

import (
	"os/exec"
	"strings"
	"testing"
)

// inKernel gives a rendered ruleset to nft, in a network namespace of its own, and returns the tables, chains and sets that there are then.
func inKernel(t *testing.T, rendered string) string {
	t.Helper()
	script := "ip link add eth1 type veth peer name eth2 && nft -f - && nft list ruleset | " +
		"sed -E 's/\"[^\"]*\"//g' | grep -oE '^[[:space:]]*(table|chain|set|map) .*'"
	run := exec.CommandContext(t.Context(), "unshare", "--net", "sh", "-c", script)
	run.Stdin = strings.NewReader(rendered)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("nft refuses the rendered ruleset: %v\n%s", err, out)
	}
	return string(out)
}

// TestHostileInKernel holds with nft itself what FuzzRender holds with a reader of its own: the texts of a policy change no name of the
// ruleset.
func TestHostileInKernel(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("no nft here")
	}
	plain, _ := hostile(t, "harmless")
	want := inKernel(t, plain)
	if !strings.Contains(want, "table inet cordon") {
		t.Fatalf("nft lists:\n%s", want)
	}
	tried := 0
	for _, text := range []string{`a" ; flush ruleset ; "`, `a\"; drop; #`, "{ } ;", "$(reboot)", "école", `\`} {
		rendered, loaded := hostile(t, text)
		if !loaded {
			continue
		}
		tried++
		if got := inKernel(t, rendered); got != want {
			t.Errorf("%q: nft lists\n%s\nwant\n%s", text, got, want)
		}
	}
	if tried < 4 {
		t.Errorf("%d texts tried", tried)
	}
}
