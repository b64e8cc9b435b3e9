package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// HeldError says that another process is changing the kernel.
type HeldError struct {
	File string
	PID  int // 0 when the file does not say
}

// Error names the process.
func (e *HeldError) Error() string {
	return fmt.Sprintf("process %d holds %s", e.PID, e.File)
}

// Lock is held by the one process that may change the kernel. The kernel lets go of it when the process ends, however it ends.
type Lock struct{ file *os.File }

// patience is how often a lock that is held is asked for again.
const patience = 50 * time.Millisecond

// Acquire takes the lock in a run directory, and gives up with a *HeldError when the context ends.
func Acquire(ctx context.Context, dir string) (*Lock, error) {
	// Whoever may look asks at the socket in it.
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // see above
		return nil, fmt.Errorf("make the run directory: %w", err)
	}
	name := filepath.Join(dir, "lock")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	again := time.NewTicker(patience)
	defer again.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return &Lock{file}, sign(file)
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(&HeldError{name, holder(name)}, file.Close())
		case <-again.C:
		}
	}
}

// sign writes who holds the lock, for those who wait.
func sign(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("sign the lock: %w", err)
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holder(name string) int {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// Release lets go of the lock.
func (l *Lock) Release() error { return l.file.Close() }
