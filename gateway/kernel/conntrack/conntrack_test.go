package conntrack_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/kernel/conntrack"
	"cordon/gateway/netstate"
	"cordon/policy"
)

// namespace gives the test's thread a network of its own whose connections are tracked, and that has lo only.
func namespace(t *testing.T) *conntrack.Conn {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf(`make a network namespace: %v (run with -exec "unshare -Urn")`, err)
	}
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	lo, err := handle.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := handle.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	track(t)
	conn, err := conntrack.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// track adds a rule that asks for a connection's state, which is what makes the kernel track connections in a namespace.
func track(t *testing.T) {
	t.Helper()
	filter, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	table := filter.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "tracking"})
	chain := filter.AddChain(&nftables.Chain{
		Table: table, Name: "output", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	filter.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1}}})
	if err := filter.Flush(); err != nil {
		t.Fatal(err)
	}
}

// open sends from one address of lo to another and returns the flow's original tuple.
func open(t *testing.T, network, from, to string) netstate.Flow {
	t.Helper()
	var far, near net.Addr
	protocol := policy.UDP
	if strings.HasPrefix(network, "tcp") {
		protocol = policy.TCP
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), network, net.JoinHostPort(to, "0"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() }) // it listens to the end of the test, nothing depends on how it closes
		far = listener.Addr()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
		near = dial(t, dialer, network, far)
	} else {
		socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), network, net.JoinHostPort(to, "0"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = socket.Close() })
		far = socket.LocalAddr()
		near = dial(t, net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}, network, far)
	}
	source, destination := netip.MustParseAddrPort(near.String()), netip.MustParseAddrPort(far.String())
	return netstate.Flow{
		Protocol: protocol, Source: source.Addr(), SourcePort: source.Port(),
		Destination: destination.Addr(), DestinationPort: destination.Port(),
	}
}

func dial(t *testing.T, dialer net.Dialer, network string, far net.Addr) net.Addr {
	t.Helper()
	conn, err := dialer.DialContext(context.WithoutCancel(t.Context()), network, far.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	return conn.LocalAddr()
}

// ping sends an echo request to an address of lo and returns its flow.
func ping(t *testing.T, identifier uint16, to string) netstate.Flow {
	t.Helper()
	a := netip.MustParseAddr(to)
	family, proto, kind, protocol := unix.AF_INET, unix.IPPROTO_ICMP, uint8(8), policy.ICMP
	var destination unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if a.Is6() {
		family, proto, kind, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6, 128, policy.ICMPv6
		destination = &unix.SockaddrInet6{Addr: a.As16()}
	}
	socket, err := unix.Socket(family, unix.SOCK_RAW, proto)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(socket) }()
	request := []byte{kind, 0, 0, 0, byte(identifier >> 8), byte(identifier), 0, 1}
	if a.Is4() { // the kernel computes the checksum of ICMPv6 only
		sum := ^(uint16(kind)<<8 + identifier + 1)
		request[2], request[3] = byte(sum>>8), byte(sum)
	}
	if err := unix.Sendto(socket, request, 0, destination); err != nil {
		t.Fatal(err)
	}
	return netstate.Flow{Protocol: protocol, Source: a, Destination: a, ICMPType: kind, ICMPID: identifier}
}

func flows(t *testing.T, conn *conntrack.Conn) []netstate.Flow {
	t.Helper()
	list, err := conn.Flows()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// every begins one flow of each kind.
func every(t *testing.T) []netstate.Flow {
	t.Helper()
	return []netstate.Flow{
		open(t, "udp4", "127.0.0.2", "127.0.0.3"), open(t, "tcp4", "127.0.0.2", "127.0.0.3"),
		open(t, "udp6", "::1", "::1"), open(t, "tcp6", "::1", "::1"),
		ping(t, 0x1234, "127.0.0.1"), ping(t, 0x4321, "::1"),
	}
}

func TestEveryFlowIsListedByItsOriginalTuple(t *testing.T) {
	conn := namespace(t)
	if before := flows(t, conn); len(before) != 0 {
		t.Fatalf("before: %v", before)
	}
	wanted := every(t)
	listed := flows(t, conn)
	for _, f := range wanted {
		if !slices.Contains(listed, f) {
			t.Errorf("%s is not in %v", f, listed)
		}
	}
	if len(wanted) != 6 || len(listed) != 6 {
		t.Errorf("%d flows begun, %d listed", len(wanted), len(listed))
	}
}

func TestOnlyTheRefusedFlowEnds(t *testing.T) {
	conn := namespace(t)
	all := every(t)
	left := slices.Clone(all)
	for _, refused := range all {
		n, err := conn.Remove(func(f netstate.Flow) bool { return f == refused })
		if err != nil || n != 1 {
			t.Errorf("end %s: %d, %v", refused, n, err)
		}
		left = slices.DeleteFunc(left, func(f netstate.Flow) bool { return f == refused })
		listed := flows(t, conn)
		if len(listed) != len(left) || slices.ContainsFunc(left, func(f netstate.Flow) bool { return !slices.Contains(listed, f) }) {
			t.Errorf("after the end of %s: %v, want %v", refused, listed, left)
		}
	}
	if n, err := conn.Remove(func(netstate.Flow) bool { return true }); n != 0 || err != nil {
		t.Errorf("end of nothing: %d, %v", n, err)
	}
}

func TestNothingRefusedNothingEnds(t *testing.T) {
	conn := namespace(t)
	all := every(t)
	asked := 0
	n, err := conn.Remove(func(netstate.Flow) bool { asked++; return false })
	if n != 0 || err != nil || asked != len(all) || len(flows(t, conn)) != len(all) {
		t.Errorf("%d ended, %v; asked about %d of %d, %d left", n, err, asked, len(all), len(flows(t, conn)))
	}
}

// A flow that somebody else ended between the listing and the removal is neither an error nor counted.
func TestFlowThatEndedMeanwhileIsNotCounted(t *testing.T) {
	conn := namespace(t)
	second, err := conntrack.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}()
	all := every(t)
	once := false
	n, err := conn.Remove(func(netstate.Flow) bool {
		if !once {
			once = true
			if ended, err := second.Remove(func(f netstate.Flow) bool { return f != all[0] }); ended != len(all)-1 || err != nil {
				t.Errorf("the other one ended %d, %v", ended, err)
			}
		}
		return true
	})
	if n != 1 || err != nil {
		t.Errorf("%d ended, %v; one was left to end", n, err)
	}
	if listed := flows(t, conn); len(listed) != 0 {
		t.Errorf("left: %v", listed)
	}
}

func TestPermissionIsRecognised(t *testing.T) {
	conn := namespace(t)
	every(t)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Remove(func(netstate.Flow) bool { return true })
	if n != 0 || !errors.Is(err, unix.EPERM) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("without the capability: %d, %v", n, err)
	}
}
