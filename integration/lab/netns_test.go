package lab_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"

	"cordon/integration/lab"
	"cordon/policy"
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

// A socket belongs to the namespace that it was opened in: what listens on the gateway is reached at the gateway, by its neighbours only
// while it listens.
func TestSocketsOfTheGateway(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	to := netip.AddrPortFrom(addr4("cam0"), 443)
	listener, err := l.Gateway().Listen(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []lab.Answer{lab.Replied, lab.Refused} {
		r, err := l.Try(t.Context(), lab.Try{Name: "gateway", From: c1, To: to, Protocol: policy.TCP})
		if err != nil || r.Answer != want || r.Arrived != 0 {
			t.Errorf("%+v, %v; want %v", r, err, want)
		}
		if err := listener.Close(); err != nil && want == lab.Replied {
			t.Error(err)
		}
	}
}
