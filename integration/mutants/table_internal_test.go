package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Every defect still has its place: a table that the code has left behind would find nothing to plant.
func TestEveryMutantHasItsPlace(t *testing.T) {
	t.Chdir("../..")
	names := map[string]bool{}
	for _, m := range mutants() {
		if _, err := m.plant(filepath.Join(t.TempDir(), "m")); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if m.old == m.new || names[m.name] {
			t.Errorf("%s changes nothing, or stands there twice", m.name)
		}
		names[m.name] = true
	}
	if len(names) < 20 {
		t.Errorf("%d defects are fewer than twenty", len(names))
	}
	if _, err := (mutant{name: "elsewhere", file: plan, old: "no such words", new: ""}).plant(t.TempDir()); err == nil {
		t.Error("a defect without a place was planted")
	}
	if _, err := os.Stat(plan); err != nil {
		t.Error(err)
	}
}
