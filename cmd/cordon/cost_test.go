//go:build !race

package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// What 4,000 cameras may cost: half a second and 150 MB. The processor's time is held, not the clock's, and with room for a busy
// machine; the race detector costs several times as much, and is left out. BenchmarkValidate says the figures themselves.
const (
	costTime   = 3 * 500 * time.Millisecond
	costMemory = 150 << 20
)

// validateMinistry runs the program on 4,000 cameras and returns what the kernel charged for it.
func validateMinistry(tb testing.TB) (processor time.Duration, memory int64) {
	tb.Helper()
	program, err := exec.LookPath("cordon") // testscript.Main put it there
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), program, "validate", "-q", "../../examples/ministry")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		tb.Fatal(err)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		tb.Fatal("the kernel charges nothing")
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss << 10
}

func TestValidateIsCheap(t *testing.T) {
	processor, memory := validateMinistry(t)
	t.Logf("%v of processor time, %d MiB", processor, memory>>20)
	if processor > costTime || memory > costMemory {
		t.Errorf("4,000 cameras cost %v and %d MiB, more than %v and %d MiB", processor, memory>>20, costTime, int64(costMemory)>>20)
	}
}

func BenchmarkValidate(b *testing.B) {
	for b.Loop() {
		processor, memory := validateMinistry(b)
		b.ReportMetric(processor.Seconds()*1000, "cpu-ms")
		b.ReportMetric(float64(memory)/(1<<20), "MiB")
	}
}
