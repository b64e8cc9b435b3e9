//go:build full

package integration_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/history"
)

// holds says whether the kernel holds a policy.
func (f *faultSite) holds(name string) bool { return cmp.Equal(f.kernel(), f.kernels[name]) }

// children counts the processes that a process has started and not yet reaped, those that have ended among them.
func children(pid int) int {
	n := 0
	lines, _ := filepath.Glob("/proc/[0-9]*/stat") // a pattern without a mistake
	for _, name := range lines {
		text, _ := os.ReadFile(name) // it may be gone
		_, behind, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(behind)
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			n++
		}
	}
	return n
}

// TestHangUpsAtTheService has the terminal go away in the middle of a change that the service makes: whoever asked for it ends, the change
// is made whole, waits for its confirmation, and is taken back in time. The control is where he is by then: the way back is on disk, and
// the service has not answered. With --no-confirm the change is made whole too, and stays. A guardian that the service has started is gone
// soon after its change, and leaves no process that has ended and that nobody asks how.
func TestHangUpsAtTheService(t *testing.T) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // under nohup the program would have to ignore it
	defer signal.Stop(hangups)
	f := newFaultSite(t, 1)
	for _, name := range []string{"new", "old"} {
		f.must("apply " + name + " --yes --no-confirm")
		f.kernels[name] = f.kernel()
	}
	service := f.started("run")
	f.until("the service has its socket", func() bool {
		_, err := os.Stat(filepath.Join(f.folder, "cordon.sock"))
		return err == nil
	})
	store := history.In(f.state)
	for _, c := range []struct {
		verb string
		gets syscall.Signal
		code int
		end  string
		fate history.Outcome
	}{
		{"apply new --yes --confirm-within 2s", syscall.SIGHUP, 130, "old", history.OutcomeReverted},
		{"apply new --yes --confirm-within 2s", syscall.SIGKILL, -1, "old", history.OutcomeReverted},
		{"apply new --yes --no-confirm", syscall.SIGHUP, 130, "new", history.OutcomeApplied},
	} {
		asking := f.started(c.verb)
		f.until("the way back is on disk", func() bool {
			_, err := os.Stat(filepath.Join(f.state, "pending.json"))
			return err == nil
		})
		if err := asking.Process.Signal(c.gets); err != nil {
			t.Fatal(err)
		}
		_ = asking.Wait() // the code says how it ended
		if code := asking.ProcessState.ExitCode(); code != c.code {
			t.Errorf("control: %s, %s: it ends with %d: the change was over\n%s", c.verb, c.gets, code, f.said())
		}
		f.until("the change is whole", func() bool { return f.holds("new") })
		p, err := store.Pending()
		if n := children(service.Process.Pid); c.end == "old" && n != 1 {
			t.Errorf("control: %d guardians", n)
		}
		if waits := err == nil && !p.AtOnce; waits != (c.end == "old") {
			t.Errorf("%s, %s: %+v, %v", c.verb, c.gets, p.ID, err)
		}
		f.until("nothing waits", func() bool { _, err := store.Pending(); return errors.Is(err, history.ErrNone) })
		late := time.Since(p.Wall)
		if c.end == "old" && (late < 0 || late > 2*time.Second) {
			t.Errorf("%s, %s: taken back %s after its time", c.verb, c.gets, late)
		}
		f.until("the kernel holds what it should", func() bool { return f.holds(c.end) })
		if entries, err := store.Entries(); err != nil || entries[0].Outcome != c.fate {
			t.Errorf("%s, %s: the history says %v, %v", c.verb, c.gets, entries[0].Outcome, err)
		}
		f.must("status")
		f.until("the guardian has ended and is gone", func() bool { return children(service.Process.Pid) == 0 })
	}
	if err := errors.Join(service.Process.Signal(os.Interrupt), service.Wait()); err != nil {
		t.Errorf("the service ends with %v", err)
	}
}
