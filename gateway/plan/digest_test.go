package plan_test

import (
	"testing"

	"cordon/gateway/plan"
	"cordon/policy"
)

// TestDigest holds that two plans have one digest exactly where people are shown the same, but for the hour.
func TestDigest(t *testing.T) {
	shown := func() plan.Plan {
		return plan.Plan{Changes: []plan.Change{
			{
				Action: plan.Add, Kind: "camera", Name: "yard", Origin: policy.Origin{File: "a.hcl", Line: 3}, Text: "10.30.0.21",
				Peers: []string{"nvr"},
			},
			{Action: plan.Amend, Kind: "allow", Name: "record"},
		}}
	}
	first := shown()
	if shown().Digest() != first.Digest() || len(first.Digest()) != 64 {
		t.Errorf("the same plan is %q and %q", first.Digest(), shown().Digest())
	}
	for what, change := range map[string]func(*plan.Plan){
		"another action":   func(p *plan.Plan) { p.Changes[0].Action = plan.Remove },
		"another kind":     func(p *plan.Plan) { p.Changes[0].Kind = "recorder" },
		"another name":     func(p *plan.Plan) { p.Changes[0].Name = "door" },
		"another line":     func(p *plan.Plan) { p.Changes[0].Origin.Line = 4 },
		"another text":     func(p *plan.Plan) { p.Changes[0].Text = "10.30.0.22" },
		"another peer":     func(p *plan.Plan) { p.Changes[0].Peers[0] = "nas" },
		"another order":    func(p *plan.Plan) { p.Changes[0], p.Changes[1] = p.Changes[1], p.Changes[0] },
		"one change less":  func(p *plan.Plan) { p.Changes = p.Changes[:1] },
		"words that shift": func(p *plan.Plan) { p.Changes[0].Kind, p.Changes[0].Name = "camera y", "ard" },
	} {
		other := shown()
		if change(&other); other.Digest() == first.Digest() {
			t.Errorf("%s has the same digest", what)
		}
	}
	later := shown()
	later.Changes[1].Window, later.Elements.Added = plan.Opens, 5
	if later.Digest() != first.Digest() {
		t.Error("the hour makes another plan")
	}
}
