package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing/fstest"
	"time"

	"cordon/gateway"
	"cordon/gateway/compile"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/integration/lab"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// head is the policy of the measured site: one recorder calls every camera by TCP and by UDP. The office
// and the uplink say nothing, and bring the layers that watch an uplink into the measured ruleset.
const head = `
site "bench" {}
segment "cameras" {
  kind      = "camera"
  interface = "cam0"
  addresses = ["10.30.0.1/16"]
  refuse    = %q
}
segment "recorders" {
  kind      = "recorder"
  interface = "rec0"
  addresses = ["10.40.0.1/24"]
}
segment "office" {
  kind      = "client"
  interface = "lan0"
  addresses = ["10.50.0.1/24"]
}
segment "internet" {
  kind       = "uplink"
  interface  = "wan0"
  addresses  = ["203.0.113.2/24"]
  masquerade = [segment.office]
}
manage {
  from     = [segment.office]
  services = ["ssh"]
}
allow "surf" {
  from     = segment.office
  to       = segment.internet
  services = ["any"]
}
recorder "nvr" {
  segment = segment.recorders
  mac     = "00:11:32:aa:bb:cc"
  address = "10.40.0.10"
}
service "stream" {
  tcp = ["554"]
  udp = ["554"]
}
allow "record" {
  from     = recorder.nvr
  to       = segment.cameras
  services = [service.stream, "onvif", "https"]
}
dynamic "camera" {
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment.cameras
    mac     = row.value.mac
    address = row.value.address
  }
}
`

// cameraMAC and cameraAddress are those of camera number i.
func cameraMAC(i int) policy.MAC {
	return policy.MAC{0x44, 0x19, 0xb6, byte(i >> 16), byte(i >> 8), byte(i)}
}

func cameraAddress(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 30, byte(1 + i/250), byte(1 + i%250)})
}

func recorderMAC() policy.MAC     { return policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xcc} }
func recorderAddress() netip.Addr { return netip.AddrFrom4([4]byte{10, 40, 0, 10}) }

// gatewayMAC is the gateway's own on segment number n.
func gatewayMAC(n byte) policy.MAC { return policy.MAC{2, 0, 0, 0, 0, n} }

// policyOf returns the policy of a site with that many cameras, which are refused in one of the two ways.
func policyOf(cameras int, refuse string) (policy.Policy, error) {
	var rows strings.Builder
	rows.WriteString("name,mac,address\n")
	for i := range cameras {
		fmt.Fprintf(&rows, "c%05d,%s,%s\n", i, cameraMAC(i), cameraAddress(i))
	}
	files := fstest.MapFS{"site.hcl": {Data: []byte(fmt.Sprintf(head, refuse))}, "cameras.csv": {Data: []byte(rows.String())}}
	p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{Name: "bench", FS: files})
	if message.HasErrors(diagnostics) {
		return p, fmt.Errorf("the policy has mistakes: %s", diagnostics[0].Code)
	}
	return p, everyLayer(compile.Ruleset(p, "", policy.Moment{}))
}

// errLayer says that the measured ruleset has given up a layer, which would make its figures nobody's.
var errLayer = errors.New("the measured ruleset lacks a layer")

// everyLayer holds that a ruleset has every base chain but the one for errors about an allow through an uplink.
func everyLayer(filter ruleset.Ruleset) error {
	there := map[string]bool{}
	for _, t := range filter.Tables {
		for _, c := range t.Chains {
			there[t.Family.String()+" "+c.Name] = c.Hook != nil
		}
	}
	for _, name := range []string{
		"netdev ingress", "netdev egress", "inet cameras", "inet recorders", "inet prerouting", "inet input", "inet output",
		"inet forward", "inet postrouting", "inet translate",
	} {
		if !there[name] {
			return fmt.Errorf("%w: %s", errLayer, name)
		}
	}
	return nil
}

// openSite builds the site: the cameras' cable, the recorder's, and a gateway that forwards.
func openSite(ctx context.Context) (*lab.Lab, error) {
	prefix := netip.MustParsePrefix
	l, err := lab.Open(ctx, lab.Site{Segments: []lab.Segment{
		{Name: "cameras", Interface: "cam0", MAC: gatewayMAC(1), Addresses: []netip.Prefix{prefix("10.30.0.1/16")}, Hosts: []lab.Host{
			{Name: "cameras", MAC: cameraMAC(0), Addresses: []netip.Prefix{prefix("10.30.0.2/16")}},
		}},
		{Name: "recorders", Interface: "rec0", MAC: gatewayMAC(2), Addresses: []netip.Prefix{prefix("10.40.0.1/24")}, Hosts: []lab.Host{
			{Name: "nvr", MAC: recorderMAC(), Addresses: []netip.Prefix{prefix("10.40.0.10/24")}},
		}},
		{Name: "office", Interface: "lan0", Hosts: []lab.Host{{Name: "office"}}},
		{Name: "internet", Interface: "wan0", Hosts: []lab.Host{{Name: "internet"}}},
	}})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(l.Ready(ctx), l.Forward(true)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// swallow makes a machine drop whatever comes, before it costs anything: what is measured ends at its interface.
func swallow(ctx context.Context, l *lab.Lab, name string) error {
	m, err := l.Machine(name)
	if err != nil {
		return err
	}
	hook := ruleset.Hook{Point: ruleset.Ingress, Priority: -500, Devices: []string{"eth0"}, Drop: true}
	return m.NetNS().Do(func() error { return commit(ctx, ruleset.Netdev, hook) })
}

// commit puts one base chain in force.
func commit(ctx context.Context, f ruleset.Family, hook ruleset.Hook, rules ...ruleset.Rule) error {
	conn, err := nft.Open()
	if err != nil {
		return err
	}
	defer conn.Close()
	table := ruleset.Table{Family: f, Name: "bench", Chains: []ruleset.Chain{{Name: "measured", Hook: &hook, Rules: rules}}}
	b := wire.NewBatch(0)
	for _, t := range wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{table}}) {
		b.Add(&t)
	}
	return conn.Commit(ctx, b)
}

// established is what most people run: a forward chain that accepts what conntrack knows and what recorders
// open, and drops or accepts the rest.
func established(ctx context.Context, drop bool) error {
	accept := ruleset.Rule{Statements: []ruleset.Statement{
		ruleset.Compare{Field: ruleset.CTState, Values: []string{ruleset.Word(ruleset.StateEstablished)}},
		ruleset.Verdict{Kind: ruleset.AcceptPacket},
	}}
	calls := ruleset.Rule{Statements: []ruleset.Statement{
		ruleset.Compare{Field: ruleset.IIFName, Values: []string{ruleset.Name("rec0")}},
		ruleset.Verdict{Kind: ruleset.AcceptPacket},
	}}
	return commit(ctx, ruleset.Inet, ruleset.Hook{Point: ruleset.Forward, Drop: drop}, accept, calls)
}

// enforce puts a policy in force.
func enforce(ctx context.Context, p policy.Policy) error {
	g, err := gateway.Open(gateway.SystemClock(time.Now, true))
	if err != nil {
		return err
	}
	defer g.Close()
	proposal, err := g.Propose(ctx, p, "")
	if err != nil {
		return err
	}
	_, err = g.Change(ctx, proposal)
	return err
}
