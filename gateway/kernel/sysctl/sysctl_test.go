package sysctl_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cordon/gateway/kernel/sysctl"
	"cordon/gateway/netstate"
)

func tree(t *testing.T, folder string) *sysctl.Tree {
	t.Helper()
	tree, err := sysctl.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return tree
}

// namespace gives the test's thread a network of its own, whose settings are the kernel's defaults.
func namespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf(`make a network namespace: %v (run with -exec "unshare -Urn")`, err)
	}
}

func value(t *testing.T, tree *sysctl.Tree, name string) netstate.Sysctl {
	t.Helper()
	settings, err := tree.Read(name)
	if err != nil || len(settings) != 1 {
		t.Fatalf("read %s: %v, %v", name, settings, err)
	}
	return settings[0]
}

func TestKernelKeepsWhatIsWritten(t *testing.T) {
	namespace(t)
	proc := tree(t, sysctl.Proc)
	cases := []netstate.Sysctl{
		{Name: "net/ipv4/conf/lo/rp_filter", Value: "1"},
		{Name: "net/ipv4/conf/all/arp_ignore", Value: "2"},
		{Name: "net/ipv6/conf/lo/disable_ipv6", Value: "1"},
		{Name: "net/ipv4/ip_forward", Value: "1"},
		{Name: "net/ipv4/ip_local_port_range", Value: "20000 30000"},
	}
	for _, wanted := range cases {
		before := value(t, proc, wanted.Name)
		if before == wanted || before.Missing {
			t.Errorf("%s before it is set to %q", before, wanted.Value)
		}
		for range 2 {
			if err := proc.Write(wanted); err != nil {
				t.Fatal(err)
			}
			if got := value(t, proc, wanted.Name); got != wanted {
				t.Errorf("set to %q, reads %s", wanted.Value, got)
			}
		}
		if err := proc.Write(before); err != nil {
			t.Fatal(err)
		}
		if got := value(t, proc, wanted.Name); got != before {
			t.Errorf("set back to %q, reads %s", before.Value, got)
		}
	}
	if len(cases) != 5 {
		t.Errorf("%d settings tried", len(cases))
	}
}

// One thread's settings are its namespace's: what a test writes in its own reaches no other.
func TestSettingsBelongToTheThreadsNamespace(t *testing.T) {
	namespace(t)
	proc := tree(t, sysctl.Proc)
	forwarding := netstate.Sysctl{Name: "net/ipv4/ip_forward", Value: "1"}
	if err := proc.Write(forwarding); err != nil {
		t.Fatal(err)
	}
	namespace(t)
	if got := value(t, proc, forwarding.Name); got.Value != "0" {
		t.Errorf("in a fresh namespace: %s", got)
	}
}

func TestMissingSettingIsAValue(t *testing.T) {
	names := []string{"net/ipv4/conf/nic9/rp_filter", "net/ipv9/forwarding"}
	got, err := tree(t, sysctl.Proc).Read(names...)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []netstate.Sysctl{{Name: names[0], Missing: true}, {Name: names[1], Missing: true}}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
	err = tree(t, sysctl.Proc).Write(netstate.Sysctl{Name: names[0], Value: "1"})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "set net/ipv4/conf/nic9/rp_filter=1") {
		t.Errorf("write: %v", err)
	}
}

func TestKernelRefusesBadValues(t *testing.T) {
	namespace(t)
	proc := tree(t, sysctl.Proc)
	name := "net/ipv4/conf/lo/rp_filter"
	if err := proc.Write(netstate.Sysctl{Name: name, Value: "strict"}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("write of a word: %v", err)
	}
}

// An interface may be called almost anything; a name must not lead out of the folder.
func TestNamesStayInside(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "sys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secret", "sys/setting"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("0\t 7\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inside := tree(t, filepath.Join(folder, "sys"))
	if got := value(t, inside, "setting"); got.Value != "0 7" {
		t.Errorf("control: %s", got)
	}
	for _, name := range []string{"../secret", "net/../../secret", "/etc/hostname"} {
		if got, err := inside.Read(name); err == nil && !got[0].Missing {
			t.Errorf("read of %s gives %v", name, got)
		}
		if err := inside.Write(netstate.Sysctl{Name: name, Value: "1"}); err == nil {
			t.Errorf("write of %s succeeds", name)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "secret"))
	if err != nil || string(text) != "0\t 7\n" {
		t.Errorf("the file outside holds %q (%v)", text, err)
	}
}

func TestPermissionIsRecognised(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "setting"), []byte("0\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	read := tree(t, folder)
	if err := read.Write(netstate.Sysctl{Name: "setting", Value: "1"}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("write without the right: %v", err)
	}
	if _, err := sysctl.Open(filepath.Join(folder, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of an absent folder: %v", err)
	}
}
