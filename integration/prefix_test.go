package integration_test

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"cordon/integration/lab"
)

// TestPrefixChanges holds that a segment's network may grow and shrink around a router that stays: the kernel drops the ways by it with
// the old address.
func TestPrefixChanges(t *testing.T) {
	l := open(t)
	narrow := strings.Replace(head+allows, `addresses = ["10.40.0.1/24", "fd40::1/64"]`, `addresses = ["10.40.0.1/24", "fd40::1/64"]
  route {
    to  = ["172.16.0.0/16"]
    via = "10.40.0.60"
  }
  route {
    to  = ["fd72::/48"]
    via = "fd40::60"
  }`, 1)
	wide := strings.Replace(narrow, `"10.40.0.1/24", "fd40::1/64"`, `"10.40.0.1/20", "fd40::1/56"`, 1)
	other := strings.Replace(narrow, `"10.40.0.1/24", "fd40::1/64"`, `"10.40.0.2/24", "fd40::2/64"`, 1)
	if narrow == head+allows || wide == narrow {
		t.Fatal("the policies do not differ")
	}
	unaddressed(t, l, "rec0")
	for _, text := range []string{narrow, wide, narrow, other, wide, head + allows} {
		apply(t, l, read(t, text))
		if again, _ := apply(t, l, read(t, text)); !again.Empty() {
			t.Errorf("a second apply changes %v", again.Plan.Changes)
		}
	}
}

// unaddressed takes the addresses off an interface of the gateway that somebody else gave it.
func unaddressed(t *testing.T, l *lab.Lab, name string) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		addresses, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for i := range addresses {
			if err := netlink.AddrDel(link, &addresses[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
