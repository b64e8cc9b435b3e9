//go:build full

package integration_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"cordon/policy"
)

// TestFullConntrack lets conntrack take nothing more, in the virtual machine, whose limit is nobody else's: nothing forbidden passes,
// recordings that run go on, what would be new does not begin, and all is as before when there is room again.
func TestFullConntrack(t *testing.T) {
	if _, err := os.Stat("/modules"); err != nil {
		t.Skip("only in the virtual machine of TestDebianKernel: the limit is one for all of a kernel's namespaces")
	}
	l := open(t)
	apply(t, l, read(t, head+allows))
	serveGateway(t, l)
	running := []*conversation{stream(t, l, nvr, inCamera, 554), dial(t, l, nvr, inCamera6, 554)}
	again := flow{name: "record", from: nvr, to: "10.30.0.22", protocol: policy.TCP, port: 554}
	if !arrives(t, l, again) {
		t.Fatal("control: recording does not begin while there is room")
	}
	const limit = "/proc/sys/net/netfilter/nf_conntrack_max"
	before, err := os.ReadFile(limit)
	if err != nil {
		t.Fatal(err)
	}
	lift := func() {
		if err := os.WriteFile(limit, before, 0o600); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(lift)
	held, err := l.Gateway().Sysctl("netfilter/nf_conntrack_count")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(held); err != nil || n < len(running) {
		t.Fatalf("%s flows: %v", held, err)
	}
	// As few as run: those are assured, and the kernel drops none of them for a new one.
	if err := os.WriteFile(limit, []byte(strconv.Itoa(len(running))), 0o600); err != nil {
		t.Fatal(err)
	}
	flows := refused()
	for i, arrived := range whichArrive(t, l, flows) {
		if arrived {
			t.Errorf("conntrack is full, and %s arrives", flows[i].name)
		}
	}
	for _, c := range running {
		if !c.alive(t) {
			t.Errorf("conntrack is full, and %s dies", c.name)
		}
	}
	if arrives(t, l, again) {
		t.Errorf("control: conntrack is not full: of %s flows", strings.TrimSpace(held))
	}
	lift()
	if !arrives(t, l, again) {
		t.Error("recording does not begin though there is room again")
	}
	t.Logf("%d refused flows tried, %d running", len(flows), len(running))
}
