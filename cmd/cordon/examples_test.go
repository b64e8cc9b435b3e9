package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/kernel/nft"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// examples reads every example.
func examples(t *testing.T) map[string]policy.Policy {
	t.Helper()
	folders, err := filepath.Glob("../../examples/*")
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]policy.Policy{}
	for _, folder := range folders {
		p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: os.DirFS(folder)})
		if message.HasErrors(diagnostics) {
			t.Errorf("%s:\n%s", folder, message.In(message.English).RenderAll(diagnostics))
		}
		list[filepath.Base(folder)] = p
	}
	for _, name := range []string{"home", "hospital-wing", "levis-school", "ministry", "reference"} {
		if _, ok := list[name]; !ok {
			t.Errorf("there is no example %s", name)
		}
	}
	return list
}

// inNamespace runs a function on a thread of its own in an empty network namespace. The thread ends with it.
func inNamespace(t *testing.T, fn func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- errors.Join(errors.New(`go test -exec "unshare -Urn"`), err)
			return
		}
		done <- fn()
	}()
	return <-done
}

// cable makes the interfaces that a policy names.
func cable(p policy.Policy) error {
	for i := range p.Segments {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = p.Segments[i].Interface
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: "peer" + attributes.Name}); err != nil {
			return err
		}
		peer, err := netlink.LinkByName("peer" + attributes.Name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(peer); err != nil {
			return err
		}
	}
	return nil
}

// propose runs a policy dry on a machine that has its interfaces: the kernel says whether it would take it.
func dryRun(ctx context.Context, p policy.Policy) (gateway.Proposal, error) {
	g, err := gateway.Open(gateway.SystemClock(time.Now, true))
	if err != nil {
		return gateway.Proposal{}, err
	}
	defer g.Close()
	return g.Propose(ctx, p, "")
}

// TestExamples loads, compiles and dry-runs every example. In a user namespace the largest does not fit into the socket, and has to say
// so with the limit that it needs.
func TestExamples(t *testing.T) {
	nested, err := condition("userns")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for name, p := range examples(t) {
		if makesLinks(p) {
			continue
		}
		tried++
		err := inNamespace(t, func() error {
			if err := cable(p); err != nil {
				return err
			}
			proposal, err := dryRun(t.Context(), p)
			if err == nil && proposal.Empty() {
				err = errors.New("an empty machine already is as the policy wants it")
			}
			return err
		})
		large := &nft.TooLargeError{}
		switch {
		case nested && errors.As(err, &large) && devices(p, policy.Camera) > 1000:
			t.Logf("%s: %v", name, err)
		case err != nil:
			t.Errorf("%s: %v", name, err)
		}
	}
	if tried < 4 {
		t.Errorf("%d examples tried", tried)
	}
}

// makesLinks says whether a policy names links that are Cordon's to make: not every kernel can.
func makesLinks(p policy.Policy) bool {
	return slices.ContainsFunc(p.Segments, func(s policy.Segment) bool { return s.VLAN != nil || len(s.Ports) > 0 })
}

// TestDryRunHasAControl holds that a dry run on a machine without the interfaces says which are missing.
func TestDryRunHasAControl(t *testing.T) {
	home := examples(t)["home"]
	err := inNamespace(t, func() error {
		_, err := dryRun(t.Context(), home)
		return err
	})
	absent := &gateway.AbsentError{}
	if !errors.As(err, &absent) || !slices.Equal(absent.Interfaces, []string{"eth0", "eth1"}) {
		t.Errorf("without interfaces: %v", err)
	}
}
