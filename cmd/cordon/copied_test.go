package main

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// copied types the last command that the last program named, letter by letter, and holds what it ends with: copied CODE VERB. With a
// "quoted" before them it is one that stands between backquotes in a sentence.
func copied(ts *testscript.TestScript, neg bool, args []string) {
	named := nextCommands
	if len(args) == 3 && args[0] == "quoted" {
		named, args = quotedCommands, args[1:]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copied [quoted] CODE VERB")
	}
	var next string
	for _, command := range named(ts.ReadFile("stdout") + ts.ReadFile("stderr")) {
		if strings.HasPrefix(command, "cordon "+args[1]) {
			next = command
		}
	}
	if next == "" {
		ts.Fatalf("no cordon %s is named", args[1])
	}
	got, failed := 0, &exec.ExitError{}
	switch err := ts.Exec("sh", "-c", next); {
	case errors.As(err, &failed):
		got = failed.ExitCode()
	default:
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("%s ends with %d", next, got)
	}
}

// nextCommands are the commands of the lines that are there to be typed.
func nextCommands(said string) []string {
	var all []string
	for line := range strings.Lines(said) {
		if command, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "  $ "); ok {
			all = append(all, command)
		}
	}
	return all
}

// quotedCommands is what stands between backquotes.
func quotedCommands(said string) []string {
	var all []string
	for i, part := range strings.Split(said, "`") {
		if i%2 == 1 {
			all = append(all, part)
		}
	}
	return all
}
