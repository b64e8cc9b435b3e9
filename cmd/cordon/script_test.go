package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/gateway/kernel"
	"cordon/gateway/netstate"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cordon": main, "onbox": onbox, "hold": hold, "ordinary": ordinary, "barred": barred, "unguarded": unguarded,
		"unpending": unpending, "stranger": stranger, "terminal": terminal, "tight": tight, "silent": silent,
	})
}

// TestScript runs the program itself: every script is a contract of the command line. Each has a network namespace of its own.
func TestScript(t *testing.T) {
	all := &held{documents: map[string]int{}}
	t.Cleanup(func() { all.check(t) })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               all.begin,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "links": links, "kernel": kernelState, "document": all.hold(t), "await": await,
			"expand": expand, "address": address, "router": router, "foreign": foreign, "meddle": meddle, "flow": flow, "setting": setting,
			"until": until, "unguard": unguard, "overdue": overdue, "rebooted": rebooted, "hangup": hangup,
			"cutoff": cutOff, "copied": copied,
		},
	})
}

// enterNamespace gives a script's goroutine, and so the programs that it starts, an empty network namespace. The thread is never given
// back: it ends with the goroutine.
func enterNamespace(env *testscript.Env) error {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	env.Setenv("USER", "")
	env.Setenv("SSH_CONNECTION", "") // whoever tests may be logged in from somewhere
	env.Setenv("TOMORROW", time.Now().Add(24*time.Hour).Format(time.RFC3339))
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace (go test -exec \"unshare -Urn\"): %w", err)
	}
	return nil
}

// expand puts the values of the script's variables into files: expand FILE...
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

// condition knows "userns": nobody here may pass the machine's limits on buffers.
func condition(name string) (bool, error) {
	if name != "userns" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	own, err := os.ReadFile("/proc/self/uid_map")
	return strings.Join(strings.Fields(string(own)), " ") != "0 0 4294967295", err
}

// exits runs a program that must end with a code: exits 64 cordon nonsense.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got, failed := 0, &exec.ExitError{}
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &failed):
		got = failed.ExitCode()
	default:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// links makes interfaces that carry: links eth0 eth1. The other end of each cable is there too and says nothing.
func links(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: links NAME...")
	}
	for i, name := range args {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = name
		peer := "peer" + strconv.Itoa(i)
		ts.Check(netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: peer}))
		link, err := netlink.LinkByName(peer)
		ts.Check(err)
		ts.Check(netlink.LinkSetUp(link))
	}
}

// address gives an interface an address and brings it up: address LINK PREFIX.
func address(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: address LINK PREFIX")
	}
	link, err := netlink.LinkByName(args[0])
	ts.Check(err)
	prefix, err := netlink.ParseAddr(args[1])
	ts.Check(err)
	ts.Check(netlink.AddrAdd(link, prefix))
	ts.Check(netlink.LinkSetUp(link))
}

// router adds a route: router VIA [NETWORK], by default to everywhere.
func router(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: router VIA [NETWORK]")
	}
	network := "0.0.0.0/0"
	if len(args) == 2 {
		network = args[1]
	}
	_, to, err := net.ParseCIDR(network)
	ts.Check(err)
	ts.Check(netlink.RouteAdd(&netlink.Route{Dst: to, Gw: net.ParseIP(args[0])}))
}

// kernelState writes what the kernel holds into a file, so that two moments can be compared: kernel before.
func kernelState(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: kernel FILE")
	}
	k, err := kernel.Open(kernel.Settings)
	ts.Check(err)
	defer k.Close()
	settings := []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/all/rp_filter"}
	reading, err := k.Read(context.Background(), settings)
	ts.Check(err)
	var text bytes.Buffer
	for _, table := range reading.State.Tables {
		fmt.Fprintf(&text, "table %s: %d chains, %d sets\n", table.ID(), len(table.Chains), len(table.Sets))
	}
	list(&text, reading.State.Links)
	// What the kernel adds by itself when a link comes up comes when it likes.
	list(&text, slices.DeleteFunc(reading.State.Addresses, func(a netstate.Address) bool { return a.Prefix.Addr().IsLinkLocalUnicast() }))
	list(&text, slices.DeleteFunc(reading.State.Routes, func(r netstate.Route) bool { return r.Protocol == unix.RTPROT_KERNEL }))
	list(&text, reading.State.Rules)
	list(&text, reading.State.Neighbours)
	list(&text, reading.State.Sysctls)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text.Bytes(), 0o600))
}

func list[T netstate.Object](out *bytes.Buffer, objects []T) {
	for _, o := range objects {
		fmt.Fprintln(out, o)
	}
}

// document holds the JSON that the last program printed: document plan 0 changes.0.kind=segment elements.added flows.cut=0. Without a
// value a key must be there, null or not.
func document(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: document VERB EXIT [KEY[=VALUE]...]")
	}
	var found any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &found))
	head := []string{"schema=" + api.Schema, "verb=" + args[0], "exit=" + args[1], "error", "diagnostics"}
	for _, want := range append(head, args[2:]...) {
		path, value, exact := strings.Cut(want, "=")
		got, ok := at(found, strings.Split(path, "."))
		if !ok {
			ts.Fatalf("the document has no %s", path)
		}
		if exact && fmt.Sprint(got) != value {
			ts.Fatalf("%s is %v, want %s", path, got, value)
		}
	}
}

// at follows keys and indices; "len" is the length of a list.
func at(value any, path []string) (any, bool) {
	if len(path) == 0 {
		return value, true
	}
	switch v := value.(type) {
	case map[string]any:
		inner, ok := v[path[0]]
		if !ok {
			return nil, false
		}
		return at(inner, path[1:])
	case []any:
		if path[0] == "len" {
			return len(v), true
		}
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(v) {
			return nil, false
		}
		return at(v[i], path[1:])
	}
	return nil, false
}

// foreign makes an empty table of another program: foreign NAME.
func foreign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: foreign NAME")
	}
	filter := &nftables.Conn{}
	filter.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: args[0]})
	ts.Check(filter.Flush())
}

// meddle does to the machine what an administrator in a hurry does: meddle flush, meddle down LINK, meddle gone LINK, meddle setting
// NAME VALUE.
func meddle(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case !neg && len(args) == 1 && args[0] == "flush":
		filter := &nftables.Conn{}
		filter.FlushRuleset()
		ts.Check(filter.Flush())
	case !neg && len(args) == 2 && args[0] == "down":
		link, err := netlink.LinkByName(args[1])
		ts.Check(err)
		ts.Check(netlink.LinkSetDown(link))
	case !neg && len(args) == 2 && args[0] == "gone":
		link, err := netlink.LinkByName(args[1])
		ts.Check(err)
		ts.Check(netlink.LinkDel(link))
	case !neg && len(args) == 3 && args[0] == "setting":
		ts.Check(os.WriteFile(filepath.Join(kernel.Settings, args[1]), []byte(args[2]), 0o600))
	default:
		ts.Fatalf("usage: meddle flush | down LINK | gone LINK | setting NAME VALUE")
	}
}

// setting holds a value of the kernel: setting NAME VALUE.
func setting(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] setting NAME VALUE")
	}
	text, err := os.ReadFile(filepath.Join(kernel.Settings, args[0]))
	ts.Check(err)
	if got := strings.TrimSpace(string(text)); got == args[1] == neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
}

// flow makes the kernel track a connection: flow SOURCE SOURCE-PORT DESTINATION DESTINATION-PORT.
func flow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: flow SOURCE SOURCE-PORT DESTINATION DESTINATION-PORT")
	}
	port := func(text string) uint16 {
		n, err := strconv.ParseUint(text, 10, 16)
		ts.Check(err)
		return uint16(n)
	}
	source, destination := net.ParseIP(args[0]).To4(), net.ParseIP(args[2]).To4()
	ts.Check(netlink.ConntrackCreate(netlink.ConntrackTable, unix.AF_INET, &netlink.ConntrackFlow{
		FamilyType: unix.AF_INET, TimeOut: 600,
		Forward: netlink.IPTuple{
			Protocol: unix.IPPROTO_TCP, SrcIP: source, SrcPort: port(args[1]), DstIP: destination, DstPort: port(args[3]),
		},
		Reverse: netlink.IPTuple{
			Protocol: unix.IPPROTO_TCP, SrcIP: destination, SrcPort: port(args[3]), DstIP: source, DstPort: port(args[1]),
		},
		ProtoInfo: &netlink.ProtoInfoTCP{State: nl.TCP_CONNTRACK_ESTABLISHED},
	}))
}

// await waits until a file is there.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(10 * time.Second)
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			ts.Fatalf("%s never came", args[0])
		}
	}
}

// hold takes the lock of a run directory, makes a file that says so, and holds it until it is killed: hold DIR FILE.
func hold() {
	_, err := history.Acquire(context.Background(), os.Args[1])
	if err == nil {
		err = os.WriteFile(os.Args[2], []byte(strconv.Itoa(os.Getpid())), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-time.After(time.Minute) // it is killed long before
}

// ordinary runs a program as a user without rights over the network: ordinary PROGRAM [ARGUMENT...].
func ordinary() {
	cmd := exec.CommandContext(context.Background(), os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 0, Size: 1}},
	}
	endAs(cmd)
}

// until runs a program again and again until it ends with a code, for at most a minute: until 2 cordon status.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until CODE PROGRAM [ARGUMENT...]")
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(time.Minute)
	for {
		got, failed := 0, &exec.ExitError{}
		switch err := ts.Exec(args[1], args[2:]...); {
		case errors.As(err, &failed):
			got = failed.ExitCode()
		default:
			ts.Check(err)
		}
		if strconv.Itoa(got) == args[0] {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			ts.Fatalf("it never ended with %s", args[0])
		}
	}
}

// guardians are the processes that guard a change of a state directory.
func guardians(state string) []int {
	var pids []int
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // a pattern without a mistake
	for _, name := range lines {
		words := strings.Split(string(fileOrNothing(name)), "\x00")
		if slices.Contains(words, "guard") && slices.Contains(words, state) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// fileOrNothing reads a file of a process that may have ended.
func fileOrNothing(name string) []byte {
	content, _ := os.ReadFile(name)
	return content
}

// unguard kills the guardian of a change, which must be there: unguard STATE.
func unguard(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unguard STATE")
	}
	pids := guardians(ts.MkAbs(args[0]))
	if len(pids) != 1 {
		ts.Fatalf("%d guardians", len(pids))
	}
	ts.Check(syscall.Kill(pids[0], syscall.SIGKILL))
}

// unguarded ends with 0 when nobody guards a change of a state directory any more: unguarded STATE.
func unguarded() {
	dir, err := filepath.Abs(os.Args[1])
	if err != nil || len(guardians(dir)) > 0 {
		os.Exit(1)
	}
}

// overdue waits until the change of a state directory is overdue: overdue STATE.
func overdue(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: overdue STATE")
	}
	p, err := history.In(ts.MkAbs(args[0])).Pending()
	ts.Check(err)
	<-time.After(time.Until(p.Wall) + 100*time.Millisecond) // the change's own deadline
	over, err := gateway.Overdue(p)
	ts.Check(err)
	if !over {
		ts.Fatalf("it is not overdue at its deadline")
	}
}

// hangup asks the process that holds the lock of a run directory to read its settings again: hangup DIR.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup DIR")
	}
	text, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), "lock"))
	ts.Check(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	ts.Check(err)
	ts.Check(unix.Kill(pid, unix.SIGHUP))
}

// rebooted makes the change that waits in a state directory one of before the machine started: rebooted STATE.
func rebooted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: rebooted STATE")
	}
	store := history.In(ts.MkAbs(args[0]))
	p, err := store.Pending()
	ts.Check(err)
	ts.Check(store.End(p.ID))
	p.Boot = "another"
	ts.Check(store.Begin(p))
}

// cutOff makes the change that waits in a state directory one that was to be kept at once, and whose writer is dead: cutoff STATE.
func cutOff(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cutoff STATE")
	}
	store := history.In(ts.MkAbs(args[0]))
	p, err := store.Pending()
	ts.Check(err)
	ts.Check(store.End(p.ID))
	p.AtOnce, p.Deadline = true, p.Since
	ts.Check(store.Begin(p))
}

// unpending ends with 0 when no change waits in a state directory any more: unpending STATE.
func unpending() {
	if _, err := history.In(os.Args[1]).Pending(); !errors.Is(err, history.ErrNone) {
		os.Exit(1)
	}
}

// reachable opens directories to everybody.
func reachable(directories ...string) error {
	var all []error
	for _, dir := range directories {
		all = append(all, os.Chmod(dir, 0o755))
	}
	return errors.Join(all...)
}

// stranger runs a program as another user, who has no right at all: stranger PROGRAM [ARGUMENT...]. Only real root can.
func stranger() {
	cmd := exec.CommandContext(context.Background(), os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL}
	program, err := exec.LookPath(os.Args[1])
	if err == nil {
		// The test's own directories, and nothing above them.
		bin, work := filepath.Dir(program), os.Getenv("WORK")
		err = reachable(bin, filepath.Dir(bin), work, filepath.Dir(work))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	endAs(cmd)
}

// endAs runs a program and ends as it does.
func endAs(cmd *exec.Cmd) {
	failed := &exec.ExitError{}
	switch err := cmd.Run(); {
	case errors.As(err, &failed):
		os.Exit(failed.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(255)
	}
}
