package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// entered is the variable that tells a process that Enter started it, so that a namespace without privileges is entered once and not
// for ever.
const entered = "ENTERED_CORDON_LAB"

// Process is how Enter runs this program again. Args do not hold the program's name; the environment is this process's own.
type Process struct {
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// ForbiddenError says that this machine lets nobody but root make namespaces, and which kernel setting says so.
type ForbiddenError struct {
	// Setting is the sysctl's name with dots, or "" when none of those that are known forbids it (a container's seccomp filter does).
	Setting string
	// Value is what the setting is now.
	Value string
	// Err is what the kernel answered.
	Err error
}

// Error returns the sentence for a log; a face writes its own from the fields.
func (e *ForbiddenError) Error() string {
	if e.Setting == "" {
		return fmt.Sprintf("make a user namespace: %v", e.Err)
	}
	return fmt.Sprintf("make a user namespace: %v (%s is %s)", e.Err, e.Setting, e.Value)
}

// Unwrap returns what the kernel answered.
func (e *ForbiddenError) Unwrap() error { return e.Err }

// Enter makes sure that a site can be built. When this process may make network namespaces (root, or uid 0 of a user namespace) it
// returns done false at once and the caller goes on. Else it runs this program again as root of a fresh user, network and mount
// namespace, and returns done true with its exit code. The error is a *ForbiddenError where the machine allows no user namespaces.
func Enter(ctx context.Context, p Process) (code int, done bool, err error) {
	err = tryNamespace()
	if err == nil {
		return 0, false, nil
	}
	if os.Getenv(entered) != "" {
		return 0, false, forbidden(os.DirFS("/proc/sys"), err)
	}
	code, err = p.run(ctx)
	return code, err == nil, err
}

// run starts the program in namespaces of its own and waits for it. The thread is held because the kernel ends the child when the
// thread that started it ends.
func (p Process) run(ctx context.Context) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child := exec.CommandContext(ctx, "/proc/self/exe", p.Args...)
	child.Args[0] = os.Args[0] // a program may go by its name
	child.Stdin, child.Stdout, child.Stderr = p.Stdin, p.Stdout, p.Stderr
	child.Env = append(os.Environ(), entered+"=1")
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.WaitDelay = 2 * time.Second
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := child.Start(); err != nil {
		return 0, forbidden(os.DirFS("/proc/sys"), err)
	}
	err := child.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("run %s in its own namespaces: %w", child.Path, err)
	}
	return 0, nil
}

// tryNamespace asks the kernel, on a thread that is thrown away, whether this process may make a network namespace.
func tryNamespace() error {
	answer := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		answer <- unix.Unshare(unix.CLONE_NEWNET)
	}()
	return <-answer
}

// forbidden finds the setting that explains err, in a tree like /proc/sys.
func forbidden(sys fs.FS, err error) error {
	for _, s := range []struct{ name, forbids string }{
		{"kernel.apparmor_restrict_unprivileged_userns", "1"},
		{"kernel.unprivileged_userns_clone", "0"},
		{"user.max_user_namespaces", "0"},
		{"user.max_net_namespaces", "0"},
	} {
		b, readErr := fs.ReadFile(sys, strings.ReplaceAll(s.name, ".", "/"))
		if value := strings.TrimSpace(string(b)); readErr == nil && value == s.forbids {
			return &ForbiddenError{Setting: s.name, Value: value, Err: err}
		}
	}
	return &ForbiddenError{Err: err}
}
