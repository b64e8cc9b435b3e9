package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideBars tells barred that it is inside already.
const insideBars = "CORDON_TEST_INSIDE_BARS"

// barred runs a program where nobody may make namespaces: barred PROGRAM [ARGUMENT...]. The setting is that of a user namespace that
// ends with it.
func barred() {
	err := errors.New("usage: barred PROGRAM [ARGUMENT...]")
	switch {
	case len(os.Args) < 2:
	case os.Getenv(insideBars) == "":
		err = goBehindBars()
	default:
		err = runBarred(os.Args[1:])
	}
	failed := &exec.ExitError{}
	if errors.As(err, &failed) {
		os.Exit(failed.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(255)
	}
}

// goBehindBars runs this program again as root of a user namespace.
func goBehindBars() error {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...) //nolint:noctx // the script ends it
	cmd.Args[0] = os.Args[0]
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideBars+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
	}
	return cmd.Run()
}

// runBarred forbids user namespaces, gives up the right to make any other, and becomes the program.
func runBarred(args []string) error {
	runtime.LockOSThread() // rights belong to a thread
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil {
		return err
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, args, os.Environ())
}
