package integration_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/fstest"
	"time"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// The machines of the site that the tests of this package build.
const (
	c1, c2, stranger = "c1", "c2", "stranger"
	nvr, nvr2        = "nvr", "nvr2"
	office, jump     = "office", "jump"
	internet         = "internet"
)

// head is the site's policy but for its allows.
const head = `
site "school" {}
segment "cameras" {
  kind      = "camera"
  interface = "cam0"
  addresses = ["10.30.0.1/24", "fd30::1/64"]
}
segment "recorders" {
  kind      = "recorder"
  interface = "rec0"
  addresses = ["10.40.0.1/24", "fd40::1/64"]
}
segment "office" {
  kind      = "client"
  interface = "lan0"
  addresses = ["10.50.0.1/24", "fd50::1/64"]
}
segment "internet" {
  kind       = "uplink"
  interface  = "wan0"
  addresses  = ["203.0.113.2/24", "2001:db8::2/64"]
  masquerade = [segment.office]
  route {
    to  = ["0.0.0.0/0"]
    via = "203.0.113.80"
  }
  route {
    to  = ["::/0"]
    via = "2001:db8::80"
  }
}
manage {
  from     = [segment.office]
  services = ["ssh", "ping"]
}
camera "c1" {
  segment   = segment.cameras
  mac       = "44:19:b6:00:00:01"
  addresses = ["10.30.0.21", "fd30::21"]
}
camera "c2" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:02"
  address = "10.30.0.22"
}
recorder "nvr" {
  segment   = segment.recorders
  mac       = "00:11:32:aa:bb:cc"
  addresses = ["10.40.0.10", "fd40::10"]
}
recorder "nvr2" {
  segment = segment.recorders
  address = "10.40.0.11"
}
host "jump" {
  segment = segment.office
  address = "10.50.0.9"
  mac     = "3c:52:82:00:00:09"
}
service "media" {
  udp = ["6100-6299"]
}
`

// allows are what the site opens.
const allows = `
allow "record" {
  from     = [recorder.nvr, recorder.nvr2]
  to       = segment.cameras
  services = ["rtsp", "onvif"]
}
allow "media" {
  from     = segment.cameras
  to       = recorder.nvr
  services = [service.media]
}
allow "alarm" {
  from     = camera.c1
  to       = recorder.nvr
  services = ["syslog"]
}
allow "watch" {
  from     = segment.office
  to       = recorder.nvr
  services = ["https", "ping"]
}
allow "repair" {
  from     = host.jump
  to       = segment.cameras
  services = ["https"]
}
allow "look" {
  from     = "10.50.0.0/29"
  to       = camera.c2
  services = ["https"]
}
allow "surf" {
  from     = segment.office
  to       = segment.internet
  services = ["any"]
}
`

// gatewayMAC is the gateway's own on the cameras' segment.
func gatewayMAC() policy.MAC { return policy.MAC{2, 0, 0, 0, 0x30, 1} }

// owner returns the machine that has an address, or "" for the gateway and for nobody.
func owner(a netip.Addr) string {
	for _, s := range plan().Segments {
		for _, h := range s.Hosts {
			for _, p := range h.Addresses {
				if p.Addr() == a {
					return h.Name
				}
			}
		}
	}
	return ""
}

// read reads a policy that has to be without mistakes.
func read(t *testing.T, text string) policy.Policy {
	t.Helper()
	return readFiles(t, map[string][]byte{"site.hcl": []byte(text)})
}

// readFiles reads a policy of several files.
func readFiles(t *testing.T, contents map[string][]byte) policy.Policy {
	t.Helper()
	files := fstest.MapFS{}
	for name, content := range contents {
		files[name] = &fstest.MapFile{Data: content}
	}
	p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{Name: "site", FS: files})
	if message.HasErrors(diagnostics) {
		t.Fatalf("the policy has mistakes: %+v", diagnostics)
	}
	return p
}

// plan returns the site as wires and addresses.
func plan() lab.Site {
	addresses := func(texts ...string) []netip.Prefix {
		list := make([]netip.Prefix, len(texts))
		for i, text := range texts {
			list[i] = netip.MustParsePrefix(text)
		}
		return list
	}
	host := func(name string, mac policy.MAC, via []string, texts ...string) lab.Host {
		h := lab.Host{Name: name, MAC: mac, Addresses: addresses(texts...)}
		for _, v := range via {
			h.Via = append(h.Via, netip.MustParseAddr(v))
		}
		return h
	}
	cameras, recorders, clients := []string{"10.30.0.1", "fd30::1"}, []string{"10.40.0.1", "fd40::1"}, []string{"10.50.0.1", "fd50::1"}
	uplink := addresses("203.0.113.2/24", "198.51.100.2/24", "2001:db8::2/64", "2001:db8:1::2/64")
	return lab.Site{Segments: []lab.Segment{
		{Name: "cameras", Interface: "cam0", MAC: gatewayMAC(), Addresses: addresses("10.30.0.1/24", "fd30::1/64"), Hosts: []lab.Host{
			host(c1, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}, cameras, "10.30.0.21/24", "fd30::21/64"),
			host(c2, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 2}, cameras, "10.30.0.22/24", "fd30::22/64"),
			host(stranger, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 0x99}, cameras, "10.30.0.99/24", "fd30::99/64"),
		}},
		{Name: "recorders", Interface: "rec0", Addresses: addresses("10.40.0.1/24", "fd40::1/64"), Hosts: []lab.Host{
			host(nvr, policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xcc}, recorders, "10.40.0.10/24", "fd40::10/64"),
			host(nvr2, policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xdd}, recorders, "10.40.0.11/24", "fd40::11/64"),
		}},
		{Name: "office", Interface: "lan0", Addresses: addresses("10.50.0.1/24", "fd50::1/64"), Hosts: []lab.Host{
			host(office, policy.MAC{0x3c, 0x52, 0x82, 0, 0, 5}, clients, "10.50.0.5/24", "10.50.0.77/24", "fd50::5/64"),
			host(jump, policy.MAC{0x3c, 0x52, 0x82, 0, 0, 9}, clients, "10.50.0.9/24", "fd50::9/64"),
		}},
		{Name: "internet", Interface: "wan0", Addresses: uplink, Hosts: []lab.Host{
			host(internet, policy.MAC{2, 0, 0, 0, 0, 0x80}, []string{"203.0.113.2", "2001:db8::2"},
				"203.0.113.80/24", "198.51.100.7/32", "2001:db8::80/64", "2001:db8:1::7/128"),
		}},
	}}
}

// open builds the site and makes its gateway forward, as a router without a policy does.
func open(t *testing.T) *lab.Lab {
	t.Helper()
	l, err := lab.Open(t.Context(), plan())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Forward(true); err != nil {
		t.Fatal(err)
	}
	return l
}

// apply puts a policy in force on the site's gateway.
func apply(t *testing.T, l *lab.Lab, p policy.Policy) (gateway.Proposal, gateway.Outcome) {
	t.Helper()
	var proposal gateway.Proposal
	var outcome gateway.Outcome
	inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
		var err error
		if proposal, err = g.Propose(ctx, p, ""); err != nil {
			return err
		}
		outcome, err = g.Change(ctx, proposal)
		return err
	})
	return proposal, outcome
}

// inside runs a function with the site's gateway opened.
func inside(t *testing.T, l *lab.Lab, fn func(context.Context, *gateway.Gateway) error) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		g, err := gateway.Open(gateway.SystemClock(time.Now, true))
		if err != nil {
			return err
		}
		defer g.Close()
		return fn(t.Context(), g)
	})
	if err != nil {
		t.Fatal(err)
	}
}
