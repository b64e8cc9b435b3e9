package gateway

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/netstate"
	"cordon/gateway/observe"
	"cordon/gateway/plan"
	"cordon/policy"
)

// TestMendedAddsUp holds that what was put back in several steps is all said, once, and is the hour's doing only where each step was.
func TestMendedAddsUp(t *testing.T) {
	step := func(o netstate.Object) plan.Plan {
		return plan.Plan{Tables: plan.TablesBetween(nil, nil, 1), Network: plan.Network{Loosen: []plan.Step{{Action: plan.Add, Object: o}}}}
	}
	route := netstate.Route{Table: 881, Destination: netip.MustParsePrefix("10.30.0.0/24"), Interface: "cam0"}
	link := netstate.Link{Name: "cam0", Up: true}
	m := mended{}
	for _, p := range []plan.Plan{step(route), step(link), step(route)} {
		m.add(policy.Policy{}, p)
	}
	var names []string
	for _, c := range m.changes {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{route.String(), link.String()}, names); diff != "" || !m.broken || m.turned {
		t.Errorf("broken %t, turned %t (-want +got):\n%s", m.broken, m.turned, diff)
	}
	turned := mended{broken: true, turned: true}
	if turned.add(policy.Policy{}, step(link)); turned.turned {
		t.Error("a link that was down is the hour's doing")
	}
}

// TestWhatIsMended holds that what the hour opens and closes is not called a repair, and that a repair is not called the hour's: neither
// where somebody else's transaction was heard of, nor where more was missing than the hour brings.
func TestWhatIsMended(t *testing.T) {
	heard := observe.Event{Kinds: observe.Tables}
	for _, c := range []struct {
		name   string
		mended mended
		seen   observe.Event
		want   What
	}{
		{"the hour", mended{broken: true, turned: true}, observe.Event{}, Turned},
		{"the hour's elements, and somebody was heard", mended{broken: true, turned: true}, heard, Repaired},
		{"what a look found under a schedule", mended{broken: true}, observe.Event{}, Repaired},
		{"what was heard", mended{broken: true}, heard, Repaired},
	} {
		if got := c.mended.what(c.seen); got != c.want {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
	}
}
