package escape

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// poisonings lie about who has an address, to the gateway.
func poisonings() []Technique {
	arp := func(operation uint16, as, target string, whole bool) func(Sender) [][]byte {
		return single(func(s Sender) []byte {
			a := frame.ARP{Operation: operation, SenderMAC: s.Machine.MAC, Sender: addr(as), Target: addr(target)}
			destination := s.Machine.Segment.MAC
			if whole {
				destination = frame.Broadcast()
			}
			return frame.Ethernet{Destination: destination, Source: s.Machine.MAC, Type: frame.TypeARP, Payload: a.Bytes()}.Bytes()
		})
	}
	moved := func(address string, to policy.MAC) func(*lab.Lab, Sender) (bool, error) {
		return func(l *lab.Lab, _ Sender) (bool, error) { return holds(l, addr(address), to) }
	}
	solicit := single(func(s Sender) []byte { return s.discovery(frame.NeighbourSolicit, addr(inCamera6), "fd30::1", 1) })
	advert := func(s Sender) [][]byte {
		return [][]byte{solicit(s)[0], s.discovery(frame.NeighbourAdvert, addr("fd30::22"), inCamera6, 2)}
	}
	mac1, mac2 := policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 2}
	bare := policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xdd}
	return []Technique{
		{
			ID: "G01", Way: 37, What: "a question as the other camera", Severity: High, Mechanism: "RFC 826 believes it", From: c1,
			frames: arp(1, "10.30.0.22", "10.30.0.1", true),
			seen:   moved("10.30.0.22", mac1),
		},
		{
			ID: "G02", Way: 37, What: "an answer as the other camera", Severity: High, Mechanism: "RFC 826 believes it", From: c2,
			frames: arp(2, inCamera, "10.30.0.1", false),
			seen:   moved(inCamera, mac2),
		},
		{
			ID: "G03", Way: 37, What: "an announcement as the other camera", Severity: High, Mechanism: "gratuitous ARP", From: c1,
			frames: arp(2, "10.30.0.22", "10.30.0.22", true),
			seen:   moved("10.30.0.22", mac1),
		},
		{
			ID: "G08", Way: 37, What: "a question as the other recorder", Severity: High, Mechanism: "RFC 826 believes it", From: nvr2,
			frames: arp(1, inRecorder, "10.40.0.1", true),
			seen:   moved(inRecorder, bare),
		},
		{
			ID: "G05", Way: 37, What: "a neighbour solicitation as the other camera", Severity: High, Mechanism: "RFC 4861 believes it", From: c2,
			frames: solicit,
			seen:   moved(inCamera6, mac2),
		},
		{
			ID: "G06", Way: 37, What: "a neighbour advertisement as the other camera", Severity: High, Mechanism: "RFC 4861 believes it", From: c2,
			frames: advert,
			seen:   moved(inCamera6, mac2),
		},
	}
}

// discovery is a message of RFC 4861 with the Sender's MAC as its only option.
func (s Sender) discovery(kind uint8, from netip.Addr, target string, option byte) []byte {
	to := addr("fd30::1")
	about := addr(target).As16()
	m := frame.ICMP{Type: kind, Payload: append(about[:], append([]byte{option, 1}, s.Machine.MAC[:]...)...)}
	if kind == frame.NeighbourAdvert {
		m.Rest[0] = 0x20 // override
	}
	return s.Six(frame.IPv6{Source: from, Destination: to, HopLimit: 255, Next: policy.ICMPv6, Payload: m.Bytes(from, to)})
}

// holds says whether the gateway takes an address for a MAC, on any interface.
func holds(l *lab.Lab, address netip.Addr, mac policy.MAC) (bool, error) {
	found := false
	err := l.Gateway().Do(func() error {
		list, err := netlink.NeighList(0, 0)
		for _, n := range list {
			if n.IP.Equal(net.IP(address.AsSlice())) && bytes.Equal(n.HardwareAddr, mac[:]) {
				found = true
			}
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("list the gateway's neighbours: %w", err)
	}
	return found, nil
}
