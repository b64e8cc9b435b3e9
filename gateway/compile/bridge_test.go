package compile_test

import (
	"slices"
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

func TestSharedBridge(t *testing.T) {
	p := school()
	p.Segments[cameras].Ports = []string{"p1"}
	if got := compile.SharedBridge(p); got != "" {
		t.Errorf("control: one segment shares %q", got)
	}
	p.Segments[recorders].Interface, p.Segments[recorders].Ports = p.Segments[cameras].Interface, []string{"p2"}
	if got := compile.SharedBridge(p); got != "cam0" {
		t.Errorf("shared: %q", got)
	}
}
