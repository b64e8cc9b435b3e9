package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
)

// linkedVersion is set by the linker (-X main.linkedVersion=1.2.3) in builds that have no git history, such as a distribution's.
var linkedVersion string //nolint:gochecknoglobals // the linker can set nothing but a package variable

// versionVerb says which program this is.
func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: a.words.Text("verb.version", nil),
		Args:  arguments(0, 0),
		RunE: a.verb(func(context.Context, []string) (answer, error) {
			build, _ := debug.ReadBuildInfo()
			version := versionOf(linkedVersion, build)
			return answer{document: &version, text: versionText(version)}, nil
		}),
	}
}

// versionOf reads what the build knew of itself; build may be nil.
func versionOf(linked string, build *debug.BuildInfo) api.Version {
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
	version.Version = cmp.Or(linked, module, "devel")
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
