//go:build full

package main

import (
	"os/exec"
	"strings"
	"testing"

	"cordon/policy/message"
)

// groff formats a page with every warning and returns what it says of it, and what a reader sees.
func groff(t *testing.T, page string) (seen, warnings string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "groff", "-K", "utf8", "-man", "-T", "utf8", "-ww", "-P", "-c")
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(page), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// TestGroffTakesTheManual lets groff judge every page of both languages.
func TestGroffTakesTheManual(t *testing.T) {
	judged := 0
	for _, language := range []message.Language{message.English, message.French} {
		for name, page := range pages(language) {
			seen, warnings := groff(t, page)
			if warnings != "" || !strings.Contains(strings.ToLower(seen), strings.TrimSuffix(name, ".1")+"(1)") {
				t.Errorf("%s, %s: %s", language, name, warnings)
			}
			judged++
		}
	}
	if judged < 24 {
		t.Errorf("%d pages", judged)
	}
	if _, warnings := groff(t, ".TH X 1\n.XY nothing\n"); warnings == "" {
		t.Error("control: a request that does not exist is no warning")
	}
}
