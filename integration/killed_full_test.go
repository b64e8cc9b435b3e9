//go:build full

package integration_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestExceptionEndsWithoutCordon holds that the kernel ends exceptions, in both families, with the flows that run, when the service that
// opened them was killed: nothing of the program is left while they end. The controls are the flows before their end, and the recording,
// which goes on.
func TestExceptionEndsWithoutCordon(t *testing.T) {
	t.Setenv("CORDON_CLOCK", "trusted") // whether this machine asks anybody the time or not
	r := &remote{Lab: open(t), program: build(t)}
	start := time.Now()
	r.apply(t, r.Lab, head+allows)
	r.serve(t)
	until := time.Now().Add(15*time.Second + 2*time.Since(start)) // as fast as the machine is
	file := filepath.Join(t.TempDir(), "site.hcl")
	if err := os.WriteFile(file, []byte(head+allows+exceptions(until)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(t, r.Gateway(), "apply", "--yes", "--no-confirm", filepath.Dir(file))
	if n := r.end(t, "run"); n != 1 {
		t.Fatalf("%d services were killed", n)
	}
	if n := r.end(t, r.state); n != 0 {
		t.Fatalf("%d processes were left beside the service", n)
	}
	recording := stream(t, r.Lab, nvr, "10.30.0.21", 554)
	running := throughExceptions(t, r.Lab)
	for _, c := range append(running, recording) {
		if !c.alive(t) {
			t.Errorf("control: %s is not answered while its exception lasts", c.name)
		}
	}
	if len(running) != 10 || time.Until(until) < time.Second {
		t.Fatalf("%d flows, %s before their end: this shows nothing", len(running), time.Until(until))
	}
	ended(t, r.Lab, until)
	for _, c := range running {
		if c.alive(t) {
			t.Errorf("%s outlives its exception", c.name)
		}
	}
	if !recording.alive(t) {
		t.Error("the recording did not outlive the exceptions")
	}
}
