package escape

import (
	"cmp"
	"fmt"
	"strings"

	"cordon/integration/lab/frame"
	"cordon/policy"
)

// trip is a packet in good order, to where it must not come or from whom it is not.
type trip struct {
	from string
	// source is whose address it bears, and mac whose Ethernet address; none is the sender's own.
	source   string
	mac      policy.MAC
	to       string
	protocol policy.Protocol
	// sport is 0 for a port of the technique's own.
	sport, port uint16
	options     []byte
}

// what says it in words.
func (t trip) what() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s from %s", map[policy.Protocol]string{policy.TCP: "TCP", policy.UDP: "UDP"}[t.protocol], t.from)
	if t.source != "" {
		fmt.Fprintf(&text, " as %s", t.source)
	}
	if !t.mac.IsZero() {
		fmt.Fprintf(&text, " with MAC %s", t.mac)
	}
	if t.sport != 0 {
		fmt.Fprintf(&text, " from port %d", t.sport)
	}
	fmt.Fprintf(&text, " to %s, port %d", t.to, t.port)
	return text.String()
}

// frame puts the trip on the sender's wire.
func (t trip) frame(s Sender) []byte {
	to := addr(t.to)
	from := s.Own(to)
	if t.source != "" {
		from = addr(t.source)
	}
	s.Port = cmp.Or(t.sport, s.Port)
	payload := s.UDP(from, to, t.port)
	if t.protocol == policy.TCP {
		segment := frame.TCP{SourcePort: s.Port, DestinationPort: t.port, Flags: frame.SYN, Sequence: 7, Payload: s.Marker}
		payload = segment.Bytes(from, to)
	}
	packet, etherType := frame.IP(from, to, t.protocol, payload)
	if t.options != nil {
		packet = frame.IPv4{Source: from, Destination: to, Protocol: t.protocol, Options: t.options, Payload: payload}.Bytes()
	}
	mac := s.Machine.MAC
	if !t.mac.IsZero() {
		mac = t.mac
	}
	return frame.Ethernet{Destination: s.Machine.Segment.MAC, Source: mac, Type: etherType, Payload: packet}.Bytes()
}

// tour makes a technique of each trip of a way.
func tour(prefix string, way int, severity Severity, mechanism string, trips ...trip) []Technique {
	all := make([]Technique, 0, len(trips))
	for i, t := range trips {
		all = append(all, Technique{
			ID: fmt.Sprintf("%s.%d", prefix, i+1), Way: way, What: t.what(), Severity: severity, Mechanism: mechanism, From: t.from,
			frames: single(t.frame),
		})
	}
	return all
}

// abroad are trips of cameras and recorders out of the building.
func abroad() []Technique {
	const tcp, udp = policy.TCP, policy.UDP
	var all []Technique
	for _, group := range [...][]Technique{
		tour("T1", 1, Critical, "rules in table ip only",
			trip{from: c1, to: outside6, protocol: tcp, port: 443},
			trip{from: c1, to: outside6, protocol: udp, port: 443},
			trip{from: c1, source: "fd30::7c1e:99ff:fe00:ab", to: outside6, protocol: udp, port: 443},
			trip{from: c1, source: "2001:db8:30::21", to: outside6, protocol: udp, port: 443},
			trip{from: stranger, to: outside6, protocol: tcp, port: 443}),
		tour("T4", 4, Critical, "a route to a tunnel's prefix",
			trip{from: c1, to: "2002:c633:6407::1", protocol: udp, port: 443},
			trip{from: c1, to: "2001:0:c633:6407::1", protocol: udp, port: 443},
			trip{from: c1, to: "64:ff9b::c633:6407", protocol: udp, port: 443}),
		tour("T11", 11, Critical, "the question is the message",
			trip{from: c1, to: "10.30.0.1", protocol: udp, port: 53},
			trip{from: c1, to: "10.30.0.1", protocol: tcp, port: 53},
			trip{from: c1, to: "fd30::1", protocol: udp, port: 53},
			trip{from: c1, to: "10.40.0.1", protocol: udp, port: 53},
			trip{from: nvr, to: "10.40.0.1", protocol: udp, port: 53},
			trip{from: c1, to: outside, protocol: udp, port: 53},
			trip{from: nvr, to: outside6, protocol: tcp, port: 853}),
		tour("T12", 12, High, "time is let through",
			trip{from: c1, to: outside, protocol: udp, sport: 123, port: 123},
			trip{from: c1, to: outside6, protocol: udp, sport: 123, port: 123},
			trip{from: nvr, to: outside, protocol: udp, port: 123}),
		tour("T48", 48, Critical, "recorders are trusted",
			trip{from: nvr, to: outside, protocol: tcp, port: 443},
			trip{from: nvr, to: outside6, protocol: tcp, port: 443},
			trip{from: nvr2, to: outside, protocol: udp, port: 443},
			trip{from: nvr, to: "10.50.0.5", protocol: tcp, port: 443}),
		tour("T54", 54, Critical, "rules that name one uplink",
			trip{from: c1, to: mobile, protocol: udp, port: 443},
			trip{from: c1, to: mobile6, protocol: tcp, port: 443},
			trip{from: nvr, to: mobile, protocol: tcp, port: 443},
			trip{from: stranger, to: mobile6, protocol: udp, port: 443},
			trip{from: c1, source: "10.50.0.5", to: mobile, protocol: udp, port: 443},
			trip{from: office, to: mobile, protocol: tcp, port: 443}),
	} {
		all = append(all, group...)
	}
	return all
}

// within are trips to what somebody else may reach, or from a port that something else is served at.
func within() []Technique {
	const tcp, udp = policy.TCP, policy.UDP
	var all []Technique
	for _, group := range [...][]Technique{
		tour("T19", 19, High, "discovery is let in",
			trip{from: c1, to: "10.30.0.1", protocol: udp, port: 1900},
			trip{from: c1, to: "10.30.0.1", protocol: tcp, port: 5000},
			trip{from: c1, to: "10.30.0.1", protocol: udp, port: 5351},
			trip{from: c1, to: "fd30::1", protocol: udp, port: 3702}),
		tour("T29", 29, High, "the port of a service is taken for its answer",
			trip{from: c1, to: inRecorder, protocol: tcp, sport: 554, port: 445},
			trip{from: c1, to: inRecorder6, protocol: tcp, sport: 554, port: 445},
			trip{from: c1, to: inRecorder, protocol: udp, sport: 53, port: 1024},
			trip{from: c1, to: outside, protocol: udp, sport: 554, port: 443},
			trip{from: nvr, to: inCamera, protocol: udp, sport: 6100, port: 5000},
			trip{from: nvr, to: "10.50.0.5", protocol: tcp, sport: 443, port: 445},
			trip{from: internet, to: "10.50.0.5", protocol: udp, sport: 53, port: 1024}),
		tour("T30", 30, Critical, "rules for one direction",
			trip{from: internet, to: inCamera, protocol: tcp, port: 554},
			trip{from: internet, to: inCamera6, protocol: tcp, port: 554},
			trip{from: internet, to: "10.30.0.22", protocol: udp, port: 37777},
			trip{from: internet, to: inRecorder, protocol: tcp, port: 443},
			trip{from: internet, to: inRecorder6, protocol: tcp, port: 443},
			trip{from: internet, to: "10.50.0.5", protocol: tcp, port: 445},
			trip{from: internet, to: "fd50::5", protocol: tcp, port: 445}),
		tour("T57", 57, Critical, "accepted by default",
			trip{from: carrier, to: inCamera, protocol: tcp, port: 554},
			trip{from: carrier, to: inCamera6, protocol: udp, port: 443},
			trip{from: carrier, source: inRecorder, to: inCamera, protocol: tcp, port: 554},
			trip{from: carrier, source: "10.50.0.5", to: inRecorder, protocol: tcp, port: 443},
			trip{from: carrier, to: "198.18.0.2", protocol: tcp, port: 22},
			trip{from: carrier, source: "10.50.0.5", to: "10.50.0.1", protocol: tcp, port: 22},
			trip{from: carrier, to: outside, protocol: tcp, port: 443}),
		tour("T32", 32, High, "rules by zone",
			trip{from: office, to: inRecorder, protocol: tcp, port: 22},
			trip{from: office, to: inRecorder6, protocol: udp, port: 443},
			trip{from: office, to: inCamera, protocol: tcp, port: 443},
			trip{from: office, to: inCamera6, protocol: tcp, port: 554},
			trip{from: office, source: "10.50.0.77", to: "10.30.0.22", protocol: tcp, port: 443},
			trip{from: jump, to: inRecorder, protocol: tcp, port: 22},
			trip{from: jump, to: inCamera, protocol: tcp, port: 554},
			trip{from: nvr, to: inCamera, protocol: tcp, port: 22},
			trip{from: nvr2, to: "10.30.0.22", protocol: tcp, port: 23},
			trip{from: c1, to: inRecorder, protocol: tcp, port: 443},
			trip{from: c1, to: "10.40.0.11", protocol: udp, port: mediaPort},
			trip{from: c2, to: inRecorder, protocol: udp, port: 514},
			trip{from: c1, to: "10.50.0.5", protocol: tcp, port: 443}),
		tour("T33", 33, High, "the gateway's MAC, PVLAN proxy",
			trip{from: c1, to: "10.30.0.22", protocol: udp, port: 9},
			trip{from: c2, to: inCamera6, protocol: tcp, port: 554},
			trip{from: c1, to: "10.30.0.99", protocol: udp, port: 9},
			trip{from: stranger, to: inCamera, protocol: tcp, port: 554},
			trip{from: nvr, to: "10.40.0.11", protocol: tcp, port: 443},
			trip{from: nvr2, to: inRecorder, protocol: udp, port: mediaPort}),
	} {
		all = append(all, group...)
	}
	return all
}

// impostors are trips of who is somebody else, or nobody.
func impostors() []Technique {
	const tcp, udp = policy.TCP, policy.UDP
	route := func(option byte) []byte { return []byte{option, 7, 4, 198, 51, 100, 7, 0} }
	var all []Technique
	for _, group := range [...][]Technique{
		tour("T21", 21, Critical, "BCP 38: an address is believed on any interface",
			trip{from: c1, source: "10.50.0.5", to: outside, protocol: tcp, port: 443},
			trip{from: c1, source: "fd50::5", to: outside6, protocol: tcp, port: 443},
			trip{from: c1, source: "10.50.0.9", to: "10.30.0.22", protocol: tcp, port: 443},
			trip{from: c1, source: inRecorder, to: "10.30.0.22", protocol: tcp, port: 554},
			trip{from: c1, source: "10.50.0.5", to: inRecorder, protocol: tcp, port: 443},
			trip{from: c1, source: outside, to: "10.50.0.5", protocol: tcp, port: 443},
			trip{from: nvr, source: "10.50.0.5", to: outside, protocol: tcp, port: 443},
			trip{from: nvr, source: inCamera, to: "10.40.0.11", protocol: udp, port: mediaPort},
			trip{from: nvr2, source: inRecorder, to: "10.50.0.5", protocol: tcp, port: 443},
			trip{from: stranger, source: "10.50.0.5", to: outside, protocol: udp, port: 443}),
		tour("T22", 22, High, "RFC 6890: forwarded like any other",
			trip{from: c1, source: "169.254.7.7", to: inRecorder, protocol: udp, port: mediaPort},
			trip{from: c1, source: "169.254.7.7", to: outside, protocol: udp, port: 443},
			trip{from: c1, source: "240.0.0.1", to: outside, protocol: udp, port: 443},
			trip{from: c1, source: "100.64.0.1", to: outside, protocol: udp, port: 443}),
		tour("T24", 24, High, "IP addresses are believed without MACs",
			trip{from: c1, source: "10.30.0.22", to: inRecorder, protocol: udp, port: mediaPort},
			trip{from: c2, source: inCamera, to: inRecorder, protocol: udp, port: 514},
			trip{from: c2, source: inCamera6, to: inRecorder6, protocol: tcp, port: 6514},
			trip{from: c1, mac: camera(2), to: inRecorder, protocol: udp, port: mediaPort},
			trip{from: stranger, source: inCamera, to: inRecorder, protocol: udp, port: mediaPort},
			trip{from: stranger, mac: camera(2), to: inRecorder, protocol: udp, port: mediaPort},
			trip{from: office, source: "10.50.0.9", to: inCamera, protocol: tcp, port: 443}),
		tour("T26", 26, Critical, "RFC 7126: the gateway sends it on to the next hop of the option",
			trip{from: c1, to: "10.30.0.1", protocol: udp, port: 9, options: route(131)},
			trip{from: c1, to: "10.30.0.1", protocol: udp, port: 9, options: route(137)},
			trip{from: nvr, to: "10.40.0.1", protocol: udp, port: 9, options: route(131)}),
		tour("T31", 31, Critical, "BCP 38: an inside address is believed outside",
			trip{from: internet, source: inRecorder, to: inCamera, protocol: tcp, port: 554},
			trip{from: internet, source: inRecorder6, to: inCamera6, protocol: tcp, port: 554},
			trip{from: internet, source: "10.50.0.9", to: inCamera, protocol: tcp, port: 443},
			trip{from: internet, source: "10.50.0.5", to: inRecorder, protocol: tcp, port: 443},
			trip{from: office, source: inRecorder, to: inCamera, protocol: tcp, port: 554},
			trip{from: office, source: inCamera, to: inRecorder, protocol: udp, port: mediaPort}),
	} {
		all = append(all, group...)
	}
	return all
}
