package compile_test

import (
	"slices"
	"strings"
	"testing"

	"cordon/gateway/compile"
	"cordon/policy"
)

// A device stands at every port of its bridge, or at its own, and behind routing at the bridge.
func TestPortsOfADevice(t *testing.T) {
	p := school()
	p.Segments[cameras].Ports = []string{"p1", "p2"}
	count := func() map[string]int {
		at := map[string]int{}
		for _, e := range elements(sets(compile.Ruleset(p, "", policy.Moment{}))["inet devices4"]) {
			for _, name := range []string{"p1", "p2", "cam0"} {
				if len(e) > len(name)+2 && e[:len(name)+2] == `"`+name+`"` {
					at[name]++
				}
			}
		}
		return at
	}
	anywhere := count()
	if anywhere["p1"] == 0 || anywhere["p1"] != anywhere["p2"] || anywhere["p1"] != anywhere["cam0"] {
		t.Fatalf("without ports of their own devices stand at %v", anywhere)
	}
	first := slices.IndexFunc(p.Devices, func(d policy.Device) bool { return d.Segment == cameras && !d.MAC.IsZero() })
	p.Devices[first].Port = "p1"
	if bound := count(); bound["p1"] != anywhere["p1"] || bound["p2"] != anywhere["p2"]-1 || bound["cam0"] != anywhere["cam0"] {
		t.Errorf("a device with the port p1 stands at %v, before %v", bound, anywhere)
	}
}

// Cameras and recorders share a bridge; what differs behind the bridge's one name is not governed.
func TestSharedBridge(t *testing.T) {
	cases := []struct {
		name   string
		change func(p *policy.Policy)
		why    compile.Mismatch
	}{
		{"a bridge for each", func(p *policy.Policy) { p.Segments[recorders].Interface = "br-rec" }, ""},
		{"one", func(*policy.Policy) {}, ""},
		{"a client", func(p *policy.Policy) {
			p.Segments[office].Interface, p.Segments[office].Ports = "cam0", []string{"p9"}
		}, compile.SharedKind},
		{"an uplink", func(p *policy.Policy) {
			p.Segments[internet].Interface, p.Segments[internet].Ports = "cam0", []string{"p9"}
		}, compile.SharedKind},
		{"one observed", func(p *policy.Policy) { p.Segments[recorders].Mode = policy.Observe }, compile.SharedMode},
		{"all observed", func(p *policy.Policy) {
			p.Segments[cameras].Mode, p.Segments[recorders].Mode = policy.Observe, policy.Observe
		}, ""},
		{"one intercepts", func(p *policy.Policy) { p.Segments[cameras].Serve.Time = policy.TimeIntercept }, compile.SharedServe},
		{"one serves", func(p *policy.Policy) { p.Segments[cameras].Serve.Time = policy.TimeLocal }, ""},
	}
	for _, c := range cases {
		p := oneBridge()
		c.change(&p)
		if got, shared := compile.SharedBridge(p); got.Why != c.why || shared != (c.why != "") || shared && got.Bridge != "cam0" {
			t.Errorf("%s: %+v, %t", c.name, got, shared)
		}
	}
}

// What ingress asks of an observed or served segment is asked at the ports of its bridge, too; without ports, at the interface alone.
func TestModesAndServiceAtPorts(t *testing.T) {
	served, watched := serving(), observing(serving())
	cases := []struct {
		set string
		of  policy.Policy
	}{
		{"inet observed", watched},
		{"inet home4", watched},
		{"inet asked4", served},
		{"inet intercepted", served},
		{"inet pool4", served},
	}
	at := func(p policy.Policy, set, name string) int {
		n := 0
		for _, e := range elements(sets(compile.Ruleset(p, "", policy.Moment{}))[set]) {
			if strings.HasPrefix(e, `"`+name+`"`) {
				n++
			}
		}
		return n
	}
	for _, c := range cases {
		t.Run(c.set, func(t *testing.T) {
			without := at(c.of, c.set, "cam0")
			if without == 0 || at(c.of, c.set, "p1") != 0 {
				t.Fatalf("control: without ports %d elements stand at the interface", without)
			}
			p := c.of
			p.Segments = slices.Clone(p.Segments)
			p.Segments[cameras].Ports = []string{"p1", "p2"}
			for _, name := range []string{"cam0", "p1", "p2"} {
				if got := at(p, c.set, name); got != without {
					t.Errorf("%s: %d elements, want %d", name, got, without)
				}
			}
		})
	}
}
