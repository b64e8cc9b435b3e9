package escape

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"cordon/integration/lab"
	"cordon/policy"
)

// container is a machine behind an interface that another program made, and published its address.
const (
	container   = "container"
	inContainer = "172.17.0.2"
)

// onCareless is the site of an administrator who had other programs set up his gateway: they run containers, translate what leaves, turn
// ports to other machines, and accept everything before anybody else is asked.
func onCareless() lab.Site {
	site := wires()
	site.Segments = append(site.Segments, lab.Segment{
		Name: "containers", Interface: "docker0", Addresses: prefixes("172.17.0.1/16"),
		Hosts: []lab.Host{host(container, policy.MAC{2, 0x42, 0, 0, 0, 2}, "172.17.0.1", inContainer+"/16")},
	})
	return site
}

// turn is a port of whatever address that is turned to another machine.
type turn struct {
	protocol policy.Protocol
	port     uint16
	to       string
	dest     uint16
}

// turns are what the other programs turn. Some ports lie in the range of an allowed service: until then the packet is in order.
func turns() []turn {
	const tcp, udp = policy.TCP, policy.UDP
	return []turn{
		{tcp, 8443, outside, 443},
		{tcp, 8444, outside6, 443},
		{udp, 6250, outside, 443},
		{udp, 6251, outside6, 443},
		{tcp, 8445, inRecorder, 443},
		{udp, 6252, "10.40.0.11", 9},
		{udp, 6253, "10.50.0.1", ListenPort},
		{tcp, 8554, inCamera, 554},
		{tcp, 8555, inCamera6, 554},
		{tcp, 8081, inContainer, 80},
	}
}

// elsewhere are ways that other programs' tables open: each is in order until it is translated, or is accepted before it is asked about.
func elsewhere() []Technique {
	const tcp, udp = policy.TCP, policy.UDP
	var all []Technique
	for _, group := range [...][]Technique{
		tour("T49", 49, Critical, "turned before anybody filters; ct status dnat accept",
			trip{from: c1, to: "10.30.0.1", protocol: tcp, port: 8443},
			trip{from: c1, to: "fd30::1", protocol: tcp, port: 8444},
			trip{from: c1, to: inRecorder, protocol: udp, port: 6250},
			trip{from: c1, to: inRecorder6, protocol: udp, port: 6251},
			trip{from: c1, to: "10.30.0.1", protocol: tcp, port: 8445},
			trip{from: c1, to: inRecorder, protocol: udp, port: 6252},
			trip{from: c1, to: inRecorder, protocol: udp, port: 6253},
			trip{from: c2, to: "10.30.0.1", protocol: tcp, port: 8554},
			trip{from: stranger, to: "10.30.0.1", protocol: tcp, port: 8443},
			trip{from: nvr, to: "10.40.0.1", protocol: tcp, port: 8443},
			trip{from: internet, to: "203.0.113.2", protocol: tcp, port: 8554},
			trip{from: internet, to: "2001:db8::2", protocol: tcp, port: 8555},
			trip{from: internet, to: "203.0.113.2", protocol: tcp, port: 8445},
			trip{from: office, to: "10.50.0.1", protocol: tcp, port: 8554}),
		tour("T50", 50, Critical, "a container's published port is turned before anybody filters",
			trip{from: c1, to: "10.30.0.1", protocol: tcp, port: 8081},
			trip{from: nvr, to: "10.40.0.1", protocol: tcp, port: 8081},
			trip{from: c1, to: inContainer, protocol: tcp, port: 80},
			trip{from: container, to: inCamera, protocol: tcp, port: 554},
			trip{from: container, source: inRecorder, to: inCamera, protocol: tcp, port: 554},
			trip{from: container, to: "172.17.0.1", protocol: udp, port: ListenPort}),
		tour("T51", 51, Critical, "an accept before the rules",
			trip{from: c1, to: outside, protocol: udp, port: 443},
			trip{from: c1, to: outside6, protocol: tcp, port: 443},
			trip{from: c1, to: inRecorder, protocol: tcp, port: 443},
			trip{from: c1, to: "10.50.0.1", protocol: tcp, port: 22},
			trip{from: internet, to: inCamera, protocol: tcp, port: 554}),
		tour("T65", 65, Critical, "whatever leaves by the uplink is translated",
			trip{from: c1, to: outside, protocol: tcp, port: 443},
			trip{from: nvr, to: outside, protocol: udp, port: 443},
			trip{from: nvr, to: outside6, protocol: tcp, port: 443},
			trip{from: c1, to: mobile, protocol: tcp, port: 443},
			trip{from: stranger, to: outside, protocol: udp, port: 443}),
	} {
		all = append(all, group...)
	}
	for i := range all {
		all[i].Where = []string{OnCareless}
	}
	return all
}

// accommodate makes the other programs' table.
func accommodate(l *lab.Lab) error {
	return l.Gateway().Do(func() error {
		filter := &nftables.Conn{}
		other := filter.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "other"})
		for _, hook := range [...]*nftables.ChainHook{nftables.ChainHookPrerouting, nftables.ChainHookInput, nftables.ChainHookForward} {
			c := early(other, hook)
			filter.AddRule(&nftables.Rule{Table: other, Chain: filter.AddChain(c), Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}})
		}
		before := filter.AddChain(translation(other, nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest))
		for _, t := range turns() {
			filter.AddRule(&nftables.Rule{Table: other, Chain: before, Exprs: t.exprs()})
		}
		after := filter.AddChain(translation(other, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource-10))
		for _, name := range [...]string{"wan0", "wwan0"} {
			for _, protocol := range [...]policy.Protocol{policy.TCP, policy.UDP} {
				filter.AddRule(&nftables.Rule{Table: other, Chain: after, Exprs: masquerade(name, protocol)})
			}
		}
		if err := filter.Flush(); err != nil {
			return fmt.Errorf("make the other programs' table: %w", err)
		}
		return nil
	})
}

// early is a chain that is asked before those of most programs.
func early(table *nftables.Table, hook *nftables.ChainHook) *nftables.Chain {
	priority := nftables.ChainPriority(-400)
	return &nftables.Chain{
		Table: table, Name: fmt.Sprintf("early%d", *hook), Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &priority,
	}
}

func translation(table *nftables.Table, hook *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
	return &nftables.Chain{
		Table: table, Name: fmt.Sprintf("translate%d", *hook), Type: nftables.ChainTypeNAT, Hooknum: hook, Priority: &priority,
	}
}

// exprs match the turn's protocol and port in the family of its target, and translate the destination.
func (t turn) exprs() []expr.Any {
	to := netip.AddrPortFrom(addr(t.to), t.dest)
	family, number := byte(unix.NFPROTO_IPV4), uint32(unix.NFPROTO_IPV4)
	if to.Addr().Is6() {
		family, number = unix.NFPROTO_IPV6, unix.NFPROTO_IPV6
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(t.protocol)}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, t.port)},
		&expr.Immediate{Register: 1, Data: to.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, to.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: number, RegAddrMin: 1, RegProtoMin: 2},
	}
}

// masquerade translates the source of what leaves by an interface. Of a protocol without ports, two devices' packets to one machine would
// become one flow, and the second of them would arrive nowhere.
func masquerade(name string, protocol policy.Protocol) []expr.Any {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: padded},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(protocol)}},
		&expr.Masq{},
	}
}
