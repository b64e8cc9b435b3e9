package compile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/compile"
	"cordon/policy"
)

// TestLiteralsAmongCameras holds that a literal in a camera segment stands for the named devices there: their flows have the same
// elements as if the policy named them, those behind an uplink included, and nobody else's address has any.
func TestLiteralsAmongCameras(t *testing.T) {
	literals, named := school(), school()
	endpoints := [][2]policy.Endpoint{
		{literal("10.30.0.22/31", cameras), device("camera.hall", 1)},
		{literal("10.30.0.22/32", cameras), device("camera.hall", 1)},
	}
	for i, ends := range endpoints {
		for j, p := range []*policy.Policy{&literals, &named} {
			p.Allows = append(p.Allows,
				policy.Allow{
					Name: "out", From: []policy.Endpoint{ends[j]}, To: []policy.Endpoint{segment("segment.internet", internet)},
					Services: []policy.Service{tcp("https", 443)}, Origin: at(200 + i),
				},
				policy.Allow{
					Name: "in", From: []policy.Endpoint{segment("segment.office", office)}, To: []policy.Endpoint{ends[j]},
					Services: []policy.Service{{Name: "ping", Ping: true}}, Origin: at(210 + i),
				})
		}
	}
	want := sets(compile.Ruleset(named, "", noon()))
	for name, s := range sets(compile.Ruleset(literals, "", noon())) {
		if diff := cmp.Diff(elements(want[name]), elements(s)); diff != "" {
			t.Errorf("%s (-named +literal):\n%s", name, diff)
		}
	}
	plain := sets(compile.Ruleset(school(), "", noon()))
	if cmp.Equal(elements(plain["inet abroad4"]), elements(want["inet abroad4"])) {
		t.Error("control: the allows change nothing")
	}
}
