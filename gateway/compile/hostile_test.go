package compile_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"cordon/gateway/compile"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// hostile is a policy that carries a text wherever a user may write one, read from files of that name.
func hostile(t *testing.T, text string) (string, bool) {
	t.Helper()
	name := strings.NewReplacer("/", "-", "\x00", "-").Replace(text)
	quoted := "\"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "${", "$${", "%{", "%%{").Replace(text) + "\""
	label := regexp.MustCompile(`[^\pL\pN_-]`).ReplaceAllString(text, "_")
	label = "n" + string([]rune(label)[:min(60, len([]rune(label)))])
	body := `
site "s" {
  description = TEXT
}
segment "cameras" {
  kind        = "camera"
  interface   = "eth1"
  addresses   = ["10.30.0.1/24"]
  description = TEXT
}
segment "office" {
  kind      = "client"
  interface = "eth2"
  addresses = ["10.50.0.1/24"]
}
manage {
  from     = [segment.office]
  services = ["ssh"]
}
dynamic "camera" {
  for_each = csvdecode(file("FILE.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment     = segment.cameras
    mac         = row.value.mac
    address     = row.value.address
    description = TEXT
    model       = TEXT
    labels      = { note = TEXT }
  }
}
allow "LABEL" {
  from        = segment.office
  to          = segment.cameras
  services    = ["https"]
  description = TEXT
}
`
	body = strings.NewReplacer("TEXT", quoted, `"FILE.csv"`, strings.TrimSuffix(quoted, `"`)+`.csv"`, "LABEL", label).Replace(body)
	files := fstest.MapFS{
		"p" + name + ".hcl": {Data: []byte(body)},
		name + ".csv":       {Data: []byte("name,mac,address\n" + label + ",44:19:b6:00:00:01,10.30.0.21\n")},
	}
	p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{Name: name, FS: files})
	if message.HasErrors(diagnostics) {
		return "", false
	}
	return compile.Ruleset(p, text, policy.Moment{}).String(), true
}

// skeleton is a rendered ruleset as nft reads it: the texts in quotes, which have no escapes, taken out.
func skeleton(rendered string) string {
	return regexp.MustCompile(`"[^"]*"`).ReplaceAllString(rendered, `""`)
}

// FuzzRender holds that nothing that somebody writes reaches the statements of what nft would read: the same policy with a harmless text
// has the same skeleton.
func FuzzRender(f *testing.F) {
	for _, text := range []string{
		"harmless", `"`, `a" ; flush ruleset ; "`, "a\nflush ruleset\n", `a\`, `a\"; drop; #`, "# comment", "{ } ;", "école", "$(reboot)",
		"`id`", "\u2028x", "a\x1b[31m", "%n%s", "${segment.office}", `"}"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		rendered, loaded := hostile(t, text)
		if !loaded {
			return
		}
		plain, ok := hostile(t, "harmless")
		if !ok {
			t.Fatal("the harmless policy does not load")
		}
		if strings.Count(rendered, `"`)%2 != 0 || skeleton(rendered) != skeleton(plain) {
			t.Errorf("%q changes what nft reads:\n%s", text, rendered)
		}
	})
}

// The seeds have to load, or the fuzzer proves nothing.
func TestHostileLoads(t *testing.T) {
	for _, text := range []string{"harmless", `a" ; flush ruleset ; "`, `a\"; drop; #`, "{ } ;", "$(reboot)"} {
		if _, ok := hostile(t, text); !ok {
			t.Errorf("%q does not load", text)
		}
	}
	if broken := "\tcomment \"a\\\" ; flush ruleset ; \"\n"; skeleton(broken) == skeleton("\tcomment \"harmless\"\n") {
		t.Error("control: a text with an escape passes")
	}
}
