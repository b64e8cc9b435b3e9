package lab

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Victim is a program that is killed, with all its threads, before one of its system calls is carried out, or gets a signal there.
type Victim struct {
	// Command is the program's path and its arguments.
	Command []string
	// Dir is where it runs.
	Dir string
	// Out takes what it prints; nil throws it away.
	Out *os.File
	// Before is the call that it does not live to see, counted from 1; 0 lets it live.
	Before int
	// Every says that every call counts; else only those count that can change a file or the kernel.
	Every bool
	// Signal is what it gets before that call instead of being killed, once; 0 kills.
	Signal syscall.Signal
}

// End is what became of a victim.
type End struct {
	// Changing are the calls that can change a file or the kernel, Calls are all of them.
	Changing, Calls int
	// Killed says that it was killed before its call; else Code is its exit code.
	Killed bool
	Code   int
}

// longestLife is when a victim that hangs is killed all the same.
const longestLife = time.Minute

// Run traces the program by ptrace, which anybody may do to his own child. The calling goroutine has to be locked to its thread, which the
// kernel reports to, and which must have no other child meanwhile.
func (v Victim) Run() (End, error) {
	process, err := os.StartProcess(v.Command[0], v.Command, &os.ProcAttr{
		Dir: v.Dir, Env: os.Environ(), Files: []*os.File{nil, v.Out, v.Out}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return End{}, err
	}
	pid := process.Pid
	defer func() { _ = process.Release() }() // it is reaped below
	tooLong := time.AfterFunc(longestLife, func() { _ = unix.Kill(pid, unix.SIGKILL) })
	defer tooLong.Stop()
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil || !status.Stopped() {
		return End{}, fmt.Errorf("wait for the program to begin (%v): %w", status, err)
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := errors.Join(unix.PtraceSetOptions(pid, options), unix.PtraceSyscall(pid, 0)); err != nil {
		return End{}, fmt.Errorf("trace: %w", err)
	}
	return v.trace(pid)
}

// trace follows the threads until the last has ended. What the program starts is not followed.
func (v Victim) trace(pid int) (End, error) {
	e := End{}
	for {
		var status unix.WaitStatus
		thread, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return e, fmt.Errorf("wait for a thread: %w", err)
		case !status.Stopped():
			if thread == pid {
				e.Code = status.ExitStatus()
				return e, nil
			}
			continue
		}
		pass := 0
		switch signal := status.StopSignal(); signal {
		case unix.SIGTRAP | 0x80:
			e.count(thread)
			switch reached := e.reached(v); {
			case reached && v.Signal != 0:
				_ = unix.Kill(pid, v.Signal) // it stands before the call, and is there
				v.Before = 0
			case reached:
				e.Killed = true
				_ = unix.Kill(pid, unix.SIGKILL) // that it is dead already is as good
				continue
			}
		case unix.SIGTRAP, unix.SIGSTOP: // a thread begins
		default:
			pass = int(signal)
		}
		if err := unix.PtraceSyscall(thread, pass); err != nil && !errors.Is(err, unix.ESRCH) {
			return e, fmt.Errorf("go on: %w", err)
		}
	}
}

// stop is the kernel's struct ptrace_syscall_info.
type stop struct {
	op       uint8
	_        [3]uint8
	_        uint32
	_, _     uint64
	nr       uint64
	argument [6]uint64
	_        [16]byte
}

// count counts the call that a thread stands before.
func (e *End) count(thread int) {
	var s stop
	const getSyscallInfo, entry = 0x420e, 1
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(thread), unsafe.Sizeof(s), uintptr(unsafe.Pointer(&s)), 0, 0)
	if errno != 0 || s.op != entry {
		return
	}
	e.Calls++
	if s.leaves() {
		e.Changing++
	}
}

// reached says whether this is the call that the victim does not live to see.
func (e *End) reached(v Victim) bool {
	n := e.Changing
	if v.Every {
		n = e.Calls
	}
	return v.Before > 0 && n >= v.Before
}

// leaves says whether a call can leave something behind.
func (s stop) leaves() bool {
	if s.nr == unix.SYS_OPENAT {
		return s.argument[2]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT) != 0
	}
	return slices.Contains([]uint64{
		unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_RENAMEAT, unix.SYS_UNLINKAT,
		unix.SYS_LINKAT, unix.SYS_MKDIRAT, unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_FLOCK, unix.SYS_EXIT_GROUP,
	}, s.nr)
}
