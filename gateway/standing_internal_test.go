package gateway

import (
	"testing"
	"time"

	"cordon/gateway/history"
)

// TestStandingAgain holds that a policy is evaluated again just where something else ought to be in force than before.
func TestStandingAgain(t *testing.T) {
	store := history.In(t.TempDir())
	save := func(text string) {
		t.Helper()
		files := map[string][]byte{"site.hcl": []byte(text)}
		a := history.Applied{Time: time.Unix(1_800_000_000, 0), Who: "test", Directories: []history.Directory{{Name: "site", Files: files}}}
		if err := store.Save(a); err != nil {
			t.Fatal(err)
		}
	}
	const text = `
site "school" {}
manage { from = [] }
segment "cameras" {
  kind      = "camera"
  interface = "cam0"
  addresses = ["10.30.0.1/24"]
}
`
	save(text)
	s, err := Stand(store)
	if err != nil || s.Policy == nil {
		t.Fatalf("nothing stands: %v, %+v", err, s)
	}
	for _, c := range []struct {
		name string
		do   func() error
		same bool
	}{
		{"nothing", func() error { return nil }, true},
		{"the same octets", func() error { save(text); return nil }, true},
		{"locked down", func() error { return store.LockDown(history.Lockdown{Who: "ana"}) }, false},
		{"still locked down", func() error { return nil }, true},
		{"released", store.Release, false},
		{"another policy", func() error { save(text + "# and a word\n"); return nil }, false},
		{"one that cannot be read", func() error { save("segment {"); return nil }, false},
		{"which it still cannot", func() error { return nil }, true},
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		next, err := s.again(store)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if same := next.Policy == s.Policy; same != c.same {
			t.Errorf("%s: the same policy is %v, want %v", c.name, same, c.same)
		}
		fresh, err := Stand(store)
		if err != nil || (fresh.Policy == nil) != (next.Policy == nil) || fresh.Unreadable != next.Unreadable || fresh.Locked != next.Locked {
			t.Errorf("%s: %v: read anew %+v, read again %+v", c.name, err, fresh, next)
		}
		s = next
	}
}
