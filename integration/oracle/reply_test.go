package oracle_test

import (
	"encoding/binary"

	"cordon/integration/lab/frame"
	"cordon/policy"
)

// reply returns a packet that belongs to a flow which is open: mostly its answer as it has to come, sometimes by another wire or from
// another MAC, or an ICMP error about it. The opener came out somewhere.
func (m *marksman) reply(opener *sample) *sample {
	o := opener.packet
	s := &sample{answers: opener, out: opener.out, tags: opener.tags&^(wrongMAC|wrongInterface) | reply, flags: frame.SYN | frame.ACK}
	s.packet = policy.Packet{
		IIF: opener.out.iface, Source: o.Destination, Destination: o.Source, Protocol: o.Protocol, State: policy.Reply,
		SourcePort: o.DestinationPort, DestinationPort: o.SourcePort,
	}
	m.comesFrom(s, o.Destination)
	s.packet.IIF = opener.out.iface
	if s.tags&icmp != 0 {
		s.packet.ICMPType = o.ICMPType + 1 // timestamps, masks and the like
		if o.ICMPType == frame.EchoRequest {
			s.packet.ICMPType = frame.EchoReply
		}
	}
	switch m.IntN(11) {
	case 0, 1:
		if d := deviceAt(m.Policy, o.Destination); d != nil && !d.MAC.IsZero() {
			s.tags |= wrongMAC
		}
		s.packet.MAC = m.otherMAC()
	case 2, 3:
		s.packet.IIF = m.otherInterface(s.packet.IIF)
		s.tags |= wrongInterface
	case 4, 5:
		m.aboutIt(s)
	case 6:
		s.packet, s.tags = o, opener.tags // once more in the flow's own direction
		s.flags = opener.flags
	}
	return m.finish(s)
}

// aboutIt turns a reply into an ICMP error about the opener, from the machine that it went to or from a router on its way.
func (m *marksman) aboutIt(s *sample) {
	p := &s.packet
	about := s.answers.packet
	p.About = &about
	p.Protocol, p.ICMPType = policy.ICMP, one(m.Rand, []uint8{3, 3, 11, 12, 5})
	if p.ICMPType == 5 && frame.Parse(s.out.raw).From != about.Source {
		p.ICMPType = 3 // source NAT itself takes no redirect
	}
	if p.Source.Is6() {
		p.Protocol, p.ICMPType = policy.ICMPv6, one(m.Rand, []uint8{1, 2, 3, 4})
	}
	p.SourcePort, p.DestinationPort = 0, 0
	s.tags = s.tags&^(portRange|servicePort|tcp|udp) | icmpError
	switch m.IntN(6) {
	case 0:
		p.IIF = m.otherInterface(p.IIF)
		s.tags |= wrongInterface
	case 1:
		if d := deviceAt(m.Policy, p.Source); d != nil && !d.MAC.IsZero() {
			s.tags |= wrongMAC
		}
		p.MAC = m.otherMAC()
	case 2:
		// Where a segment has no router, policy routing lets nobody in but the peer itself; and no router's address leaves by an uplink.
		home, other, to := owner(m.Policy, p.Source), m.anyone(), owner(m.Policy, p.Destination)
		known := home != nil && (home.Kind == policy.UplinkSegment || home.Kind == policy.CameraSegment ||
			len(home.Routes) > 0 && to != nil && to.Kind != policy.UplinkSegment)
		if known && other.BitLen() == p.Source.BitLen() && !isGateway(m.Policy, other) {
			iif := p.IIF
			p.Source = other
			m.comesFrom(s, other)
			p.IIF = iif
		}
	}
}

// bytes returns a sample as a frame. What crossed a source NAT is answered at the address and port that it came out with.
func (s *sample) bytes(number int) []byte {
	mark := binary.BigEndian.AppendUint32([]byte(token), uint32(number))
	mark = append(mark, kindOf(s.packet.Protocol, s.packet.ICMPType))
	p := s.packet
	if s.answers != nil && (p.State == policy.Reply || p.About != nil) {
		seen := frame.Parse(s.out.raw)
		p.Destination, p.DestinationPort = seen.From, seen.FromPort
		if p.Protocol == policy.ICMP || p.Protocol == policy.ICMPv6 {
			p.DestinationPort = echoID(s.out.raw)
		}
	}
	payload := s.transport(p, mark)
	packet, kind := frame.IP(p.Source, p.Destination, p.Protocol, payload)
	return frame.Ethernet{Destination: gatewayMAC(p.IIF), Source: p.MAC, Type: kind, Payload: packet}.Bytes()
}

// transport returns what stands behind the IP header.
func (s *sample) transport(p policy.Packet, mark []byte) []byte {
	switch p.Protocol { //nolint:exhaustive // the two of ICMP follow
	case policy.TCP:
		tcp := frame.TCP{SourcePort: p.SourcePort, DestinationPort: p.DestinationPort, Flags: s.flags, Payload: mark}
		return tcp.Bytes(p.Source, p.Destination)
	case policy.UDP:
		return frame.UDP{SourcePort: p.SourcePort, DestinationPort: p.DestinationPort, Payload: mark}.Bytes(p.Source, p.Destination)
	}
	m := frame.ICMP{Type: p.ICMPType, Code: p.ICMPCode, Payload: mark}
	if p.About != nil {
		m.Payload = append(append([]byte{}, s.out.raw[14:]...), mark...)
		return m.Bytes(p.Source, p.Destination)
	}
	binary.BigEndian.PutUint16(m.Rest[:], max(p.SourcePort, p.DestinationPort))
	return m.Bytes(p.Source, p.Destination)
}

// echoID returns the identifier of an echo request that came out of the gateway.
func echoID(raw []byte) uint16 {
	at := 14 + 20 + 4
	if len(raw) > 14 && raw[14]>>4 == 6 {
		at = 14 + 40 + 4
	}
	if len(raw) < at+2 {
		return 0
	}
	return binary.BigEndian.Uint16(raw[at:])
}
