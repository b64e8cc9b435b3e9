package compile_test

import (
	"net/netip"

	"cordon/policy"
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

func addrs(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParseAddr(t)
	}
	return list
}

func mac(text string) policy.MAC {
	m, err := policy.ParseMAC(text)
	if err != nil {
		panic(err)
	}
	return m
}

// The segments of the school, as indices.
const cameras, recorders, office, internet = 0, 1, 2, 3

func at(line int) policy.Origin { return policy.Origin{File: "school.hcl", Line: line} }

func tcp(name string, port uint16) policy.Service {
	return policy.Service{Name: name, Ports: []policy.Ports{{Protocol: policy.TCP, First: port, Last: port}}}
}

func device(name string, ids ...policy.DeviceID) policy.Endpoint {
	return policy.Endpoint{Kind: policy.DeviceEndpoint, Name: name, Devices: ids}
}

func segment(name string, id policy.SegmentID) policy.Endpoint {
	return policy.Endpoint{Kind: policy.SegmentEndpoint, Name: name, Segments: []policy.SegmentID{id}}
}

// school returns a small site with every shape of opening: exact, by segment, by literal network, a range of ports, ping and any; a
// recorder with a MAC and one without; both families.
func school() policy.Policy {
	return policy.Policy{
		Site: policy.Site{Name: "school"}, Segments: segments(), Devices: devices(), Allows: allows(),
		Manage: []policy.Manage{{
			From:     []policy.Endpoint{segment("segment.office", office)},
			Services: []policy.Service{tcp("ssh", 22), {Name: "ping", Ping: true}}, Origin: at(96),
		}},
		Files:  []string{"school.hcl"},
		Digest: "sha256:0000",
	}
}

func segments() []policy.Segment {
	return []policy.Segment{
		{Name: "cameras", Kind: policy.CameraSegment, Interface: "cam0", Addresses: prefixes("10.30.0.1/24", "fd30::1/64"), Origin: at(3)},
		{
			Name: "recorders", Kind: policy.RecorderSegment, Interface: "rec0",
			Addresses: prefixes("10.40.0.1/24", "fd40::1/64"), Origin: at(9),
		},
		{Name: "office", Kind: policy.ClientSegment, Interface: "lan0", Addresses: prefixes("10.50.0.1/24"), Routes: []policy.Route{
			{To: prefixes("172.16.0.0/12"), Via: netip.MustParseAddr("10.50.0.254")},
		}, Origin: at(15)},
		{
			Name: "internet", Kind: policy.UplinkSegment, Interface: "wan0", Addresses: prefixes("203.0.113.2/24"),
			Routes:     []policy.Route{{To: prefixes("0.0.0.0/0"), Via: netip.MustParseAddr("203.0.113.1")}},
			Translates: true, Masquerade: []policy.SegmentID{office}, Origin: at(21),
		},
	}
}

func devices() []policy.Device {
	return []policy.Device{
		{
			Kind: policy.Camera, Name: "gym", Segment: cameras, MAC: mac("44:19:b6:00:00:01"),
			Addresses: addrs("10.30.0.21", "fd30::21"), Origin: at(30),
		},
		{Kind: policy.Camera, Name: "hall", Segment: cameras, MAC: mac("44:19:b6:00:00:02"), Addresses: addrs("10.30.0.22"), Origin: at(36)},
		{
			Kind: policy.Recorder, Name: "nvr-1", Segment: recorders, MAC: mac("00:11:32:aa:bb:cc"),
			Addresses: addrs("10.40.0.10", "fd40::10"), Origin: at(42),
		},
		{Kind: policy.Recorder, Name: "nvr-2", Segment: recorders, Addresses: addrs("10.40.0.11"), Origin: at(48)},
		{Kind: policy.Host, Name: "jump", Segment: office, MAC: mac("3c:52:82:00:00:09"), Addresses: addrs("10.50.0.9"), Origin: at(54)},
	}
}

func allows() []policy.Allow {
	media := policy.Service{Name: "media", Ports: []policy.Ports{{Protocol: policy.UDP, First: 6100, Last: 6299}}}
	return []policy.Allow{
		{
			Name: "record", From: []policy.Endpoint{device("recorder.nvr-1", 2), device("recorder.nvr-2", 3)},
			To:       []policy.Endpoint{device("segment.cameras", 0, 1)},
			Services: []policy.Service{tcp("rtsp", 554), tcp("http", 80)}, Origin: at(60),
		},
		{
			Name: "media", From: []policy.Endpoint{device("segment.cameras", 0, 1)}, To: []policy.Endpoint{device("recorder.nvr-1", 2)},
			Services: []policy.Service{media}, Origin: at(66),
		},
		{
			Name: "watch", From: []policy.Endpoint{segment("segment.office", office)}, To: []policy.Endpoint{device("recorder.nvr-1", 2)},
			Services: []policy.Service{tcp("https", 443), {Name: "ping", Ping: true}}, Origin: at(72),
		},
		{
			Name: "clean", From: []policy.Endpoint{{
				Kind: policy.NetworkEndpoint, Name: "10.50.0.0/28", Segments: []policy.SegmentID{office},
				Network: netip.MustParsePrefix("10.50.0.0/28"),
			}},
			To: []policy.Endpoint{device("camera.gym", 0)}, Services: []policy.Service{tcp("https", 443)}, Origin: at(78),
		},
		{
			Name: "surf", From: []policy.Endpoint{segment("segment.office", office)},
			To:       []policy.Endpoint{segment("segment.internet", internet)},
			Services: []policy.Service{{Name: "any", Any: true}}, Origin: at(84),
		},
		{
			Name: "jump", From: []policy.Endpoint{device("host.jump", 4)}, To: []policy.Endpoint{device("camera.hall", 1)},
			Services: []policy.Service{tcp("ssh", 22)}, Origin: at(90),
		},
	}
}
