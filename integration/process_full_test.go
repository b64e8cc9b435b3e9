//go:build full

package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"cordon/integration/lab"
)

// process is a program of somebody else's that runs in a namespace of the lab. It holds a thread for its time, and ends with it.
type process struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	// out and said are standard output and error, err is how it ended: to be read when done is closed.
	out, said bytes.Buffer
	err       error
}

// start starts a program. When its time is over, or the test's, it is interrupted, so that a recorder can end its file, and killed when
// that does not help.
func start(t *testing.T, ns *lab.NetNS, limit time.Duration, name string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	p := &process{name: name, cancel: cancel, done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+cmd.Dir)
	cmd.Stdout, cmd.Stderr = &p.out, &p.said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	// The thread in the namespace waits for the program: should the test die, the kernel ends both.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	go func() {
		defer close(p.done)
		p.err = ns.Do(cmd.Run)
	}()
	t.Cleanup(func() { p.stop() })
	return p
}

// wait returns what the program said when it has ended, and how it ended.
func (p *process) wait() (string, error) {
	<-p.done
	said := p.said.String() + p.out.String()
	if p.err != nil {
		return said, fmt.Errorf("%s: %w", p.name, p.err)
	}
	return said, nil
}

// stop interrupts the program and returns what it said.
func (p *process) stop() string {
	p.cancel()
	said, _ := p.wait() // interrupted is how it ends
	return said
}

// running says whether the program has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// program is Cordon's own, built from the source that is tested.
type program struct{ path, state string }

// build builds the program.
func build(t *testing.T) program {
	t.Helper()
	p := program{filepath.Join(t.TempDir(), "cordon"), t.TempDir()}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", p.path, "cordon/cmd/cordon")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	return p
}

// run runs a verb of the program in a namespace, and returns what it printed.
func (p program) run(t *testing.T, ns *lab.NetNS, verb string, args ...string) string {
	t.Helper()
	args = append([]string{verb, "--lang", "en", "--plain", "--state", p.state, "--run", p.state}, args...)
	running := start(t, ns, 30*time.Second, p.path, args...)
	if said, err := running.wait(); err != nil {
		t.Fatalf("cordon %v: %v\n%s", args, err, said)
	}
	return running.out.String()
}

// apply puts a policy in force on the site's gateway by the program.
func (p program) apply(t *testing.T, l *lab.Lab, text string) {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "site.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, l.Gateway(), "apply", "--yes", "--no-confirm", directory)
}
