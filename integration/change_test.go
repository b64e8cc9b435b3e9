package integration_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/policy"
)

// more is one camera more.
const more = `
camera "c3" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:03"
  address = "10.30.0.23"
}
`

func TestApplyTwice(t *testing.T) {
	l := open(t)
	p := read(t, head+allows)
	if first, outcome := apply(t, l, p); first.Empty() || !outcome.Applied {
		t.Fatalf("the first apply did nothing: %+v", outcome)
	}
	second, outcome := apply(t, l, p)
	if !second.Empty() || outcome.Applied {
		t.Errorf("the second apply is not empty: %+v", second.Plan.Changes)
	}
}

// TestOneCameraMore holds that a camera more is elements and a neighbour, and neither rules nor routes.
func TestOneCameraMore(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows))
	proposal, outcome := apply(t, l, read(t, head+allows+more))
	if !outcome.Applied {
		t.Fatal("a camera more changed nothing")
	}
	kinds := map[string]int{}
	for _, c := range proposal.Plan.Changes {
		kinds[c.Kind]++
	}
	if kinds["camera"] != 1 || kinds["rule"]+kinds["route"]+kinds["sysctl"]+kinds["skeleton"] != 0 {
		t.Errorf("a camera more changes %v", kinds)
	}
	if n := proposal.Plan.Elements; n.Removed != 0 || n.Added == 0 || n.Added > 24 {
		t.Errorf("a camera more adds %d elements and removes %d", n.Added, n.Removed)
	}
	// The chain that says which policy this is changes with every policy; no packet meets it.
	if got := strings.Join(proposal.Plan.Reshaped, ", "); got != "chain inet cordon origins" {
		t.Errorf("a camera more changes the rules of %s", got)
	}
}

// TestRevokedFlowDies holds that a running flow ends with the allow that let it begin, by rule and by conntrack's entry, and that the
// others do not notice.
func TestRevokedFlowDies(t *testing.T) {
	l := open(t)
	full := head + allows
	apply(t, l, read(t, full))
	kept, revoked := stream(t, l, nvr, "10.30.0.21", 554), stream(t, l, office, "10.40.0.10", 443)
	for _, s := range []*conversation{kept, revoked} {
		if !s.alive(t) {
			t.Fatalf("control: %s is not answered", s.name)
		}
	}
	less := strings.Replace(full, `services = ["https", "ping"]`, `services = ["ping"]`, 1)
	proposal, outcome := apply(t, l, read(t, less))
	if len(proposal.Cut) != 1 || outcome.Cut != 1 {
		t.Errorf("the plan cuts %v, the change cut %d flows; want the office's one", proposal.Cut, outcome.Cut)
	}
	if kept.alive(t) != true || revoked.alive(t) != false {
		t.Error("after the revocation the kept stream must live and the revoked one must not")
	}
	if left := flows(t, l, netip.MustParseAddr("10.50.0.5")); left != 0 {
		t.Errorf("conntrack still has %d flows of the office", left)
	}
}

// TestFlushedFilter holds the second lock: with the packet filter gone nothing reaches the internet or another segment, and recording
// goes on. The control is the same flush without the rules of policy routing.
func TestFlushedFilter(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows))
	escapes := []flow{
		{name: "the internet", from: c1, to: "198.51.100.7", protocol: policy.UDP, port: 9},
		{name: "the internet in IPv6", from: c1, to: "2001:db8:1::7", protocol: policy.UDP, port: 9},
		{name: "the technician's neighbour", from: c1, to: "10.50.0.77", protocol: policy.UDP, port: 9},
		{name: "the office in IPv6", from: c1, to: "fd50::5", protocol: policy.UDP, port: 9},
		{name: "the internet from the recorder", from: nvr, to: "198.51.100.7", protocol: policy.UDP, port: 9},
		{name: "a camera from the internet", from: internet, to: "10.30.0.21", protocol: policy.UDP, port: 9},
		{name: "a camera from the internet in IPv6", from: internet, to: "fd30::21", protocol: policy.UDP, port: 9},
	}
	flushTables(t, l)
	for _, f := range escapes {
		if arrives(t, l, f) {
			t.Errorf("without the packet filter, %s is reached", f.name)
		}
	}
	if !arrives(t, l, flow{name: "record", from: nvr, to: "10.30.0.21", protocol: policy.UDP, port: 554}) {
		t.Error("without the packet filter, the recorder does not reach its camera")
	}
	flushRules(t, l)
	for _, f := range escapes {
		if !arrives(t, l, f) {
			t.Errorf("control: without both locks, %s is not reached", f.name)
		}
	}
	if _, outcome := apply(t, l, read(t, head+allows)); !outcome.Applied {
		t.Error("nothing was put back")
	}
	for _, f := range escapes {
		if arrives(t, l, f) {
			t.Errorf("after the repair, %s is reached", f.name)
		}
	}
}

// TestAbsentInterface holds that a policy for another machine changes nothing here.
func TestAbsentInterface(t *testing.T) {
	l := open(t)
	inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
		_, err := g.Propose(ctx, read(t, strings.ReplaceAll(head+allows, "cam0", "eth1.30")), "")
		if err == nil || !strings.Contains(err.Error(), "eth1.30") {
			t.Errorf("the error is %v", err)
		}
		status, err := g.Status(ctx, nil, "")
		if err == nil && status.Stamp.Digest != "" {
			t.Error("a policy is in force")
		}
		return err
	})
}

// patience is how long a test waits for something that has to come; what must not come is waited for a shorter time.
const patience = 2 * time.Second

// flows counts conntrack's entries that an address began.
func flows(t *testing.T, l *lab.Lab, source netip.Addr) int {
	t.Helper()
	n := 0
	inside(t, l, func(_ context.Context, g *gateway.Gateway) error {
		list, err := g.Flows()
		for _, f := range list {
			if f.Source == source {
				n++
			}
		}
		return err
	})
	return n
}

// TestRefusalsAreAnswered holds that a camera which asks again and again is refused at once each time, in both families, as long as it
// asks no faster than the limit: silence sends cameras into a frenzy. The control is the same with refuse = "drop".
func TestRefusalsAreAnswered(t *testing.T) {
	l := open(t)
	silent := strings.Replace(head+allows, `kind      = "camera"`, "kind      = \"camera\"\n  refuse    = \"drop\"", 1)
	for _, c := range []struct {
		policy string
		want   lab.Answer
		tries  int
	}{
		{head + allows, lab.Refused, 15},
		{silent, lab.Silence, 1},
	} {
		apply(t, l, read(t, c.policy))
		for _, to := range []string{"198.51.100.7", "2001:db8:1::7"} {
			for i := range c.tries {
				f := flow{name: "names", from: c1, to: to, protocol: policy.UDP, port: 53}
				r, err := l.Try(t.Context(), f.try())
				if err != nil {
					t.Fatal(err)
				}
				if r.Answer != c.want || r.Arrived != 0 {
					t.Errorf("try %d to %s: %s, arrived %d; want %s", i+1, to, r.Answer, r.Arrived, c.want)
				}
			}
		}
	}
}
