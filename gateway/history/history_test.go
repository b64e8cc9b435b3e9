package history_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cordon/gateway/history"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// applied is a policy of two directories.
func applied() history.Applied {
	return history.Applied{
		Time: time.Date(2026, 11, 22, 19, 4, 0, 0, time.UTC), Who: "mtremblay", Commit: "3f9c2e1", Digest: "sha256:00",
		Variables: map[string]string{"nvr": "10.40.0.10"},
		Directories: []history.Directory{
			{Name: "common", Files: map[string][]byte{"school.hcl": []byte("site \"school\" {}\n"), "lists/cameras.csv": []byte("name\n")}},
			{Name: "levis-01", Files: map[string][]byte{"empty.hcl": {}}},
		},
	}
}

func TestSaveAndLast(t *testing.T) {
	store := history.In(filepath.Join(t.TempDir(), "deep", "state"))
	if _, err := store.Last(); !errors.Is(err, history.ErrNone) {
		t.Errorf("before the first: %v", err)
	}
	for _, who := range []string{"mtremblay", "root"} {
		want := applied()
		want.Who = who
		if err := store.Save(want); err != nil {
			t.Fatal(err)
		}
		got, err := store.Last()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

// TestDamage damages a state file at every octet in three ways. What comes back is what was saved, or the damage is told and the file
// is set aside: never another policy.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	store, name := history.In(dir), filepath.Join(dir, "applied.zip")
	want := applied()
	if err := store.Save(want); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	told, harmless := 0, 0
	for i := range whole {
		flipped, zeroed := append([]byte{}, whole...), append([]byte{}, whole...)
		flipped[i] ^= 0xff
		clear(zeroed[i:])
		for _, content := range [][]byte{flipped, zeroed, whole[:i]} {
			plant(t, name, content)
			got, err := store.Last()
			damaged := &history.DamagedError{}
			switch {
			case errors.As(err, &damaged):
				told++
				checkSetAside(t, name, damaged, content)
			case err == nil && cmp.Equal(want, got):
				harmless++ // a time or a flag of the archive that nobody reads
			default:
				t.Fatalf("octet %d: %v %+v", i, err, got)
			}
		}
	}
	if told < 2*len(whole) || told+harmless != 3*len(whole) {
		t.Errorf("%d octets: %d times told, %d times harmless", len(whole), told, harmless)
	}
	if err := os.WriteFile(name, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Last(); err != nil || !cmp.Equal(want, got) {
		t.Errorf("control, not damaged: %v", err)
	}
}

// plant puts a file in a place as another file, as whatever damages one by a rename would.
func plant(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func checkSetAside(t *testing.T, name string, e *history.DamagedError, content []byte) {
	t.Helper()
	aside, err := os.ReadFile(e.SetAside)
	if err != nil || !cmp.Equal(aside, content) || e.File != name || e.Error() == "" || e.Cause == nil {
		t.Fatalf("%v: %v", e, err)
	}
	if still, err := os.ReadFile(name); err != nil || !cmp.Equal(still, content) {
		t.Fatalf("%s reads as one that never was: %v", name, err)
	}
}

// TestAnotherVersion holds that a file of a later program is not read as one of this.
func TestAnotherVersion(t *testing.T) {
	if history.Version != 1 {
		t.Errorf("the version is %d: is an older file still read?", history.Version)
	}
}

func TestNotWritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	store := history.In(filepath.Join(file, "state"))
	if store.Ready() == nil || store.Save(applied()) == nil {
		t.Error("a state directory below a file")
	}
	if _, err := store.Last(); err == nil || errors.Is(err, history.ErrNone) {
		t.Errorf("a state directory that cannot be looked into: %v", err)
	}
	good := history.In(filepath.Join(t.TempDir(), "state"))
	if err := good.Ready(); err != nil {
		t.Errorf("control: %v", err)
	}
}

// TestReadyLeavesNothing holds that finding out leaves nothing, whether there is room or not.
func TestReadyLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	store := history.In(dir)
	if err := errors.Join(store.Ready(), store.Room(0)); err != nil {
		t.Fatal(err)
	}
	if store.Room(1<<60) == nil {
		t.Error("there is room for more than any disk has")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
}

// TestRecorder reads a policy through a recorder, and again from what was recorded: both are the same policy.
func TestRecorder(t *testing.T) {
	files := fstest.MapFS{
		"site.hcl": {Data: []byte(`
site "school" {
  description = fileexists("seen.txt") && !fileexists("absent.txt") ? "seen" : "not seen"
}
segment "office" {
  kind      = "client"
  interface = "eth0"
  addresses = ["10.50.0.1/24"]
}
manage {
  from     = [segment.office]
  services = ["ssh"]
}
dynamic "host" {
  for_each = csvdecode(file("lists/hosts.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment.office
    address = row.value.address
  }
}
`)},
		"lists/hosts.csv":  {Data: []byte("name,address\njump,10.50.0.9\n")},
		"lists/unread.hcl": {Data: []byte("nonsense")},
		"seen.txt":         {Data: []byte("not read")},
		"README.md":        {Data: []byte("not read")},
	}
	recorder := history.Record(files)
	want, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: recorder})
	if message.HasErrors(diagnostics) {
		t.Fatalf("%+v", diagnostics)
	}
	if want.Site.Description != "seen" {
		t.Errorf("description %q", want.Site.Description)
	}
	recorded := history.Directory{Files: recorder.Files()}
	got, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: recorded.FS()})
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" || message.HasErrors(diagnostics) {
		t.Errorf("%+v\n%s", diagnostics, diff)
	}
	delete(recorded.Files, "lists/hosts.csv")
	if _, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: recorded.FS()}); !message.HasErrors(diagnostics) {
		t.Error("control: a file less is no mistake")
	}
}

// TestDirectoryIsAFileSystem holds the recorded files against the standard library's idea of a file system.
func TestDirectoryIsAFileSystem(t *testing.T) {
	d := history.Directory{Files: map[string][]byte{"a.hcl": []byte("a"), "b.csv": {}}}
	if err := fstest.TestFS(d.FS(), "a.hcl", "b.csv"); err != nil {
		t.Error(err)
	}
	if err := fstest.TestFS(d.FS(), "c.hcl"); err == nil {
		t.Error("control: a file that is not there was found")
	}
}
