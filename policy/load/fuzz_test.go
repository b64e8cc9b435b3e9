package load_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// FuzzLoad holds that no text makes the loader panic, that a policy with errors is no policy, and that every place is one in the text.
func FuzzLoad(f *testing.F) {
	seeds := 0
	for _, pattern := range []string{"testdata/invalid", "testdata/valid/school", "testdata/valid/home", "testdata"} {
		entries, err := os.ReadDir(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() || e.Name() == "doubling.hcl" { // it takes seconds, and TestInvalid has it
				continue
			}
			text, err := os.ReadFile(pattern + "/" + e.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
			seeds++
		}
	}
	if seeds < 15 {
		f.Fatalf("%d seeds", seeds)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return // long texts are slow, not different
		}
		csv := &fstest.MapFile{Data: []byte("name,segment,mac,address\nc1,cameras,44:19:b6:00:00:01,10.30.0.31\n")}
		p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"a.hcl": {Data: []byte(text)}, "cameras.csv": csv}})
		judge(t, len(p.Segments), diagnostics, text)
	})
}

// FuzzCSV is FuzzLoad for what a spreadsheet may hold.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{
		"name,segment,mac,address\nc1,cameras,44:19:b6:00:00:01,10.30.0.31\n",
		"\uFEFFname;segment;mac;address\r\nc1;cameras;4,42E+13;10.30.0.31\r\n;;;\r\n",
		"name,name,,\n\"a\nb\",c\"\n", "", "\n", "\"", "name\n\xff",
	} {
		f.Add(text)
	}
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		f.Fatal(err)
	}
	block := `
dynamic "camera" {
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment[row.value.segment]
    mac     = row.value.mac
    address = row.value.address
  }
}
`
	f.Fuzz(func(t *testing.T, text string) {
		hcl := &fstest.MapFile{Data: append([]byte(block), base...)}
		p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"a.hcl": hcl, "cameras.csv": {Data: []byte(text)}}})
		judge(t, len(p.Segments), diagnostics, text)
	})
}

func judge(t *testing.T, segments int, diagnostics []message.Diagnostic, text string) {
	t.Helper()
	if message.HasErrors(diagnostics) && segments > 0 {
		t.Error("a policy with errors has segments")
	}
	english := message.In(message.English)
	for _, d := range diagnostics {
		if out := english.Render(d); !utf8.ValidString(out) {
			t.Errorf("%s renders as %q", d.Code, out)
		}
		if d.Origin.File == "a.hcl" && d.Origin.Line > strings.Count(text, "\n")+40 {
			t.Errorf("%s at line %d", d.Code, d.Origin.Line)
		}
	}
}
