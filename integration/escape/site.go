package escape

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"testing/fstest"

	"cordon/integration/lab"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// The machines of the sites.
const (
	c1, c2, stranger = "c1", "c2", "stranger"
	nvr, nvr2        = "nvr", "nvr2"
	office, jump     = "office", "jump"
	internet         = "internet"
	carrier          = "carrier"
)

// The addresses of the tables.
const (
	inCamera, inCamera6     = "10.30.0.21", "fd30::21"
	inRecorder, inRecorder6 = "10.40.0.10", "fd40::10"
	outside, outside6       = "198.51.100.7", "2001:db8:1::7"
	mobile, mobile6         = "198.18.0.7", "fd99::7"
	mediaPort               = 6150
)

//go:embed site.hcl
var sitePolicy string

// The sites that techniques are played on.
const (
	OnSwitch = "switch" // the cameras on a switch behind one interface
	OnPorts  = "ports"  // each camera on a port of the gateway's own bridge
	OnShown  = "shown"  // the same, and the kernel shows bridged packets to the IP layer
	// OnCareless is OnSwitch again, where other programs translate, turn ports and accept before the rules.
	OnCareless = "careless"
)

// onBridges are the sites where the gateway is the cameras' switch.
func onBridges() []string { return []string{OnPorts, OnShown} }

// untracked are the sites where nothing puts fragments together before they are sent on: on the others, one alone arrives nowhere.
func untracked() []string { return []string{OnSwitch, OnPorts, OnShown} }

// Site is a network with a gateway, and the policy that is put in force on it.
type Site struct {
	Name   string
	lab    lab.Site
	policy string
	// prepare makes of the gateway what it was before Cordon; nil when its interfaces are all.
	prepare func(*lab.Lab) error
}

// Sites lists the sites.
func Sites() []Site {
	return []Site{
		{Name: OnSwitch, lab: wires(), policy: sitePolicy},
		{Name: OnPorts, lab: onPorts(), policy: onBridge(sitePolicy), prepare: plugPorts("0")},
		{Name: OnShown, lab: onPorts(), policy: onBridge(sitePolicy), prepare: plugPorts("1")},
		{Name: OnCareless, lab: onCareless(), policy: sitePolicy, prepare: accommodate},
	}
}

// read reads the site's policy, which has to be without mistakes.
func (s Site) read() (policy.Policy, error) {
	files := fstest.MapFS{"site.hcl": &fstest.MapFile{Data: []byte(s.policy)}}
	p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{Name: "site", FS: files})
	if message.HasErrors(diagnostics) {
		return policy.Policy{}, fmt.Errorf("the policy of %s has mistakes: %+v", s.Name, diagnostics)
	}
	return p, nil
}

// host describes a machine by its addresses and routers, each a list of words.
func host(name string, mac policy.MAC, via, addresses string) lab.Host {
	h := lab.Host{Name: name, MAC: mac, Addresses: prefixes(addresses)}
	for v := range strings.FieldsSeq(via) {
		h.Via = append(h.Via, addr(v))
	}
	return h
}

func prefixes(words string) []netip.Prefix {
	var list []netip.Prefix
	for word := range strings.FieldsSeq(words) {
		list = append(list, netip.MustParsePrefix(word))
	}
	return list
}

// gatewayMAC is the gateway's own on the cameras' network.
func gatewayMAC() policy.MAC { return policy.MAC{2, 0, 0, 0, 0x30, 1} }

func camera(n byte) policy.MAC { return policy.MAC{0x44, 0x19, 0xb6, 0, 0, n} }

// bridge is the gateway's own, and portsOf are its ports, one for each camera of the site.
const bridge = "br-cam"

func portsOf(site lab.Site) []string {
	var names []string
	for i := range site.Segments[0].Hosts {
		names = append(names, fmt.Sprintf("p%d", i+1))
	}
	return names
}

// onPorts is the same site, with each camera at the end of a cable of its own. All the cables have one MAC at the gateway's end, which
// becomes the bridge's: whoever sends or hears a frame knows the gateway by it on either site.
func onPorts() lab.Site {
	site := wires()
	var cables []lab.Segment
	for i, name := range portsOf(site) {
		h := site.Segments[0].Hosts[i]
		cables = append(cables, lab.Segment{Name: "port of " + h.Name, Interface: name, MAC: gatewayMAC(), Hosts: []lab.Host{h}})
	}
	site.Segments = append(cables, site.Segments[1:]...)
	return site
}

// onBridge is the same policy with the cameras on the bridge, one of them at a port of its own.
func onBridge(text string) string {
	ports := strings.Join(portsOf(wires()), `", "`)
	text = strings.Replace(text, `interface = "cam0"`, fmt.Sprintf("bridge {\n name = %q\n ports = [\"%s\"]\n }", bridge, ports), 1)
	return strings.Replace(text, `mac       = "44:19:b6:00:00:01"`, "mac = \"44:19:b6:00:00:01\"\n port = \"p1\"", 1)
}

// wires is the site as cables and addresses.
func wires() lab.Site {
	const cameras, recorders, clients = "10.30.0.1 fd30::1", "10.40.0.1 fd40::1", "10.50.0.1 fd50::1"
	return lab.Site{Segments: []lab.Segment{
		{Name: "cameras", Interface: "cam0", MAC: gatewayMAC(), Addresses: prefixes("10.30.0.1/24 fd30::1/64"), Hosts: []lab.Host{
			host(c1, camera(1), cameras, "10.30.0.21/24 fd30::21/64"),
			host(c2, camera(2), cameras, "10.30.0.22/24 fd30::22/64"),
			host(stranger, camera(0x99), cameras, "10.30.0.99/24 fd30::99/64"),
		}},
		{Name: "recorders", Interface: "rec0", Addresses: prefixes("10.40.0.1/24 fd40::1/64"), Hosts: []lab.Host{
			host(nvr, policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xcc}, recorders, "10.40.0.10/24 fd40::10/64"),
			host(nvr2, policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xdd}, recorders, "10.40.0.11/24 fd40::11/64"),
		}},
		{Name: "office", Interface: "lan0", Addresses: prefixes("10.50.0.1/24 fd50::1/64"), Hosts: []lab.Host{
			host(office, policy.MAC{0x3c, 0x52, 0x82, 0, 0, 5}, clients, "10.50.0.5/24 10.50.0.77/24 fd50::5/64"),
			host(jump, policy.MAC{0x3c, 0x52, 0x82, 0, 0, 9}, clients, "10.50.0.9/24 fd50::9/64"),
		}},
		{
			Name: "internet", Interface: "wan0", Addresses: prefixes("203.0.113.2/24 198.51.100.2/24 2001:db8::2/64 2001:db8:1::2/64"),
			Hosts: []lab.Host{
				host(internet, policy.MAC{2, 0, 0, 0, 0, 0x80}, "203.0.113.2 2001:db8::2",
					"203.0.113.80/24 198.51.100.7/32 2001:db8::80/64 2001:db8:1::7/128"),
			},
		},
		// The policy does not know of this one.
		{Name: "mobile", Interface: "wwan0", Addresses: prefixes("198.18.0.2/24 fd99::2/64"), Hosts: []lab.Host{
			host(carrier, policy.MAC{2, 0, 0, 0, 0, 0x90}, "198.18.0.2 fd99::2", "198.18.0.7/24 fd99::7/64"),
		}},
	}}
}
