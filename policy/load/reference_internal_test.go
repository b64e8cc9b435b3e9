package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy"
	"cordon/policy/message"
)

const referenceExample = "../../examples/reference"

// nestedSchema returns the schema of a block that stands in another one.
func nestedSchema(kind string) (schema, bool) {
	all := map[string]schema{
		"route": routeSchema(), "serve": serveSchema(), "leases": leasesSchema(), "during": duringSchema(), "vlan": vlanSchema(),
		"bridge": bridgeSchema(),
	}
	s, ok := all[kind]
	return s, ok
}

// used returns what the files of a directory use: "segment", "segment.kind", "serve.time".
func used(t *testing.T, directory string) map[string]bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(directory, "*.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
		if body, ok := parsed.Body.(*hclsyntax.Body); ok && !diags.HasErrors() {
			collect(body, "", found)
		}
	}
	return found
}

func collect(body *hclsyntax.Body, kind string, found map[string]bool) {
	for name := range body.Attributes {
		found[kind+"."+name] = true
	}
	for _, b := range body.Blocks {
		found[b.Type] = true
		collect(b.Body, b.Type, found)
	}
}

// unused returns what the language has and the files do not use.
func unused(found map[string]bool) []string {
	kinds := map[string]schema{"dynamic": {required: []string{"for_each", "iterator", "labels"}, blocks: []string{"content"}}}
	for _, kind := range topLevel() {
		if s := schemaOf(kind); kind != "dynamic" {
			kinds[kind] = s
		}
	}
	var missing []string
	for len(kinds) > 0 {
		inner := map[string]schema{}
		for kind, s := range kinds {
			if !found[kind] {
				missing = append(missing, kind)
			}
			for _, name := range slices.Concat(s.required, s.optional) {
				if !found[kind+"."+name] {
					missing = append(missing, kind+"."+name)
				}
			}
			for _, name := range s.blocks {
				s, known := nestedSchema(name)
				if !known && name != "content" {
					missing = append(missing, "schema of "+name)
				}
				inner[name] = s
			}
		}
		kinds = inner
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// TestReference holds that the reference example is valid, without a warning, and uses every block and every attribute.
func TestReference(t *testing.T) {
	found := used(t, referenceExample)
	if missing := unused(found); len(missing) > 0 {
		t.Errorf("the reference does not show %s", strings.Join(missing, ", "))
	}
	if len(found) < 100 {
		t.Errorf("%d blocks and attributes", len(found))
	}
	at := policy.Moment{Time: time.Date(2026, time.December, 1, 12, 0, 0, 0, time.UTC), Trusted: true}
	_, diagnostics := Dir(at, nil, Directory{FS: os.DirFS(referenceExample)})
	if len(diagnostics) > 0 {
		t.Errorf("diagnostics:\n%s", message.In(message.English).RenderAll(diagnostics))
	}
}

// TestReferenceHasAControl holds that each block and attribute that is left out is missed.
func TestReferenceHasAControl(t *testing.T) {
	found := used(t, referenceExample)
	needed := 0
	for name := range found {
		delete(found, name)
		missing := unused(found)
		found[name] = true
		if strings.HasPrefix(name, "locals.") || strings.HasPrefix(name, "content.") {
			continue // names of the example's own, and what a content shares with its block
		}
		if needed++; !slices.Contains(missing, name) {
			t.Errorf("%s is not missed", name)
		}
	}
	if needed < 90 {
		t.Errorf("%d tried", needed)
	}
}
