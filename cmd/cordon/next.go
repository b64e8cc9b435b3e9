package main

import (
	"maps"
	"slices"
	"strings"

	"cordon/policy/message"
)

// whereabouts finds what was typed about where the files are, before the flags are parsed: a next command that goes without it speaks of
// another machine's policy.
func whereabouts(args []string) []string {
	var given []string
	for _, flag := range []string{"run", "settings", "state"} {
		if value, typed := valueOf(args, flag); typed {
			given = append(given, "--"+flag+" "+shellWord(value))
		}
	}
	return given
}

// next is a command to type as it works for who typed this one: about the same files.
func (a *app) next(command string) string {
	for _, flag := range a.given {
		name, _, _ := strings.Cut(flag, " ")
		if concerns(command, name) && !strings.Contains(command, " "+name+" ") {
			command += " " + flag
		}
	}
	return command
}

// concerns says whether a command is one of ours that reads what a flag leads to. What goes through a pipe ends in another program.
func concerns(command, flag string) bool {
	words := strings.Fields(command)
	verb := slices.Index(words, "cordon") + 1
	if verb == 0 || verb == len(words) || slices.Contains(words, "--help") || slices.Contains(words, "|") {
		return false
	}
	switch words[verb] {
	case "validate", "render", "init", "services":
		return flag == "--settings"
	case "help", "version", "completion", "man", "fmt", "demo":
		return false
	}
	return true
}

// where is what stands behind a verb that a sentence names: {where}.
func (a *app) where(args message.Args) message.Args {
	all := message.Args{"where": ""}
	for _, flag := range a.given {
		all["where"] += " " + flag
	}
	maps.Copy(all, args)
	return all
}
