package integration_test

import (
	"slices"
	"strings"
	"testing"
)

// TestLockdown locks segments down one by one and all together, and tries every flow that the policy allows: those that touch a locked
// segment do not arrive, the others do, a running one is dead, and all of them are back afterwards.
func TestLockdown(t *testing.T) {
	l := open(t)
	flows := allowed()
	for i := range flows {
		flows[i].allowed = true
	}
	serveAll(t, l, flows)
	serveGateway(t, l)
	echo(t, l, c1, 80)
	p := read(t, head+allows)
	tried := map[bool]int{}
	for _, c := range []struct {
		name   string
		locked []string
		spared []string // the first words of the flows that go on
	}{
		{"everything", nil, []string{"surf", "manage"}},
		{"the cameras", []string{"cameras"}, []string{"surf", "manage", "watch", "ping"}},
		{"the recorders", []string{"recorders"}, []string{"surf", "manage", "repair", "look"}},
	} {
		apply(t, l, p)
		running := dial(t, l, nvr, "10.30.0.21", 80)
		if !running.alive(t) {
			t.Fatalf("%s: control: the recording does not run", c.name)
		}
		if _, outcome := apply(t, l, p.LockedDown(c.locked...)); outcome.Cut == 0 || running.alive(t) {
			t.Errorf("%s: the recording that ran goes on; %d flows ended", c.name, outcome.Cut)
		}
		for _, f := range flows {
			word, _, _ := strings.Cut(strings.ReplaceAll(f.name, ",", ""), " ")
			f.allowed = slices.Contains(c.spared, word)
			tried[f.allowed]++
			if got := arrives(t, l, f); got != f.allowed {
				t.Errorf("%s: %s arrived %t, want %t", c.name, f.name, got, f.allowed)
			}
		}
	}
	if tried[true] < 25 || tried[false] < 30 {
		t.Errorf("tried: %v", tried)
	}
	apply(t, l, p)
	for _, f := range flows {
		if !arrives(t, l, f) {
			t.Errorf("after the release %s does not arrive", f.name)
		}
	}
}

// TestLockdownEndsObserving holds that a segment which is only observed lets nothing pass any more either. The control is the same flow
// before.
func TestLockdownEndsObserving(t *testing.T) {
	l := open(t)
	p := read(t, strings.Replace(head+allows, `kind      = "camera"`, "kind      = \"camera\"\n  mode      = \"observe\"", 1))
	out := refused()[slices.IndexFunc(refused(), func(f flow) bool { return f.from == c1 && owner(f.try().To.Addr()) == internet })]
	apply(t, l, p)
	if !arrives(t, l, out) {
		t.Fatalf("control: %s does not arrive from an observed segment", out.name)
	}
	apply(t, l, p.LockedDown())
	if arrives(t, l, out) {
		t.Errorf("%s arrives from a segment that is locked down", out.name)
	}
}
