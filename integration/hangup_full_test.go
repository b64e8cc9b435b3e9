//go:build full

package integration_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/integration/lab"
)

// hangup is an apply that keeps its change at once, and what it gets in the middle.
type hangup struct {
	*faultSite
	ordeal
}

// against carries the change out from the old policy on, with a signal before one of the calls that change something, or death. It returns
// how that ended, and which policy the kernel then holds, with nobody doing anything more; "" is neither.
func (h hangup) against(call int, gets syscall.Signal) (lab.End, string) {
	h.t.Helper()
	h.must("apply old --yes --no-confirm")
	v := h.victim(h.ordeal, false, call)
	v.Signal = gets
	e, err := v.Run()
	if err != nil {
		h.t.Fatalf("before call %d: %v\n%s", call, err, h.said())
	}
	now := h.kernel()
	for _, name := range []string{"old", "new"} {
		if cmp.Equal(now, h.kernels[name]) {
			return e, name
		}
	}
	return e, ""
}

// TestHangUps has the terminal go away around the first call that changes the kernel: the apply ends with the old policy (130) or with the
// new one (0). The control is to be killed there, by which that call was found: the kernel is then neither.
func TestHangUps(t *testing.T) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // under nohup the program would have to ignore it
	defer signal.Stop(hangups)
	h := hangup{newFaultSite(t, 1), ordeal{verb: "apply new --yes --no-confirm"}}
	for _, name := range []string{"new", "old"} {
		h.must("apply " + name + " --yes --no-confirm")
		h.kernels[name] = h.kernel()
	}
	whole, end := h.against(0, 0)
	if whole.Code != 0 || end != "new" {
		t.Fatalf("%+v, %q\n%s", whole, end, h.said())
	}
	before, after, between := 1, whole.Changing, false
	for after-before > 1 {
		call := (before + after) / 2
		if _, now := h.against(call, 0); now == "old" {
			before = call
		} else {
			after, between = call, between || now == ""
		}
	}
	// The runtime's own calls are not the same each time.
	for call := before - 2; !between && call < after+5; call++ {
		_, now := h.against(call, 0)
		between = now == ""
	}
	if !between {
		t.Errorf("control: killed around call %d of %d it leaves a whole policy", after, whole.Changing)
	}
	codes := map[int]int{}
	for call := before - 1; call < after+4; call++ {
		e, now := h.against(call, syscall.SIGHUP)
		if want, known := map[int]string{0: "new", 130: "old"}[e.Code]; !known || now != want {
			t.Errorf("hung up before call %d of %d it ends with %d and the policy %q\n%s", call, whole.Changing, e.Code, now, h.said())
		}
		codes[e.Code]++
	}
	t.Logf("call %d of %d is the first; hung up around it: %v", after-1, whole.Changing, codes)
	if codes[0] == 0 {
		t.Errorf("ended with %v", codes)
	}
}
