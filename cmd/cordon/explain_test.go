package main

import (
	"strings"
	"testing"

	"cordon/policy/message"
	"cordon/policy/simulate"
)

// TestEveryReasonHasASentence: explain makes its codes from the oracle's words.
func TestEveryReasonHasASentence(t *testing.T) {
	var codes []string
	for r := simulate.Reason(0); r.String() != "unknown"; r++ {
		codes = append(codes, "explain."+strings.ReplaceAll(r.String(), "-", "_"))
	}
	for d := simulate.Difference(0); d.String() != "unknown"; d++ {
		codes = append(codes, "explain.nearest_"+d.String())
	}
	if len(codes) < 25 {
		t.Errorf("only %d codes", len(codes))
	}
	for _, language := range []message.Language{message.English, message.French} {
		keys := message.In(language).Keys()
		for _, code := range codes {
			if keys[code] == "" {
				t.Errorf("%s has no sentence in %s", code, language)
			}
		}
	}
}
