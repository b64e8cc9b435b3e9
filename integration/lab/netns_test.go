package lab_test

import (
	"errors"
	"net"
	"os"
	"testing"

	"cordon/integration/lab"
)

// A function run in a namespace sees that namespace's interfaces, and the thread is at home again afterwards.
func TestDoRunsInside(t *testing.T) {
	t.Parallel()
	before := inode(t)
	ns, err := lab.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	want := errors.New("an error of one's own")
	var inside string
	err = ns.Do(func() error {
		inside = inode(t)
		interfaces, err := net.Interfaces()
		if err != nil || len(interfaces) == 0 || interfaces[0].Name != "lo" {
			t.Errorf("interfaces inside: %v, %v", interfaces, err)
		}
		return want
	})
	if !errors.Is(err, want) {
		t.Errorf("Do returned %v", err)
	}
	if inside == before {
		t.Error("the function ran at home")
	}
	if after := inode(t); after != before {
		t.Errorf("the namespace was %s and is %s", before, after)
	}
}

// A namespace that is closed is an error, and the function does not run.
func TestDoInAClosedNamespace(t *testing.T) {
	t.Parallel()
	ns, err := lab.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	if err := ns.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ns.Do(func() error { t.Error("the function ran"); return nil }); err == nil {
		t.Error("no error")
	}
}

// inode returns the name of the calling thread's namespace.
func inode(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}
