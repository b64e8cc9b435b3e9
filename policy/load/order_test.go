package load_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy/load"
	"cordon/policy/message"
)

// scattered returns a policy of which every block stands in a file of its own, in an order that the seed chooses. It is false where a
// file cannot be taken apart.
func scattered(t *testing.T, files fs.FS, seed uint64) (fstest.MapFS, bool) {
	t.Helper()
	names, err := fs.ReadDir(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	out, parts := fstest.MapFS{}, []string{}
	for _, e := range names {
		text, err := fs.ReadFile(files, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if path.Ext(e.Name()) != ".hcl" {
			out[e.Name()] = &fstest.MapFile{Data: text}
			continue
		}
		parsed, diags := hclsyntax.ParseConfig(text, e.Name(), hcl.InitialPos)
		body, ok := parsed.Body.(*hclsyntax.Body)
		if !ok || diags.HasErrors() || len(body.Attributes) > 0 {
			return nil, false
		}
		for _, b := range body.Blocks {
			r := b.Range()
			parts = append(parts, string(text[r.Start.Byte:b.CloseBraceRange.End.Byte])+"\n")
		}
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for i, text := range parts {
		out[fmt.Sprintf("part-%03d.hcl", i)] = file(text)
	}
	return out, len(parts) > 1
}

// codes returns the codes of diagnostics, ordered, without their places.
func codes(diagnostics []message.Diagnostic) []string {
	var list []string
	for _, d := range diagnostics {
		list = append(list, d.Severity.String()+" "+d.Code)
	}
	slices.Sort(list)
	return list
}

// unplaced returns a model without its places.
func unplaced(lines []string) []string {
	places := regexp.MustCompile(`@?[a-z0-9.-]+\.(hcl|csv):\d+ ?`)
	list := make([]string, len(lines))
	for i := range lines {
		list[i] = places.ReplaceAllString(lines[i], "")
	}
	slices.Sort(list)
	return list
}

// TestOrderNeverMatters loads every valid policy with each block in a file of its own, in several orders: the model stays the same. Manage
// blocks have no name and stand in the order of their places, so that the lines of a model are compared ordered.
func TestOrderNeverMatters(t *testing.T) {
	tried := 0
	for _, name := range fixtures(t, "valid") {
		want, _ := load.Dir(november(), nil, load.Directory{FS: os.DirFS(name)})
		for seed := range uint64(5) {
			files, ok := scattered(t, os.DirFS(name), seed)
			if !ok {
				t.Fatalf("%s cannot be taken apart", name)
			}
			p, diagnostics := load.Dir(november(), nil, load.Directory{FS: files})
			if len(diagnostics) > 0 {
				t.Errorf("%s, order %d:\n%s", name, seed, message.In(message.English).RenderAll(diagnostics))
			}
			if diff := cmp.Diff(unplaced(model(want)), unplaced(model(p))); diff != "" {
				t.Errorf("%s, order %d (-want +got):\n%s", name, seed, diff)
			}
			delete(files, "part-000.hcl")
			less, diagnostics := load.Dir(november(), nil, load.Directory{FS: files})
			if len(diagnostics) == 0 && cmp.Equal(unplaced(model(want)), unplaced(model(less))) {
				t.Errorf("%s, order %d: nobody misses the first block", name, seed)
			}
			tried++
		}
	}
	if tried < 20 {
		t.Errorf("%d orders", tried)
	}
}

// TestOrderOfMistakes holds the same of what is wrong: the mistakes of every invalid policy are found in any order, each once.
func TestOrderOfMistakes(t *testing.T) {
	tried := 0
	for _, name := range fixtures(t, "invalid") {
		if filepath.Base(name) == "doubling.hcl" {
			continue // it fills megabytes each time that it is read
		}
		f := readFixture(t, name)
		_, want := load.Dir(november(), nil, load.Directory{FS: f.files})
		for seed := range uint64(2) {
			files, ok := scattered(t, f.files, seed)
			if !ok {
				t.Logf("%s cannot be taken apart", filepath.Base(name))
				break
			}
			_, got := load.Dir(november(), nil, load.Directory{FS: files})
			if diff := cmp.Diff(codes(want), codes(got)); diff != "" {
				t.Errorf("%s, order %d (-want +got):\n%s", filepath.Base(name), seed, diff)
			}
			tried++
		}
	}
	if tried < 30 {
		t.Errorf("%d orders", tried)
	}
}
