package history_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cordon/gateway/history"
)

// holder names the directory whose lock a second process of this test takes.
const holder = "CORDON_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holder); dir != "" {
		hold(dir)
	}
	if len(os.Args) == 4 && os.Args[1] == "deed" {
		perform(os.Args[2], os.Args[3])
	}
	os.Exit(m.Run())
}

// hold takes the lock, says so, and keeps it until its input ends.
func hold(dir string) {
	lock, err := history.Acquire(context.Background(), dir)
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("held\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	_ = lock.Release()
	os.Exit(0)
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	other := exec.CommandContext(t.Context(), os.Args[0])
	other.Env = append(os.Environ(), holder+"="+dir)
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q: %v", line, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	_, err = history.Acquire(short, dir)
	held := &history.HeldError{}
	if !errors.As(err, &held) || held.PID != other.Process.Pid || held.File != filepath.Join(dir, "lock") {
		t.Errorf("%v, want process %d", err, other.Process.Pid)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // it was killed
	_ = stdin.Close()
	lock, err := history.Acquire(t.Context(), dir)
	if err != nil {
		t.Fatalf("the holder is dead: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := history.Acquire(t.Context(), dir)
	if err != nil {
		t.Fatalf("it was let go of: %v", err)
	}
	_ = again.Release()
}

func TestLockNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := history.Acquire(t.Context(), filepath.Join(file, "run")); err == nil {
		t.Error("a lock below a file")
	}
}
