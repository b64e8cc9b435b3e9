package integration_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway"
	"cordon/gateway/compile"
	"cordon/gateway/kernel"
	"cordon/gateway/netstate"
	"cordon/gateway/wire"
	"cordon/integration/lab"
	"cordon/policy"
)

// holding reads everything of the gateway that a policy touches.
func holding(t *testing.T, l *lab.Lab, p policy.Policy) netstate.State {
	t.Helper()
	wanted, _ := compile.State(p, "", policy.Moment{})
	var names []string
	for _, s := range wanted.Sysctls {
		names = append(names, s.Name)
	}
	var reading kernel.Reading
	err := l.Gateway().Do(func() error {
		k, err := kernel.Open(kernel.Settings)
		if err != nil {
			return err
		}
		defer k.Close()
		reading, err = k.Read(t.Context(), names)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// What the kernel makes by itself comes when it likes.
	state := reading.State
	state.Tables = wire.Stable(state.Tables)
	return state
}

// unreachable returns the policy with a route that the kernel refuses: its router is on no network of the gateway. By then the packet
// filter is in force, and most of the rest.
func unreachable(p policy.Policy) policy.Policy {
	p.Segments = append([]policy.Segment{}, p.Segments...)
	s := &p.Segments[2]
	s.Routes = append([]policy.Route{}, s.Routes...)
	s.Routes = append(s.Routes, policy.Route{
		To: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}, Via: netip.MustParseAddr("192.0.2.1"),
	})
	return p
}

// TestFailedChangeIsUndone holds that a step which fails late leaves the machine as it was: with nothing in force before, and with
// another policy in force.
func TestFailedChangeIsUndone(t *testing.T) {
	l := open(t)
	p := read(t, head+allows)
	for _, before := range []string{"nothing", "a policy"} {
		want := holding(t, l, p)
		inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
			proposal, err := g.Propose(ctx, unreachable(read(t, head+allows+more)), "")
			if err != nil {
				return err
			}
			if _, err := g.Change(ctx, proposal); err == nil {
				t.Errorf("with %s in force: the change did not fail", before)
			} else {
				t.Logf("with %s in force: %v", before, err)
			}
			return nil
		})
		if diff := cmp.Diff(ours(want), ours(holding(t, l, p))); diff != "" {
			t.Errorf("with %s in force: the machine is not what it was (-before +after):\n%s", before, diff)
		}
		apply(t, l, p)
	}
	if cmp.Equal(ours(netstate.State{}), ours(holding(t, l, p))) {
		t.Error("control: an apply that works changes nothing either")
	}
}

// ours returns the part of a state that Cordon writes, as text.
func ours(s netstate.State) map[string][]string {
	m := map[string][]string{}
	for _, t := range s.Tables {
		m["tables"] = append(m["tables"], t.ID().String())
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				m["chain "+c.Name] = append(m["chain "+c.Name], wire.Comment(r.Userdata))
			}
		}
		for i := range t.Sets {
			for _, e := range t.Sets[i].Elements {
				m["set "+t.Sets[i].Name] = append(m["set "+t.Sets[i].Name], e.Key+wire.Comment(e.Userdata))
			}
		}
	}
	for _, r := range s.Routes {
		if r.Ours() {
			m["routes"] = append(m["routes"], r.String())
		}
	}
	for _, r := range s.Rules {
		m["rules"] = append(m["rules"], r.String())
	}
	for _, n := range s.Neighbours {
		m["neighbours"] = append(m["neighbours"], n.String())
	}
	for _, v := range s.Sysctls {
		m["settings"] = append(m["settings"], v.String())
	}
	for _, a := range s.Addresses {
		m["addresses"] = append(m["addresses"], a.String())
	}
	for _, link := range s.Links {
		m["groups"] = append(m["groups"], link.String())
	}
	return m
}

// TestStatus holds that status says what the kernel holds and nothing else: nothing, all of it, and all but one layer at a time.
func TestStatus(t *testing.T) {
	l := open(t)
	p := read(t, head+allows)
	status := func(applied *policy.Policy) (s gateway.Status) {
		inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
			var err error
			s, err = g.Status(ctx, applied, "")
			return err
		})
		return s
	}
	if s := status(&p); s.Enforcing || s.Stamp.Digest != "" {
		t.Errorf("before any apply: %+v", s)
	}
	apply(t, l, p)
	if s := status(&p); !s.Enforcing || s.Stamp.Digest != p.Digest || len(s.Drift) != 0 || len(off(s)) != 0 {
		t.Errorf("after the apply: enforcing %t, stamp %q, drift %v, off %v", s.Enforcing, s.Stamp.Digest, s.Drift, off(s))
	}
	flushRules(t, l)
	if s := status(&p); s.Enforcing || !cmp.Equal(off(s), []string{"jail"}) {
		t.Errorf("without rules of routing: enforcing %t, off %v", s.Enforcing, off(s))
	}
	apply(t, l, p)
	flushTables(t, l)
	if s := status(&p); s.Enforcing || len(off(s)) < 8 {
		t.Errorf("without the packet filter: enforcing %t, off %v", s.Enforcing, off(s))
	}
	for _, layer := range status(nil).Layers {
		if layer.State == gateway.On {
			t.Errorf("without a policy, %s is on", layer.Name)
		}
	}
}

// off returns the names of the layers that are not on.
func off(s gateway.Status) []string {
	var names []string
	for _, l := range s.Layers {
		if l.State != gateway.On {
			names = append(names, l.Name)
		}
	}
	return names
}

// TestTheKernelHoldsWhatWasCompiled holds the encoder against the kernel: what is read back is what was compiled, attribute by
// attribute.
func TestTheKernelHoldsWhatWasCompiled(t *testing.T) {
	l := open(t)
	p := read(t, head+allows)
	apply(t, l, p)
	wanted, _ := compile.State(p, "", policy.Moment{})
	live := holding(t, l, p)
	if !wire.Equal(wanted.Tables, live.Tables) {
		t.Errorf("(-wanted +live):\n%s", cmp.Diff(wire.Stable(wanted.Tables), wire.Stable(live.Tables)))
	}
	other, _ := compile.State(read(t, head+allows+more), "", policy.Moment{})
	if wire.Equal(other.Tables, live.Tables) {
		t.Error("control: another policy is equal, too")
	}
}
