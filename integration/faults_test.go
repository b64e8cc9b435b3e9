package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/history"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// ordeal is a verb that does not get through, with what goes before it. What stands before all of them is the old policy, in force and
// remembered.
type ordeal struct {
	name    string
	prepare []string
	verb    string
	// unwritten says that somebody else has changed the kernel, which is written down nowhere: what he leaves needs the next apply.
	unwritten bool
	// late lets the time for the confirmation run out; else the change is taken back by hand.
	late bool
}

func ordeals() []ordeal {
	const change, hour = "apply new --yes --confirm-within ", "1h"
	return []ordeal{
		{name: "apply", verb: change + hour},
		{name: "apply, nobody confirms", verb: change + "1s", late: true},
		{name: "apply at once", verb: "apply new --yes --no-confirm", late: true},
		{name: "confirm", prepare: []string{change + hour}, verb: "confirm"},
		{name: "rollback", prepare: []string{change + hour}, verb: "rollback"},
		{name: "lockdown", verb: "lockdown"},
		{name: "release", prepare: []string{"lockdown"}, verb: "release"},
	}
}

// The faults.
const (
	killed, killedAnywhere = "killed before a call that changes something", "killed before any call"
	fullDisk, readOnly     = "full disk", "read-only state"
	filterGone, rulesGone  = "packet filter flushed", "rules of routing flushed"
	serviceGone            = "the service that does it killed"
	guardianGone           = "the guardian killed"
)

// faultSite is a gateway with the real program, and what its kernel holds under each policy.
type faultSite struct {
	*lab.Lab

	t       *testing.T
	program string
	folder  string
	state   string
	out     *os.File
	random  *rand.Rand
	digests map[string]string // of a policy to its folder
	kernels map[string]map[string][]string
	calls   map[string]int // of an ordeal, in each way of counting
	refused int            // what failed on a full disk
	leaks   []*lab.Watch

	served    int // what was answered before the service was killed, or done without it
	guardians int // that were killed
}

// TestFaults does random faults to random changes: as many as FAULTS says, or enough for each fault to meet each verb. After each, nothing
// has leaked, the state directory is readable, the kernel holds the old policy or the new one, never what is between, and the next apply
// works. The control takes away what is written down before a change.
func TestFaults(t *testing.T) {
	n, seed := 24, uint64(1)
	if text := os.Getenv("FAULTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		seed = uint64(time.Now().UnixNano())
	}
	f := newFaultSite(t, seed)
	f.survey()
	sent, stop := f.flood()
	ways, ended := map[string]int{}, map[string]int{}
	kinds := []string{
		killed, killedAnywhere, serviceGone, fullDisk, killed, readOnly, serviceGone, filterGone, killed, rulesGone, guardianGone, killed,
	}
	for i := range n {
		o, kind := ordeals()[i%len(ordeals())], kinds[i%len(kinds)]
		what, err := f.suffer(o, kind)
		if err == nil {
			err = f.recover()
		}
		if err != nil {
			t.Fatalf("seed %d, fault %d, %s of %s: %v\n%s", seed, i, kind, o.name, err, f.said())
		}
		ways[kind]++
		ended[o.name+": "+what]++
	}
	t.Logf("%d faults: %v; in the end: %v", n, ways, ended)
	t.Logf("%d answered before the service was killed, %d guardians killed", f.served, f.guardians)
	if n >= 200 && (f.served == 0 || f.served == ways[serviceGone]) {
		t.Errorf("all of %d calls, or none, were answered before the service was killed: %d", ways[serviceGone], f.served)
	}
	f.mustFindMissing()
	stop()
	if total := sent(); total < 50*n || f.leaked() != 0 {
		t.Errorf("%d of %d forbidden packets arrived", f.leaked(), total)
	}
	f.mustFindLeak()
	if len(ways) != 8 || f.refused == 0 || f.guardians == 0 || len(ended) <= len(ordeals()) {
		t.Errorf("seen: %v %v, refused on a full disk: %d", ways, ended, f.refused)
	}
}

// newFaultSite builds the site and the program, and a state directory on a disk of its own. The goroutine is in the gateway's namespace
// from then on, with what it mounts; its thread ends with it.
func newFaultSite(t *testing.T, seed uint64) *faultSite {
	t.Helper()
	l := open(t)
	folder := t.TempDir()
	f := &faultSite{
		Lab: l, t: t, folder: folder, program: filepath.Join(folder, "cordon"), state: filepath.Join(folder, "state"),
		random: rand.New(rand.NewPCG(seed, 0)), digests: map[string]string{}, kernels: map[string]map[string][]string{}, calls: map[string]int{},
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", f.program, "cordon/cmd/cordon")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	// One camera, one address, one route more and one allow less.
	changed := strings.NewReplacer(
		`"10.40.0.1/24", "fd40::1/64"`, `"10.40.0.1/24", "10.41.0.1/24", "fd40::1/64"`,
		`via = "203.0.113.80"`+"\n  }", `via = "203.0.113.80"`+"\n  }\n  route {\n    to  = [\"172.16.0.0/12\"]\n    via = \"203.0.113.81\"\n  }",
		`["https", "ping"]`, `["ping"]`,
	).Replace(head+allows) + more
	var err error
	for name, text := range map[string]string{"old": head + allows, "new": changed} {
		f.digests[read(t, text).Digest] = name
		err = errors.Join(err, os.Mkdir(filepath.Join(folder, name), 0o700),
			os.WriteFile(filepath.Join(folder, name, "site.hcl"), []byte(text), 0o600))
	}
	f.out, _ = os.Create(filepath.Join(folder, "said"))
	runtime.LockOSThread()
	err = errors.Join(err, os.Mkdir(f.state, 0o700), unix.Unshare(unix.CLONE_NEWNS),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("state", f.state, "tmpfs", 0, "size=8m"),
		unix.Setns(l.Gateway().FD(), unix.CLONE_NEWNET))
	if err != nil || len(f.digests) != 2 {
		t.Fatalf("%v %v", f.digests, err)
	}
	t.Cleanup(func() { _ = errors.Join(f.out.Close(), unix.Unmount(f.state, unix.MNT_DETACH)) })
	camera, err := l.Machine(c1)
	if err == nil {
		_, err = camera.Serve(t.Context(), policy.TCP, 554)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// command is the program's command line for a verb.
func (f *faultSite) command(line string) []string {
	words := strings.Fields(line)
	return append([]string{f.program, words[0], "--lang", "en", "--plain", "--state", f.state, "--run", f.folder}, words[1:]...)
}

// cordon runs a verb and returns its exit code.
func (f *faultSite) cordon(line string) int {
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	words := f.command(line)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = f.folder, f.out, f.out
	fmt.Fprintln(f.out, "$", line)
	_ = cmd.Run() // the code says how it ended
	return cmd.ProcessState.ExitCode()
}

// started starts a verb in the gateway, which is killed with the test at the latest.
func (f *faultSite) started(line string) *exec.Cmd {
	f.t.Helper()
	words := f.command(line)
	cmd := exec.CommandContext(f.t.Context(), words[0], words[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = f.folder, f.out, f.out
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	return cmd
}

// until waits until something holds, for at most 15 s.
func (f *faultSite) until(what string, holds func() bool) {
	f.t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for deadline := time.After(15 * time.Second); !holds(); {
		select {
		case <-again.C:
		case <-deadline:
			f.t.Fatalf("never: %s\n%s", what, f.said())
		}
	}
}

func (f *faultSite) must(line string) {
	f.t.Helper()
	if code := f.cordon(line); code != 0 {
		f.t.Fatalf("%s: exit code %d\n%s", line, code, f.said())
	}
}

// said is the end of what the programs said.
func (f *faultSite) said() string {
	text, _ := os.ReadFile(f.out.Name())
	return string(text[max(0, len(text)-3000):])
}

// kernel is what the gateway's kernel holds.
func (f *faultSite) kernel() map[string][]string {
	return ours(holding(f.t, f.Lab, read(f.t, head+allows)))
}

// survey notes what each policy makes of the kernel, and how many system calls each verb takes.
func (f *faultSite) survey() {
	f.t.Helper()
	f.must("apply new --yes --no-confirm")
	for _, name := range []string{"new", "old"} {
		f.must("apply " + name + " --yes --no-confirm")
		f.kernels[name] = f.kernel()
		f.must("lockdown")
		f.kernels[name+" locked"] = f.kernel()
		f.must("release")
		if diff := cmp.Diff(f.kernels[name], f.kernel()); diff != "" || cmp.Equal(f.kernels[name], f.kernels[name+" locked"]) {
			f.t.Fatalf("released, %s: %s", name, diff)
		}
	}
	if cmp.Equal(f.kernels["old"], f.kernels["new"]) {
		f.t.Fatal("control: both policies are the same")
	}
	for _, o := range ordeals() {
		f.prepare(o)
		e, err := f.victim(o, false, 0).Run()
		if err != nil || e.Changing == 0 || e.Code != 0 {
			f.t.Fatalf("%s: %+v: %v\n%s", o.name, e, err, f.said())
		}
		f.calls[o.name+", "+killed], f.calls[o.name+", "+killedAnywhere] = e.Changing, e.Calls
		if _, err := f.settle(o); err != nil {
			f.t.Fatalf("%s: %v", o.name, err)
		}
		if err := f.recover(); err != nil {
			f.t.Fatalf("%s: %v", o.name, err)
		}
	}
	f.t.Logf("system calls: %v", f.calls)
}

func (f *faultSite) prepare(o ordeal) {
	f.t.Helper()
	for _, line := range o.prepare {
		f.must(line)
	}
}

func (f *faultSite) victim(o ordeal, every bool, before int) lab.Victim {
	fmt.Fprintln(f.out, "$", o.verb, "# until call", before)
	return lab.Victim{Command: f.command(o.verb), Dir: f.folder, Out: f.out, Before: before, Every: every}
}

// suffer does a fault to a verb, and returns what the kernel holds when it is settled.
func (f *faultSite) suffer(o ordeal, kind string) (string, error) {
	f.prepare(o)
	switch kind {
	case killed, killedAnywhere:
		e, err := f.victim(o, kind == killedAnywhere, 1+f.random.IntN(f.calls[o.name+", "+kind])).Run()
		if err != nil || !e.Killed && e.Code != 0 {
			return "", fmt.Errorf("%+v: %w", e, err)
		}
	case fullDisk:
		if err := f.whileFull(o); err != nil {
			return "", err
		}
	case readOnly:
		if err := f.whileReadOnly(o); err != nil {
			return "", err
		}
	case serviceGone:
		if err := f.whileServiceDies(o); err != nil {
			return "", err
		}
	case guardianGone:
		f.cordon(o.verb)
		if err := f.killGuardians(); err != nil {
			return "", err
		}
	case filterGone:
		flushTables(f.t, f.Lab)
		f.cordon(o.verb)
	case rulesGone:
		flushRules(f.t, f.Lab)
		f.cordon(o.verb)
	}
	if kind == filterGone || kind == rulesGone {
		o.unwritten = true // what somebody else did is mended by the next apply
	}
	return f.settle(o)
}

// whileServiceDies has the service do the verb, and kills it at any moment.
func (f *faultSite) whileServiceDies(o ordeal) error {
	name := filepath.Join(f.folder, "cordon.sock")
	err := os.Remove(name) // what the last one left
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	service := f.started("run")
	f.until("the service has its socket", func() bool { _, err := os.Stat(name); return err == nil })
	asking := f.started(o.verb)
	<-time.After(time.Duration(f.random.IntN(700)) * time.Millisecond) // before it asks, while it is served, or later
	err = service.Process.Kill()
	_ = service.Wait() // killed is how it ended
	if asking.Wait() == nil {
		f.served++
	}
	return err
}

// killGuardians kills what waits to take changes back.
func (f *faultSite) killGuardians() error {
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		text, _ := os.ReadFile(name) // it may have ended
		words := strings.Split(string(text), "\x00")
		if words[0] != f.program || len(words) < 2 || words[1] != "guard" {
			continue
		}
		pid, wrong := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err = errors.Join(err, wrong); wrong == nil {
			err = errors.Join(err, unix.Kill(pid, unix.SIGKILL))
			f.guardians++
		}
	}
	return err
}

// whileFull runs the verb with a few pages left on the disk.
func (f *faultSite) whileFull(o ordeal) error {
	name := filepath.Join(f.state, "somebody else's")
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	page, size := make([]byte, os.Getpagesize()), int64(0)
	for err == nil {
		var n int
		n, err = file.Write(page)
		size += int64(n)
	}
	left := int64(f.random.IntN(16) * len(page))
	err = errors.Join(file.Truncate(size-left), file.Close())
	code := f.cordon(o.verb)
	_, stand := f.stand()
	if code != 0 {
		f.refused++
	}
	return errors.Join(err, stand, os.Remove(name))
}

// whileReadOnly runs the verb with a state directory that cannot be written.
func (f *faultSite) whileReadOnly(o ordeal) error {
	before := f.kernel()
	err := unix.Mount("state", f.state, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, "size=8m")
	if err != nil {
		return fmt.Errorf("make the state read-only: %w", err)
	}
	if code := f.cordon(o.verb); code == 0 {
		err = errors.New("it worked on a state that cannot be written")
	}
	if diff := cmp.Diff(before, f.kernel()); diff != "" {
		err = errors.Join(err, fmt.Errorf("it changed the kernel:\n%s", diff))
	}
	_, stand := f.stand()
	return errors.Join(err, stand, unix.Mount("state", f.state, "tmpfs", unix.MS_REMOUNT, "size=8m"))
}

// stand reads the state directory, which nothing may have damaged.
func (f *faultSite) stand() (gateway.Standing, error) {
	s, err := gateway.Stand(history.In(f.state))
	for _, d := range s.Damaged {
		err = errors.Join(err, d)
	}
	if err == nil && s.Policy == nil {
		err = errors.New("nothing stands")
	}
	return s, err
}

// settle makes the next call that whoever comes after a fault makes, and holds the kernel against what the state directory says. Its
// name is what the kernel then holds.
func (f *faultSite) settle(o ordeal) (string, error) {
	s, err := f.stand()
	if err != nil {
		return "", fmt.Errorf("read the state: %w", err)
	}
	switch {
	case s.Pending != nil && o.late:
		<-time.After(time.Until(s.Pending.Wall) + 50*time.Millisecond) // the change's own deadline
		f.cordon("status")
	case s.Pending != nil:
		f.cordon("rollback")
	case s.Locked:
		f.cordon("lockdown")
	case o.unwritten:
		f.cordon("apply " + f.digests[s.Applied.Digest] + " --yes --no-confirm")
	}
	if s, err = f.stand(); err != nil || s.Pending != nil {
		return "", fmt.Errorf("read the state once settled, %+v: %w", s.Pending, err)
	}
	if o.unwritten { // what was pending, or locked down, has been taken back over what somebody else flushed
		f.cordon("apply " + f.digests[s.Applied.Digest] + " --yes --no-confirm")
	}
	want := f.digests[s.Applied.Digest]
	if s.Locked {
		want += " locked"
	}
	if diff := cmp.Diff(f.kernels[want], f.kernel()); diff != "" {
		return "", fmt.Errorf("the kernel is not %s (-%s +kernel):\n%s", want, want, diff)
	}
	return want, nil
}

// recover puts the old policy in force again, and the recorder records.
func (f *faultSite) recover() error {
	if s, err := f.stand(); err != nil || s.Locked && f.cordon("release") != 0 {
		return fmt.Errorf("release: %w", err)
	}
	if code := f.cordon("apply old --yes --no-confirm"); code != 0 {
		return fmt.Errorf("apply again: exit code %d", code)
	}
	if diff := cmp.Diff(f.kernels["old"], f.kernel()); diff != "" {
		return fmt.Errorf("applied again, the kernel is not the old policy:\n%s", diff)
	}
	if f.leaked() > 0 {
		return errors.New("a forbidden packet arrived")
	}
	if !arrives(f.t, f.Lab, flow{name: "record", from: nvr, to: "10.30.0.21", protocol: policy.TCP, port: 554, allowed: true}) {
		return errors.New("the recorder does not reach its camera")
	}
	return nil
}

// flood sends what is forbidden, from a camera to the internet and to the office in both families, until it is stopped.
func (f *faultSite) flood() (sent func() int, stop func()) {
	f.t.Helper()
	f.watch()
	camera, err := f.Machine(c1)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	total, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if trespass(ctx, camera, []string{"198.51.100.7", "10.50.0.77", "2001:db8:1::7", "fd50::5"}[n%4]) == nil {
				total++
			}
		}
	}()
	stop = func() { cancel(); <-done }
	f.t.Cleanup(stop)
	return func() int { return total }, stop
}

// forbiddenPort is where the flood goes to.
const forbiddenPort = 9

// trespass sends one datagram from a socket of its own: each is a new flow.
func trespass(ctx context.Context, from *lab.Machine, to string) error {
	conn, err := from.Dial(ctx, "udp", netip.AddrPort{}, netip.AddrPortFrom(addr(to), forbiddenPort))
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte("forbidden"))
	return errors.Join(err, conn.Close())
}

// watch counts what arrives of the flood.
func (f *faultSite) watch() {
	f.t.Helper()
	for _, name := range []string{internet, office} {
		m, err := f.Machine(name)
		if err != nil {
			f.t.Fatal(err)
		}
		w, err := m.Watch(func(p frame.Packet) bool { return p.Protocol == policy.UDP && p.ToPort == forbiddenPort })
		if err != nil {
			f.t.Fatal(err)
		}
		f.leaks = append(f.leaks, w)
	}
}

func (f *faultSite) leaked() int {
	n := 0
	for _, w := range f.leaks {
		n += w.Count()
	}
	return n
}

// mustFindMissing is the control of what is checked after a fault: with what is written down before a change gone, the same check finds
// that the change is not taken back.
func (f *faultSite) mustFindMissing() {
	f.t.Helper()
	f.must("apply new --yes --confirm-within 1h")
	if err := os.Remove(filepath.Join(f.state, "pending.json")); err != nil {
		f.t.Fatal(err)
	}
	if what, err := f.settle(ordeals()[0]); err == nil {
		f.t.Errorf("control: the kernel is %s, and nothing was to be taken back", what)
	}
	if err := f.recover(); err != nil {
		f.t.Error(err)
	}
}

// mustFindLeak is the control of the flood: without both locks it arrives.
func (f *faultSite) mustFindLeak() {
	f.t.Helper()
	flushTables(f.t, f.Lab)
	flushRules(f.t, f.Lab)
	camera, err := f.Machine(c1)
	if err != nil {
		f.t.Fatal(err)
	}
	for i, to := range []string{"198.51.100.7", "10.50.0.77"} {
		if err := trespass(f.t.Context(), camera, to); err != nil {
			f.t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(f.t.Context(), patience)
		if n, err := f.leaks[i].Await(ctx, 1); err != nil || n == 0 {
			f.t.Errorf("control: without both locks, %s is not reached: %v", to, err)
		}
		cancel()
	}
}
