package listener_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"cordon/gateway/kernel/listener"
	"cordon/policy"
)

// portOf returns the port of a socket's own address.
func portOf(t *testing.T, a net.Addr) uint16 {
	t.Helper()
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	return p.Port()
}

// raise raises an interface of the test's own network namespace.
func raise(t *testing.T, name string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPorts holds that sockets that wait are found and sockets that talk are not.
func TestPorts(t *testing.T) {
	raise(t, "lo")
	tcp, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	talks, err := (&net.Dialer{}).DialContext(t.Context(), "udp4", "0.0.0.0:9")
	if err != nil {
		t.Fatal(err)
	}
	ports := func() map[listener.Port]bool {
		all, err := listener.Ports()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	one := listener.Port{Protocol: policy.TCP, Number: portOf(t, tcp.Addr())}
	other := listener.Port{Protocol: policy.UDP, Number: portOf(t, udp.LocalAddr())}
	client := listener.Port{Protocol: policy.UDP, Number: portOf(t, talks.LocalAddr())}
	if all := ports(); !all[one] || !all[other] || all[client] {
		t.Errorf("%v, %v and not %v wait: %v", one, other, client, all)
	}
	for _, c := range []interface{ Close() error }{tcp, udp, talks} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if all := ports(); all[one] || all[other] {
		t.Errorf("control: closed sockets still wait: %v", all)
	}
}
