package integration_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// rule finds what breaks it in a tree of source files.
type rule func([]sourceFile) []string

// houseRules are the rules that every change is held to.
func houseRules() map[string]rule {
	return map[string]rule{
		"stands on a line":         standsOnALine,
		"imports point down":       importsPointDown,
		"pure stays pure":          pureStaysPure,
		"packages have a doc.go":   packagesIntroduceThemselves,
		"exported is documented":   exportedIsDocumented,
		"functions are short":      functionsAreShort,
		"nothing is global":        nothingIsGlobal,
		"nothing runs before main": nothingRunsBeforeMain,
		"tests do not skip":        testsDoNotSkip,
	}
}

func TestHouse(t *testing.T) {
	files, err := readTree(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	// A walk that found nothing would find nothing wrong.
	for _, room := range []string{"policy/doc.go", "cmd/cordon/main.go", "integration/house_test.go"} {
		if !contains(files, room) {
			t.Errorf("%s was not read", room)
		}
	}
	for name, check := range houseRules() {
		t.Run(name, func(t *testing.T) {
			for _, finding := range check(files) {
				t.Error(finding)
			}
		})
	}
}

func contains(files []sourceFile, name string) bool {
	for _, file := range files {
		if file.name == name {
			return true
		}
	}
	return false
}

// planted is a file that breaks one rule, or with find empty one that looks like it and breaks none.
type planted struct {
	rule string
	file string
	text string
	find string
}

func plantedFiles() []planted {
	long := "package plan\n\nfunc long() {\n" + strings.Repeat("\tprintln()\n", 78) + "}\n"
	return []planted{
		{"stands on a line", "gateway/util/a.go", "package util", "gateway/util stands on no line"},
		{"stands on a line", "integration/soak/a_test.go", "package soak_test", "integration/soak stands on no line"},
		{"stands on a line", "gateway/kernel/link/a.go", "package link", ""},
		{"stands on a line", "policy/testdata/a.go", "package testdata", ""},

		{"imports point down", "policy/a.go", `package policy; import _ "cordon/gateway/ruleset"`, "imports gateway/ruleset"},
		{"imports point down", "gateway/plan/a.go", `package plan; import _ "cordon/gateway/compile"`, "imports gateway/compile"},
		{"imports point down", "gateway/plan/a.go", `package plan; import _ "cordon/gateway/util"`, "imports gateway/util"},
		{"imports point down", "gateway/web/a.go", `package web; import _ "cordon/gateway/socket"`, "imports gateway/socket"},
		{"imports point down", "gateway/kernel/link/a.go", `package link; import _ "cordon/gateway/kernel"`, "imports gateway/kernel"},
		{"imports point down", "gateway/kernel/a.go", `package kernel; import _ "cordon/gateway/kernel/link"`, ""},
		{"imports point down", "policy/a_test.go", `package policy_test; import _ "cordon/gateway"`, ""},

		{"pure stays pure", "policy/load/a.go", `package load; import _ "os/exec"`, "imports os/exec"},
		{"pure stays pure", "gateway/plan/a.go", `package plan; import _ "net"`, "imports net"},
		{"pure stays pure", "gateway/plan/a.go", `package plan; import _ "log/slog"`, "imports log/slog"},
		{"pure stays pure", "gateway/api/a.go", `package api; import _ "sync"`, "imports sync"},
		{"pure stays pure", "gateway/wire/a.go", `package wire; import _ "github.com/google/nftables"`, "imports github.com/google/nftables"},
		{"pure stays pure", "gateway/plan/a.go", `package plan; import _ "golang.org/x/sys/unix"`, "imports golang.org/x/sys/unix"},
		{"pure stays pure", "gateway/wire/a.go", `package wire; import _ "golang.org/x/sys/unix"`, ""},
		{"pure stays pure", "gateway/plan/a.go", `package plan; import _ "net/netip"`, ""},
		{"pure stays pure", "gateway/history/a.go", `package history; import _ "os"`, ""},

		{"packages have a doc.go", "policy/a.go", "// Package policy is.\npackage policy", "policy: no doc.go"},
		{"packages have a doc.go", "policy/doc.go", "// The policy.\npackage policy", "policy: no doc.go"},
		{"packages have a doc.go", "policy/doc.go", "// Package policy is.\npackage policy", ""},
		{"packages have a doc.go", "cmd/cordon/doc.go", "// Command cordon is.\npackage main", ""},

		{"exported is documented", "policy/a.go", "package policy\nfunc F() {}", "F has no comment"},
		{"exported is documented", "policy/a.go", "package policy\ntype T int", "T has no comment"},
		{"exported is documented", "policy/a.go", "package policy\n// T is.\ntype T int\nfunc (t *T) M() {}", "M has no comment"},
		{"exported is documented", "policy/a.go", "package policy\nconst (\nA = 1\n)", "A has no comment"},
		{"exported is documented", "policy/a.go", "package policy\n// The numbers.\nconst (\nA = 1\n)", ""},
		{"exported is documented", "policy/a.go", "package policy\ntype t int\nfunc (t) M() {}", ""},

		{"functions are short", "gateway/plan/a.go", strings.Replace(long, "{\n", "{\n\tprintln()\n", 1), "long has 81 lines"},
		{"functions are short", "gateway/plan/a.go", long, ""},

		{"nothing is global", "policy/a.go", "package policy\nvar names = map[string]int{}", "names is a package variable"},
		{"nothing is global", "policy/a.go", "package policy\nvar last string", "last is a package variable"},
		{"nothing is global", "policy/a.go", "package policy\n// ErrX is.\nvar ErrX = errors.New(``)\nvar _ error = x{}", ""},
		{"nothing is global", "policy/a.go", "package policy\n//go:embed a.csv\nvar table []byte", ""},
		{"nothing is global", "policy/a_test.go", "package policy_test\nvar update = false", ""},

		{"nothing runs before main", "policy/a.go", "package policy\nfunc init() {}", "an init function"},
		{"nothing runs before main", "policy/a.go", "package policy\ntype t int\nfunc (t) init() {}", ""},

		{"tests do not skip", "policy/a_test.go", "package policy_test\nfunc f(t *testing.T) { t.Skip() }", "needs //go:build full"},
		{"tests do not skip", "policy/a_test.go", "//go:build !full\n\npackage policy_test\nfunc f(t *testing.T) { t.Skipf(``) }", "needs"},
		{"tests do not skip", "policy/a_test.go", "//go:build full\n\npackage policy_test\nfunc f(t *testing.T) { t.Skip() }", ""},
	}
}

// TestHouseRulesFindWhatBreaksThem plants a violation of each rule, and beside it what a careless rule would take for one.
func TestHouseRulesFindWhatBreaksThem(t *testing.T) {
	caught := map[string]int{}
	for _, plant := range plantedFiles() {
		files, err := readTree(fstest.MapFS{plant.file: {Data: []byte(plant.text)}})
		if err != nil {
			t.Fatalf("%s: %v", plant.file, err)
		}
		found := houseRules()[plant.rule](files)
		switch {
		case plant.find == "" && len(found) > 0:
			t.Errorf("%s: %q should stand, found %q", plant.rule, plant.text, found)
		case plant.find != "" && (len(found) != 1 || !strings.Contains(found[0], plant.find)):
			t.Errorf("%s: %q: found %q, want one finding with %q", plant.rule, plant.text, found, plant.find)
		case plant.find != "":
			caught[plant.rule]++
		}
	}
	for name := range houseRules() {
		if caught[name] == 0 {
			t.Errorf("no planted file breaks the rule %q", name)
		}
	}
}

// TestPurePackagesAreListedForTheLinter holds the linter's list of pure packages against the layers: both must name the same rooms.
func TestPurePackagesAreListedForTheLinter(t *testing.T) {
	config, err := os.ReadFile("../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	for _, packages := range layers()[:lastPureLine+1] {
		for pkg := range strings.FieldsSeq(packages) {
			if !linterKeepsPure(string(config), pkg) {
				t.Errorf("%s is pure, and .golangci.yml does not list it", pkg)
			}
			listed++
		}
	}
	if linterKeepsPure(string(config), "gateway/history") {
		t.Error("a package that is not pure passes for a listed one")
	}
	t.Logf("%d pure packages", listed)
}

// linterKeepsPure looks for the package's own pattern, or one of a folder above it.
func linterKeepsPure(config, pkg string) bool {
	for at := len(pkg); at > 0; at = strings.LastIndexByte(pkg[:at], '/') {
		if strings.Contains(config, `"**/`+pkg[:at]+`/**.go"`) {
			return pkg[:at] != "gateway"
		}
	}
	return false
}
