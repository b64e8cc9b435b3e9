package integration_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// A technique is a way out that somebody has used, as frames on a wire. Who is on the sender's own segment hears them without the
// gateway, so arrival means: on another segment, or in a socket of the gateway itself.
type technique struct {
	id, what  string
	severity  severity
	mechanism string // what makes it work where it works
	from      string
	frames    func(s sender) [][]byte
	seen      func(*testing.T, stage) bool // nil: a witness hears the marker
	sealed    string                       // why it cannot be shown to arrive without a policy; "" when it can
}

// severity says what the technique is worth to an intruder.
type severity string

const (
	critical severity = "critical" // a stream out of the building, or in
	high     severity = "high"     // another segment, or the gateway itself
	medium   severity = "medium"   // a disturbance, or a few octets
)

// sender is who sends a technique's frames, and what they must carry.
type sender struct {
	machine *lab.Machine
	marker  []byte
	port    uint16 // one for each technique and stage
}

// stage is one pass over the table: before the policy, or after it.
type stage struct {
	lab *lab.Lab
	run int
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// own is the sender's address of the family of to.
func (s sender) own(to netip.Addr) netip.Addr { return s.machine.Address(to) }

// wire puts a packet into a frame to the gateway.
func (s sender) wire(packet []byte, etherType uint16, tags ...frame.Tag) []byte {
	return frame.Ethernet{
		Destination: s.machine.Segment.MAC, Source: s.machine.MAC, Tags: tags, Type: etherType, Payload: packet,
	}.Bytes()
}

// udp is a datagram that carries the marker.
func (s sender) udp(from, to netip.Addr, port uint16) []byte {
	return frame.UDP{SourcePort: s.port, DestinationPort: port, Payload: s.marker}.Bytes(from, to)
}

// four and six put a packet of one family on the wire.
func (s sender) four(p frame.IPv4) []byte { return s.wire(p.Bytes(), frame.TypeIPv4) }
func (s sender) six(p frame.IPv6) []byte  { return s.wire(p.Bytes(), frame.TypeIPv6) }

// datagram is a whole frame with a datagram between two addresses.
func (s sender) datagram(from, to netip.Addr, port uint16, tags ...frame.Tag) []byte {
	packet, etherType := frame.IP(from, to, policy.UDP, s.udp(from, to, port))
	return s.wire(packet, etherType, tags...)
}

// The addresses of the tables.
const (
	inCamera, inCamera6     = "10.30.0.21", "fd30::21"
	inRecorder, inRecorder6 = "10.40.0.10", "fd40::10"
	outside, outside6       = "198.51.100.7", "2001:db8:1::7"
	mediaPort               = 6150
	listenPort              = 5353
)

func single(build func(sender) []byte) func(sender) [][]byte {
	return func(s sender) [][]byte { return [][]byte{build(s)} }
}

// malformed are packets of an allowed flow in a form that no camera needs.
func malformed() []technique {
	option := func(options ...byte) func(sender) [][]byte {
		return single(func(s sender) []byte {
			from, to := addr(inCamera), addr(inRecorder)
			return s.four(frame.IPv4{Source: from, Destination: to, Protocol: policy.UDP, Options: options, Payload: s.udp(from, to, mediaPort)})
		})
	}
	header := func(extensions ...frame.Extension) func(sender) [][]byte {
		return single(func(s sender) []byte {
			from, to := addr(inCamera6), addr(inRecorder6)
			return s.six(frame.IPv6{Source: from, Destination: to, Extensions: extensions, Next: policy.UDP, Payload: s.udp(from, to, mediaPort)})
		})
	}
	part := func(more bool, offset int) func(sender) [][]byte {
		return single(func(s sender) []byte {
			from, to := addr(inCamera), addr(inRecorder)
			return s.four(frame.IPv4{
				Source: from, Destination: to, Protocol: policy.UDP, ID: s.port, MoreFragments: more, Offset: offset,
				Payload: padTo8(s.udp(from, to, mediaPort)),
			})
		})
	}
	pad := []byte{1, 4, 0, 0, 0, 0}
	return []technique{
		{
			id: "H03", what: "record route", severity: medium, mechanism: "options are parsed before forward", from: c1,
			frames: option(7, 7, 4, 0, 0, 0, 0),
		},
		{
			id: "H04", what: "timestamp", severity: medium, mechanism: "options are parsed before forward", from: c1,
			frames: option(68, 8, 5, 0, 0, 0, 0, 0),
		},
		{
			id: "H05", what: "router alert", severity: medium, mechanism: "options are parsed before forward", from: c1,
			frames: option(148, 4, 0, 0),
		},
		{
			id: "H07", what: "an unknown option", severity: medium, mechanism: "octets that nobody looks at", from: c1,
			frames: option(30, 4, 1, 1),
		},
		{id: "C01", what: "first fragment", severity: high, mechanism: "RFC 1858", from: c1, frames: part(true, 0)},
		{id: "C02", what: "later fragment alone", severity: critical, mechanism: "no ports to look at", from: c1, frames: part(false, 64)},
		{id: "C03", what: "tiny fragment, the rest behind it", severity: critical, mechanism: "RFC 3128", from: c1, frames: tiny},
		{
			id: "C05", what: "IPv6 first fragment", severity: high, mechanism: "RFC 8200", from: c1,
			frames: header(frame.FragmentHeader(7, 0, true)),
		},
		{
			id: "C06", what: "IPv6 later fragment alone", severity: critical, mechanism: "no ports to look at", from: c1,
			frames: header(frame.FragmentHeader(8, 64, false)),
		},
		{
			id: "C07", what: "IPv6 atomic fragment", severity: high, mechanism: "RFC 6946", from: c1,
			frames: header(frame.FragmentHeader(9, 0, false)),
		},
		{
			id: "C08", what: "destination options", severity: high, mechanism: "filters look at the first next-header", from: c1,
			frames: header(frame.Extension{Type: frame.DestinationOptions, Body: pad}),
		},
		{
			id: "C09", what: "hop-by-hop options", severity: high, mechanism: "parsed in ip6_rcv", from: c1,
			frames: header(frame.Extension{Type: frame.HopByHop, Body: pad}),
		},
		{
			id: "C10", what: "a routing header", severity: high, mechanism: "RFC 5095", from: c1,
			frames: header(frame.Extension{Type: frame.Routing, Body: []byte{253, 0, 0, 0, 0, 0}}),
		},
		{id: "C12", what: "a chain of headers", severity: high, mechanism: "RFC 7045", from: c1, frames: header(
			frame.Extension{Type: frame.HopByHop, Body: pad}, frame.Extension{Type: frame.DestinationOptions, Body: pad},
			frame.FragmentHeader(10, 0, false))},
	}
}

// priorityTags are tags that the kernel takes off before it looks at a packet.
func priorityTags() []technique {
	return []technique{
		{
			id: "G20", what: "priority tag, VID 0", severity: high, mechanism: "the kernel takes the tag off", from: c1,
			frames: tagged(inCamera, inRecorder, frame.Tag{}),
		},
		{
			id: "G21", what: "priority tag to the internet", severity: critical, mechanism: "the kernel takes the tag off", from: c1,
			frames: tagged(inCamera, outside, frame.Tag{}),
		},
		{
			id: "G22", what: "two priority tags", severity: high, mechanism: "the kernel takes both off", from: c1,
			frames: tagged(inCamera, inRecorder, frame.Tag{Type: frame.TypeService}, frame.Tag{}),
		},
		{
			id: "G23", what: "priority tag around IPv6", severity: high, mechanism: "the kernel takes the tag off", from: c1,
			frames: tagged(inCamera6, inRecorder6, frame.Tag{}),
		},
		{
			id: "G24", what: "another VLAN's tag", severity: high, mechanism: "CERT VU#855201", from: c1,
			frames: tagged(inCamera, inRecorder, frame.Tag{ID: 40}),
			sealed: "the site's gateway has no tagged interface",
		},
	}
}

func padTo8(b []byte) []byte { return append(b, make([]byte, (8-len(b)%8)%8)...) }

// tiny cuts a datagram behind its header.
func tiny(s sender) [][]byte {
	from, to := addr(inCamera), addr(inRecorder)
	whole := padTo8(s.udp(from, to, mediaPort))
	cut := func(more bool, offset int, b []byte) []byte {
		return s.four(frame.IPv4{
			Source: from, Destination: to, Protocol: policy.UDP, ID: s.port, MoreFragments: more, Offset: offset, Payload: b,
		})
	}
	return [][]byte{cut(true, 0, whole[:8]), cut(false, 8, whole[8:])}
}

func tagged(from, to string, tags ...frame.Tag) func(sender) [][]byte {
	return single(func(s sender) []byte { return s.datagram(addr(from), addr(to), mediaPort, tags...) })
}

// reflections make the gateway itself carry the marker to a forged source: its own errors and answers are subject to no forward chain.
func reflections() []technique {
	const out = "the gateway answers, and the answer is not forwarded"
	forged := func(to string, ttl uint8, options ...byte) func(sender) [][]byte {
		return single(func(s sender) []byte {
			from, target := addr(outside), addr(to)
			return s.four(frame.IPv4{
				Source: from, Destination: target, Protocol: policy.UDP, TTL: ttl, Options: options, Payload: s.udp(from, target, 9),
			})
		})
	}
	forged6 := func(to string, hops uint8, extensions ...frame.Extension) func(sender) [][]byte {
		return single(func(s sender) []byte {
			from, target := addr(outside6), addr(to)
			return s.six(frame.IPv6{
				Source: from, Destination: target, HopLimit: hops, Extensions: extensions, Next: policy.UDP, Payload: s.udp(from, target, 9),
			})
		})
	}
	ping := func(from, to string) func(sender) [][]byte {
		return single(func(s sender) []byte {
			target := addr(to)
			echo := frame.Echo(target, s.port, 1, s.marker).Bytes(addr(from), target)
			packet, etherType := frame.IP(addr(from), target, frame.ICMPOf(target), echo)
			return s.wire(packet, etherType)
		})
	}
	bad := frame.Extension{Type: frame.HopByHop, Body: []byte{0xc3, 4, 0, 0, 0, 0}}
	badEnd := frame.Extension{Type: frame.DestinationOptions, Body: []byte{0xc3, 4, 0, 0, 0, 0}}
	return []technique{
		{id: "H06", what: "a bad option", severity: critical, mechanism: out, from: c1, frames: forged(inRecorder, 64, 7, 7, 3, 0, 0, 0, 0)},
		{id: "H20", what: "a closed port of the gateway", severity: critical, mechanism: out, from: c1, frames: forged("10.30.0.1", 64)},
		{id: "H21", what: "TTL 1", severity: critical, mechanism: out, from: c1, frames: forged(inRecorder, 1)},
		{id: "H22", what: "hop limit 1", severity: critical, mechanism: out, from: c1, frames: forged6(inRecorder6, 1)},
		{id: "H23", what: "echo", severity: critical, mechanism: out, from: c1, frames: ping(outside, "10.30.0.1")},
		{id: "H24", what: "echo in IPv6", severity: critical, mechanism: out, from: c1, frames: ping(outside6, "fd30::1")},
		{
			id: "H25", what: "a network that nobody has", severity: critical, mechanism: out, from: c1,
			frames: forged("192.0.2.99", 64),
			sealed: "the kernel answers one such packet of many",
		},
		{
			id: "H27", what: "a closed port of the gateway in IPv6", severity: critical, mechanism: out, from: c1,
			frames: forged6("fd30::1", 64),
		},
		{
			id: "H28", what: "hop-by-hop option 0xC3", severity: critical, mechanism: "answered before prerouting", from: c1,
			frames: forged6(inRecorder6, 64, bad),
		},
		{id: "H29", what: "destination option 0xC3", severity: critical, mechanism: out, from: c1, frames: forged6("fd30::1", 64, badEnd)},
		{
			id: "H30", what: "a network that nobody has, IPv6", severity: critical, mechanism: out, from: c1,
			frames: forged6("2001:db8:ffff::1", 64),
		},
		{id: "H31", what: "TTL 1, from a recorder", severity: critical, mechanism: out, from: nvr, frames: forged(inCamera, 1)},
		{
			id: "H32", what: "TTL 1, from a recorder without a MAC", severity: critical, mechanism: out, from: nvr2,
			frames: forged(inCamera, 1),
		},
		{id: "H33", what: "hop limit 1, from a recorder", severity: critical, mechanism: out, from: nvr, frames: forged6(inCamera6, 1)},
		{
			id: "H34", what: "hop-by-hop option 0xC3, from a recorder", severity: critical, mechanism: "answered before prerouting", from: nvr,
			frames: forged6(inCamera6, 64, bad),
		},
		{id: "H35", what: "echo, from a recorder", severity: critical, mechanism: out, from: nvr, frames: ping(outside, "10.40.0.1")},
		{
			id: "H36", what: "TTL 1, from a device without a name", severity: critical, mechanism: out, from: stranger,
			frames: forged(inRecorder, 1),
		},
		{id: "H37", what: "echo as a recorder", severity: high, mechanism: out, from: c1, frames: ping(inRecorder, "10.30.0.1")},
		{id: "H38", what: "echo as the office", severity: high, mechanism: out, from: c1, frames: ping("fd50::5", "fd30::1")},
	}
}

// local are ways into a socket of the gateway.
func local() []technique {
	to := func(target string) func(sender) [][]byte {
		return single(func(s sender) []byte { return s.datagram(s.own(addr(target)), addr(target), listenPort) })
	}
	toGroup := func(group string) func(sender) [][]byte {
		return single(func(s sender) []byte {
			target := addr(group)
			from := s.own(target)
			packet, etherType := frame.IP(from, target, policy.UDP, s.udp(from, target, listenPort))
			destination := frame.Broadcast()
			if target.IsMulticast() {
				destination = frame.GroupMAC(target)
			}
			return frame.Ethernet{Destination: destination, Source: s.machine.MAC, Type: etherType, Payload: packet}.Bytes()
		})
	}
	linkLocal := single(func(s sender) []byte {
		from, target := addr("fe80::4619:b6ff:fe00:1"), addr("fe80::ff:fe00:3001")
		return s.datagram(from, target, listenPort)
	})
	const weak = "input sees every local address"
	return []technique{
		{id: "D01", what: "the gateway", severity: high, mechanism: "input forgotten", from: c1, frames: to("10.30.0.1")},
		{id: "D02", what: "the gateway in IPv6", severity: high, mechanism: "input forgotten", from: c1, frames: to("fd30::1")},
		{id: "D22", what: "its link-local address", severity: high, mechanism: "rules by address", from: c1, frames: linkLocal},
		{id: "D23", what: "its address at the recorders", severity: high, mechanism: weak, from: c1, frames: to("10.40.0.1")},
		{id: "D24", what: "its address at the office", severity: high, mechanism: weak, from: c1, frames: to("10.50.0.1")},
		{id: "D25", what: "its address at the uplink", severity: high, mechanism: weak, from: c1, frames: to("203.0.113.2")},
		{id: "D26", what: "its address at the uplink, IPv6", severity: high, mechanism: weak, from: c1, frames: to("2001:db8::2")},
		{id: "D07", what: "127.0.0.1", severity: high, mechanism: "route_localnet, CVE-2020-8558", from: c1, frames: to("127.0.0.1")},
		{
			id: "D04", what: "everybody, 255.255.255.255", severity: medium, mechanism: "broadcast is local", from: c1,
			frames: toGroup("255.255.255.255"),
		},
		{id: "D05", what: "all hosts, 224.0.0.1", severity: medium, mechanism: "multicast is local", from: c1, frames: toGroup("224.0.0.1")},
		{id: "D08", what: "all nodes, ff02::1", severity: medium, mechanism: "multicast is local", from: c1, frames: toGroup("ff02::1")},
		{
			id: "D09", what: "the segment's broadcast address", severity: medium, mechanism: "broadcast is local", from: nvr,
			frames: toGroup("10.40.0.255"),
		},
		{id: "D27", what: "the gateway from a recorder", severity: high, mechanism: "input forgotten", from: nvr, frames: to("10.40.0.1")},
		{
			id: "D28", what: "the gateway from a recorder, IPv6", severity: high, mechanism: "input forgotten", from: nvr,
			frames: to("fd40::1"),
		},
		{
			id: "D29", what: "the gateway from a recorder without a MAC", severity: high, mechanism: "input forgotten", from: nvr2,
			frames: to("10.40.0.1"),
		},
		{
			id: "D30", what: "the gateway from the internet", severity: high, mechanism: "input forgotten", from: internet,
			frames: to("203.0.113.2"),
		},
		{id: "D31", what: "an inside address from the internet", severity: high, mechanism: weak, from: internet, frames: to("10.30.0.1")},
		{
			id: "D32", what: "the gateway from the internet, IPv6", severity: high, mechanism: "input forgotten", from: internet,
			frames: to("2001:db8::2"),
		},
		{
			id: "D33", what: "a port that manage does not name", severity: medium, mechanism: "input forgotten", from: office,
			frames: to("10.50.0.1"),
		},
		{
			id: "D34", what: "the gateway from a device without a name", severity: high, mechanism: "input forgotten", from: stranger,
			frames: to("10.30.0.1"),
		},
		{
			id: "E12", what: "the recorders' broadcast address", severity: medium, mechanism: "bc_forwarding, RFC 2644", from: c1,
			frames: to("10.40.0.255"),
		},
	}
}

// protocols are what filters that list TCP and UDP forget, on every road that the policy opens for something else.
func protocols() []technique {
	numbers := map[policy.Protocol]string{
		2: "IGMP", 4: "IPv4 inside", 33: "DCCP", 41: "IPv6 inside", 47: "GRE", 50: "ESP", 51: "AH", 89: "OSPF", 115: "L2TP",
		132: "SCTP", 136: "UDP-Lite", 253: "an experiment", 255: "reserved",
	}
	roads := []struct{ from, to string }{
		{c1, inRecorder},
		{c1, inRecorder6},
		{c1, outside},
		{c1, outside6},
		{nvr, inCamera},
		{nvr, inCamera6},
		{nvr, outside6},
		{nvr2, "10.30.0.22"},
	}
	var all []technique
	for number, name := range numbers {
		for i, road := range roads {
			target := addr(road.to)
			all = append(all, technique{
				id: fmt.Sprintf("B%d.%d", number, i), what: name + " from " + road.from + " to " + road.to, severity: critical,
				mechanism: "lists of protocols", from: road.from,
				frames: single(func(s sender) []byte {
					ports := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, s.port), mediaPort)
					packet, etherType := frame.IP(s.own(target), target, number, append(append(ports, 0, 0, 0, 0), s.marker...))
					return s.wire(packet, etherType)
				}),
			})
		}
	}
	other := func(id string, to string, number policy.Protocol) technique {
		target := addr(to)
		return technique{
			id: id, what: "the other family's ICMP", severity: high, mechanism: "lists of protocols", from: c1,
			frames: single(func(s sender) []byte {
				packet, etherType := frame.IP(s.own(target), target, number, append([]byte{8, 0, 0, 0, 0, 0, 0, 0}, s.marker...))
				return s.wire(packet, etherType)
			}),
		}
	}
	return append(all, other("B60", inRecorder, policy.ICMPv6), other("B61", inRecorder6, policy.ICMP),
		other("B62", inRecorder6, frame.NoNext))
}

// unstateful are TCP segments that belong to no connection, from the port that the policy opens and in the answer's direction.
func unstateful() []technique {
	flags := map[string]frame.Flags{
		"ACK": frame.ACK, "SYN+ACK": frame.SYN | frame.ACK, "RST": frame.RST, "FIN": frame.FIN, "FIN+ACK": frame.FIN | frame.ACK, "none": 0,
		"SYN+FIN": frame.SYN | frame.FIN, "xmas": frame.FIN | frame.PSH | frame.URG, "SYN": frame.SYN, "PSH+ACK": frame.PSH | frame.ACK,
	}
	roads := []struct {
		from, to   string
		port, dest uint16
	}{
		{c1, inRecorder, 554, 0},
		{c1, inRecorder6, 554, 0},
		{c1, outside, 554, 443},
		{c1, outside6, 80, 443},
		{c2, inRecorder, 80, 445},
		{nvr, inCamera, 6514, 0},
		{nvr, "10.50.0.5", 443, 0},
		{nvr, "fd50::5", 443, 0},
		{"stranger", inRecorder, 554, 0},
	}
	var all []technique
	for name, f := range flags {
		for i, road := range roads {
			target := addr(road.to)
			all = append(all, technique{
				id: fmt.Sprintf("H1%d.%s", i, name), what: fmt.Sprintf("%s from %s:%d to %s", name, road.from, road.port, road.to), severity: high,
				mechanism: "established or source port accepted", from: road.from,
				frames: single(func(s sender) []byte {
					from, dest := s.own(target), road.dest
					if dest == 0 {
						dest = s.port
					}
					segment := frame.TCP{SourcePort: road.port, DestinationPort: dest, Flags: f, Sequence: 7, Payload: s.marker}
					packet, etherType := frame.IP(from, target, policy.TCP, segment.Bytes(from, target))
					return s.wire(packet, etherType)
				}),
			})
		}
	}
	return all
}

// messages are ICMP that carries octets: errors about flows that are not, and what is no error.
func messages() []technique {
	var all []technique
	add := func(family string, from, to string, types []uint8) {
		target := addr(to)
		for _, kind := range types {
			all = append(all, technique{
				id: fmt.Sprintf("A%s%d.%s", family, kind, from), what: fmt.Sprintf("ICMP type %d from %s to %s", kind, from, to),
				severity: critical, mechanism: "errors and echoes accepted before the rules", from: from,
				frames: single(func(s sender) []byte {
					own := s.own(target)
					quoted, _ := frame.IP(target, own, policy.UDP, frame.UDP{SourcePort: 1, DestinationPort: s.port, Payload: s.marker}.Bytes(target, own))
					m := frame.ICMP{Type: kind, Payload: quoted}
					packet, etherType := frame.IP(own, target, frame.ICMPOf(target), m.Bytes(own, target))
					return s.wire(packet, etherType)
				}),
			})
		}
	}
	four, six := []uint8{0, 3, 4, 5, 8, 9, 11, 12, 13, 15, 17, 40}, []uint8{1, 2, 3, 4, 100, 128, 129, 130, 138, 139, 144, 200}
	for _, way := range []struct{ from, to, to6 string }{
		{c1, outside, outside6},
		{c1, inRecorder, inRecorder6},
		{nvr, outside, outside6},
		{nvr, inCamera, inCamera6},
		{internet, inCamera, inCamera6},
	} {
		add("4.", way.from, way.to, four)
		add("6.", way.from, way.to6, six)
	}
	return all
}

// poisonings lie about who has an address, to the gateway.
func poisonings() []technique {
	arp := func(operation uint16, as, target string, whole bool) func(sender) [][]byte {
		return single(func(s sender) []byte {
			a := frame.ARP{Operation: operation, SenderMAC: s.machine.MAC, Sender: addr(as), Target: addr(target)}
			destination := s.machine.Segment.MAC
			if whole {
				destination = frame.Broadcast()
			}
			return frame.Ethernet{Destination: destination, Source: s.machine.MAC, Type: frame.TypeARP, Payload: a.Bytes()}.Bytes()
		})
	}
	moved := func(iface, address string, to policy.MAC) func(*testing.T, stage) bool {
		return func(t *testing.T, s stage) bool {
			t.Helper()
			return neighbour(t, s.lab, iface, addr(address)) == to
		}
	}
	solicit := single(func(s sender) []byte { return s.discovery(frame.NeighbourSolicit, addr(inCamera6), "fd30::1", 1) })
	advert := func(s sender) [][]byte {
		return [][]byte{solicit(s)[0], s.discovery(frame.NeighbourAdvert, addr("fd30::22"), inCamera6, 2)}
	}
	mac1, mac2 := policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 2}
	bare := policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xdd}
	return []technique{
		{
			id: "G01", what: "a question as the other camera", severity: high, mechanism: "RFC 826 believes it", from: c1,
			frames: arp(1, "10.30.0.22", "10.30.0.1", true),
			seen:   moved("cam0", "10.30.0.22", mac1),
		},
		{
			id: "G02", what: "an answer as the other camera", severity: high, mechanism: "RFC 826 believes it", from: c2,
			frames: arp(2, inCamera, "10.30.0.1", false),
			seen:   moved("cam0", inCamera, mac2),
		},
		{
			id: "G03", what: "an announcement as the other camera", severity: high, mechanism: "gratuitous ARP", from: c1,
			frames: arp(2, "10.30.0.22", "10.30.0.22", true),
			seen:   moved("cam0", "10.30.0.22", mac1),
		},
		{
			id: "G08", what: "a question as the other recorder", severity: high, mechanism: "RFC 826 believes it", from: nvr2,
			frames: arp(1, inRecorder, "10.40.0.1", true),
			seen:   moved("rec0", inRecorder, bare),
		},
		{
			id: "G05", what: "a neighbour solicitation as the other camera", severity: high, mechanism: "RFC 4861 believes it", from: c2,
			frames: solicit,
			seen:   moved("cam0", inCamera6, mac2),
		},
		{
			id: "G06", what: "a neighbour advertisement as the other camera", severity: high, mechanism: "RFC 4861 believes it", from: c2,
			frames: advert,
			seen:   moved("cam0", inCamera6, mac2),
		},
	}
}

// discovery is a message of RFC 4861 with the sender's MAC as its only option.
func (s sender) discovery(kind uint8, from netip.Addr, target string, option byte) []byte {
	to := addr("fd30::1")
	about := addr(target).As16()
	m := frame.ICMP{Type: kind, Payload: append(about[:], append([]byte{option, 1}, s.machine.MAC[:]...)...)}
	if kind == frame.NeighbourAdvert {
		m.Rest[0] = 0x20 // override
	}
	return s.six(frame.IPv6{Source: from, Destination: to, HopLimit: 255, Next: policy.ICMPv6, Payload: m.Bytes(from, to)})
}

// neighbour returns what the gateway holds for an address.
func neighbour(t *testing.T, l *lab.Lab, iface string, address netip.Addr) policy.MAC {
	t.Helper()
	var mac policy.MAC
	err := l.Gateway().Do(func() error {
		link, err := netlink.LinkByName(iface)
		if err != nil {
			return err
		}
		list, err := netlink.NeighList(link.Attrs().Index, 0)
		for _, n := range list {
			if n.IP.Equal(net.IP(address.AsSlice())) {
				copy(mac[:], n.HardwareAddr)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return mac
}

func techniques() []technique {
	var all []technique
	for _, group := range [...][]technique{
		malformed(), priorityTags(), reflections(), local(), protocols(), unstateful(), messages(), poisonings(),
	} {
		all = append(all, group...)
	}
	return all
}

// careless sets what a gateway may have been set to before: options believed, forged sources taken, errors without a limit.
func careless(t *testing.T, l *lab.Lab) {
	t.Helper()
	set(t, l, map[string]string{
		"ipv4/icmp_ratelimit": "0", "ipv6/icmp/ratelimit": "0", "ipv4/icmp_msgs_per_sec": "100000",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/cam0/rp_filter": "0", "ipv4/conf/rec0/rp_filter": "0", "ipv4/conf/wan0/rp_filter": "0",
		"ipv4/conf/all/bc_forwarding": "1", "ipv4/conf/cam0/bc_forwarding": "1", "ipv4/neigh/cam0/locktime": "0", "ipv4/neigh/rec0/locktime": "0",
		"ipv4/icmp_msgs_burst":          "100000",
		"ipv4/conf/cam0/route_localnet": "1", "ipv4/conf/all/accept_source_route": "1",
	})
}

func set(t *testing.T, l *lab.Lab, values map[string]string) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		for name, value := range values {
			if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o600); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ears are everybody who may hear a marker: each machine's witness, and a socket of the gateway.
type ears struct {
	mu    sync.Mutex
	heard map[string]map[string]bool // marker → who
}

const markerPrefix = "escape-"

// note looks for a marker, which has a fixed length.
func (e *ears) note(who string, raw []byte) bool {
	i := bytes.Index(raw, []byte(markerPrefix))
	if i < 0 || len(raw) < i+len(markerPrefix)+6 {
		return false
	}
	marker := string(raw[i : i+len(markerPrefix)+6])
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard[marker] == nil {
		e.heard[marker] = map[string]bool{}
	}
	e.heard[marker][who] = true
	return true
}

func (e *ears) who(marker string) map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.heard[marker]) // who asks goes on reading while others are still hearing
}

// listen opens every witness, and the gateway's socket.
func listen(t *testing.T, l *lab.Lab) (*ears, []*lab.Watch) {
	t.Helper()
	e := &ears{heard: map[string]map[string]bool{}}
	var watches []*lab.Watch
	for _, m := range l.Machines() {
		w, err := m.Watch(func(p frame.Packet) bool { return e.note(m.Name, p.Raw) })
		if err != nil {
			t.Fatal(err)
		}
		watches = append(watches, w)
	}
	for _, network := range [...]string{"udp4", "udp6"} {
		var conn net.PacketConn
		err := l.Gateway().Do(func() (err error) {
			conn, err = (&net.ListenConfig{}).ListenPacket(t.Context(), network, fmt.Sprintf(":%d", listenPort))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() }) // ends the loop below
		go func() {
			buffer := make([]byte, 1<<16)
			for {
				n, _, err := conn.ReadFrom(buffer)
				if err != nil {
					return
				}
				e.note("gateway", buffer[:n])
			}
		}()
	}
	return e, watches
}

// pass sends every technique once and returns which arrived, and where.
func (e *ears) pass(t *testing.T, s stage, all []technique) map[string]string {
	t.Helper()
	marker := func(i int) string { return fmt.Sprintf("%s%d%05d", markerPrefix, s.run, i) }
	arrived := map[string]string{}
	for i, x := range all {
		m, err := s.lab.Machine(x.from)
		if err != nil {
			t.Fatal(err)
		}
		from := sender{machine: m, marker: []byte(marker(i)), port: uint16(10000 + 2000*s.run + i)}
		for _, raw := range x.frames(from) {
			if err := m.SendFrame(raw); err != nil {
				t.Fatalf("%s: %v", x.id, err)
			}
		}
		if x.seen != nil {
			s.fence(t)
			if x.seen(t, s) {
				arrived[x.id] = "the neighbour table"
			}
		}
	}
	s.fence(t)
	for i, x := range all {
		m, _ := s.lab.Machine(x.from) // found above
		for who := range e.who(marker(i)) {
			if who == "gateway" || segmentOf(t, s.lab, who) != m.Segment.Name {
				arrived[x.id] = who
			}
		}
	}
	return arrived
}

func segmentOf(t *testing.T, l *lab.Lab, name string) string {
	t.Helper()
	m, err := l.Machine(name)
	if err != nil {
		t.Fatal(err)
	}
	return m.Segment.Name
}

// fence waits until everything that was sent has had its time: an allowed flow of each governed segment goes behind it.
func (s stage) fence(t *testing.T) {
	t.Helper()
	for _, f := range [...]flow{
		{name: "fence", from: c1, to: inRecorder, protocol: policy.UDP, port: mediaPort},
		{name: "fence", from: c2, to: inRecorder, protocol: policy.UDP, port: mediaPort},
		{name: "fence", from: nvr, to: inCamera6, protocol: policy.TCP, port: 554},
	} {
		try := f.try()
		r, err := s.lab.Try(t.Context(), try)
		if err != nil {
			t.Fatal(err)
		}
		// Without a policy the poisonings have moved the recorder; waiting for it was all that the fence is for.
		if r.Arrived == 0 && s.run > 0 {
			t.Fatalf("the allowed flow from %s to %s does not arrive", f.from, f.to)
		}
	}
}

// TestEscapes sends every technique through a careless router, where it has to arrive, and through Cordon's gateway, where it must not.
func TestEscapes(t *testing.T) {
	l := open(t)
	serveAll(t, l, []flow{{to: inRecorder, protocol: policy.UDP, port: mediaPort}, {to: inCamera6, protocol: policy.TCP, port: 554}})
	careless(t, l)
	e, watches := listen(t, l)
	all := techniques()
	before := e.pass(t, stage{l, 0}, all)
	apply(t, l, read(t, head+allows))
	set(t, l, map[string]string{"ipv4/icmp_ratelimit": "0", "ipv6/icmp/ratelimit": "0"})
	after := e.pass(t, stage{l, 1}, all)

	count, sealed := map[severity]int{}, 0
	for _, x := range all {
		count[x.severity]++
		if where, ok := before[x.id]; ok != (x.sealed == "") {
			t.Errorf("control: %s, %s: arrived at %q without a policy", x.id, x.what, where)
		}
		if x.sealed != "" {
			sealed++
		}
		if where, ok := after[x.id]; ok {
			t.Errorf("%s (%s): %s reaches %s: %s", x.id, x.severity, x.what, where, x.mechanism)
		}
	}
	for _, w := range watches {
		if err := w.Missed(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d techniques: %v, %d of them not to be shown open", len(all), count, sealed)
	if len(all) < 380 {
		t.Errorf("only %d techniques", len(all))
	}
}

// errorAbout is an ICMP error of a machine about a packet that it says it was sent.
func errorAbout(s sender, to, quotedFrom, quotedTo netip.Addr, fromPort, toPort uint16, kind, code uint8) []byte {
	segment := frame.TCP{SourcePort: fromPort, DestinationPort: toPort, Flags: frame.ACK, Sequence: 1, Payload: s.marker}
	quoted, _ := frame.IP(quotedFrom, quotedTo, policy.TCP, segment.Bytes(quotedFrom, quotedTo))
	own := s.own(to)
	packet, etherType := frame.IP(own, to, frame.ICMPOf(to), frame.ICMP{Type: kind, Code: code, Payload: quoted}.Bytes(own, to))
	return s.wire(packet, etherType)
}

// TestErrorsOfOthers holds that an error about a running flow comes from the camera of that flow only.
func TestErrorsOfOthers(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, strings.Replace(head, `address = "10.30.0.22"`, `addresses = ["10.30.0.22", "fd30::22"]`, 1)+allows))
	e, _ := listen(t, l)
	m := func(name string) *lab.Machine {
		m, err := l.Machine(name)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	cases := 0
	echo(t, l, c1, 554)
	for i, to := range [...]string{inCamera, inCamera6} {
		s := talk(t, l, nvr, to, 554)
		local, remote := s.ends(t)
		kinds := [...]uint8{3, 11, 12}
		if remote.Addr().Is6() {
			kinds = [...]uint8{1, 2, 3}
		}
		for j, kind := range kinds {
			for k, from := range [...]string{c1, c2, stranger, internet} {
				marker := fmt.Sprintf("%s%d%d%d000", markerPrefix, i, j, k)
				x := sender{machine: m(from), marker: []byte(marker)}
				if err := x.machine.SendFrame(errorAbout(x, local.Addr(), local.Addr(), remote.Addr(), local.Port(), 554, kind, 0)); err != nil {
					t.Fatal(err)
				}
				stage{l, 1}.fenceOf(t, c2)
				cases++
				if got := e.who(marker)[nvr]; got != (from == c1) {
					t.Errorf("an error of type %d from %s about the flow to %s: arrived %t", kind, from, to, got)
				}
			}
		}
	}
	t.Logf("%d errors", cases)
}

// TestErrorsFromTheOtherSide holds that an error about a running flow comes from the side that the quoted packet was sent to. The controls
// are the same errors from there, and one from a router on the way of a flow that is translated.
func TestErrorsFromTheOtherSide(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+abroadAllows+exceptions(time.Now().Add(time.Hour))+`
allow "updates" {
  from     = recorder.nvr
  to       = segment.internet
  services = ["https"]
}
`))
	e, _ := listen(t, l)
	counts, refused := map[bool]int{}, map[string]string{}
	report := func(from, witness string, to, quotedFrom, quotedTo netip.AddrPort, arrives bool) {
		t.Helper()
		marker := fmt.Sprintf("%s%03d000", markerPrefix, counts[true]+counts[false])
		counts[arrives]++
		kind := map[bool]uint8{true: 3, false: 1}[to.Addr().Is4()]
		x := sender{machine: machine(t, l, from), marker: []byte(marker)}
		raw := errorAbout(x, to.Addr(), quotedFrom.Addr(), quotedTo.Addr(), quotedFrom.Port(), quotedTo.Port(), kind, 0)
		if err := x.machine.SendFrame(raw); err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("an error from %s to %s about what it sent to %s", from, witness, quotedTo)
		stage{l, 1}.fenceOf(t, c2)
		if !arrives {
			refused[marker] = what // asked at the end, for it may still be on its way
			return
		}
		for range 50 {
			if e.who(marker)[witness] {
				return
			}
			stage{l, 1}.fenceOf(t, c2)
		}
		t.Errorf("%s does not arrive", what)
	}
	for _, c := range []struct {
		from, to string
		port     uint16
		others   []string
	}{
		{nvr, inCamera, 554, []string{internet, office}},
		{nvr, inCamera6, 554, []string{internet, office}},
		{nvr, inCamera, 9000, []string{internet, office}},
		{office, inRecorder, 443, []string{internet, c1}},
		{office, inRecorder6, 443, []string{internet, c1}},
	} {
		far := owner(addr(c.to))
		if addr(c.to).Is4() {
			echo(t, l, far, c.port)
		}
		local, remote := talk(t, l, c.from, c.to, c.port).ends(t)
		report(far, c.from, local, local, remote, true)
		report(c.from, far, remote, remote, local, true)
		for _, other := range c.others {
			report(other, c.from, local, local, remote, false)
			report(other, far, remote, remote, local, false)
		}
	}
	echo(t, l, internet, 443)
	local, remote := talk(t, l, nvr, outside, 443).ends(t)
	translated := netip.AddrPortFrom(addr("198.51.100.2"), local.Port())
	report(internet, nvr, translated, translated, remote, true)
	for marker, what := range refused {
		if who := e.who(marker); len(who) > 0 {
			t.Errorf("%s arrives at %v", what, who)
		}
	}
	t.Logf("%d errors from the right side, %d from another one", counts[true], counts[false])
}

// talk opens a connection to a machine that echoes already.
func talk(t *testing.T, l *lab.Lab, from, to string, port uint16) *conversation {
	t.Helper()
	m, err := l.Machine(from)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := m.Dial(ctx, "tcp", netip.AddrPort{}, netip.AddrPortFrom(addr(to), port))
	if err != nil {
		t.Fatalf("%s to %s: %v", from, to, err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // what it carried is what the test looked at
	return &conversation{from + " to " + to, conn}
}

// fenceOf waits until an allowed flow of one camera has gone behind what was sent.
func (s stage) fenceOf(t *testing.T, camera string) {
	t.Helper()
	f := flow{name: "fence", from: camera, to: inRecorder, protocol: policy.UDP, port: mediaPort}
	try := f.try()
	try.Wait = 30 * time.Millisecond
	if r, err := s.lab.Try(t.Context(), try); err != nil || r.Arrived == 0 {
		t.Fatalf("the allowed flow of %s does not arrive: %v", camera, err)
	}
}

// TestNestedNetworks holds that a network behind a client's router does not hold the networks of cameras and recorders inside it: the
// longest prefix wins, also for who may send from where.
func TestNestedNetworks(t *testing.T) {
	l := open(t)
	wide := strings.Replace(head, `addresses = ["10.50.0.1/24", "fd50::1/64"]`, `addresses = ["10.50.0.1/24", "fd50::1/64"]
  route {
    to  = ["10.0.0.0/8", "fd00::/8"]
    via = "10.50.0.9"
  }`, 1)
	wide = strings.Replace(wide, `to  = ["10.0.0.0/8", "fd00::/8"]
    via = "10.50.0.9"`, `to  = ["10.0.0.0/8"]
    via = "10.50.0.9"
  }
  route {
    to  = ["fd00::/8"]
    via = "fd50::9"`, 1)
	wide = strings.Replace(wide, `address = "10.40.0.11"`, `addresses = ["10.40.0.11", "fd40::11"]`, 1)
	apply(t, l, read(t, wide+allows+`
allow "clean" {
  from     = segment.office
  to       = camera.c1
  services = ["ssh"]
}
`))
	cases := 0
	for _, f := range []flow{
		{name: "behind the router", from: office, to: inCamera6, protocol: policy.UDP, port: 22, source: "fd77::1"},
		{name: "ssh from behind the router", from: office, to: inCamera6, protocol: policy.TCP, port: 22, source: "fd77::1", allowed: true},
		{name: "as a recorder", from: office, to: inCamera6, protocol: policy.TCP, port: 554, source: "fd40::11"},
		{name: "as a camera", from: office, to: inCamera6, protocol: policy.TCP, port: 22, source: "fd30::22"},
		{name: "as nobody of the recorders", from: office, to: inCamera6, protocol: policy.TCP, port: 22, source: "fd40::99"},
		{name: "as a recorder in IPv4", from: office, to: inCamera, protocol: policy.TCP, port: 554, source: "10.40.0.11"},
	} {
		cases++
		if got := arrives(t, l, f); got != f.allowed {
			t.Errorf("%s: arrived %t, want %t", f.name, got, f.allowed)
		}
	}
	t.Logf("%d flows", cases)
}

// abroadAllows open an uplink to a camera.
const abroadAllows = `
allow "firmware" {
  from     = camera.c1
  to       = segment.internet
  services = ["https"]
}
`

// TestAbroad holds that a camera's allowed service behind an uplink works in both families, and that its way there leads nowhere else,
// with the packet filter and without.
func TestAbroad(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+abroadAllows))
	echo(t, l, internet, 443)
	for _, to := range [...]string{outside, outside6} {
		if s := talk(t, l, c1, to, 443); !s.alive(t) {
			t.Errorf("%s is not answered", s.name)
		}
	}
	others := []flow{
		{name: "another port", from: c1, to: outside, protocol: policy.UDP, port: 53},
		{name: "another camera", from: c2, to: outside, protocol: policy.TCP, port: 80},
		{name: "the office at that port", from: c1, to: "10.50.0.77", protocol: policy.TCP, port: 443},
		{name: "the office at that port, IPv6", from: c1, to: "fd50::5", protocol: policy.TCP, port: 443},
		{name: "the other recorder at that port", from: c1, to: "10.40.0.11", protocol: policy.TCP, port: 443},
		{name: "the internet at the camera", from: internet, to: inCamera6, protocol: policy.TCP, port: 443},
		{name: "the internet at the camera by ping", from: internet, to: inCamera6, protocol: policy.ICMPv6},
		{name: "the internet by ping", from: c1, to: outside, protocol: policy.ICMP},
		{name: "the internet by ping, IPv6", from: c1, to: outside6, protocol: policy.ICMPv6},
	}
	for _, f := range others {
		if arrives(t, l, f) {
			t.Errorf("%s is reached", f.name)
		}
	}
	flushTables(t, l)
	// What the jail does not open for another allow.
	for _, f := range [...]flow{others[2], others[3], others[5], others[6], others[7], others[8]} {
		if arrives(t, l, f) {
			t.Errorf("without the packet filter, %s is reached", f.name)
		}
	}
	if !arrives(t, l, flow{name: "firmware", from: c1, to: outside6, protocol: policy.TCP, port: 443}) {
		t.Error("control: without the packet filter the camera's own way out is shut too")
	}
}

// narrow makes a link of the gateway carry smaller packets.
func narrow(t *testing.T, l *lab.Lab, iface string, mtu int) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		link, err := netlink.LinkByName(iface)
		if err != nil {
			return err
		}
		return netlink.LinkSetMTU(link, mtu)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPathMTU holds that a sender hears when its packet is too big: from the gateway, and from a router beyond it.
func TestPathMTU(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+abroadAllows))
	camera, err := l.Machine(c1)
	if err != nil {
		t.Fatal(err)
	}
	narrow(t, l, "rec0", 1300)
	tooBig, err := camera.Watch(func(p frame.Packet) bool {
		return p.Protocol == policy.ICMP && p.ICMPType == 3 && p.ICMPCode == 4 || p.Protocol == policy.ICMPv6 && p.ICMPType == 2
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tooBig.Close()
	heard := func(what string, n int) {
		ctx, cancel := context.WithTimeout(t.Context(), patience/4)
		defer cancel()
		if got, err := tooBig.Await(ctx, n); err != nil || got < n {
			t.Errorf("%s: the sender hears %d times that its packet is too big, want %d: %v", what, got, n, err)
		}
	}
	for i, to := range [...]string{inRecorder, inRecorder6} {
		s := sender{machine: camera, port: 7007, marker: []byte("small")}
		target := addr(to)
		small := s.datagram(s.own(target), target, mediaPort)
		s.marker = make([]byte, 1400)
		big := s.six(frame.IPv6{Source: s.own(target), Destination: target, Next: policy.UDP, Payload: s.udp(s.own(target), target, mediaPort)})
		if target.Is4() {
			big = s.four(frame.IPv4{
				Source: s.own(target), Destination: target, Protocol: policy.UDP, DontFragment: true,
				Payload: s.udp(s.own(target), target, mediaPort),
			})
		}
		for _, raw := range [...][]byte{small, big} {
			if err := camera.SendFrame(raw); err != nil {
				t.Fatal(err)
			}
		}
		heard("a smaller link behind the gateway", i+1)
	}
	fromAbroad(t, l, tooBig, heard)
}

// fromAbroad has a router on the internet say that a packet of an allowed connection is too big.
func fromAbroad(t *testing.T, l *lab.Lab, tooBig *lab.Watch, heard func(string, int)) {
	t.Helper()
	beyond, err := l.Machine(internet)
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l, internet, 443)
	for _, to := range [...]string{outside, outside6} {
		var translated netip.AddrPort // as the far side sees the camera
		opened, err := beyond.Watch(func(p frame.Packet) bool {
			if p.Protocol != policy.TCP || p.Flags != frame.SYN || p.To != addr(to) {
				return false
			}
			translated = netip.AddrPortFrom(p.From, p.FromPort)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		talk(t, l, c1, to, 443)
		if !within(t, opened, 1) {
			t.Fatal("the far side did not see the connection being opened")
		}
		opened.Close() // its match is not called any more
		kind, code := uint8(3), uint8(4)
		if translated.Addr().Is6() {
			kind, code = 2, 0
		}
		x := sender{machine: beyond, marker: []byte("quoted")}
		raw := errorAbout(x, translated.Addr(), translated.Addr(), addr(to), translated.Port(), 443, kind, code)
		// A frame in a busy lab may be lost; what has to arrive is sent again.
		before := tooBig.Count()
		for range 3 {
			if err := beyond.SendFrame(raw); err != nil {
				t.Fatal(err)
			}
			if within(t, tooBig, before+1) {
				break
			}
		}
		heard("a router on the internet", before+1)
	}
}

// within says whether a witness has counted n frames before long.
func within(t *testing.T, w *lab.Watch, n int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience/4)
	defer cancel()
	got, err := w.Await(ctx, n)
	return err == nil && got >= n
}

// TestTracked holds how many entries of the connection tracking packets can make: none from a source that is not verified, and no more
// than the rate from one camera.
func TestTracked(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows))
	const many = 4000
	echo(t, l, c1, 554) // a reset would end the entry
	flood := func(from, to, source string, protocol policy.Protocol, port uint16) int {
		t.Helper()
		m, err := l.Machine(from)
		if err != nil {
			t.Fatal(err)
		}
		src, dst := addr(source), addr(to)
		for i := range many {
			x := sender{machine: m}
			payload := frame.TCP{SourcePort: uint16(10000 + i), DestinationPort: port, Flags: frame.SYN}.Bytes(src, dst)
			if protocol == policy.UDP {
				payload = frame.UDP{SourcePort: uint16(10000 + i), DestinationPort: port}.Bytes(src, dst)
			}
			packet, etherType := frame.IP(src, dst, protocol, payload)
			if err := m.SendFrame(x.wire(packet, etherType)); err != nil {
				t.Fatal(err)
			}
		}
		return flows(t, l, src)
	}
	for _, c := range []struct {
		what, from, to, source string
		protocol               policy.Protocol
		port                   uint16
		least, most            int
	}{
		{"a stranger as a camera", stranger, inRecorder, inCamera, policy.UDP, 514, 0, 0},
		{"a stranger as a camera, IPv6", stranger, inRecorder6, inCamera6, policy.UDP, 514, 0, 0},
		{"a camera as another", c2, inRecorder, inCamera, policy.UDP, 514, 0, 0},
		{"a camera at a port that is not allowed", c2, inRecorder, "10.30.0.22", policy.UDP, 443, 0, 0},
		{"a camera at its own", c1, inRecorder, inCamera, policy.UDP, 514, 1, 1000},
		{"a camera at its own, IPv6", c1, inRecorder6, inCamera6, policy.UDP, 514, 1, 1000},
		{"control: a recorder, which has many cameras", nvr, inCamera, inRecorder, policy.TCP, 554, many, many},
	} {
		if n := flood(c.from, c.to, c.source, c.protocol, c.port); n < c.least || n > c.most {
			t.Errorf("%s: %d packets made %d entries, want %d to %d", c.what, many, n, c.least, c.most)
		}
	}
}

// TestAnswersAreFew holds that only a verified source is told that it is refused, and not often.
func TestAnswersAreFew(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows))
	const many = 400
	for _, c := range []struct {
		from, to    string
		least, most int
	}{
		{c1, "10.40.0.11", 1, 100},
		{c1, inRecorder6, 1, 100},
		{nvr, "10.30.0.22", 1, 100},
		{stranger, inRecorder, 0, 0},
		{nvr2, "10.30.0.22", 0, 0},
	} {
		m, err := l.Machine(c.from)
		if err != nil {
			t.Fatal(err)
		}
		answers, err := m.Watch(func(p frame.Packet) bool {
			return p.Protocol == policy.TCP && p.Flags&frame.RST != 0 && p.FromPort == 4444
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range many {
			x := sender{machine: m}
			own, to := m.Address(addr(c.to)), addr(c.to)
			segment := frame.TCP{SourcePort: uint16(10000 + i), DestinationPort: 4444, Flags: frame.SYN}
			packet, etherType := frame.IP(own, to, policy.TCP, segment.Bytes(own, to))
			if err := m.SendFrame(x.wire(packet, etherType)); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		n, err := answers.Await(ctx, c.most+1)
		cancel()
		answers.Close()
		if err != nil || n < c.least || n > c.most {
			t.Errorf("%d refused packets of %s get %d answers, want %d to %d: %v", many, c.from, n, c.least, c.most, err)
		}
	}
}

// TestOlderFlows holds that connections from before the policy end with it, and are not in the connection tracking.
func TestOlderFlows(t *testing.T) {
	l := open(t)
	var running []*conversation
	for i, way := range []struct{ from, to string }{
		{c1, outside},
		{c1, outside6},
		{c1, "10.50.0.5"},
		{nvr, outside},
		{nvr, outside6},
		{internet, inCamera},
		{internet, inCamera6},
		{office, inCamera},
	} {
		s := stream(t, l, way.from, way.to, uint16(8800+i))
		if !s.alive(t) {
			t.Fatalf("control: %s is not answered", s.name)
		}
		running = append(running, s)
	}
	apply(t, l, read(t, head+allows))
	for _, s := range running {
		if s.alive(t) {
			t.Errorf("%s goes on", s.name)
		}
	}
	t.Logf("%d flows", len(running))
}
