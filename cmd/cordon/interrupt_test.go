package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cordon/gateway/kernel"
	"cordon/gateway/settings"
)

// TestPromptly holds that an interruption does not wait for the work, and that without one the work's answer comes.
func TestPromptly(t *testing.T) {
	done := false
	if err := promptly(t.Context(), func() { done = true }); !done || err != nil {
		t.Errorf("control: %v, %v", done, err)
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	never := make(chan int)
	if err := promptly(interrupted, func() { <-never }); !errors.Is(err, context.Canceled) {
		t.Error("the work ended that never ends")
	}
}

// endless makes a policy that takes long to read: a CSV file of a million rows.
func endless(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := `site "x" {}` + "\n" + `dynamic "camera" {
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment.cameras
    mac     = row.value.mac
    address = row.value.address
  }
}
`
	rows := "name,mac,address\n" + strings.Repeat("cam,44:19:b6:00:00:01,10.30.0.21\n", 300_000)
	for name, content := range map[string]string{"site.hcl": text, "cameras.csv": rows} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// awaitOpen waits until a process has a file or directory open.
func awaitOpen(t *testing.T, pid int, name string) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	deadline := time.After(10 * time.Second)
	for {
		links, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && target == name {
				return
			}
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s was never opened", name)
		}
	}
}

// TestInterruptedReading sends each verb that reads a policy the signal of Ctrl-C while it reads, and wants it gone with 130 long before
// the reading's end.
func TestInterruptedReading(t *testing.T) {
	program, err := exec.LookPath("cordon") // testscript.Main put it there
	if err != nil {
		t.Fatal(err)
	}
	dir := endless(t)
	count := 0
	for _, verb := range []string{"validate", "render", "plan"} {
		cmd := exec.CommandContext(t.Context(), program, verb, dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		awaitOpen(t, cmd.Process.Pid, dir)
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != int(exitInterrupted) || !strings.Contains(stderr.String(), "Interrupted.") {
			t.Errorf("%s: exit code %d, %q", verb, code, stderr.String())
		}
		t.Logf("%s: gone after %v", verb, time.Since(began))
		count++
	}
	if count != 3 {
		t.Errorf("%d verbs", count)
	}
}

// TestInterruptedStandardInput interrupts fmt while it waits for a text that never comes.
func TestInterruptedStandardInput(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	silent, never := io.Pipe()
	t.Cleanup(func() { _ = never.Close() })
	var stdout, stderr strings.Builder
	if code := run(interrupted, []string{"fmt", "-"}, silent, &stdout, &stderr, nil); code != exitInterrupted || stdout.Len() > 0 {
		t.Errorf("exit code %d, %q", code, stdout.String())
	}
}

// TestClockSetting holds that the setting overrules what the kernel says of its clock, and that without it the kernel decides.
func TestClockSetting(t *testing.T) {
	for clock, want := range map[string]bool{"trusted": true, "kernel": kernel.Synchronised()} {
		a := &app{now: time.Now, machine: machine{Settings: settings.Settings{Clock: clock}}}
		if got := a.clock()(); got.Trusted != want {
			t.Errorf("%s: trusted %v, want %v", clock, got.Trusted, want)
		}
	}
}
