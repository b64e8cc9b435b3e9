package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// threadNetNS is the calling thread's own network namespace.
const threadNetNS = "/proc/thread-self/ns/net"

// NetNS is a network namespace, kept alive by an open file. Any goroutine may use it, several at once.
type NetNS struct {
	file *os.File
}

// NewNetNS makes an empty network namespace. It needs CAP_SYS_ADMIN in the process's user namespace (see Enter).
func NewNetNS() (*NetNS, error) {
	type answer struct {
		ns  *NetNS
		err error
	}
	done := make(chan answer)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- answer{err: fmt.Errorf("make a network namespace: %w", err)}
			return
		}
		ns, err := ThisNetNS()
		done <- answer{ns, err}
	}()
	a := <-done
	return a.ns, a.err
}

// ThisNetNS returns the namespace of the calling thread.
func ThisNetNS() (*NetNS, error) {
	file, err := os.Open(threadNetNS)
	if err != nil {
		return nil, fmt.Errorf("open the thread's network namespace: %w", err)
	}
	return &NetNS{file}, nil
}

// FD returns the open file that stands for the namespace. It is valid until Close.
func (n *NetNS) FD() int { return int(n.file.Fd()) }

// Close lets the namespace go. The kernel ends it, with its interfaces, when the last socket in it is closed too.
func (n *NetNS) Close() error { return n.file.Close() }

// Do runs fn in the namespace, on a thread of its own, and returns what fn returned. A goroutine that fn starts is elsewhere; a socket
// that fn opens stays in the namespace for good. A thread that cannot go home again ends with Do.
func (n *NetNS) Do(fn func() error) error {
	done := make(chan error)
	go func() { done <- n.onThread(fn) }()
	return <-done
}

// onThread runs fn on the calling goroutine's thread, moved into the namespace for its time. Without a home to return to the thread
// stays locked to its goroutine, and the runtime ends both.
func (n *NetNS) onThread(fn func() error) error {
	runtime.LockOSThread()
	home, err := ThisNetNS()
	if err != nil {
		return err
	}
	defer home.Close()
	if err := unix.Setns(n.FD(), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter a network namespace: %w", err)
	}
	defer func() {
		if unix.Setns(home.FD(), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return fn()
}

// SetSysctl writes a setting of the namespace; name is a path below /proc/sys/net, such as "ipv4/ip_forward".
func (n *NetNS) SetSysctl(name, value string) error {
	return n.Do(func() error { return setSysctl(name, value) })
}

// Sysctl reads a setting of the namespace, with the line's end that the kernel writes taken off.
func (n *NetNS) Sysctl(name string) (string, error) {
	var value string
	err := n.Do(func() error {
		b, err := os.ReadFile(filepath.Join("/proc/sys/net", name))
		if err != nil {
			return fmt.Errorf("read a setting: %w", err)
		}
		value = string(b[:max(len(b)-1, 0)])
		return nil
	})
	return value, err
}

// setSysctl writes a setting of the calling thread's namespace.
func setSysctl(name, value string) error {
	if err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0); err != nil {
		return fmt.Errorf("write %q to a setting: %w", value, err)
	}
	return nil
}
