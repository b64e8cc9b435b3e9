package escape

import (
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// malformed are packets of an allowed flow in a form that no camera needs.
func malformed() []Technique {
	option := func(options ...byte) func(Sender) [][]byte {
		return single(func(s Sender) []byte {
			from, to := addr(inCamera), addr(inRecorder)
			return s.Four(frame.IPv4{Source: from, Destination: to, Protocol: policy.UDP, Options: options, Payload: s.UDP(from, to, mediaPort)})
		})
	}
	header := func(extensions ...frame.Extension) func(Sender) [][]byte {
		return single(func(s Sender) []byte {
			from, to := addr(inCamera6), addr(inRecorder6)
			return s.Six(frame.IPv6{Source: from, Destination: to, Extensions: extensions, Next: policy.UDP, Payload: s.UDP(from, to, mediaPort)})
		})
	}
	part := func(more bool, offset int) func(Sender) [][]byte {
		return single(func(s Sender) []byte {
			from, to := addr(inCamera), addr(inRecorder)
			return s.Four(frame.IPv4{
				Source: from, Destination: to, Protocol: policy.UDP, ID: s.Port, MoreFragments: more, Offset: offset,
				Payload: padTo8(s.UDP(from, to, mediaPort)),
			})
		})
	}
	pad := []byte{1, 4, 0, 0, 0, 0}
	return []Technique{
		{
			ID: "H03", Way: 27, What: "record route", Severity: Medium, Mechanism: "options are parsed before forward", From: c1,
			frames: option(7, 7, 4, 0, 0, 0, 0),
		},
		{
			ID: "H04", Way: 27, What: "timestamp", Severity: Medium, Mechanism: "options are parsed before forward", From: c1,
			frames: option(68, 8, 5, 0, 0, 0, 0, 0),
		},
		{
			ID: "H05", Way: 27, What: "router alert", Severity: Medium, Mechanism: "options are parsed before forward", From: c1,
			frames: option(148, 4, 0, 0),
		},
		{
			ID: "H07", Way: 27, What: "an unknown option", Severity: Medium, Mechanism: "octets that nobody looks at", From: c1,
			frames: option(30, 4, 1, 1),
		},
		{
			ID: "C01", Way: 10, What: "first fragment", Severity: High, Mechanism: "RFC 1858", From: c1, Where: untracked(),
			frames: part(true, 0),
		},
		{
			ID: "C02", Way: 10, What: "later fragment alone", Severity: Critical, Mechanism: "no ports to look at", From: c1,
			Where:  untracked(),
			frames: part(false, 64),
		},
		{ID: "C03", Way: 10, What: "tiny fragment, the rest behind it", Severity: Critical, Mechanism: "RFC 3128", From: c1, frames: tiny},
		{
			ID: "C05", Way: 10, What: "IPv6 first fragment", Severity: High, Mechanism: "RFC 8200", From: c1,
			frames: header(frame.FragmentHeader(7, 0, true)),
		},
		{
			ID: "C06", Way: 10, What: "IPv6 later fragment alone", Severity: Critical, Mechanism: "no ports to look at", From: c1,
			Where:  untracked(),
			frames: header(frame.FragmentHeader(8, 64, false)),
		},
		{
			ID: "C07", Way: 10, What: "IPv6 atomic fragment", Severity: High, Mechanism: "RFC 6946", From: c1,
			frames: header(frame.FragmentHeader(9, 0, false)),
		},
		{
			ID: "C08", Way: 8, What: "destination options", Severity: High, Mechanism: "filters look at the first next-header", From: c1,
			frames: header(frame.Extension{Type: frame.DestinationOptions, Body: pad}),
		},
		{
			ID: "C09", Way: 8, What: "hop-by-hop options", Severity: High, Mechanism: "parsed in ip6_rcv", From: c1,
			frames: header(frame.Extension{Type: frame.HopByHop, Body: pad}),
		},
		{
			ID: "C10", Way: 9, What: "a routing header", Severity: High, Mechanism: "RFC 5095", From: c1,
			frames: header(frame.Extension{Type: frame.Routing, Body: []byte{253, 0, 0, 0, 0, 0}}),
		},
		{ID: "C12", Way: 8, What: "a chain of headers", Severity: High, Mechanism: "RFC 7045", From: c1, frames: header(
			frame.Extension{Type: frame.HopByHop, Body: pad}, frame.Extension{Type: frame.DestinationOptions, Body: pad},
			frame.FragmentHeader(10, 0, false))},
	}
}

// priorityTags are tags that the kernel takes off before it looks at a packet.
func priorityTags() []Technique {
	return []Technique{
		{
			ID: "G20", Way: 40, What: "priority tag, VID 0", Severity: High, Mechanism: "the kernel takes the tag off", From: c1,
			frames: tagged(inCamera, inRecorder, frame.Tag{}),
		},
		{
			ID: "G21", Way: 40, What: "priority tag to the internet", Severity: Critical, Mechanism: "the kernel takes the tag off", From: c1,
			frames: tagged(inCamera, outside, frame.Tag{}),
		},
		{
			ID: "G22", Way: 40, What: "two priority tags", Severity: High, Mechanism: "the kernel takes both off", From: c1,
			frames: tagged(inCamera, inRecorder, frame.Tag{Type: frame.TypeService}, frame.Tag{}),
		},
		{
			ID: "G23", Way: 40, What: "priority tag around IPv6", Severity: High, Mechanism: "the kernel takes the tag off", From: c1,
			frames: tagged(inCamera6, inRecorder6, frame.Tag{}),
		},
		{
			ID: "G24", Way: 40, What: "another VLAN's tag", Severity: High, Mechanism: "CERT VU#855201", From: c1,
			frames: tagged(inCamera, inRecorder, frame.Tag{ID: 40}),
			Sealed: "the site's gateway has no tagged interface",
		},
	}
}

func padTo8(b []byte) []byte { return append(b, make([]byte, (8-len(b)%8)%8)...) }

// tiny cuts a datagram behind its header.
func tiny(s Sender) [][]byte {
	from, to := addr(inCamera), addr(inRecorder)
	whole := padTo8(s.UDP(from, to, mediaPort))
	cut := func(more bool, offset int, b []byte) []byte {
		return s.Four(frame.IPv4{
			Source: from, Destination: to, Protocol: policy.UDP, ID: s.Port, MoreFragments: more, Offset: offset, Payload: b,
		})
	}
	return [][]byte{cut(true, 0, whole[:8]), cut(false, 8, whole[8:])}
}

func tagged(from, to string, tags ...frame.Tag) func(Sender) [][]byte {
	return single(func(s Sender) []byte { return s.Datagram(addr(from), addr(to), mediaPort, tags...) })
}
