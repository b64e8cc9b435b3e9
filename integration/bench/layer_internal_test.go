package main

import (
	"errors"
	"slices"
	"testing"

	"cordon/gateway/compile"
	"cordon/policy"
)

// TestEveryLayer holds that what is measured has every layer, and that a policy without an uplink, which has fewer, would be noticed.
func TestEveryLayer(t *testing.T) {
	p, err := policyOf(3, "drop")
	if err != nil {
		t.Fatal(err)
	}
	without := p
	without.Segments = slices.Clone(p.Segments)
	for i := range without.Segments {
		if s := &without.Segments[i]; s.Kind == policy.UplinkSegment {
			s.Kind, s.Translates, s.Masquerade = policy.ClientSegment, false, nil
		}
	}
	if err := everyLayer(compile.Ruleset(without, "", policy.Moment{})); !errors.Is(err, errLayer) {
		t.Errorf("control: without an uplink the error is %v", err)
	}
}
