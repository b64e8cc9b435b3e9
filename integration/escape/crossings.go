package escape

import (
	"bytes"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// To puts a payload into a frame to somebody else than the gateway.
func (s Sender) To(mac policy.MAC, etherType uint16, payload []byte, tags ...frame.Tag) []byte {
	return frame.Ethernet{Destination: mac, Source: s.Machine.MAC, Tags: tags, Type: etherType, Payload: payload}.Bytes()
}

// crossings go from port to port of the gateway's bridge. On a switch of its own nothing of them comes to the gateway.
func crossings() []Technique {
	var all []Technique
	for _, group := range [...][]Technique{neighbours(), tags(), routers(), servers(), peers(), bridgeTalk()} {
		all = append(all, group...)
	}
	for i := range all {
		all[i].Where = onBridges()
	}
	return all
}

// direct is a datagram between two ports, with tags or without.
func direct(to string, mac policy.MAC, from, dest uint16, tags ...frame.Tag) func(Sender) [][]byte {
	return single(func(s Sender) []byte {
		target := addr(to)
		own := s.Own(target)
		datagram := frame.UDP{SourcePort: from, DestinationPort: dest, Payload: s.Marker}
		packet, etherType := frame.IP(own, target, policy.UDP, datagram.Bytes(own, target))
		return s.To(mac, etherType, packet, tags...)
	})
}

// raw is a frame of an EtherType, or of a length below 1536, with a few octets before the marker.
func raw(mac policy.MAC, etherType uint16, head ...byte) func(Sender) [][]byte {
	return single(func(s Sender) []byte { return s.To(mac, etherType, append(bytes.Clone(head), s.Marker...)) })
}

// neighbours are frames from a device to the next one, by every name that an Ethernet has for it.
func neighbours() []Technique {
	const seen = "a bridge passes what it hears"
	cross := func(id, what, from string, frames func(Sender) [][]byte) Technique {
		return Technique{ID: id, Way: 34, What: what, Severity: High, Mechanism: seen, From: from, frames: frames}
	}
	mdns4, mdns6, ssdp := "224.0.0.251", "ff02::fb", "239.255.255.250"
	const experiment, profinet, length = 0x88b5, 0x8892, 19
	nobody := policy.MAC{0x44, 0x19, 0xb6, 0xee, 0xee, 0xee}
	return []Technique{
		cross("S01", "the next camera", c1, direct("10.30.0.22", camera(2), 9, 9)),
		cross("S02", "the next camera in IPv6", c2, direct(inCamera6, camera(1), 9, 9)),
		cross("S03", "the next camera at a port that it serves the recorder at", c2, direct(inCamera, camera(1), 6100, 554)),
		cross("S04", "a device without a name to a camera", stranger, direct(inCamera, camera(1), 9, 9)),
		cross("S05", "a camera to a device without a name", c1, direct("10.30.0.99", camera(0x99), 9, 9)),
		cross("S06", "everybody, 255.255.255.255", c1, direct("255.255.255.255", frame.Broadcast(), 9, 9)),
		cross("S07", "the segment's broadcast address", c1, direct("10.30.0.255", frame.Broadcast(), 9, 9)),
		cross("S08", "mDNS", c1, direct(mdns4, frame.GroupMAC(addr(mdns4)), 5353, 5353)),
		cross("S09", "mDNS in IPv6", c1, direct(mdns6, frame.GroupMAC(addr(mdns6)), 5353, 5353)),
		cross("S10", "WS-Discovery", c1, direct(ssdp, frame.GroupMAC(addr(ssdp)), 3702, 3702)),
		cross("S11", "a MAC that nobody has, which is flooded", c1, direct("10.30.0.22", nobody, 9, 9)),
		cross("S12", "an EtherType that nobody filters", c1, raw(camera(2), experiment)),
		cross("S13", "the same to everybody", c2, raw(frame.Broadcast(), experiment)),
		cross("S14", "PROFINET to everybody", stranger, raw(frame.Broadcast(), profinet)),
		cross("S15", "a frame of IEEE 802.3 with LLC", c1, raw(camera(2), length, 0xaa, 0xaa, 0x03)),
		cross("S16", "a later fragment alone", c1, single(func(s Sender) []byte {
			p := frame.IPv4{
				Source: addr(inCamera), Destination: addr("10.30.0.22"), Protocol: policy.UDP, ID: s.Port, Offset: 64,
				Payload: padTo8(bytes.Clone(s.Marker)),
			}
			return s.To(camera(2), frame.TypeIPv4, p.Bytes())
		})),
	}
}

// tags are the same behind tags, which a filter of EtherTypes does not look behind.
func tags() []Technique {
	const behind = "CERT VU#855201: nobody looks behind the tag"
	hop := func(id, what string, tags ...frame.Tag) Technique {
		return Technique{
			ID: id, Way: 40, What: what, Severity: High, Mechanism: behind, From: c1,
			frames: direct("10.30.0.22", camera(2), 9, 9, tags...),
		}
	}
	return []Technique{
		hop("S20", "priority tag to the next camera", frame.Tag{}),
		hop("S21", "a VLAN's tag to the next camera", frame.Tag{ID: 30}),
		hop("S22", "two tags to the next camera", frame.Tag{ID: 1}, frame.Tag{ID: 30}),
		hop("S23", "a provider's tag to the next camera", frame.Tag{Type: frame.TypeService, ID: 30}),
	}
}

// routers are cameras that say that they are the way out (RFC 6104), in the forms that RFC 7113 says guards overlook.
func routers() []Technique {
	advert := func(id, what string, target string, mac policy.MAC, extensions ...frame.Extension) Technique {
		return Technique{
			ID: id, Way: 35, What: what, Severity: High, Mechanism: "RFC 6104, RFC 7113", From: c1,
			frames: single(func(s Sender) []byte {
				from, to := addr("fe80::4619:b6ff:fe00:1"), addr(target)
				m := frame.ICMP{Type: frame.RouterAdvert, Rest: [4]byte{64, 0, 7, 8}, Payload: append(make([]byte, 8), s.Marker...)}
				return s.To(mac, frame.TypeIPv6, frame.IPv6{
					Source: from, Destination: to, HopLimit: 255, Extensions: extensions, Next: policy.ICMPv6, Payload: m.Bytes(from, to),
				}.Bytes())
			}),
		}
	}
	all := frame.GroupMAC(addr("ff02::1"))
	pad := []byte{1, 4, 0, 0, 0, 0}
	return []Technique{
		advert("S30", "a router advertisement to everybody", "ff02::1", all),
		advert("S31", "a router advertisement to one camera", "fd30::22", camera(2)),
		advert("S32", "a router advertisement behind a header", "ff02::1", all, frame.Extension{Type: frame.DestinationOptions, Body: pad}),
		advert("S33", "a router advertisement in a fragment", "ff02::1", all, frame.FragmentHeader(11, 0, false)),
	}
}

// servers are cameras that hand out addresses and routes (RFC 3442, CVE-2024-3661).
func servers() []Technique {
	rogue := func(id, what string, frames func(Sender) [][]byte) Technique {
		return Technique{ID: id, Way: 36, What: what, Severity: High, Mechanism: "the first offer wins", From: c1, frames: frames}
	}
	return []Technique{
		rogue("S40", "a DHCP offer to everybody", direct("255.255.255.255", frame.Broadcast(), 67, 68)),
		rogue("S41", "a DHCP offer to one camera", direct("10.30.0.22", camera(2), 67, 68)),
		rogue("S42", "a DHCP offer behind a priority tag", direct("255.255.255.255", frame.Broadcast(), 67, 68, frame.Tag{})),
		rogue("S43", "a DHCPv6 reply", direct("fd30::22", camera(2), 547, 546)),
	}
}

// peers are lies to the other devices about who has an address, the gateway's above all.
func peers() []Technique {
	arp := func(id, what, as string, operation uint16, mac policy.MAC) Technique {
		return Technique{
			ID: id, Way: 37, What: what, Severity: High, Mechanism: "RFC 826 believes it", From: c1,
			frames: single(func(s Sender) []byte {
				a := frame.ARP{Operation: operation, SenderMAC: s.Machine.MAC, Sender: addr(as), TargetMAC: camera(2), Target: addr("10.30.0.22")}
				return s.To(mac, frame.TypeARP, append(a.Bytes(), s.Marker...))
			}),
		}
	}
	tell := func(id, what string, way int, kind uint8, mac policy.MAC) Technique {
		return Technique{
			ID: id, Way: way, What: what, Severity: High, Mechanism: "RFC 4861 believes it", From: c1,
			frames: single(func(s Sender) []byte {
				from, to, about := addr("fd30::1"), addr("fd30::22"), addr("fd30::1").As16()
				m := frame.ICMP{Type: kind, Rest: [4]byte{0xa0}, Payload: append(append(about[:], 2, 1), s.Machine.MAC[:]...)}
				m.Payload = append(m.Payload, s.Marker...)
				p := frame.IPv6{Source: from, Destination: to, HopLimit: 255, Next: policy.ICMPv6, Payload: m.Bytes(from, to)}
				return s.To(mac, frame.TypeIPv6, p.Bytes())
			}),
		}
	}
	return []Technique{
		arp("S50", "an answer to the next camera as the gateway", "10.30.0.1", frame.ARPReply, camera(2)),
		arp("S51", "an announcement as the gateway", "10.30.0.1", frame.ARPReply, frame.Broadcast()),
		arp("S52", "a question as the gateway", "10.30.0.1", frame.ARPRequest, frame.Broadcast()),
		arp("S53", "a question of its own to the next camera", inCamera, frame.ARPRequest, frame.Broadcast()),
		tell("S54", "a neighbour advertisement as the gateway", 37, frame.NeighbourAdvert, camera(2)),
		tell("S55", "a redirect as the gateway", 39, redirectV6, camera(2)),
		{
			ID: "S56", Way: 37, What: "the gateway's MAC and address", Severity: High, Mechanism: "nobody asks which port it came by", From: c1,
			frames: single(func(s Sender) []byte {
				from, to := addr("10.30.0.1"), addr("10.30.0.22")
				packet, etherType := frame.IP(from, to, policy.UDP, s.UDP(from, to, 9))
				return frame.Ethernet{Destination: camera(2), Source: gatewayMAC(), Type: etherType, Payload: packet}.Bytes()
			}),
		},
	}
}

// bridgeTalk is what switches say to each other, and MACs that move.
func bridgeTalk() []Technique {
	stp, lldp := policy.MAC{1, 0x80, 0xc2, 0, 0, 0}, policy.MAC{1, 0x80, 0xc2, 0, 0, 0xe}
	pvst, cdp := policy.MAC{1, 0, 0xc, 0xcc, 0xcc, 0xcd}, policy.MAC{1, 0, 0xc, 0xcc, 0xcc, 0xcc}
	talk := func(id, what string, frames func(Sender) [][]byte) Technique {
		return Technique{ID: id, Way: 41, What: what, Severity: Medium, Mechanism: "a bridge passes it on", From: c1, frames: frames}
	}
	return []Technique{
		talk("S60", "a BPDU of STP", raw(stp, 38, 0x42, 0x42, 3, 0, 0, 0, 0)),
		talk("S61", "a BPDU of PVST+", raw(pvst, 43, 0xaa, 0xaa, 3, 0, 0, 0xc, 1, 0xb)),
		talk("S62", "LLDP", raw(lldp, 0x88cc)),
		talk("S63", "CDP", raw(cdp, 21, 0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0)),
		{
			ID: "S64", Way: 41, What: "a MAC that nobody has, to be learnt", Severity: Medium, Mechanism: "bridges learn from whoever sends",
			From: c1,
			frames: single(func(s Sender) []byte {
				from, to := addr(inCamera), addr("10.30.0.1")
				packet, etherType := frame.IP(from, to, policy.UDP, s.UDP(from, to, 9))
				return frame.Ethernet{Destination: gatewayMAC(), Source: invented(s), Type: etherType, Payload: packet}.Bytes()
			}),
			seen: func(l *lab.Lab, s Sender) (bool, error) { return learnt(l, invented(s)) },
		},
		{
			ID: "S65", Way: 41, What: "a camera that has a port, at another one", Severity: Critical, Mechanism: "a MAC and an address are all",
			From: stranger,
			frames: single(func(s Sender) []byte {
				from, to := addr(inCamera), addr(inRecorder)
				packet, etherType := frame.IP(from, to, policy.UDP, s.UDP(from, to, mediaPort))
				return frame.Ethernet{Destination: gatewayMAC(), Source: camera(1), Type: etherType, Payload: packet}.Bytes()
			}),
		},
	}
}

// redirectV6 is the type of a redirect in IPv6 (RFC 4861 §4.5).
const redirectV6 = 137

// invented is a MAC that only one sending of one technique has.
func invented(s Sender) policy.MAC {
	return policy.MAC{0x44, 0x19, 0xb6, 0xfe, byte(s.Port >> 8), byte(s.Port)}
}

// learnt says whether the gateway's bridge knows a port for a MAC.
func learnt(l *lab.Lab, mac policy.MAC) (bool, error) {
	found := false
	err := l.Gateway().Do(func() error {
		list, err := netlink.NeighList(0, unix.AF_BRIDGE)
		for _, n := range list {
			found = found || bytes.Equal(n.HardwareAddr, mac[:])
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("list what the bridge has learnt: %w", err)
	}
	return found, nil
}
