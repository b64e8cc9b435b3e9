package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // for the version
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/policy/load"
	"cordon/policy/message"
)

// packaged is the version that a build without git history has, such as a distribution's, which writes it into the file. It is empty here:
// git knows it.
//
//go:embed version.txt
var packaged string

// versionVerb says which program this is, and which documents it prints.
func (a *app) versionVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: a.words.Text("verb.version", nil), Args: arguments(0, 0)}
	verb := cmd.Flags().String("schema", "", a.words.Text("flag.schema", nil))
	_ = cmd.RegisterFlagCompletionFunc("schema", offer(cobra.ShellCompDirectiveNoFileComp, api.Verbs()...)) // the flag is there
	cmd.RunE = a.verb(func(context.Context, []string) (answer, error) {
		build, _ := debug.ReadBuildInfo()
		version := versionOf(packaged, build)
		found := answer{document: &version, text: versionText(version)}
		if !cmd.Flags().Changed("schema") {
			return found, nil
		}
		schema, known := api.SchemaOf(*verb)
		if !known {
			return found, noSchema(*verb)
		}
		version.Document, found.text = &schema, schemaText(schema)
		return found, nil
	})
	return cmd
}

// noSchema refuses a verb that prints no document, and points to the one that resembles it.
func noSchema(verb string) error {
	known := api.Verbs()
	return &failure{
		code: exitUsage, sentence: "usage.schema", args: message.Args{"verb": verb, "verbs": strings.Join(known, ", ")},
		next: "cordon version --schema " + cmp.Or(load.Nearest(verb, known), "plan"),
	}
}

// schemaText is a JSON Schema as people read it and validators do.
func schemaText(schema json.RawMessage) func(io.Writer) error {
	return func(out io.Writer) error {
		var text bytes.Buffer
		if err := json.Indent(&text, schema, "", "  "); err != nil {
			return fmt.Errorf("write a schema: %w", err)
		}
		_, err := fmt.Fprintln(out, text.String())
		return err
	}
}

// versionOf reads what the build knew of itself; build may be nil.
func versionOf(packaged string, build *debug.BuildInfo) api.Version {
	version := api.Version{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if build == nil {
		build = &debug.BuildInfo{}
	}
	for _, setting := range build.Settings {
		switch setting.Key {
		case "vcs.revision":
			version.Commit = setting.Value + version.Commit
		case "vcs.time":
			version.Time = setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				version.Commit += "+dirty"
			}
		}
	}
	module := build.Main.Version
	if module == "(devel)" {
		module = ""
	}
	version.Version = cmp.Or(strings.TrimSpace(packaged), module, "devel")
	return version
}

// versionText is the version on one line.
func versionText(v api.Version) func(io.Writer) error {
	return func(out io.Writer) error {
		line := "cordon " + v.Version
		if v.Commit != "" {
			line += " (" + v.Commit + ")"
		}
		_, err := fmt.Fprintf(out, "%s %s %s\n", line, v.Go, v.Platform)
		return err
	}
}
