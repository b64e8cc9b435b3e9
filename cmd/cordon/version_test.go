package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/api"
)

func TestVersionOf(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "vcs.revision", Value: "3f9c2e1"},
			{Key: "vcs.time", Value: "2026-11-22T19:04:00Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}
	for name, test := range map[string]struct {
		packaged string
		build    *debug.BuildInfo
		want     api.Version
	}{
		"nothing known": {want: api.Version{Version: "devel"}},
		"working copy":  {build: &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, want: api.Version{Version: "devel"}},
		"release":       {build: &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, want: api.Version{Version: "v1.2.3"}},
		"what a distribution wrote": {
			packaged: "1.2.3-1\n",
			build:    &debug.BuildInfo{Main: debug.Module{Version: "v0.0.0"}},
			want:     api.Version{Version: "1.2.3-1"},
		},
		"clean commit": {
			build: &debug.BuildInfo{Settings: vcs("false")},
			want:  api.Version{Version: "devel", Commit: "3f9c2e1", Time: "2026-11-22T19:04:00Z"},
		},
		"changed commit": {
			build: &debug.BuildInfo{Settings: vcs("true")},
			want:  api.Version{Version: "devel", Commit: "3f9c2e1+dirty", Time: "2026-11-22T19:04:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Go, test.want.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
			if diff := cmp.Diff(test.want, versionOf(test.packaged, test.build)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
