package main

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/catalog"
	"cordon/policy/load"
	"cordon/policy/message"
	"cordon/policy/simulate"
)

const (
	// dynamicPort is the source port of a packet of which nothing else is known: the first of the dynamic ones (RFC 6335).
	dynamicPort = 49152
	// experiment is the protocol number that stands for "any": only a block with "any" names it (RFC 3692).
	experiment = 253
	// mostPairs is how many pairs of machines one question may be about.
	mostPairs = 200_000
)

// party is one machine that a word stands for.
type party struct {
	iif, oif  string
	mac       policy.MAC
	addresses []netip.Addr
}

// packetsOf returns every packet that a question is about.
func packetsOf(cmd *cobra.Command, p policy.Policy, o simulate.Oracle, q question) ([]policy.Packet, error) {
	from, err := parties(cmd, p, o, q.from)
	if err != nil {
		return nil, err
	}
	to, err := parties(cmd, p, o, q.to)
	if err != nil {
		return nil, err
	}
	if len(from)*len(to) > mostPairs {
		return nil, wrongUsage(cmd, "explain.many", message.Args{"from": q.from, "to": q.to})
	}
	var bare []policy.Packet
	for _, f := range from {
		for _, t := range to {
			bare = append(bare, between(f, t, q)...)
		}
	}
	if len(bare) == 0 {
		return nil, &failure{
			code: exitPolicy, sentence: "explain.family", args: message.Args{"from": q.from, "to": q.to}, next: cmd.CommandPath() + " --help",
		}
	}
	return withServices(cmd, p, o, q, bare)
}

// between returns a packet without a service for each pair of addresses of one family.
func between(f, t party, q question) []policy.Packet {
	var list []policy.Packet
	for _, source := range f.addresses {
		for _, destination := range t.addresses {
			if source.Is4() != destination.Is4() || source == destination {
				continue
			}
			k := policy.Packet{IIF: f.iif, OIF: t.oif, MAC: f.mac, Source: source, Destination: destination}
			if q.iif != "" {
				k.IIF = q.iif
			}
			if !q.senderMAC.IsZero() {
				k.MAC = q.senderMAC
			}
			if q.reply {
				k.State = policy.Reply
			}
			list = append(list, k)
		}
	}
	return list
}

// parties returns the machines that a word stands for: an address, or a reference to a device, a group or a segment.
func parties(cmd *cobra.Command, p policy.Policy, o simulate.Oracle, word string) ([]party, error) {
	if a, err := netip.ParseAddr(word); err == nil {
		return []party{byAddress(p, o, a.Unmap())}, nil
	}
	kind, name, _ := strings.Cut(word, ".")
	switch kind {
	case "segment":
		for i := range p.Segments {
			if p.Segments[i].Name == name {
				return ofSegment(p, o, policy.SegmentID(i)), nil
			}
		}
	case "group":
		for i := range p.Groups {
			if p.Groups[i].Name == name {
				return ofDevices(p, o, p.Groups[i].Cameras), nil
			}
		}
	}
	for i := range p.Devices {
		if p.Devices[i].Reference() == word {
			return ofDevices(p, o, []policy.DeviceID{policy.DeviceID(i)}), nil
		}
	}
	return nil, noSuch(cmd, word, endNames(p))
}

// noSuch is a name that the policy does not have, with the one that resembles it.
func noSuch(cmd *cobra.Command, word string, names []string) *failure {
	f := &failure{code: exitPolicy, sentence: "explain.name", args: message.Args{"name": word}, next: cmd.CommandPath() + " --help"}
	near := load.Nearest(word, names)
	if i := slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(n, "."+word) }); near == "" && i >= 0 {
		near = names[i]
	}
	if near != "" {
		f.sentence, f.args["nearest"] = "explain.near", near
	}
	return f
}

// endNames are the names of all that may be an end.
func endNames(p policy.Policy) []string {
	var names []string
	for i := range p.Devices {
		names = append(names, p.Devices[i].Reference())
	}
	for i := range p.Segments {
		names = append(names, "segment."+p.Segments[i].Name)
	}
	for i := range p.Groups {
		names = append(names, "group."+p.Groups[i].Name)
	}
	return names
}

// byAddress is whoever has an address: the device that the policy names, else a machine whose MAC nobody knows.
func byAddress(p policy.Policy, o simulate.Oracle, a netip.Addr) party {
	found := party{iif: o.Interface(a), mac: nobody(), addresses: []netip.Addr{a}}
	for i := range p.Devices {
		if d := &p.Devices[i]; slices.Contains(d.Addresses, a) && !d.MAC.IsZero() {
			found.mac = d.MAC
		}
	}
	return found
}

// nobody is a MAC that no maker gives out.
func nobody() policy.MAC { return policy.MAC{2, 0, 0, 0, 0, 1} }

func ofDevices(p policy.Policy, o simulate.Oracle, ids []policy.DeviceID) []party {
	list := make([]party, len(ids))
	for i, id := range ids {
		d := &p.Devices[id]
		list[i] = byAddress(p, o, d.Addresses[0])
		list[i].addresses = d.Addresses
	}
	return list
}

// ofSegment is every named device of a camera or recorder segment, and of another one a machine that nobody has named.
func ofSegment(p policy.Policy, o simulate.Oracle, id policy.SegmentID) []party {
	s := &p.Segments[id]
	var devices []policy.DeviceID
	for i := range p.Devices {
		if p.Devices[i].Segment == id {
			devices = append(devices, policy.DeviceID(i))
		}
	}
	if s.Kind.Governed() {
		return ofDevices(p, o, devices)
	}
	found := party{iif: s.Interface, oif: s.Interface, mac: nobody()}
	networks := s.Networks()
	if s.Kind == policy.UplinkSegment {
		networks = outside()
	}
	for _, v4 := range [...]bool{true, false} {
		if a, ok := unnamed(p, o, networks, v4, s.Kind); ok {
			found.addresses = append(found.addresses, a)
		}
	}
	return []party{found}
}

// outside are networks that stand for the Internet in documents (RFC 5737, RFC 3849).
func outside() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:ffff::/48"),
	}
}

// unnamed returns the first address of some networks that neither the gateway nor a device has.
func unnamed(p policy.Policy, o simulate.Oracle, networks []netip.Prefix, v4 bool, kind policy.SegmentKind) (netip.Addr, bool) {
	taken := func(a netip.Addr) bool {
		return slices.ContainsFunc(p.Devices, func(d policy.Device) bool { return slices.Contains(d.Addresses, a) }) || o.Interface(a) == ""
	}
	for _, n := range networks {
		a := n.Masked().Addr().Next()
		for range len(p.Devices) + 2 {
			if n.Addr().Is4() == v4 && n.Contains(a) && (kind == policy.UplinkSegment || !taken(a)) {
				return a, true
			}
			a = a.Next()
		}
	}
	return netip.Addr{}, false
}

// withServices gives packets their service. Where none was asked for, it is whatever blocks name between the two ends, else one that
// stands for all of them.
func withServices(cmd *cobra.Command, p policy.Policy, o simulate.Oracle, q question, bare []policy.Packet) ([]policy.Packet, error) {
	services, err := servicesOf(cmd, p, q.service)
	if err != nil {
		return nil, err
	}
	var list []policy.Packet
	for _, k := range bare {
		asked := services
		if q.service == "" {
			probe := withPorts(k, policy.Ports{Protocol: policy.TCP, First: dynamicPort}, q)
			if asked = o.Services(probe); len(asked) == 0 {
				list = append(list, probe)
			}
		}
		for _, s := range asked {
			list = append(list, probes(k, s, q)...)
		}
	}
	return list, nil
}

// servicesOf reads tcp/443, udp/53, icmp, or the name of a service.
func servicesOf(cmd *cobra.Command, p policy.Policy, word string) ([]policy.Service, error) {
	if word == "" {
		return nil, nil
	}
	if word == "icmp" {
		return []policy.Service{{Ping: true}}, nil
	}
	if protocol, port, found := strings.Cut(word, "/"); found {
		n, err := strconv.ParseUint(port, 10, 16)
		number, known := map[string]policy.Protocol{"tcp": policy.TCP, "udp": policy.UDP}[protocol]
		if err != nil || !known || n == 0 {
			return nil, wrongUsage(cmd, "explain.service", message.Args{"value": word})
		}
		return []policy.Service{{Ports: []policy.Ports{{Protocol: number, First: uint16(n), Last: uint16(n)}}}}, nil
	}
	name := strings.TrimPrefix(word, "service.")
	for i := range p.Services {
		if p.Services[i].Name == name {
			return p.Services[i : i+1], nil
		}
	}
	if s, ok := catalog.Service(word); ok {
		return []policy.Service{s}, nil
	}
	return nil, noSuch(cmd, word, serviceNames(p))
}

// probes returns a packet for each run of ports of a service, for echo requests, and for what only "any" names.
func probes(k policy.Packet, s policy.Service, q question) []policy.Packet {
	var list []policy.Packet
	if s.Any {
		other := k
		other.Protocol = experiment
		list = append(list, other)
	}
	if s.Ping {
		list = append(list, withEcho(k, q))
	}
	for _, r := range s.Ports {
		list = append(list, withPorts(k, r, q))
	}
	return list
}

func withEcho(k policy.Packet, q question) policy.Packet {
	switch {
	case k.Source.Is4() && q.reply:
		k.Protocol, k.ICMPType = policy.ICMP, 0
	case k.Source.Is4():
		k.Protocol, k.ICMPType = policy.ICMP, 8
	case q.reply:
		k.Protocol, k.ICMPType = policy.ICMPv6, 129
	default:
		k.Protocol, k.ICMPType = policy.ICMPv6, 128
	}
	return k
}

// withPorts gives a packet the first port of a run: its destination's, or its own where it replies.
func withPorts(k policy.Packet, r policy.Ports, q question) policy.Packet {
	k.Protocol, k.SourcePort, k.DestinationPort = r.Protocol, q.sport, r.First
	if q.reply {
		k.SourcePort, k.DestinationPort = r.First, q.sport
	}
	return k
}

// packetDocument is a packet as the documents have it.
func packetDocument(o simulate.Oracle, k policy.Packet) *api.Packet {
	d := &api.Packet{
		IIF: k.IIF, OIF: k.OIF, Source: k.Source.String(), Destination: k.Destination.String(), Protocol: protocolName(k.Protocol),
		SPort: k.SourcePort, DPort: k.DestinationPort, State: k.State.String(),
	}
	if d.OIF == "" {
		d.OIF = o.Interface(k.Destination)
	}
	if !k.MAC.IsZero() && k.IIF != "" {
		d.SMAC = k.MAC.String()
	}
	if k.Protocol == policy.ICMP || k.Protocol == policy.ICMPv6 {
		d.ICMP = &api.ICMP{Type: k.ICMPType, Code: k.ICMPCode}
	}
	return d
}

func protocolName(p policy.Protocol) string {
	names := map[policy.Protocol]string{policy.TCP: "tcp", policy.UDP: "udp", policy.ICMP: "icmp", policy.ICMPv6: "icmpv6"}
	if name, ok := names[p]; ok {
		return name
	}
	return strconv.Itoa(int(p))
}
