//go:build full

package integration_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cordon/gateway/history"
	"cordon/integration/lab"
	"cordon/policy"
)

// window is how long a change that nobody confirms waits.
const window = 2 * time.Second

// remote is the site's gateway as an administrator has it: he sits in the office, and gets in by ssh.
type remote struct {
	*lab.Lab
	program

	old, shut, kept string // policies: in force, one that refuses the office, one that does not
	key             string
}

// newRemote puts the old policy in force and starts the gateway's sshd.
func newRemote(t *testing.T) *remote {
	t.Helper()
	r := &remote{Lab: open(t), program: build(t), key: filepath.Join(t.TempDir(), "key")}
	for _, p := range []struct {
		dir  *string
		text string
	}{
		{&r.old, head + allows},
		{&r.shut, strings.Replace(head+allows, "manage {\n  from     = [segment.office]", "manage {\n  from     = [host.jump]", 1) + more},
		{&r.kept, head + allows + more},
	} {
		*p.dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(*p.dir, "site.hcl"), []byte(p.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.run(t, r.Gateway(), "apply", "--yes", "--no-confirm", r.old)
	host := filepath.Join(t.TempDir(), "host")
	for _, key := range []string{host, r.key} {
		if said, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, said)
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // the server insists on it
		t.Fatal(err)
	}
	start(t, r.Gateway(), 5*time.Minute, "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", host, "-o", "PidFile=none",
		"-o", "AuthorizedKeysFile="+r.key+".pub", "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "ListenAddress=10.50.0.1",
		"-o", "ClientAliveInterval=1", "-o", "ClientAliveCountMax=1")
	if !r.entered(t) {
		t.Fatal("control: nobody gets in by ssh")
	}
	return r
}

func (r *remote) ssh(words ...string) []string {
	return append([]string{
		"-F", "/dev/null", "-i", r.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=1",
		"-o", "LogLevel=ERROR", "root@10.50.0.1",
	}, words...)
}

// words is a command of Cordon as the administrator types it.
func (r *remote) words(verb string, args ...string) []string {
	return append([]string{r.path, verb, "--lang", "en", "--state", r.state, "--run", r.state}, args...)
}

// entered says whether the administrator gets in by a new connection, at any of several tries.
func (r *remote) entered(t *testing.T) bool {
	t.Helper()
	m, err := r.Machine(office)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); {
		if _, err := start(t, m.NetNS(), 5*time.Second, "ssh", r.ssh("true")...).wait(); err == nil {
			return true
		}
	}
	return false
}

// session is a connection that is open already: a program at the gateway that answers each line with the same.
type session struct {
	input  io.Writer
	answer *transcript
	lines  int
}

// session opens one, and holds that it answers.
func (r *remote) session(t *testing.T) *session {
	t.Helper()
	m, err := r.Machine(office)
	if err != nil {
		t.Fatal(err)
	}
	keys, input, err := os.Pipe() // who has gone away keeps nobody waiting who types
	if err != nil {
		t.Fatal(err)
	}
	s := &session{input: input, answer: &transcript{more: make(chan struct{}, 1)}}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	cmd := exec.CommandContext(ctx, "ssh", r.ssh("cat")...)
	cmd.Stdin, cmd.Stdout, cmd.WaitDelay = keys, s.answer, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.NetNS().Do(cmd.Run) // a session that is cut off ends as it can
	}()
	t.Cleanup(func() {
		cancel()
		_ = input.Close()
		_ = keys.Close()
		<-done
	})
	if !s.answers(10 * time.Second) {
		t.Fatal("control: the open session does not answer")
	}
	return s
}

// answers types a line, and says whether it comes back in time.
func (s *session) answers(within time.Duration) bool {
	s.lines++
	line := "line " + strconv.Itoa(s.lines) + ".\n"
	if _, err := s.input.Write([]byte(line)); err != nil {
		return false
	}
	deadline := time.After(within)
	for !strings.Contains(s.answer.String(), line) {
		select {
		case <-s.answer.more:
		case <-deadline:
			return false
		}
	}
	return true
}

// transcript is what a terminal has shown so far.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

// Write takes what came.
func (s *transcript) Write(part []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.text.Write(part)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *transcript) await(t *testing.T, what string) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for !strings.Contains(s.String(), what) {
		select {
		case <-s.more:
		case <-deadline:
			t.Fatalf("the terminal never shows %q:\n%s", what, s)
		}
	}
}

// typed begins to apply a policy on a terminal over ssh, as the administrator does, and agrees to it. It returns what the terminal shows.
func (r *remote) typed(t *testing.T, dir string, within time.Duration) *transcript {
	t.Helper()
	m, err := r.Machine(office)
	if err != nil {
		t.Fatal(err)
	}
	keys, input := io.Pipe()
	shown := &transcript{more: make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	command := r.words("apply", "--confirm-within", within.String(), dir)
	cmd := exec.CommandContext(ctx, "ssh", slices.Concat([]string{"-tt"}, r.ssh(command...))...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = keys, shown, shown
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.NetNS().Do(cmd.Run) // a session that is cut off ends as it can
	}()
	t.Cleanup(func() {
		cancel()
		_ = input.Close()
		<-done
	})
	shown.await(t, "agree:")
	if _, err := input.Write([]byte("yes\n")); err != nil {
		t.Fatal(err)
	}
	return shown
}

// end kills the processes of this gateway's program that have a word among theirs, and returns how many there were.
func (r *remote) end(t *testing.T, word string) int {
	t.Helper()
	n := 0
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // a pattern without a mistake
	for _, name := range lines {
		text, _ := os.ReadFile(name) // it may have ended
		words := strings.Split(string(text), "\x00")
		if words[0] != r.path || !slices.Contains(words, word) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Error(err)
		}
		n++
	}
	return n
}

// serve starts the service, and waits for its socket.
func (r *remote) serve(t *testing.T) {
	t.Helper()
	words := r.words("run")
	service := start(t, r.Gateway(), time.Minute, words[0], words[1:]...)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(10 * time.Second); ; {
		if _, err := os.Stat(filepath.Join(r.state, "cordon.sock")); err == nil {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("the service has no socket: %s", service.stop())
		}
	}
}

// waiting awaits that a change waits for its confirmation, and returns it.
func (r *remote) waiting(t *testing.T) history.Pending {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(10 * time.Second); ; {
		if p, err := history.In(r.state).Pending(); err == nil {
			return p
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("no change waits")
		}
	}
}

// lockout is what happens in the window of a change that locks an administrator out.
type lockout struct {
	name    string
	service bool
	kill    []string // in the window
	then    []string // what somebody at the console types, or starts, when the window is over
}

// warning is what he is told before.
const warning = "Your own ssh session from 10.50.0.5 to port 22 would be refused"

// TestLockedOutOverSSH has an administrator apply over ssh what refuses his own session. He is told so first, is cut off, by a session that
// was open as by a new one, and is back in without touching anything, also where what would take the change back is killed in the window;
// where nothing is left that could, the next call does it. The control is a policy that keeps him: he confirms it by a new connection, it
// stays, and so does the session that was open.
func TestLockedOutOverSSH(t *testing.T) {
	r := newRemote(t)
	before := r.run(t, r.Gateway(), "status", "--json")
	for _, c := range []lockout{
		{name: "nothing else happens"},
		{name: "apply is killed", kill: []string{"apply"}},
		{name: "apply and its guardian are killed", kill: []string{"apply", "guard"}, then: []string{"status"}},
		{name: "with the service", service: true},
		{name: "the service is killed", service: true, kill: []string{"run"}},
		{name: "the service, apply and the guardian are killed", service: true, kill: []string{"run", "apply", "guard"}, then: []string{"run"}},
	} {
		t.Run(c.name, func(t *testing.T) { c.judge(t, r, before) })
	}
	r.keeps(t)
}

// judge applies what locks him out, lets it happen, and holds that he is back in.
func (c lockout) judge(t *testing.T, r *remote, before string) {
	t.Helper()
	if c.service {
		r.serve(t)
		defer r.end(t, "run")
	}
	open := r.session(t)
	shown := r.typed(t, r.shut, window)
	waits := r.waiting(t)
	if !strings.Contains(shown.String(), warning) {
		t.Errorf("nothing warns him:\n%s", shown)
	}
	try := flow{from: office, to: "10.50.0.1", protocol: policy.TCP, port: 22}
	for deadline := time.Now().Add(window / 2); arrives(t, r.Lab, try); { // the change is written down before it is made
		if time.Now().After(deadline) {
			t.Fatal("he is not locked out")
		}
	}
	if open.answers(window / 8) {
		t.Error("a session that was open goes on")
	}
	c.happen(t, r, waits, try)
	if !r.entered(t) {
		t.Fatalf("he stays locked out:\n%s", shown)
	}
	t.Logf("back in %s after he was cut off at the latest", time.Since(waits.Wall.Add(-window)).Round(100*time.Millisecond))
	entries, err := history.In(r.state).Entries()
	if err != nil || entries[0].Outcome != history.OutcomeReverted {
		t.Errorf("the history says %v, %v", entries[0].Outcome, err)
	}
	if after := r.run(t, r.Gateway(), "status", "--json"); !c.service && after != before {
		t.Errorf("status before:\n%s\nafter:\n%s", before, after)
	}
}

// happen kills what is to be killed in the window, and does what is left to somebody at the console.
func (c lockout) happen(t *testing.T, r *remote, waits history.Pending, try flow) {
	t.Helper()
	for _, word := range c.kill {
		if n := r.end(t, word); n != 1 && word != "apply" { // which ends by itself when the server gives its connection up
			t.Errorf("%d processes called %s", n, word)
		}
	}
	if c.then == nil {
		return
	}
	<-time.After(time.Until(waits.Wall) + time.Second) // nobody is left who would do anything before
	if arrives(t, r.Lab, try) {
		t.Error("control: something else takes the change back")
	}
	if c.then[0] == "run" {
		r.serve(t)
	} else {
		r.run(t, r.Gateway(), c.then[0], "--json")
	}
}

// keeps is the control: what keeps him is confirmed by a new connection, and cuts nothing off.
func (r *remote) keeps(t *testing.T) {
	t.Helper()
	open := r.session(t)
	shown := r.typed(t, r.kept, time.Minute)
	r.waiting(t)
	m, err := r.Machine(office)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := start(t, m.NetNS(), 10*time.Second, "ssh", r.ssh(r.words("confirm")...)...).wait(); err != nil {
		t.Errorf("confirm by a new connection: %v\n%s", err, said)
	}
	shown.await(t, "is kept")
	if !open.answers(10 * time.Second) {
		t.Error("control: a session that was open is cut off")
	}
	if strings.Contains(shown.String(), warning) {
		t.Errorf("control: he is warned of nothing:\n%s", shown)
	}
	if entries, err := history.In(r.state).Entries(); err != nil || entries[0].Outcome != history.OutcomeConfirmed {
		t.Errorf("the history says %v, %v", entries[0].Outcome, err)
	}
}
