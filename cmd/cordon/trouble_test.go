package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/history"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/gateway/wire"
	"cordon/policy/message"
)

// TestTrouble holds what stood in the way against the sentence and the command that an administrator reads: also what no test can make
// a kernel say.
func TestTrouble(t *testing.T) {
	refusal := func(errno unix.Errno) error {
		return &nft.RefusedError{All: []nft.Refused{{Subject: "chain judge4", Refusal: wire.Refusal{Errno: errno}}}}
	}
	cases := map[string]struct {
		err           error
		summary, next string
	}{
		"absent":        {&gateway.AbsentError{Interfaces: []string{"eth7"}, Present: []string{"eth0"}}, "no interface eth7", "ip -brief link"},
		"occupied":      {&gateway.OccupiedError{Link: netstate.Link{Name: "eth1.30"}}, "eth1.30 is here already", "ip -details link show"},
		"shared bridge": {&gateway.SharedBridgeError{Bridge: "cam0"}, "share the bridge cam0", "cordon validate"},
		"held":          {&history.HeldError{File: "/run/cordon/lock", PID: 42}, "Process 42", "ps -fp 42"},
		"too large":     {&nft.TooLargeError{Needed: 1000000, Available: 212960}, "one transaction", "sudo sysctl -w net.core.wmem_max=500016"},
		"differs":       {&gateway.DiffersError{Changes: []plan.Change{{Kind: "rule", Name: "x"}}}, "taken back", "cordon plan site"},
		"moved":         {refusal(unix.ERESTART), "Another program", "cordon plan site"},
		"not permitted": {unix.EPERM, "does not permit", "cordon"},
		"no nf_tables":  {unix.EPROTONOSUPPORT, "no nf_tables", "sudo modprobe nf_tables"},
		"refused":       {refusal(unix.EOPNOTSUPP), "refuses the packet filter", "cordon status"},
		"anything else": {errors.New("disk is full"), "disk is full", "cordon status"},
	}
	a := &app{words: message.In(message.English)}
	for name, c := range cases {
		err := a.trouble("plan", reading{typed: []string{"site"}}, fmt.Errorf("read the packet filter: %w", c.err))
		f := failureOf(t.Context(), err)
		summary, _ := a.explain(f)
		if !strings.Contains(summary, c.summary) || !strings.Contains(f.next, c.next) || f.code != exitFailed {
			t.Errorf("%s: %d %q %q", name, f.code, summary, f.next)
		}
	}
	if len(cases) != 11 {
		t.Errorf("%d cases", len(cases))
	}
}

// TestInterrupted interrupts an apply before its change: at the lock that another holds, and with the lock in its hands.
func TestInterrupted(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, held := range []bool{true, false} {
		dir := t.TempDir()
		if held {
			lock, err := history.Acquire(t.Context(), dir+"/run")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = lock.Release() })
		}
		var stdout, stderr strings.Builder
		args := []string{"apply", "../../examples/home", "--yes", "--no-confirm", "--run", dir + "/run", "--state", dir + "/state"}
		code := run(interrupted, args, strings.NewReader(""), &stdout, &stderr, nil)
		if code != exitInterrupted || !strings.Contains(stderr.String(), "Interrupted.") {
			t.Errorf("lock held %v: exit code %d, %q", held, code, stderr.String())
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"examples/home": "examples/home", "two words": "'two words'", "it's": `'it'\''s'`, "": "''", "é": "'é'", "$HOME": "'$HOME'",
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q is quoted as %s, want %s", word, got, want)
		}
	}
}

func TestShortNames(t *testing.T) {
	for input, want := range map[string]string{
		"/etc/cordon/policy":                  "",
		"old/common old/sites/levis-01":       "common levis-01",
		"old/common/ ./new/common":            "common new/common",
		"/etc/cordon/policy /etc/cordon/site": "policy site",
	} {
		if got := strings.Join(shortNames(strings.Fields(input)), " "); got != want {
			t.Errorf("%s: %s, want %s", input, got, want)
		}
	}
}
