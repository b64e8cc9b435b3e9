package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"cordon/policy"
)

// firstCable is above any number that the kernel chooses for the far end of a cable.
const firstCable = 1000

// Lab is a site that is up. Close ends it.
type Lab struct {
	site     Site
	gateway  *node
	wires    *node // the namespace that holds every segment's bridge; nil without one
	machines []*Machine
	cables   int
	// tries numbers the markers and source ports of tries.
	tries atomic.Uint32

	mu      sync.Mutex
	closers []func() error
}

// node is a namespace with the socket that configures it.
type node struct {
	*NetNS
	handle *netlink.Handle
}

// Open builds a site. It takes some ten milliseconds and needs what NewNetNS needs. When it returns, every link is up and every host
// has its addresses and routes.
func Open(ctx context.Context, site Site) (*Lab, error) {
	l := &Lab{site: site}
	if err := l.build(ctx, site); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// build makes the namespaces, then the cables, then what needs cables that are up.
func (l *Lab) build(ctx context.Context, site Site) error {
	var err error
	if l.gateway, err = l.newNode(asGateway); err != nil {
		return fmt.Errorf("build the gateway: %w", err)
	}
	for i, s := range site.Segments {
		if err := l.buildSegment(i, s); err != nil {
			return fmt.Errorf("build segment %s: %w", s.Name, err)
		}
	}
	for _, m := range l.machines {
		if err := m.connect(ctx); err != nil {
			return fmt.Errorf("connect %s: %w", m.Name, err)
		}
	}
	return l.Ready(ctx)
}

// newNode makes a namespace and prepares it with the settings of its kind.
func (l *Lab) newNode(prepare func() error) (*node, error) {
	ns, err := NewNetNS()
	if err != nil {
		return nil, err
	}
	l.onClose(ns.Close)
	// Naming the family keeps the library from opening sockets that not every kernel has.
	handle, err := netlink.NewHandleAt(netns.NsHandle(ns.FD()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	l.onClose(func() error { handle.Close(); return nil })
	if err := ns.Do(prepare); err != nil {
		return nil, err
	}
	return &node{ns, handle}, setUp(handle, "lo")
}

// asGateway makes a namespace a router that routes nothing yet, whatever the machine's own settings are: a namespace inherits them.
func asGateway() error {
	return setAll(map[string]string{
		"ipv4/ip_forward": "0", "ipv6/conf/all/forwarding": "0",
		"ipv6/conf/default/accept_dad": "0", "ipv6/conf/default/accept_ra": "0",
	})
}

// asHost makes a namespace a machine that hears everything that is sent to it, at once and from anybody.
func asHost() error {
	return setAll(map[string]string{
		"ipv4/ip_forward": "0", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"ipv6/conf/default/accept_dad": "0", "ipv6/conf/default/accept_ra": "0",
	})
}

// asSwitch makes a namespace a switch: its bridges pass frames, and no packet filter of the IP layer has a say.
func asSwitch() error {
	return setAll(map[string]string{
		"bridge/bridge-nf-call-iptables": "0", "bridge/bridge-nf-call-ip6tables": "0", "bridge/bridge-nf-call-arptables": "0",
		"ipv6/conf/default/disable_ipv6": "1",
	})
}

// setAll writes settings of the thread's namespace; one that this kernel does not have needs no writing.
func setAll(values map[string]string) error {
	for name, value := range values {
		if err := setSysctl(name, value); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// buildSegment makes a segment's hosts, their cables and the gateway's interface.
func (l *Lab) buildSegment(number int, s Segment) error {
	far, bridge, err := l.farEnd(number, s)
	if err != nil {
		return err
	}
	if s.MAC, err = l.plugGateway(number, s, far, bridge); err != nil {
		return err
	}
	for i, h := range s.Hosts {
		m, err := l.newMachine(s, h, far)
		if err != nil {
			return fmt.Errorf("host %s: %w", h.Name, err)
		}
		if bridge == 0 {
			continue
		}
		if err := l.plugHost(m, portName(number, i+1), bridge); err != nil {
			return fmt.Errorf("host %s: %w", h.Name, err)
		}
	}
	return nil
}

// farEnd makes the namespace that the gateway's cable of a segment ends in: the switch, with the segment's bridge, or the only host.
func (l *Lab) farEnd(number int, s Segment) (far *node, bridge int, err error) {
	if !s.hasSwitch() {
		far, err = l.newNode(asHost)
		return far, 0, err
	}
	if l.wires == nil {
		if l.wires, err = l.newNode(asSwitch); err != nil {
			return nil, 0, err
		}
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Flags = "br"+strconv.Itoa(number), net.FlagUp
	noSnooping := false
	link := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &noSnooping}
	if err := l.wires.handle.LinkAdd(link); err != nil {
		return nil, 0, fmt.Errorf("add bridge: %w", err)
	}
	return l.wires, link.Index, nil
}

// plugGateway makes the gateway's interface and the other end of its cable, and returns the interface's Ethernet address.
func (l *Lab) plugGateway(number int, s Segment, far *node, bridge int) (policy.MAC, error) {
	peer := "eth0"
	if bridge != 0 {
		peer = portName(number, 0)
	}
	var peerMAC policy.MAC
	if bridge == 0 {
		peerMAC = s.Hosts[0].MAC
	}
	if err := l.addCable(l.gateway, s.Interface, s.MAC, far, peer, peerMAC); err != nil {
		return policy.MAC{}, err
	}
	for _, address := range s.Addresses {
		if err := addAddress(l.gateway.handle, s.Interface, address); err != nil {
			return policy.MAC{}, err
		}
	}
	if err := plugPort(far, peer, bridge); err != nil {
		return policy.MAC{}, err
	}
	return macOf(l.gateway.handle, s.Interface)
}

// Replug takes the gateway's interface of a segment away and makes it anew, as a card that is pulled and put back: of what was set on it,
// nothing is left, not even an address. It takes a segment with a switch, whose hosts do not notice.
func (l *Lab) Replug(segment string) error {
	for number, s := range l.site.Segments {
		if s.Name != segment || !s.hasSwitch() {
			continue
		}
		bridge, err := l.wires.handle.LinkByName("br" + strconv.Itoa(number))
		if err != nil {
			return fmt.Errorf("find the switch of %s: %w", segment, err)
		}
		if s.MAC, err = macOf(l.gateway.handle, s.Interface); err != nil {
			return err
		}
		link, err := l.gateway.handle.LinkByName(s.Interface)
		if err != nil {
			return fmt.Errorf("find interface %s: %w", s.Interface, err)
		}
		if err := l.gateway.handle.LinkDel(link); err != nil {
			return fmt.Errorf("pull interface %s: %w", s.Interface, err)
		}
		s.Addresses = nil
		_, err = l.plugGateway(number, s, l.wires, bridge.Attrs().Index)
		return err
	}
	return fmt.Errorf("no segment %q with a switch", segment)
}

// plugHost makes a host's interface and the switch port that its cable ends in.
func (l *Lab) plugHost(m *Machine, port string, bridge int) error {
	if err := l.addCable(m.node, m.Interface, m.MAC, l.wires, port, policy.MAC{}); err != nil {
		return err
	}
	return plugPort(l.wires, port, bridge)
}

// portName returns the name of a segment's switch port.
func portName(segment, port int) string { return fmt.Sprintf("s%dp%d", segment, port) }

// addCable makes a pair of interfaces, the near one up. Its number is never its peer's: the kernel takes a link whose two ends have one
// number for no pair, and says only once a second that such a link came up.
func (l *Lab) addCable(near *node, name string, mac policy.MAC, far *node, peer string, peerMAC policy.MAC) error {
	attrs := netlink.NewLinkAttrs()
	l.cables++
	attrs.Name, attrs.HardwareAddr, attrs.Flags, attrs.Index = name, hardware(mac), net.FlagUp, firstCable+l.cables
	err := near.handle.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs, PeerName: peer, PeerHardwareAddr: hardware(peerMAC), PeerNamespace: netlink.NsFd(far.FD()),
	})
	if err != nil {
		return fmt.Errorf("add interface %s: %w", name, err)
	}
	return nil
}

// plugPort puts an interface on a bridge, if there is one, and then sets it up.
func plugPort(n *node, name string, bridge int) error {
	link, err := n.handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", name, err)
	}
	if bridge != 0 {
		if err := n.handle.LinkSetMasterByIndex(link, bridge); err != nil {
			return fmt.Errorf("plug %s into its switch: %w", name, err)
		}
	}
	if err := n.handle.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	return nil
}

// setUp sets an interface up by name.
func setUp(handle *netlink.Handle, name string) error {
	link, err := handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", name, err)
	}
	if err := handle.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	return nil
}

// addAddress gives an interface an address that is usable at once, without duplicate address detection.
func addAddress(handle *netlink.Handle, name string, address netip.Prefix) error {
	link, err := handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", name, err)
	}
	a := &netlink.Addr{IPNet: ipNet(address)}
	if address.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := handle.AddrAdd(link, a); err != nil {
		return fmt.Errorf("add address %s to %s: %w", address, name, err)
	}
	return nil
}

// ipNet returns a prefix as package net has it, with the host's bits kept.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// macOf returns the Ethernet address of an interface.
func macOf(handle *netlink.Handle, name string) (policy.MAC, error) {
	link, err := handle.LinkByName(name)
	if err != nil {
		return policy.MAC{}, fmt.Errorf("find interface %s: %w", name, err)
	}
	var mac policy.MAC
	copy(mac[:], link.Attrs().HardwareAddr)
	return mac, nil
}

// hardware returns an Ethernet address as package net has it; none stays none.
func hardware(mac policy.MAC) net.HardwareAddr {
	if mac.IsZero() {
		return nil
	}
	return mac[:]
}

// Gateway returns the gateway's namespace.
func (l *Lab) Gateway() *NetNS { return l.gateway.NetNS }

// Machines returns the hosts in the order of the site.
func (l *Lab) Machines() []*Machine { return l.machines }

// Machine returns the host of a name.
func (l *Lab) Machine(name string) (*Machine, error) {
	for _, m := range l.machines {
		if m.Name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("no machine %q in the lab", name)
}

// Forward makes the gateway route between its interfaces, or stop it, in both families: the control of every test that something is
// not routed.
func (l *Lab) Forward(on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	return l.gateway.Do(func() error {
		return setAll(map[string]string{"ipv4/ip_forward": value, "ipv6/conf/all/forwarding": value})
	})
}

// onClose registers what Close undoes, last first.
func (l *Lab) onClose(fn func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, fn)
}

// Close ends every server, witness and namespace of the site. It may be called twice.
func (l *Lab) Close() error {
	l.mu.Lock()
	closers := l.closers
	l.closers = nil
	l.mu.Unlock()
	var errs []error
	for _, closer := range slices.Backward(closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}
