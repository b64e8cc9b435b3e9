package demo

import (
	"net/netip"

	"cordon/integration/lab"
	"cordon/policy"
)

// The machines of the site. The visitor is a device on the cameras' cable that the policy does not name.
const (
	north, entrance, visitor = "gym-north", "entrance", "visitor"
	nvr, office, internet    = "nvr-1", "office", "internet"
)

// The Ethernet addresses that forgeries and frames made by hand need.
func gatewayMAC() policy.MAC  { return policy.MAC{0x02, 0, 0, 0, 0x30, 1} }
func northMAC() policy.MAC    { return policy.MAC{0x44, 0x19, 0xb6, 0, 0, 0x21} }
func entranceMAC() policy.MAC { return policy.MAC{0x44, 0x19, 0xb6, 0, 0, 0x22} }

// Where the internet's services are: the maker's cloud, and the servers that are built into the camera.
const (
	cloud, cloud6 = "198.51.100.86", "2001:db8:1::86"
	times, names  = "198.51.100.123", "198.51.100.53"
)

// The ports of the maker's cloud: registration by TCP, a meeting point by UDP.
const (
	cloudPort, relayPort uint16 = 8666, 8800
)

// site returns the wires and addresses. The gateway has its addresses already, as a router that somebody set up without Cordon has.
func site() lab.Site {
	return lab.Site{Segments: []lab.Segment{
		{Name: "cameras", Interface: "cam0", MAC: gatewayMAC(), Addresses: prefixes("10.30.0.1/24", "fd30::1/64"), Hosts: []lab.Host{
			host(north, northMAC(), "10.30.0.21/24", "fd30::21/64"),
			host(entrance, entranceMAC(), "10.30.0.22/24", "fd30::22/64"),
			host(visitor, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 0x99}, "10.30.0.99/24", "fd30::99/64"),
		}},
		{Name: "recorders", Interface: "rec0", Addresses: prefixes("10.40.0.1/24", "fd40::1/64"), Hosts: []lab.Host{
			host(nvr, policy.MAC{0x00, 0x11, 0x32, 0, 0, 0x10}, "10.40.0.10/24", "fd40::10/64"),
		}},
		{Name: "office", Interface: "lan0", Addresses: prefixes("10.50.0.1/24", "fd50::1/64"), Hosts: []lab.Host{
			host(office, policy.MAC{0x3c, 0x52, 0x82, 0, 0, 5}, "10.50.0.5/24", "fd50::5/64"),
		}},
		{
			Name: "internet", Interface: "wan0",
			Addresses: prefixes("203.0.113.2/24", "198.51.100.2/24", "2001:db8::2/64", "2001:db8:1::2/64"),
			Hosts: []lab.Host{{
				Name: internet, MAC: policy.MAC{0x02, 0, 0, 0, 0, 0x80}, Via: addresses("203.0.113.2", "2001:db8::2"),
				Addresses: prefixes("203.0.113.80/24", cloud+"/32", times+"/32", names+"/32", "2001:db8::80/64", cloud6+"/128"),
			}},
		},
	}}
}

// host returns a machine whose router is the first address of each of its networks.
func host(name string, mac policy.MAC, texts ...string) lab.Host {
	h := lab.Host{Name: name, MAC: mac, Addresses: prefixes(texts...)}
	for _, p := range h.Addresses {
		h.Via = append(h.Via, p.Masked().Addr().Next())
	}
	return h
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func addresses(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParseAddr(text)
	}
	return list
}
