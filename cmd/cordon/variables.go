package main

import (
	"strings"

	"github.com/spf13/cobra"

	"cordon/gateway/settings"
	"cordon/policy/load"
	"cordon/policy/message"
)

// variables are the values that the environment and the command line give; the command line is heard last.
func (a *app) variables() load.Variables {
	given := load.Variables{}
	for _, setting := range a.environ {
		name, text, _ := strings.Cut(setting, "=")
		if name, ours := strings.CutPrefix(name, settings.Variables); ours {
			given[name] = load.Given{Text: text, Environment: true}
		}
	}
	for _, setting := range a.flags.variables {
		name, text, _ := strings.Cut(setting, "=")
		given[strings.TrimSpace(name)] = load.Given{Text: text}
	}
	return given
}

// checkVariables refuses a --var that gives no value to a name.
func (a *app) checkVariables(cmd *cobra.Command) error {
	for _, setting := range a.flags.variables {
		if name, _, found := strings.Cut(setting, "="); !found || strings.TrimSpace(name) == "" {
			return wrongUsage(cmd, "usage.var", message.Args{"value": setting})
		}
	}
	return nil
}

// getenv returns a value of the environment.
func (a *app) getenv(name string) string {
	for _, setting := range a.environ {
		if text, ours := strings.CutPrefix(setting, name+"="); ours {
			return text
		}
	}
	return ""
}
