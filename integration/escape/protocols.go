package escape

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"cordon/integration/lab/frame"
	"cordon/policy"
)

// protocols are what filters that list TCP and UDP forget, on every road that the policy opens for something else.
func protocols() []Technique {
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
	var all []Technique
	for number, name := range numbers {
		for i, road := range roads {
			target := addr(road.to)
			all = append(all, Technique{
				ID: fmt.Sprintf("B%d.%d", number, i), Way: wayOf(number, target), What: name + " from " + road.from + " to " + road.to,
				Severity:  Critical,
				Mechanism: "lists of protocols", From: road.from,
				frames: single(func(s Sender) []byte {
					ports := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, s.Port), mediaPort)
					packet, etherType := frame.IP(s.Own(target), target, number, append(append(ports, 0, 0, 0, 0), s.Marker...))
					return s.Wire(packet, etherType)
				}),
			})
		}
	}
	other := func(id string, to string, number policy.Protocol) Technique {
		target := addr(to)
		return Technique{
			ID: id, Way: 7, What: "the other family's ICMP", Severity: High, Mechanism: "lists of protocols", From: c1,
			frames: single(func(s Sender) []byte {
				packet, etherType := frame.IP(s.Own(target), target, number, append([]byte{8, 0, 0, 0, 0, 0, 0, 0}, s.Marker...))
				return s.Wire(packet, etherType)
			}),
		}
	}
	return append(all, other("B60", inRecorder, policy.ICMPv6), other("B61", inRecorder6, policy.ICMP),
		other("B62", inRecorder6, frame.NoNext))
}

// wayOf is the way of a protocol: the transports that the connection tracking knows too, the other ones, and all of them in IPv6.
func wayOf(number policy.Protocol, to netip.Addr) int {
	switch {
	case to.Is6():
		return 7
	case number == 33, number == 132, number == 136:
		return 6
	}
	return 5
}

// unstateful are TCP segments that belong to no connection, from the port that the policy opens and in the answer's direction.
func unstateful() []Technique {
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
	var all []Technique
	for name, f := range flags {
		for i, road := range roads {
			target := addr(road.to)
			all = append(all, Technique{
				ID: fmt.Sprintf("H1%d.%s", i, name), Way: 28, What: fmt.Sprintf("%s from %s:%d to %s", name, road.from, road.port, road.to),
				Severity:  High,
				Mechanism: "established or source port accepted", From: road.from,
				frames: single(func(s Sender) []byte {
					from, dest := s.Own(target), road.dest
					if dest == 0 {
						dest = s.Port
					}
					segment := frame.TCP{SourcePort: road.port, DestinationPort: dest, Flags: f, Sequence: 7, Payload: s.Marker}
					packet, etherType := frame.IP(from, target, policy.TCP, segment.Bytes(from, target))
					return s.Wire(packet, etherType)
				}),
			})
		}
	}
	return all
}

// messages are ICMP that carries octets: errors about flows that are not, and what is no error.
func messages() []Technique {
	var all []Technique
	add := func(i int, family string, from, to string, types []uint8) {
		target := addr(to)
		for _, kind := range types {
			all = append(all, Technique{
				ID: fmt.Sprintf("A%s%d.%s.%d", family, kind, from, i), Way: 13, What: fmt.Sprintf("ICMP type %d from %s to %s", kind, from, to),
				Severity: Critical, Mechanism: "errors and echoes accepted before the rules", From: from,
				frames: single(func(s Sender) []byte {
					own := s.Own(target)
					quoted, _ := frame.IP(target, own, policy.UDP, frame.UDP{SourcePort: 1, DestinationPort: s.Port, Payload: s.Marker}.Bytes(target, own))
					m := frame.ICMP{Type: kind, Payload: quoted}
					packet, etherType := frame.IP(own, target, frame.ICMPOf(target), m.Bytes(own, target))
					return s.Wire(packet, etherType)
				}),
			})
		}
	}
	four, six := []uint8{0, 3, 4, 5, 8, 9, 11, 12, 13, 15, 17, 40}, []uint8{1, 2, 3, 4, 100, 128, 129, 130, 138, 139, 144, 200}
	for i, way := range []struct{ from, to, to6 string }{
		{c1, outside, outside6},
		{c1, inRecorder, inRecorder6},
		{nvr, outside, outside6},
		{nvr, inCamera, inCamera6},
		{internet, inCamera, inCamera6},
	} {
		add(i, "4.", way.from, way.to, four)
		add(i, "6.", way.from, way.to6, six)
	}
	return all
}
