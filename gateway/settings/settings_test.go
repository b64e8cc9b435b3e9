package settings_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/settings"
	"cordon/policy/message"
)

// written puts settings into a file.
func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cordon.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestNothingSaidIsTheDefault(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "cordon.hcl")
	for name, file := range map[string]string{"no file": nowhere, "empty file": written(t, ""), "comments": written(t, "# none\n")} {
		got, found, err := settings.Read(settings.Source{File: file, Optional: true})
		if diff := cmp.Diff(settings.Defaults(), got); diff != "" || len(found) > 0 || err != nil {
			t.Errorf("%s: %v %v (-default +got):\n%s", name, found, err, diff)
		}
	}
}

// TestWhoWins sets every setting at both places: the environment beats the file, the file the default.
func TestWhoWins(t *testing.T) {
	file := written(t, "\uFEFFpolicy = [\"/srv/common\", \"/srv/site\"]\r\nstate = \"/srv/state\"\r\nrun = \"/srv/run\"\r\nlang = \"fr\"\r\n"+
		"clock = \"trusted\" # a good one\r\n")
	inFile := settings.Settings{
		Policy: []string{"/srv/common", "/srv/site"}, State: "/srv/state", Run: "/srv/run", Lang: "fr", Clock: "trusted",
	}
	inEnvironment := settings.Settings{Policy: []string{"a,b", "c"}, State: "state", Run: "run", Lang: "en", Clock: "kernel"}
	all := []string{"CORDON_POLICY=a,b:c:", "CORDON_STATE=state", "CORDON_RUN=run", "CORDON_LANG=en", "CORDON_CLOCK=kernel"}
	if fields := reflect.TypeFor[settings.Settings]().NumField(); fields != len(all) {
		t.Fatalf("%d settings, %d are set here", fields, len(all))
	}
	for name, c := range map[string]struct {
		env  []string
		want settings.Settings
	}{
		"the file":            {nil, inFile},
		"empty variables":     {[]string{"CORDON_STATE=", "CORDON_POLICY="}, inFile},
		"variables of others": {[]string{"CORDON_VAR_nvr=10.40.0.10", "CORDONS_HOME=/opt", "STATE=/x", "CORDON_POLCY="}, inFile},
		"the environment":     {all, inEnvironment},
	} {
		got, found, err := settings.Read(settings.Source{File: file, Environ: c.env})
		if diff := cmp.Diff(c.want, got); diff != "" || len(found) > 0 || err != nil {
			t.Errorf("%s: %v %v (-want +got):\n%s", name, found, err, diff)
		}
	}
	if settings.Defaults().ClockTrusted() || !inFile.ClockTrusted() {
		t.Error("whose clock is trusted?")
	}
}

// TestOneAloneFromTheEnvironment holds that each variable is heard by itself, without the file.
func TestOneAloneFromTheEnvironment(t *testing.T) {
	heard := 0
	for _, pair := range []string{"CORDON_POLICY=/x", "CORDON_STATE=/x", "CORDON_RUN=/x", "CORDON_LANG=fr", "CORDON_CLOCK=trusted"} {
		got, found, err := settings.Read(settings.Source{Optional: true, Environ: []string{pair}})
		if err != nil || len(found) > 0 || reflect.DeepEqual(got, settings.Defaults()) {
			t.Errorf("%s: %+v %v %v", pair, got, found, err)
		}
		heard++
	}
	if heard != reflect.TypeFor[settings.Settings]().NumField() {
		t.Errorf("%d variables", heard)
	}
}

// TestMistakes holds each mistake at its place; all the other settings are read all the same.
func TestMistakes(t *testing.T) {
	cases := map[string]struct {
		text string
		env  []string
		want []string
	}{
		"misspelt":          {text: "lang = \"fr\"\nstaet = \"/srv\"\n", want: []string{"settings-unknown 2:1 staet"}},
		"capitals":          {text: "lang = \"fr\"\nState = \"/srv\"\n", want: []string{"settings-unknown 2:1 State"}},
		"a block":           {text: "lang = \"fr\"\nconsole {\n}\n", want: []string{"settings-unknown 2:1 console"}},
		"a labelled block":  {text: "lang = \"fr\"\nsite \"x\" {}\n", want: []string{"settings-unknown 2:1 site"}},
		"a number":          {text: "lang = \"fr\"\nstate = 4\n", want: []string{"settings-text 2:9 state"}},
		"nothing":           {text: "lang = \"fr\"\nstate = null\n", want: []string{"settings-text 2:9 state"}},
		"a name":            {text: "lang = \"fr\"\nstate = home\n", want: []string{"settings-text 2:9 state"}},
		"a function":        {text: "lang = \"fr\"\nstate = file(\"x\")\n", want: []string{"settings-text 2:9 state"}},
		"a list for a text": {text: "lang = \"fr\"\nstate = [\"/x\"]\n", want: []string{"settings-text 2:9 state"}},
		"a text for a list": {text: "lang = \"fr\"\npolicy = \"/x\"\n", want: []string{"settings-list 2:10 policy"}},
		"an empty list":     {text: "lang = \"fr\"\npolicy = []\n", want: []string{"settings-list 2:10 policy"}},
		"null in a list":    {text: "lang = \"fr\"\npolicy = [null]\n", want: []string{"settings-list 2:10 policy"}},
		"lists in a list":   {text: "lang = \"fr\"\npolicy = [[\"/x\"]]\n", want: []string{"settings-list 2:10 policy"}},
		"an object":         {text: "lang = \"fr\"\npolicy = { a = \"/x\" }\n", want: []string{"settings-list 2:10 policy"}},
		"a relative path":   {text: "lang = \"fr\"\nstate = \"state\"\n", want: []string{"settings-path 2:9 state"}},
		"a relative policy": {text: "lang = \"fr\"\npolicy = [\"/x\", \"site\"]\n", want: []string{"settings-path 2:10 policy"}},
		"an empty path":     {text: "lang = \"fr\"\nrun = \"\"\n", want: []string{"settings-path 2:7 run"}},
		"another clock":     {text: "lang = \"fr\"\nclock = \"ntp\"\n", want: []string{"settings-choice 2:9 clock"}},
		"another language":  {env: []string{"CORDON_LANG=de"}, text: "lang = \"fr\"", want: []string{"settings-choice CORDON_LANG lang"}},
		"colons alone":      {env: []string{"CORDON_POLICY=::"}, text: "lang = \"fr\"", want: []string{"settings-list CORDON_POLICY policy"}},
		"a variable misspelt": {
			text: "lang = \"fr\"", env: []string{"CORDON_VAR_a=1", "CORDON_POLCY=/x", "CORDON_STATE=", "OTHER=1", "CORDON_HOME=/opt"},
			want: []string{"settings-variable CORDON_HOME CORDON_HOME", "settings-variable CORDON_POLCY CORDON_POLCY"},
		},
		"a variable's variable": {
			text: "lang = \"fr\"", env: []string{"CORDON_VARS_a=1", "CORDON_=1"},
			want: []string{"settings-variable CORDON_ CORDON_", "settings-variable CORDON_VARS_a CORDON_VARS_a"},
		},
		"several, in order": {text: "lang = \"fr\"\nb = 1\na = 2\n", want: []string{"settings-unknown 2:1 b", "settings-unknown 3:1 a"}},
		"the file and beside": {
			text: "lang = \"fr\"\na = 2\n", env: []string{"CORDON_CLOCK=x"},
			want: []string{"settings-unknown 2:1 a", "settings-choice CORDON_CLOCK clock"},
		},
	}
	for name, c := range cases {
		got, found, err := settings.Read(settings.Source{File: written(t, c.text), Environ: c.env})
		want := settings.Defaults()
		want.Lang = "fr"
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if diff := cmp.Diff(c.want, spelt(found)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(cases) != 24 {
		t.Errorf("%d cases", len(cases))
	}
}

// spelt is a diagnostic on a line: its code, its place, its key.
func spelt(found []message.Diagnostic) []string {
	var list []string
	for _, d := range found {
		at := d.Origin.File
		if d.Origin.Line > 0 {
			at = strconv.Itoa(d.Origin.Line) + ":" + strconv.Itoa(d.Origin.Column)
		}
		list = append(list, d.Code+" "+at+" "+d.Args["key"])
	}
	return list
}

// TestWhatIsNoHCL holds that the parser's mistakes have places, and that what it could not come back from is not parsed.
func TestWhatIsNoHCL(t *testing.T) {
	for text, want := range map[string]string{
		"state = \n":                             "syntax-expression",
		"state = \"/x\"\n}\n":                    "syntax-definition",
		"lang = \"fr\" run = 1":                  "syntax-separator",
		"state = \"/a\"\nstate = \"/b\"\n":       "syntax-redefined",
		"policy = " + strings.Repeat("[", 1<<12): "too-deep",
	} {
		got, found, err := settings.Read(settings.Source{File: written(t, text)})
		if err != nil || len(found) == 0 || found[0].Code != want || found[0].Origin.Line == 0 {
			t.Errorf("%.40q: %v %v", text, spelt(found), err)
		}
		if diff := cmp.Diff(settings.Defaults(), got); diff != "" {
			t.Errorf("%.40q (-default +got):\n%s", text, diff)
		}
	}
}

// TestUnreadable holds that no file is read that might never end, and that a file which was named has to be there.
func TestUnreadable(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"a pipe": pipe, "a directory": t.TempDir(), "a device": "/dev/zero", "too large": written(t, "#"+strings.Repeat("x", 1<<20)),
	} {
		if got, _, err := settings.Read(settings.Source{File: file, Optional: true}); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
	_, _, err := settings.Read(settings.Source{File: filepath.Join(t.TempDir(), "none")})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("named, and not there: %v", err)
	}
}

// FuzzRead holds that no text is the end of the process, and that a text without a mistake says settings that are complete.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"", "lang = \"fr\"", "policy = [\"/x\"]", "policy = [", "a b {", "state = \"${1}\"", "\uFEFF", "x = <<E\nE\n",
	} {
		f.Add(text, "")
	}
	f.Add("", "a:b")
	f.Fuzz(func(t *testing.T, text, paths string) {
		got, found, err := settings.Read(settings.Source{File: written(t, text), Environ: []string{"CORDON_POLICY=" + paths}})
		if err != nil && len(text) < 1<<20 {
			t.Errorf("%q: %v", text, err)
		}
		if len(got.Policy) == 0 || got.State == "" || got.Run == "" || got.Clock == "" {
			t.Errorf("%q: %+v %v", text, got, found)
		}
	})
}

// TestNearest: a key or a variable that resembles one points to it; one that resembles none points to nothing.
func TestNearest(t *testing.T) {
	for text, want := range map[string]string{
		"staet": "state", "State": "state", "console": "",
		"CORDON_POLCY": "CORDON_POLICY", "CORDON_STATES": "CORDON_STATE", "CORDON_HTTP_PROXY": "",
	} {
		from := settings.Source{File: written(t, text+" = \"/x\"\n")}
		if strings.HasPrefix(text, "CORDON_") {
			from = settings.Source{Optional: true, Environ: []string{text + "=/x"}}
		}
		_, found, err := settings.Read(from)
		if err != nil || len(found) != 1 || found[0].Args["nearest"] != want {
			t.Errorf("%s: %v %v, want %q", text, found, err, want)
		}
	}
}
