package history

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzUnseal holds that whatever JSON is sealed is read again, and that a file which nobody sealed is refused and harms nobody.
func FuzzUnseal(f *testing.F) {
	for _, value := range []any{
		Lockdown{Since: time.Unix(1795413808, 0).UTC(), Who: "a", Segments: []string{"gym"}},
		Entry{Revision: 1, Outcome: OutcomePending},
		promise{ID: "c"},
	} {
		text, err := seal(value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"version":1,"sha256":"","content":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		whole, err := seal(json.RawMessage(text))
		if err != nil {
			return // it is no JSON
		}
		var content json.RawMessage
		if err := unseal(whole, &content); err != nil {
			t.Errorf("what was sealed is not read: %v\n%s", err, whole)
		}
		for _, into := range []any{&Lockdown{}, &Entry{}, &promise{}} {
			_ = unseal(whole, into) // of another kind it may be refused
		}
		if unseal(text, &content) == nil && !bytes.HasSuffix(text, []byte("}\n")) {
			t.Errorf("accepted: %q", text)
		}
	})
}

// FuzzUnpack holds that what is read of an archive is what is read of the archive that is written for it.
func FuzzUnpack(f *testing.F) {
	for _, a := range []Applied{
		{},
		{Who: "a", Digest: "d", Variables: map[string]string{"x": "1"}, Directories: []Directory{
			{Name: "site", Files: map[string][]byte{"site.hcl": []byte("site \"x\" {}\n"), "lists/cameras.csv": {}}}, {Name: "empty"},
		}},
	} {
		content, err := pack(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		a, err := unpack(content)
		if err != nil {
			return
		}
		again, err := pack(a)
		if err != nil {
			t.Fatalf("%+v: %v", a, err)
		}
		b, err := unpack(again)
		if err != nil || !cmp.Equal(a, b) {
			t.Errorf("%v\n%s", err, cmp.Diff(a, b))
		}
	})
}
