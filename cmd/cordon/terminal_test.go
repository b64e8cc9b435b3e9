package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// screen is what a terminal has shown so far.
type screen struct {
	mu    sync.Mutex
	shown bytes.Buffer
	seen  int           // how much of it the dialogue has waited for
	more  chan struct{} // something came, or nothing will any more
	over  bool
}

// terminal runs a program on a terminal of its own, in whose session it is the first, and plays a dialogue with it: terminal DIALOGUE
// PROGRAM [ARGUMENT...]. It prints what the terminal showed and ends with the program's code, 128 and the signal where one ended it. A
// dialogue has a step a line:
//
//	wait TEXT      until the terminal shows it, behind what was waited for before
//	type TEXT      and the return key
//	key TEXT       as Go writes it, and no return key: \x03 is Ctrl-C
//	exec WORDS     another program, which must succeed
//	hangup         the terminal goes away, as when a connection ends
func terminal() {
	code, err := onTerminal(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(200)
	}
	os.Exit(code)
}

func onTerminal(dialogue string, command []string) (int, error) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // who tests under nohup would have the program ignore it
	steps, err := os.ReadFile(dialogue)
	if err != nil {
		return 0, err
	}
	near, far, err := openTerminal()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // it bounds each step
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := errors.Join(cmd.Start(), far.Close()); err != nil {
		return 0, err
	}
	s := &screen{more: make(chan struct{}, 1)}
	go s.watch(near)
	for line := range strings.Lines(string(steps)) {
		if err := s.step(near, strings.TrimSpace(line)); err != nil {
			_ = cmd.Process.Kill()
			return 0, fmt.Errorf("%s: %w; the terminal showed:\n%s", strings.TrimSpace(line), err, s.text())
		}
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // how it ended is looked at below
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		return 0, fmt.Errorf("the program does not end; the terminal showed:\n%s", s.text())
	}
	s.await(func() bool { return s.over }) // what it said last
	_, _ = os.Stdout.WriteString(s.text())
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// openTerminal returns the two ends of a new terminal: the person's, and the program's. The first can be closed while it is read.
func openTerminal() (near, far *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	near = os.NewFile(uintptr(fd), "terminal")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, fmt.Errorf("unlock a terminal: %w", err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, fmt.Errorf("name a terminal: %w", err)
	}
	far, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	return near, far, err
}

// watch reads until the last program has left the terminal, or it was hung up.
func (s *screen) watch(near *os.File) {
	part := make([]byte, 4096)
	for {
		n, err := near.Read(part)
		s.mu.Lock()
		s.shown.Write(part[:n])
		s.over = err != nil
		s.mu.Unlock()
		select {
		case s.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.shown.String(), "\r\n", "\n")
}

// await waits until something holds of the screen, or for 10 s.
func (s *screen) await(holds func() bool) bool {
	deadline := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		held, over := holds(), s.over
		s.mu.Unlock()
		if held || over {
			return held
		}
		select {
		case <-s.more:
		case <-deadline:
			return false
		}
	}
}

func (s *screen) step(near *os.File, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "":
	case "wait":
		shows := func() bool {
			at := strings.Index(s.shown.String()[s.seen:], rest)
			if at >= 0 {
				s.seen += at + len(rest)
			}
			return at >= 0
		}
		if !s.await(shows) {
			return errors.New("never shown")
		}
	case "type":
		_, err := near.WriteString(rest + "\n")
		return err
	case "key":
		text, err := strconv.Unquote(`"` + rest + `"`)
		if err == nil {
			_, err = near.WriteString(text)
		}
		return err
	case "exec":
		words := strings.Fields(rest)
		said, err := exec.Command(words[0], words[1:]...).CombinedOutput() //nolint:noctx // short
		if err != nil {
			return fmt.Errorf("%w: %s", err, said)
		}
	case "hangup":
		return near.Close()
	default:
		return errors.New("no such step")
	}
	return nil
}
