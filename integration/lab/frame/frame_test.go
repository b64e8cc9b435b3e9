package frame_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cordon/integration/lab/frame"
	"cordon/policy"
)

func v4(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 30, 0, n}) }
func v6(n byte) netip.Addr { return netip.AddrFrom16([16]byte{0: 0xfd, 15: n}) }

// macs are a source and a destination.
func macs() (from, to policy.MAC) {
	return policy.MAC{0x44, 0x19, 0xb6, 1, 2, 3}, policy.MAC{2, 0, 0, 0, 0, 1}
}

// in puts a packet into a frame.
func in(packet []byte, etherType uint16, tags ...frame.Tag) []byte {
	from, to := macs()
	return frame.Ethernet{Destination: to, Source: from, Tags: tags, Type: etherType, Payload: packet}.Bytes()
}

// What is built is read back as it was meant.
func TestParseReadsWhatIsBuilt(t *testing.T) {
	t.Parallel()
	marker := []byte("marker")
	syn := frame.TCP{SourcePort: 40000, DestinationPort: 554, Flags: frame.SYN, Options: []byte{2, 4, 5}, Payload: marker}
	udp := frame.UDP{SourcePort: 8000, DestinationPort: 6100, Payload: marker}
	ip4 := func(protocol policy.Protocol, payload []byte) []byte {
		p, _ := frame.IP(v4(11), v4(5), protocol, payload)
		return p
	}
	cases := []struct {
		name string
		raw  []byte
		want frame.Packet
	}{
		{"TCP with options", in(ip4(policy.TCP, syn.Bytes(v4(11), v4(5))), frame.TypeIPv4), frame.Packet{
			Type: frame.TypeIPv4, From: v4(11), To: v4(5), Protocol: policy.TCP, FromPort: 40000, ToPort: 554, Flags: frame.SYN,
		}},
		{
			"UDP inside two tags",
			in(ip4(policy.UDP, udp.Bytes(v4(11), v4(5))), frame.TypeIPv4, frame.Tag{Type: frame.TypeService}, frame.Tag{ID: 30}),
			frame.Packet{
				Type: frame.TypeIPv4, Tags: []frame.Tag{{Type: frame.TypeService}, {Type: frame.TypeVLAN, ID: 30}},
				From: v4(11), To: v4(5), Protocol: policy.UDP, FromPort: 8000, ToPort: 6100,
			},
		},
		{"IPv4 options", in(frame.IPv4{
			Source: v4(11), Destination: v4(5), Protocol: policy.UDP, Options: []byte{148, 4, 0, 0}, Payload: udp.Bytes(v4(11), v4(5)),
		}.Bytes(), frame.TypeIPv4), frame.Packet{
			Type: frame.TypeIPv4, From: v4(11), To: v4(5), Protocol: policy.UDP, FromPort: 8000, ToPort: 6100,
		}},
		{"a later fragment", in(frame.IPv4{
			Source: v4(11), Destination: v4(5), Protocol: policy.UDP, Offset: 8, Payload: udp.Bytes(v4(11), v4(5)),
		}.Bytes(), frame.TypeIPv4), frame.Packet{Type: frame.TypeIPv4, From: v4(11), To: v4(5), Protocol: policy.UDP, Fragment: true}},
		{"IPv6 extension headers", in(frame.IPv6{
			Source: v6(11), Destination: v6(5), Next: policy.UDP, Payload: udp.Bytes(v6(11), v6(5)), Extensions: []frame.Extension{
				{Type: frame.HopByHop, Body: []byte{0xc3, 8, 1, 2, 3, 4, 5, 6, 7, 8}},
				frame.FragmentHeader(7, 0, true),
				{Type: frame.DestinationOptions},
			},
		}.Bytes(), frame.TypeIPv6), frame.Packet{
			Type: frame.TypeIPv6, From: v6(11), To: v6(5), Protocol: policy.UDP, Fragment: true, FromPort: 8000, ToPort: 6100,
		}},
		{"a later fragment of IPv6", in(frame.IPv6{
			Source: v6(11), Destination: v6(5), Next: policy.TCP, Extensions: []frame.Extension{frame.FragmentHeader(7, 8, false)}, Payload: marker,
		}.Bytes(), frame.TypeIPv6), frame.Packet{Type: frame.TypeIPv6, From: v6(11), To: v6(5), Protocol: policy.TCP, Fragment: true}},
		{"echo", in(ip4(policy.ICMP, frame.Echo(v4(5), 1, 2, marker).Bytes(v4(11), v4(5))), frame.TypeIPv4), frame.Packet{
			Type: frame.TypeIPv4, From: v4(11), To: v4(5), Protocol: policy.ICMP, ICMPType: frame.EchoRequest,
		}},
		{"ARP", in(frame.ARP{Operation: frame.ARPRequest, Sender: v4(11), Target: v4(1)}.Bytes(), frame.TypeARP), frame.Packet{
			Type: frame.TypeARP,
		}},
	}
	for _, c := range cases {
		c.want.Source, c.want.Destination = macs()
		got := frame.Parse(c.raw)
		if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(frame.Packet{}, "Raw"), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if c.want.Type != frame.TypeARP && !got.Carries(udp.Bytes(v6(11), v6(5))[8:]) {
			t.Errorf("%s does not carry the marker", c.name)
		}
	}
}

// The bytes are those of the standards: examples worked by hand, checksums by those of other programs.
func TestBytes(t *testing.T) {
	t.Parallel()
	from, _ := macs()
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		// The header of Wikipedia's worked example of RFC 1071: its checksum is b861.
		"IPv4 header": {frame.IPv4{
			Source: netip.MustParseAddr("192.168.0.1"), Destination: netip.MustParseAddr("192.168.0.199"), Protocol: policy.UDP,
			DontFragment: true, Payload: make([]byte, 95),
		}.Bytes()[:20], "45000073 00004000 4011b861 c0a80001 c0a800c7"},
		"ARP": {
			frame.ARP{Operation: frame.ARPReply, SenderMAC: from, Sender: v4(11), TargetMAC: from, Target: v4(1)}.Bytes(),
			"0001080006040002 4419b6010203 0a1e000b 4419b6010203 0a1e0001",
		},
		"fragment header": {frame.IPv6{Source: v6(1), Destination: v6(2), Next: policy.UDP, Extensions: []frame.Extension{
			frame.FragmentHeader(0x01020304, 16, true),
		}}.Bytes()[40:], "1100001101020304"},
		"IPv4 multicast": {macSlice(frame.GroupMAC(netip.MustParseAddr("239.255.255.250"))), "01005e7ffffa"},
		"IPv6 multicast": {macSlice(frame.GroupMAC(netip.MustParseAddr("ff02::1:ff00:5"))), "3333ff000005"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
		if err != nil || !bytes.Equal(c.got, want) {
			t.Errorf("%s: %x, not %s", name, c.got, c.want)
		}
	}
}

// macSlice returns the bytes of an Ethernet address.
func macSlice(m policy.MAC) []byte { return m[:] }

// Nothing that comes over a wire makes Parse panic, and nothing that is short is believed to have ports.
func FuzzParse(f *testing.F) {
	udp := frame.UDP{SourcePort: 1, DestinationPort: 2}.Bytes(v6(1), v6(2))
	for _, packet := range [][]byte{
		frame.IPv6{
			Source: v6(1), Destination: v6(2), Next: policy.UDP, Payload: udp, Extensions: []frame.Extension{{Type: frame.HopByHop}},
		}.Bytes(),
		frame.IPv6{Source: v6(1), Destination: v6(2), Next: frame.NoNext}.Bytes(),
	} {
		f.Add(in(packet, frame.TypeIPv6))
	}
	packet, _ := frame.IP(v4(1), v4(2), policy.UDP, udp)
	f.Add(in(packet, frame.TypeIPv4, frame.Tag{ID: 1}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := frame.Parse(raw)
		if p.ToPort != 0 && len(raw) < 38 {
			t.Errorf("ports in %d bytes", len(raw))
		}
	})
}
