package history_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/history"
)

// TestDamageAnywhere damages every file of a store at every octet in three ways. Each time what is read is what was written, or the
// damage is told; a lockdown stays one, a pending change stays one, and what takes it back in time is read as it was.
func TestDamageAnywhere(t *testing.T) {
	dir := t.TempDir()
	store := history.In(dir)
	if err := errors.Join(begun(store), locked(store)); err != nil {
		t.Fatal(err)
	}
	want := stateOf(store)
	if want.Trouble != nil || !want.Locked || want.Pending.ID == "" || len(want.Entries) != 1 {
		t.Fatalf("control: %+v", want)
	}
	cases, told := 0, 0
	for _, name := range []string{
		"applied.zip", "history/1.json", "history/1.zip", "pending.json", "pending.twin.json", "pending.zip", "pending.before", "lockdown.json",
	} {
		whole, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			for _, content := range damages(whole, i) {
				cases++
				plant(t, filepath.Join(dir, name), content)
				told += checkDamaged(t, store, name, want)
			}
		}
		plant(t, filepath.Join(dir, name), whole)
		if diff := cmp.Diff(want, stateOf(store)); diff != "" {
			t.Fatalf("control, %s mended:\n%s", name, diff)
		}
	}
	if cases < 5000 || told < cases/2 {
		t.Errorf("%d cases, %d told", cases, told)
	}
}

func damages(whole []byte, i int) [][]byte {
	flipped, zeroed := append([]byte{}, whole...), append([]byte{}, whole...)
	flipped[i] ^= 0xff
	clear(zeroed[i:])
	return [][]byte{flipped, zeroed, whole[:i]}
}

// checkDamaged returns 1 when the damage was told.
func checkDamaged(t *testing.T, store history.Store, name string, want state) int {
	t.Helper()
	got := stateOf(store)
	if !got.Locked || got.Pending.ID != want.Pending.ID || got.Pending.Deadline != want.Pending.Deadline || len(got.Entries) != 1 {
		t.Fatalf("%s: what holds the network was lost:\n%s", name, cmp.Diff(want, got))
	}
	if a, err := store.Revision(1); err == nil && !cmp.Equal(a, applied()) {
		t.Fatalf("%s: another policy", name)
	}
	if got.Trouble == nil {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: nothing told:\n%s", name, diff)
		}
		return 0
	}
	return 1
}

// TestNothingPendingCanBeKnown holds that where both copies are damaged the change still counts as pending, and any id ends it.
func TestNothingPendingCanBeKnown(t *testing.T) {
	dir := t.TempDir()
	store := history.In(dir)
	if err := begun(store); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pending.json", "pending.twin.json"} {
		plant(t, filepath.Join(dir, name), []byte("{}"))
	}
	damaged := &history.DamagedError{}
	if _, err := store.Pending(); !errors.As(err, &damaged) {
		t.Errorf("pending: %v", err)
	}
	if err := store.Begin(change("d", 2)); !errors.As(err, &damaged) {
		t.Errorf("begin: %v", err)
	}
	if err := store.End("whatever"); err != nil {
		t.Errorf("end: %v", err)
	}
	if _, err := store.Pending(); !errors.Is(err, history.ErrNone) {
		t.Errorf("ended: %v", err)
	}
	if _, err := os.Stat(damaged.SetAside); err != nil {
		t.Errorf("set aside: %v", err)
	}
}

// TestDamagedLockdown holds that only a lockdown of everything takes the place of one that cannot be read, and that release ends it.
func TestDamagedLockdown(t *testing.T) {
	dir := t.TempDir()
	store := history.In(dir)
	plant(t, filepath.Join(dir, "lockdown.json"), nil)
	if err := locked(store); err == nil {
		t.Error("one segment instead of all")
	}
	if l, closed, err := store.Lockdown(); !closed || err == nil || len(l.Segments) > 0 {
		t.Errorf("%+v %t %v", l, closed, err)
	}
	if err := store.LockDown(history.Lockdown{Who: "root"}); err != nil {
		t.Error(err)
	}
	if l, closed, err := store.Lockdown(); !closed || err != nil || l.Who != "root" {
		t.Errorf("%+v %t %v", l, closed, err)
	}
	plant(t, filepath.Join(dir, "lockdown.json"), []byte("again"))
	if err := errors.Join(store.Release(), store.Release()); err != nil {
		t.Error(err)
	}
	if _, closed, err := store.Lockdown(); closed || err != nil {
		t.Errorf("released: %t %v", closed, err)
	}
}
