package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// blocks returns the fenced blocks of a page that are in a language.
func blocks(page, language string) []string {
	var found []string
	for _, part := range strings.Split(page, "\n```"+language+"\n")[1:] {
		text, _, _ := strings.Cut(part, "\n```")
		found = append(found, text)
	}
	return found
}

// script turns a page into a script: its policy becomes the directory policy, each command of ours is run, and each target of make
// must exist. Make's own recipes are what CI runs.
func script(t *testing.T, page string) (text string, commands int) {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("links eth0 eth1\n")
	for _, block := range blocks(page, "console") {
		for line := range strings.SplitSeq(block, "\n") {
			command, _ := strings.CutPrefix(line, "$ ")
			if target, isMake := strings.CutPrefix(command, "make "); isMake {
				if !strings.Contains(string(makefile), "\n"+target+":") {
					t.Errorf("%q: there is no such target", command)
				}
				continue
			}
			commands++
			b.WriteString("exec " + command + " --state state --run run\n")
		}
	}
	b.WriteString("-- policy/site.hcl --\n" + strings.Join(blocks(page, "hcl"), "\n") + "\n")
	return b.String(), commands
}

// TestReadme runs every command of both pages on the page's own policy.
func TestReadme(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"README.md", "README.fr.md"} {
		page, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		text, commands := script(t, string(page))
		if policies := len(blocks(string(page), "hcl")); commands != 9 || policies != 1 {
			t.Errorf("%s has %d commands of ours and %d policies, want 9 and 1", name, commands, policies)
		}
		if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, ".", "_")+".txtar"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, RequireExplicitExec: true, Setup: enterNamespace,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"links": links},
	})
}
