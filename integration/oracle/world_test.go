package oracle_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/compile"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// cables returns the interfaces of every gateway that a policy is written for. The last one is never named.
func cables() []string {
	return []string{"cam0", "cam1", "rec0", "rec1", "lan0", "lan1", "wan0", "wan1", unnamed}
}

// firstIndex is the kernel's number of the first of them; the others' follow.
const firstIndex = 1000

// unnamed is the interface that no policy names.
const unnamed = "odd0"

// token is what every frame carries in its payload, with its number behind it: what comes out is known by it, whatever happened to its
// header.
const token = "\xc0\x4dOracle\x00"

// world is the gateway and everything around it. It belongs to one thread.
type world struct {
	machine, field *lab.NetNS
	gateway        *gateway.Gateway
	clock          policy.Moment
	links          netlink.Handle // of the gateway, conntrack too
	filter         *nftables.Conn
	names          map[int]string // an interface's number in the field → its name
	numbers        map[string]int
	wire, ear      int           // packet sockets in the field
	local          []localSocket // raw sockets on the gateway
	buffer         []byte
	marker         uint32
}

// localSocket hears what the gateway itself gets of one protocol.
type localSocket struct {
	fd       int
	protocol policy.Protocol
}

// arrival is where a frame came out.
type arrival struct {
	iface string // empty: at the gateway itself
	raw   []byte // the frame, nil at the gateway
}

// newWorld builds the two namespaces and holds the test to its thread, and the thread to its processor: the kernel then treats frames
// in the order in which they are sent.
func newWorld(t *testing.T) *world {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	stay(t)
	w := &world{names: map[int]string{}, numbers: map[string]int{}, buffer: make([]byte, 1<<16), filter: nil}
	w.machine, w.field = namespace(t), namespace(t)
	must(t, w.machine.Do(func() error { return w.prepareGateway() }))
	must(t, w.field.Do(func() error { return w.prepareField() }))
	t.Cleanup(func() {
		for _, s := range w.local {
			_ = unix.Close(s.fd)
		}
		_, _ = unix.Close(w.wire), unix.Close(w.ear)
		must(t, w.gateway.Close())
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func namespace(t *testing.T) *lab.NetNS {
	t.Helper()
	ns, err := lab.NewNetNS()
	must(t, err)
	t.Cleanup(func() { must(t, ns.Close()) })
	return ns
}

// stay keeps the thread on the first processor that it may use.
func stay(t *testing.T) {
	t.Helper()
	var allowed, one unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &allowed))
	for cpu := range 1024 {
		if allowed.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	must(t, unix.SchedSetaffinity(0, &one))
}

// prepareGateway makes the cables and the sockets that hear what the gateway gets. Its interfaces resolve no neighbours: which frames
// ARP would be answered for is not what is judged here, and what leaves must leave at once.
func (w *world) prepareGateway() error {
	for name, value := range map[string]string{
		"ipv4/ip_forward": "0", "ipv6/conf/all/forwarding": "0", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"ipv6/conf/default/accept_dad": "0", "ipv6/conf/default/accept_ra": "0", "ipv4/icmp_msgs_per_sec": "10000",
	} {
		err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	w.links = *handle
	for i, name := range cables() {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.HardwareAddr, attrs.Flags, attrs.Index = name, hardware(gatewayMAC(name)), net.FlagUp, firstIndex+i
		cable := &netlink.Veth{LinkAttrs: attrs, PeerName: name, PeerNamespace: netlink.NsFd(w.field.FD())}
		if err := w.links.LinkAdd(cable); err != nil {
			return fmt.Errorf("add %s: %w", name, err)
		}
		link, err := w.links.LinkByName(name)
		if err != nil {
			return err
		}
		if err := errors.Join(w.links.LinkSetARPOff(link), w.links.LinkSetUp(link)); err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
	}
	loopback, err := w.links.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := w.links.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	if w.filter, err = nftables.New(nftables.WithNetNSFd(w.machine.FD())); err != nil {
		return fmt.Errorf("open nf_tables: %w", err)
	}
	if w.gateway, err = gateway.Open(func() policy.Moment { return w.clock }); err != nil {
		return err
	}
	return w.listen()
}

// listen opens a raw socket for each protocol that the test sends: the kernel shows it what passed the input hook, whoever listens.
func (w *world) listen() error {
	for _, p := range [...]struct{ family, protocol int }{
		{unix.AF_INET, unix.IPPROTO_TCP},
		{unix.AF_INET, unix.IPPROTO_UDP},
		{unix.AF_INET, unix.IPPROTO_ICMP},
		{unix.AF_INET6, unix.IPPROTO_TCP},
		{unix.AF_INET6, unix.IPPROTO_UDP},
		{unix.AF_INET6, unix.IPPROTO_ICMPV6},
	} {
		fd, err := unix.Socket(p.family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, p.protocol)
		if err != nil {
			return fmt.Errorf("open a raw socket: %w", err)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
			return fmt.Errorf("widen a buffer: %w", err)
		}
		if err := join(fd, p.family, p.protocol); err != nil {
			return err
		}
		w.local = append(w.local, localSocket{fd, policy.Protocol(p.protocol)})
	}
	return nil
}

// join has the sockets of UDP hear the groups that discovery asks, on every cable: the kernel takes nothing of a group for itself that
// nobody asked for.
func join(fd, family, protocol int) error {
	if protocol != unix.IPPROTO_UDP {
		return nil
	}
	for i := range cables() {
		var err error
		if family == unix.AF_INET {
			err = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
				&unix.IPMreqn{Multiaddr: searched()[0].As4(), Ifindex: int32(firstIndex + i)})
		} else {
			err = unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
				&unix.IPv6Mreq{Multiaddr: searched()[1].As16(), Interface: uint32(firstIndex + i)})
		}
		if err != nil {
			return fmt.Errorf("join a group on %s: %w", cables()[i], err)
		}
	}
	return nil
}

// prepareField sets the far ends up, deaf to IP, and opens the sockets that send and read frames; and a cable from the field to itself
// for markers.
func (w *world) prepareField() error {
	for _, name := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0); err != nil {
			return err
		}
	}
	handle, err := netlink.NewHandleAt(netns.NsHandle(w.field.FD()), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer handle.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = markerOut
	if err := handle.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: markerIn}); err != nil {
		return fmt.Errorf("add the markers' cable: %w", err)
	}
	for _, name := range append(cables(), markerOut, markerIn) {
		link, err := handle.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if err := handle.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
		w.names[link.Attrs().Index], w.numbers[name] = name, link.Attrs().Index
	}
	if w.wire, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	all := int(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)))
	if w.ear, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all); err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	return errors.Join(
		unix.SetsockoptInt(w.wire, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1),
		unix.SetsockoptInt(w.ear, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(w.ear, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20))
}

// The two ends of the markers' cable.
const (
	markerOut = "mark0"
	markerIn  = "mark1"
)

// gatewayMAC returns the Ethernet address of one of the gateway's interfaces.
func gatewayMAC(name string) policy.MAC {
	return policy.MAC{2, name[0], name[1], name[2], 0, name[3]}
}

func hardware(m policy.MAC) net.HardwareAddr { return m[:] }

// shot is a frame and the interface of the gateway that it comes in by.
type shot struct {
	iface string
	frame []byte
}

// burst is how many frames are under way at once: so few that no queue drops one.
const burst = 96

// fire sends frames and returns, for each, where it came out: nowhere, or at one place, or at several.
func (w *world) fire(shots []shot) ([][]arrival, error) {
	result := make([][]arrival, len(shots))
	for first := 0; first < len(shots); first += burst {
		for i := first; i < min(first+burst, len(shots)); i++ {
			if err := w.send(shots[i].iface, shots[i].frame); err != nil {
				return nil, err
			}
		}
		// A frame passes two queues: into the gateway, and out of it. A marker passes one, so the second one is behind all of them.
		for range 2 {
			if err := w.settle(result); err != nil {
				return nil, err
			}
		}
		if err := w.hearLocal(result); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func (w *world) send(iface string, raw []byte) error {
	to := &unix.SockaddrLinklayer{Ifindex: w.numbers[iface], Protocol: 0}
	if err := unix.Sendto(w.wire, raw, 0, to); err != nil {
		return fmt.Errorf("send a frame to %s: %w", iface, err)
	}
	return nil
}

// settle sends a marker and reads until it is there.
func (w *world) settle(result [][]arrival) error {
	w.marker++
	tail := binary.BigEndian.AppendUint32([]byte("marker"), w.marker)
	raw := frame.Ethernet{
		Destination: frame.Broadcast(), Source: policy.MAC{2}, Type: 0x88b5, Payload: append(make([]byte, 40), tail...),
	}.Bytes()
	if err := w.send(markerOut, raw); err != nil {
		return err
	}
	for {
		n, from, err := unix.Recvfrom(w.ear, w.buffer, 0)
		if errors.Is(err, unix.EAGAIN) {
			if err := w.wait(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("read a frame: %w", err)
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok {
			continue
		}
		name := w.names[link.Ifindex]
		if name == markerIn {
			if bytes.HasSuffix(w.buffer[:n], tail) {
				return nil
			}
			continue
		}
		p := frame.Parse(w.buffer[:n])
		note(result, p.Raw, kindOf(p.Protocol, p.ICMPType), func() arrival { return arrival{name, bytes.Clone(p.Raw)} })
	}
}

// wait waits until there is something to read. A marker that does not come is an error of the world, not an answer.
func (w *world) wait() error {
	const patience = 5000 // milliseconds
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.ear), Events: unix.POLLIN}}, patience)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for a frame: %w", err)
	}
	if err == nil && n == 0 {
		return errors.New("a marker got lost")
	}
	return nil
}

// hearLocal reads what the gateway itself got.
func (w *world) hearLocal(result [][]arrival) error {
	for _, s := range w.local {
		for {
			n, _, err := unix.Recvfrom(s.fd, w.buffer, 0)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				return fmt.Errorf("read what the gateway got: %w", err)
			}
			note(result, w.buffer[:n], s.kind(w.buffer[:n]), func() arrival { return arrival{} })
		}
	}
	return nil
}

// kind returns the kind of a packet that a raw socket shows: with its IPv4 header, or without its IPv6 header.
func (s localSocket) kind(raw []byte) byte {
	if s.protocol == policy.ICMP && len(raw) > 20 {
		raw = raw[20:]
	}
	if len(raw) == 0 {
		return 0
	}
	return kindOf(s.protocol, raw[0])
}

// note files an arrival under its frame's number. The token stands at the end of what was sent: what the gateway itself writes about a
// packet (an error that quotes it, an echo that it answers) is of another kind.
func note(result [][]arrival, raw []byte, kind byte, a func() arrival) {
	at := bytes.LastIndex(raw, []byte(token))
	if at < 0 || len(raw) < at+len(token)+5 || raw[at+len(token)+4] != kind {
		return
	}
	if number := int(binary.BigEndian.Uint32(raw[at+len(token):])); number < len(result) {
		result[number] = append(result[number], a())
	}
}

// kindOf packs what no router changes of a packet into an octet: its protocol, and the type of an ICMP message.
func kindOf(p policy.Protocol, icmpType uint8) byte {
	if p == policy.ICMP || p == policy.ICMPv6 {
		return icmpType ^ 0x80
	}
	return byte(p)
}

// apply puts a policy in force at a moment and forgets every connection and rate of the one before.
func (w *world) apply(t *testing.T, p policy.Policy, at policy.Moment) error {
	t.Helper()
	w.clock = at
	return w.machine.Do(func() error {
		if err := untouched(); err != nil {
			return err
		}
		proposal, err := w.gateway.Propose(t.Context(), p, "")
		if err != nil {
			return fmt.Errorf("propose: %w", err)
		}
		if _, err := w.gateway.Change(t.Context(), proposal); err != nil {
			return fmt.Errorf("change: %w", err)
		}
		return w.inhabited(t.Context(), p)
	})
}

// inhabited waits until the kernel takes what is sent to the gateway's IPv6 addresses for its own, a moment after it has added them.
func (w *world) inhabited(ctx context.Context, p policy.Policy) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, s := range p.Segments {
		for _, own := range s.Addresses {
			for {
				routes, err := w.links.RouteGet(own.Addr().AsSlice())
				if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
					break
				}
				if ctx.Err() != nil {
					return fmt.Errorf("%s is not the gateway's: %w", own.Addr(), ctx.Err())
				}
			}
		}
	}
	return nil
}

// untouched takes back what a policy of scope "box", or one that governed other interfaces, has left behind: a policy of scope "segments"
// does not touch what it does not govern, and the oracle takes that for a router that refuses nothing. An interface that is given back
// gets what "default" holds, which scope "box" makes strict and nobody makes lenient again.
func untouched() error {
	for _, name := range append(cables(), "default") {
		for setting, value := range map[string]string{"ipv4/conf/" + name + "/rp_filter": "0", "ipv6/conf/" + name + "/disable_ipv6": "0"} {
			if err := os.WriteFile("/proc/sys/net/"+setting, []byte(value), 0); err != nil {
				return fmt.Errorf("take a setting back: %w", err)
			}
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/all/rp_filter", []byte("0"), 0); err != nil {
		return fmt.Errorf("take a setting back: %w", err)
	}
	return nil
}

// forget empties the connection tracking and the sets that rules write: neither a connection nor a rate of the packets before has a
// say in what comes now.
func (w *world) forget() error {
	return w.machine.Do(func() error {
		if err := w.links.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
			return fmt.Errorf("flush the connection tracking: %w", err)
		}
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: compile.TableName}
		sets, err := w.filter.GetSets(table)
		if err != nil {
			return fmt.Errorf("list the sets: %w", err)
		}
		for _, s := range sets {
			if s.Dynamic {
				w.filter.FlushSet(s)
			}
		}
		if err := w.filter.Flush(); err != nil {
			return fmt.Errorf("forget rates: %w", err)
		}
		return nil
	})
}
