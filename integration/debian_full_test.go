//go:build full

package integration_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// debianKernel is where make test-full unpacks the kernel of the Debian release that it runs on.
const debianKernel = "/var/cache/cordon-kernel"

// The bounds of the virtual machine, which runs without hardware's help: a boot takes two seconds, the tests take some minutes.
const (
	bootLimit = 40 * time.Second
	testLimit = 25 * time.Minute
)

// guestModules are the kernel modules that the tests need: nothing loads one by itself there.
const guestModules = "veth bridge br_netfilter 8021q vrf dummy nf_tables nft_ct nft_limit nft_log nft_fib_inet nft_nat nft_masq" +
	" nft_chain_nat nft_redir nft_reject_inet nft_reject_bridge nft_meta_bridge nf_conntrack_bridge nft_objref nft_quota" +
	" nft_connlimit nft_hash nft_numgen nft_flow_offload nft_tproxy nft_socket nf_log_syslog nfnetlink_log nf_conntrack_netlink"

// judged is a package whose tests run on Debian's kernel, and those that must be among them.
type judged struct {
	folder string
	must   string
	alone  bool // no others: they read the source, or take too long on an emulated processor
	takes  int  // seconds, as measured: what the virtual machines are given by
}

// What holds how fast something is (TestDamageIsRepaired, TestAbsentInterfaceWaits, TestOneCameraHoldsFewFlows) is not among them: an
// emulated processor is late by more than what is measured.
func onDebian() []judged {
	return []judged{
		{folder: "gateway/kernel/sysctl", must: "TestKernelKeepsWhatIsWritten", takes: 1},
		{folder: "gateway/kernel/conntrack", must: "TestOnlyTheRefusedFlowEnds", takes: 1},
		{
			folder: "gateway/kernel/route", takes: 12,
			must: "TestKernelTakesThePlanAndTakesItBack TestRulesReadBackExactly TestManyNeighboursAtOnce",
		},
		{
			folder: "gateway/kernel/nft", takes: 98,
			must: "TestWrittenIsRead TestFeatures TestEmptyTransaction TestChainIsReplacedInEveryState" +
				" TestNothingAppliesWhenOneMessageFails",
		},
		{folder: "integration/escape", must: "TestEscapes TestObserved", alone: true, takes: 35},
		{folder: "gateway/kernel", must: "TestApplyAndNothingIsLeftToDo TestAMistakeUndoesEverything", takes: 6},
		{
			folder: "integration", alone: true, takes: 82,
			must: "TestFlows TestApplyTwice TestOneCameraMore TestRevokedFlowDies TestFlushedFilter TestFailedChangeIsUndone TestStatus" +
				" TestExceptionEnds TestRouteLockEnds TestHours TestVLAN TestVLANFollowsThePolicy TestTrunkIsAnUplink",
		},
		{
			folder: "integration", alone: true, takes: 64,
			must: "TestServeLocal TestServeRate TestServeAnswersOnly TestServeLeases" +
				" TestErrorsFromTheOtherSide TestObserve TestSwitchingModes TestObservedFlowsLive",
		},
		{
			folder: "integration", alone: true, takes: 42,
			must: "TestServeIntercept TestServeNoStranger TestServeComesFirst TestServeKeepsReplies TestServeDiscovery TestServeRecorders" +
				" TestNotServed",
		},
		{
			folder: "integration", alone: true, takes: 60,
			must: "TestSharedBridge TestDirectionsOnABridge TestNeighboursOnABridge TestErrorsOfRevokedServices TestBridgeAgainstOracle",
		},
		{
			folder: "integration", alone: true, takes: 40,
			must: "TestRevokedOnABridge TestLimitedOnABridge TestBridgeAlone TestForeignPort TestObservedBridge TestServeOnABridge",
		},
		{
			folder: "integration", alone: true, takes: 104,
			must: "TestStrangersFillNoTable TestFullSetsRefuse TestFullConntrack TestTracked TestAnswersAreFew" +
				" TestMediaInOneDirection TestRefusalsAreAnswered TestWhoIsNamed TestDamageStays TestRestartChangesNothing",
		},
		{
			folder: "integration", alone: true, takes: 94,
			must: "TestEndlessDamageLocksDown TestLockdown TestLockdownEndsObserving TestReloads",
		},
		{
			folder: "integration", alone: true, takes: 18,
			must: "TestErrorsOfOthers TestNestedNetworks TestAbroad TestPathMTU TestOlderFlows",
		},
		{
			folder: "integration", alone: true, takes: 101,
			must: "TestBridge TestErrorsAboutAService TestErrorsKeepToTheirUplink TestErrorsOfRouters TestErrorsOfRoutersWhileOpen" +
				" TestExceptionKeepsToItsUplink TestScopeSegments TestUnnamedInterface TestPrefixChanges TestObservedAddressesElsewhere" +
				" TestClientsElsewhere TestObservedErrors TestUndoneExceptionKeepsItsEnd TestEndsWhileItIsChanged TestAbsentInterface" +
				" TestTheKernelHoldsWhatWasCompiled TestRevertNamesItsChange TestAnyIsEveryProtocol TestAnyStaysOffTheLink" +
				" TestLongException",
		},
		// The last one: the kernel is not whole again afterwards.
		{folder: "integration", alone: true, must: "TestKernelWithoutReject", takes: 2},
	}
}

// program is what the package's tests are called in the guest.
func (j judged) program() string { return filepath.Base(j.folder) + ".test" }

// tags are the build tags of the package's tests. Where only some run, those that need the machine's own programs may be among the rest.
func (j judged) tags() string {
	if j.alone {
		return "full"
	}
	return ""
}

func (j judged) command() string {
	words := "/tests/" + j.program() + " -test.v -test.timeout=300s"
	if j.alone {
		words += " -test.run=^(" + strings.ReplaceAll(j.must, " ", "|") + ")$"
	}
	return words
}

// TestDebianKernel runs the kernel's and the gateway's tests on the kernel of Debian's own package, as the first process of virtual
// machines, of which two run at a time. The control of each is a command that must fail, and does.
func TestDebianKernel(t *testing.T) {
	kernel, programs := findKernel(t), t.TempDir()
	buildPrograms(t, programs)
	for i, groups := range shareOut(onDebian(), 2) {
		t.Run(fmt.Sprintf("machine %d", i+1), func(t *testing.T) {
			t.Parallel()
			runGroups(t, kernel, programs, groups)
		})
	}
}

// shareOut gives the groups to some machines, the longest first and each to the machine that has least to do. A machine keeps the order
// of the list, so that its last one is the last of its machine.
func shareOut(list []judged, machines int) [][]judged {
	byLength := make([]int, len(list))
	for i := range list {
		byLength[i] = i
	}
	slices.SortStableFunc(byLength, func(a, b int) int { return list[b].takes - list[a].takes })
	loads, of := make([]int, machines), make([]int, len(list))
	for _, i := range byLength {
		of[i] = slices.Index(loads, slices.Min(loads))
		loads[of[i]] += list[i].takes
	}
	shares := make([][]judged, machines)
	for i, j := range list {
		shares[of[i]] = append(shares[of[i]], j)
	}
	return shares
}

// runGroups runs the groups in one machine, behind a command that must fail.
func runGroups(t *testing.T, kernel, programs string, groups []judged) {
	t.Helper()
	const failing = "/tests/sysctl.test -test.run=TestKernelKeepsWhatIsWritten -test.unknown"
	commands := []string{failing}
	for _, j := range groups {
		commands = append(commands, j.command())
	}
	console := runGuest(t, kernel, guestFiles(t, programs, commands))
	if len(console) != len(commands) || console[failing].code == 0 {
		t.Fatalf("control: %d of %d commands ran, the failing one ended with %d", len(console), len(commands), console[failing].code)
	}
	for _, j := range groups {
		j.judge(t, console[j.command()])
	}
}

// judge says what failed, with what the tests said, and how many passed.
func (j judged) judge(t *testing.T, got ran) {
	t.Helper()
	passed := got.passed()
	t.Logf("%s: exit %d after %s, %d tests passed", j.folder, got.code, got.took, len(passed))
	for name := range strings.FieldsSeq(j.must) {
		if !slices.Contains(passed, name) {
			t.Errorf("%s did not pass", name)
		}
	}
	if got.code != 0 {
		t.Errorf("%s fails:\n%s", j.folder, strings.Join(got.lines, "\n"))
	}
}

// findKernel returns the kernel's image; its modules lie beside it.
func findKernel(t *testing.T) string {
	t.Helper()
	images, err := filepath.Glob(debianKernel + "/boot/vmlinuz-*")
	if err != nil {
		t.Fatal(err)
	}
	if len(images) == 0 {
		t.Skip("there is no Debian kernel in " + debianKernel + ": make test-full-packages fetches it where apt has one")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("qemu-system-x86 is not installed")
	}
	return images[len(images)-1]
}

// buildPrograms puts the first process and the tests into a folder.
func buildPrograms(t *testing.T, folder string) {
	t.Helper()
	goBuild(t, "build", folder+"/init", "./integration/testdata/vm", "")
	built := map[string]bool{}
	for _, j := range onDebian() {
		if !built[j.folder] {
			goBuild(t, "test", folder+"/"+j.program(), "./"+j.folder, j.tags())
		}
		built[j.folder] = true
	}
}

// guestFiles makes the file system: the programs, the kernel's modules, and what to run.
func guestFiles(t *testing.T, programs string, commands []string) string {
	t.Helper()
	archive := &initramfs{}
	for _, name := range []string{"dev", "proc", "sys", "tmp", "run"} {
		archive.add(name, folderMode, nil)
	}
	archive.file(t, "init", programs+"/init")
	tests, err := filepath.Glob(programs + "/*.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tests {
		archive.file(t, "tests/"+filepath.Base(file), file)
	}
	archive.modules(t, debianKernel+"/lib/modules", strings.Fields(guestModules))
	archive.add("commands", 0o100644, []byte(strings.Join(commands, "\n")+"\n"))
	file := t.TempDir() + "/initramfs"
	if err := os.WriteFile(file, archive.end(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// goBuild makes a static program of a package or of its tests.
func goBuild(t *testing.T, what, output, pkg, tags string) {
	t.Helper()
	arguments := []string{what, "-tags=" + tags, "-ldflags=-s -w", "-o", output, pkg}
	if what == "test" {
		arguments = slices.Insert(arguments, 1, "-c")
	}
	command := exec.CommandContext(t.Context(), "go", arguments...)
	command.Dir, command.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, text)
	}
}

// ran is how one command of the guest ended, and what it said.
type ran struct {
	code  int
	took  string
	lines []string
}

// passed returns the names of the tests that passed, without those inside others.
func (r ran) passed() (names []string) {
	for _, line := range r.lines {
		if rest, ok := strings.CutPrefix(line, "--- PASS: "); ok {
			name, _, _ := strings.Cut(rest, " ")
			names = append(names, name)
		}
	}
	return names
}

// runGuest boots the guest and returns what became of its commands. An emulated processor sometimes stands still while the kernel starts:
// then, and never after the first process runs, it is begun again.
func runGuest(t *testing.T, kernel, initramfs string) map[string]ran {
	t.Helper()
	release := strings.TrimPrefix(filepath.Base(kernel), "vmlinuz-")
	for range 3 {
		results, up, err := bootGuest(t, kernel, initramfs)
		if up == "" {
			t.Logf("the guest did not start: %v", err)
			continue
		}
		if err != nil || !strings.HasPrefix(up, release+" ") {
			t.Errorf("the guest is %s, want %s; it ended with %v", up, release, err)
		}
		return results
	}
	t.Fatal("the guest never started")
	return nil
}

// bootGuest runs the guest once, bounded. Up is what its first process says of itself, or empty.
func bootGuest(t *testing.T, kernel, initramfs string) (results map[string]ran, up string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	defer cancel()
	// The machine q35 and a processor without cmpxchg16b: others were seen to hang or to compute wrongly when emulated by QEMU 7.2.
	// no_timer_check: on a busy machine the emulated clock comes too late for the kernel to believe in it, and it panics.
	command := exec.CommandContext(ctx, "nice", "-n", "10", "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg",
		"-cpu", "max,cx16=off", "-smp", "1", "-m", "1024", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
		"-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1 no_timer_check random.trust_cpu=on")
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := command.Start(); err != nil {
		return nil, "", err
	}
	watchdog := time.AfterFunc(bootLimit, cancel)
	defer watchdog.Stop()
	results, up, err = readConsole(t, output, watchdog)
	return results, up, errors.Join(err, command.Wait())
}

// readConsole reads the serial console until the guest is off.
func readConsole(t *testing.T, console io.Reader, watchdog *time.Timer) (results map[string]ran, up string, err error) {
	t.Helper()
	results = map[string]ran{}
	command, lines := "", []string(nil)
	for scanner := bufio.NewScanner(console); scanner.Scan(); {
		line := strings.TrimRight(scanner.Text(), "\r")
		if up == "" {
			line = line[max(strings.Index(line, "VM-"), 0):] // the firmware leaves codes that clear the screen
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "VM-UP":
			watchdog.Stop()
			up = rest
			t.Log("guest: " + rest)
		case "VM-ERROR":
			err = errors.Join(err, errors.New(rest))
		case "VM-RUN":
			command, lines = rest, nil
		case "VM-EXIT":
			r := ran{lines: lines}
			if _, scanErr := fmt.Sscan(rest, &r.code, &r.took); scanErr != nil {
				err = errors.Join(err, scanErr)
			}
			results[command] = r
		default:
			lines = append(lines, line)
		}
	}
	if up == "" || results[command].took == "" {
		err = errors.Join(err, fmt.Errorf("the guest stopped at %q, having said:\n%s", command, strings.Join(lines, "\n")))
	}
	return results, up, err
}
