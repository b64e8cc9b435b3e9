package load_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// fixture is a policy with the diagnostics that it must give: file:line → codes, sorted.
type fixture struct {
	files fstest.MapFS
	want  map[string][]string
}

func readFixture(t *testing.T, name string) fixture {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{files: fstest.MapFS{}, want: map[string][]string{}}
	archive := &txtar.Archive{Files: []txtar.File{{Name: "fixture.hcl", Data: text}}}
	if path.Ext(name) == ".txtar" {
		archive = txtar.Parse(text)
	}
	for line := range strings.SplitSeq(string(archive.Comment), "\n") {
		if place, codes, found := strings.Cut(line, " ERROR: "); found {
			f.expect(strings.Replace(place, "nowhere", "", 1), "error", codes)
		}
	}
	for _, file := range archive.Files {
		f.add(file.Name, file.Data)
	}
	if !strings.Contains(string(archive.Comment), "base: no") {
		base, err := os.ReadFile("testdata/base.hcl")
		if err != nil {
			t.Fatal(err)
		}
		f.add("base.hcl", base)
	}
	return f
}

func (f fixture) add(name string, text []byte) {
	f.files[name] = &fstest.MapFile{Data: text}
	expected := regexp.MustCompile(`# (ERROR|WARNING): ([a-z0-9 -]+)$`)
	for i, line := range strings.Split(string(text), "\n") {
		if m := expected.FindStringSubmatch(line); m != nil {
			f.expect(fmt.Sprintf("%s:%d", name, i+1), strings.ToLower(m[1]), m[2])
		}
	}
}

func (f fixture) expect(place, severity, codes string) {
	for code := range strings.FieldsSeq(codes) {
		f.want[place] = append(f.want[place], severity+" "+code)
	}
	slices.Sort(f.want[place])
}

// november is the moment at which the fixtures are read.
func november() policy.Moment {
	return policy.Moment{Time: time.Date(2026, time.November, 2, 12, 0, 0, 0, time.UTC), Trusted: true}
}

func given(diagnostics []message.Diagnostic) map[string][]string {
	got := map[string][]string{}
	for _, d := range diagnostics {
		place := d.Origin.String()
		got[place] = append(got[place], d.Severity.String()+" "+d.Code)
		slices.Sort(got[place])
	}
	return got
}

func fixtures(t *testing.T, directory string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", directory, "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures in %s: %v", directory, err)
	}
	return names
}

func TestInvalid(t *testing.T) {
	covered := map[string]bool{}
	for _, name := range fixtures(t, "invalid") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f := readFixture(t, name)
			p, diagnostics := load.Dir(november(), nil, load.Directory{FS: f.files})
			if diff := cmp.Diff(f.want, given(diagnostics)); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if message.HasErrors(diagnostics) && len(p.Devices) > 0 {
				t.Error("a policy with errors has devices")
			}
			for _, d := range diagnostics {
				covered[d.Code] = true
				judgeSentences(t, d)
			}
		})
	}
	elsewhere := strings.Fields(`link-leaves file-too-large not-a-file unreadable not-utf8 not-utf8-policy no-policy file-twice too-deep
		too-many-cameras too-many-blocks variable-form-bool variable-form-list variable-form-map variable-form-number variable-undeclared
		bad-yaml too-much-work too-many-words text-too-long
		text-signs csv-columns yaml-aliases yaml-deep syntax expression more-mistakes line-too-long`)
	elsewhere = append(elsewhere, load.Provoked()...)
	var missing []string
	for key := range message.In(message.English).Keys() {
		code, part, _ := strings.Cut(key, ".")
		if part == "summary" && !covered[code] && !slices.Contains(elsewhere, code) && !foreign(code) {
			missing = append(missing, code)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("no fixture for %s", strings.Join(missing, " "))
	}
	if len(covered) < 100 {
		t.Errorf("%d codes covered, want at least 100", len(covered))
	}
}

// foreign says whether a code's sentence stands in another file than the policies' own.
func foreign(code string) bool {
	text, err := os.ReadFile("../message/text/en/policy.txt")
	return err != nil || !strings.Contains("\n"+string(text), "\n"+code+".summary = ")
}

// judgeSentences holds that every argument of a diagnostic's sentences was given.
func judgeSentences(t *testing.T, d message.Diagnostic) {
	t.Helper()
	open := regexp.MustCompile(`\{[a-z]+[}|]`)
	for _, language := range []message.Language{message.English, message.French} {
		p := message.In(language)
		for _, text := range []string{p.Summary(d), p.Detail(d)} {
			if open.MatchString(text) || strings.HasSuffix(text, ".summary") || strings.HasSuffix(text, ".detail") {
				t.Errorf("%s in %s: %q", d.Code, language, text)
			}
		}
	}
}

func TestBaseIsValid(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"base.hcl": {Data: base}}})
	if len(diagnostics) > 0 {
		t.Errorf("the base of the fixtures is wrong itself:\n%s", message.In(message.English).RenderAll(diagnostics))
	}
}

func TestValid(t *testing.T) {
	for _, name := range fixtures(t, "valid") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			p, diagnostics := load.Dir(november(), nil, load.Directory{FS: os.DirFS(name)})
			if len(diagnostics) > 0 {
				t.Errorf("diagnostics:\n%s", message.In(message.English).RenderAll(diagnostics))
			}
			if p.Site.Name == "" || len(p.Segments) == 0 || len(p.Devices) == 0 || len(p.Allows) == 0 {
				t.Errorf("an incomplete policy: %+v", p)
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestRendering(t *testing.T) {
	for _, name := range fixtures(t, "render") {
		if path.Ext(name) != ".txtar" {
			continue
		}
		f := readFixture(t, name)
		_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{Name: "policy", FS: f.files})
		for _, language := range []message.Language{message.English, message.French} {
			golden(t, strings.TrimSuffix(name, ".txtar")+"."+string(language), message.In(language).RenderAll(diagnostics))
		}
	}
}

func TestDigest(t *testing.T) {
	digest := func(files map[string]string) string {
		fsys := fstest.MapFS{}
		for name, text := range files {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		p, _ := load.Dir(policy.Moment{}, nil, load.Directory{FS: fsys})
		return p.Digest
	}
	a := "locals {\n  rows = csvdecode(file(\"a.csv\"))\n}\n"
	first := digest(map[string]string{"a.hcl": a, "a.csv": "name\nx\n"})
	if again := digest(map[string]string{"a.hcl": a, "a.csv": "name\nx\n"}); again != first {
		t.Errorf("two digests of one policy: %s, %s", first, again)
	}
	different := map[string]map[string]string{
		"another row":  {"a.hcl": a, "a.csv": "name\ny\n"},
		"another name": {"b.hcl": a, "a.csv": "name\nx\n"},
		"another text": {"a.hcl": a + "#", "a.csv": "name\nx\n"},
		"another file": {"a.hcl": a, "a.csv": "name\nx\n", "b.hcl": ""},
	}
	for what, files := range different {
		if digest(files) == first {
			t.Errorf("%s: the same digest", what)
		}
	}
	if unread := digest(map[string]string{"a.hcl": a, "a.csv": "name\nx\n", "b.csv": "z"}); unread != first {
		t.Error("a file that nothing reads changes the digest")
	}
	if !strings.HasPrefix(first, "sha256:") || len(first) != len("sha256:")+64 {
		t.Errorf("digest %q", first)
	}
}

func TestFiles(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"byte-order mark and CRLF": {fstest.MapFS{"a.hcl": file("\uFEFFlocals {\r\n  a = 1\r\n}\r\n")}, ""},
		"hidden file":              {fstest.MapFS{".a.hcl": file("nonsense")}, ""},
		"directory in depth":       {fstest.MapFS{"sub/a.hcl": file("nonsense")}, ""},
		"directory named as file":  {fstest.MapFS{"sub.hcl/a.hcl": file("nonsense")}, ""},
		"another extension":        {fstest.MapFS{"a.txt": file("nonsense")}, ""},
		"Latin-1":                  {fstest.MapFS{"a.hcl": file("locals {\n  a = \"caf\xe9\"\n}\n")}, "a.hcl:2 not-utf8-policy"},
		"Latin-1 CSV": {
			fstest.MapFS{"a.hcl": file("locals {\n  a = csvdecode(file(\"a.csv\"))\n}\n"), "a.csv": file("nom\ncaf\xe9\n")},
			"a.csv:2 not-utf8",
		},
		"too large":  {fstest.MapFS{"a.hcl": file(strings.Repeat("#", 16<<20) + "\n")}, "a.hcl file-too-large"},
		"just fits":  {fstest.MapFS{"a.hcl": file(strings.Repeat(strings.Repeat("#", 1023)+"\n", 16<<10))}, ""},
		"pipe":       {fstest.MapFS{"a.hcl": {Mode: fs.ModeNamedPipe}}, "a.hcl not-a-file"},
		"deep lists": {fstest.MapFS{"a.hcl": file("locals {\n a = " + strings.Repeat("[", 200000))}, "a.hcl:2 too-deep"},
		"deep signs": {fstest.MapFS{"a.hcl": file("locals {\n a = " + strings.Repeat("!", 200000) + "true\n}\n")}, "a.hcl:2 too-deep"},
		"deep JSON": {
			fstest.MapFS{"a.hcl": file("locals {\n  a = jsondecode(file(\"a.json\"))\n}\n"), "a.json": file(strings.Repeat("[", 1<<20))},
			"a.json:1 bad-json",
		},
	}
	for name, c := range cases {
		c.files["base.hcl"] = &fstest.MapFile{Data: base}
		_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: c.files})
		var got []string
		for _, d := range diagnostics {
			got = append(got, d.Origin.String()+" "+d.Code)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(cases) != 13 {
		t.Errorf("%d cases", len(cases))
	}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestDirectories(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	common := fstest.MapFS{"common.hcl": file("locals {\n  rows = csvdecode(file(\"a.csv\"))\n}\n"), "base.hcl": {Data: base}}
	site := fstest.MapFS{"a.csv": file("name\nx\n")}
	directories := []load.Directory{{Name: "common", FS: common}, {Name: "sites/levis", FS: site}}
	p, diagnostics := load.Dir(policy.Moment{}, nil, directories...)
	if len(diagnostics) > 0 {
		t.Errorf("diagnostics:\n%s", message.In(message.English).RenderAll(diagnostics))
	}
	if diff := cmp.Diff([]string{"common/base.hcl", "common/common.hcl", "sites/levis/a.csv"}, p.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	common["a.csv"] = file("name\ny\n")
	_, diagnostics = load.Dir(policy.Moment{}, nil, directories...)
	if diff := cmp.Diff(map[string][]string{"common/common.hcl:2": {"error file-twice"}}, given(diagnostics)); diff != "" {
		t.Errorf("a file in two directories (-want +got):\n%s", diff)
	}
	_, diagnostics = load.Dir(policy.Moment{}, nil, load.Directory{Name: "empty", FS: fstest.MapFS{}})
	if diff := cmp.Diff(map[string][]string{"": {"error no-policy"}}, given(diagnostics)); diff != "" {
		t.Errorf("an empty directory (-want +got):\n%s", diff)
	}
	alone := load.Directory{FS: fstest.MapFS{"base.hcl": {Data: base}}}
	_, diagnostics = load.Dir(policy.Moment{}, load.Set(map[string]string{"nvr": "x"}), alone)
	if diff := cmp.Diff(map[string][]string{"": {"error variable-undeclared"}}, given(diagnostics)); diff != "" {
		t.Errorf("a variable (-want +got):\n%s", diff)
	}
}

func TestLinks(t *testing.T) {
	directory := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside.hcl")
	for name, text := range map[string]string{outside: "locals {\n}\n", filepath.Join(directory, "real.txt"): "locals {\n}\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{
		"absolute.hcl": outside, "inside.hcl": "real.txt", "circle.hcl": "circle.hcl",
		"up.hcl": "../" + filepath.Base(filepath.Dir(outside)) + "/outside.hcl", "chain.hcl": "absolute.hcl",
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: os.DirFS(directory)})
	want := map[string][]string{}
	for _, name := range []string{"absolute.hcl", "circle.hcl", "up.hcl", "chain.hcl"} {
		want[name] = []string{"error link-leaves"}
	}
	if diff := cmp.Diff(want, given(diagnostics)); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if len(maps.Clone(links)) != len(want)+1 {
		t.Error("the one link that stays is not tried")
	}
}

// TestRaggedRowsAreToldOnce holds that rows of a wrong number of cells are one mistake with their number, and rows of another wrong number
// another.
func TestRaggedRowsAreToldOnce(t *testing.T) {
	rows := "name,mac\n" + strings.Repeat("a,b,c\n", 30) + strings.Repeat("a\n", 2) + "a,b\n"
	_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{
		"a.hcl": file("locals {\n  x = csvdecode(file(\"a.csv\"))\n}\n"), "a.csv": file(rows),
	}})
	var told []int
	for _, d := range diagnostics {
		if d.Code == "csv-ragged" {
			told = append(told, d.Rows)
		}
	}
	if diff := cmp.Diff([]int{30, 2}, told); diff != "" {
		t.Errorf("rows of each mistake (-want +got):\n%s", diff)
	}
}

// TestSeparatorIsSaid holds that the line in which Excel says what separates the cells is no header, and is heard: of the header alone the
// other one would be taken. The control is the same file without it.
func TestSeparatorIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		"sep=;\r\nname;a,b,c\r\nx;y\r\n": "", "sep=,\nname,a;b;c\nx,y\n": "", "name;a,b,c\nx;y\n": "csv-ragged",
	} {
		site := "locals {\n  x = csvdecode(file(\"a.csv\"))[0].name\n}\nsite \"s\" {\n  scope = \"segments\"\n}\n"
		_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"a.hcl": file(site), "a.csv": file(text)}})
		var got []string
		for _, d := range diagnostics {
			got = append(got, d.Code)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %q", text, got, want)
		}
	}
}
