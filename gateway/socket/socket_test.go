package socket_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/api"
	"cordon/gateway/snapshot"
	"cordon/gateway/socket"
)

// served starts a service whose answer names what it was asked, and returns its run directory.
func served(t *testing.T, answer socket.Answer) string {
	t.Helper()
	dir := t.TempDir()
	listener, err := socket.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- socket.Serve(ctx, listener, answer) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return dir
}

// echo answers with the request itself.
func echo(_ context.Context, c socket.Caller, q snapshot.Request) snapshot.Reply {
	text, err := json.Marshal(q)
	if err != nil || c.PID == 0 {
		return snapshot.Reply{Exit: 1}
	}
	return snapshot.Reply{Exit: 2, Document: text, Text: q.Verb, Notes: "noted"}
}

// TestAsk sends one request of every verb, with all that it can carry, and reads it back.
func TestAsk(t *testing.T) {
	client := socket.NewClient(served(t, echo))
	asked := 0
	for _, v := range snapshot.Verbs() {
		q := snapshot.Request{Verb: v.Name, Language: "fr", Verbose: true, Quiet: true, Document: true}
		if v.Role == snapshot.Operate {
			q.Arguments, q.Flags, q.Session, q.Who = []string{"3"}, map[string]string{"confirm-within": "2m"}, "192.0.2.1 5 192.0.2.2 22", "mt"
		}
		q.Given = []string{"--run /srv/run", "--state 'two words'"}
		if v.Role == snapshot.Operate {
			q.Plan = "sha256:00"
		}
		if v.Policy {
			q.Policy = &snapshot.Policy{
				Directories: []snapshot.Directory{{Name: "common", Files: map[string][]byte{"a.hcl": {0xff, 0, 'x'}}}},
				Variables:   map[string]string{"nvr": "10.40.0.10"}, Commit: "3f9c2e1", Typed: []string{"site"},
				Source: []string{"--var nvr=10.40.0.10"},
			}
		}
		reply, err := client.Ask(t.Context(), q)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		var got snapshot.Request
		if err := json.Unmarshal(reply.Document, &got); err != nil {
			t.Fatal(err)
		}
		got.Verb = reply.Text
		if diff := cmp.Diff(q, got); diff != "" || reply.Exit != 2 || reply.Notes != "noted" {
			t.Errorf("%s: %+v\n%s", v.Name, reply, diff)
		}
		asked++
	}
	if asked != 8 {
		t.Errorf("%d verbs asked", asked)
	}
}

// TestRefused holds what is no request, and what nobody answers.
func TestRefused(t *testing.T) {
	dir := served(t, echo)
	post := func(path, body string) int {
		t.Helper()
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, socket.Name))
		}
		client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://cordon"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{"/v1/confirm", "{}", http.StatusOK},
		{"/v1/confirm", "", http.StatusBadRequest},
		{"/v1/confirm", "[]", http.StatusBadRequest},
		{"/v1/confirm", `{} {}`, http.StatusBadRequest},
		{"/v1/confirm", `{"polcy": 1}`, http.StatusBadRequest},
		{"/v1/confirm", `{"policy": {"directories": []}}`, http.StatusBadRequest},
		{"/v1/apply", `{}`, http.StatusBadRequest},
		{"/v1/apply", `{"policy": {"directories": []}}`, http.StatusOK},
		{"/v1/status", "{}", http.StatusMethodNotAllowed},
		{"/v1/nonsense", "{}", http.StatusNotFound},
		{"/", "{}", http.StatusNotFound},
	} {
		if got := post(c.path, c.body); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.path, c.body, got, c.want)
		}
	}
	_, err := socket.NewClient(t.TempDir()).Ask(t.Context(), snapshot.Request{Verb: "status"})
	if !errors.Is(err, socket.ErrNoService) {
		t.Errorf("nobody listens: %v", err)
	}
	refused := &socket.RefusedError{Status: http.StatusForbidden}
	if !errors.Is(refused, fs.ErrPermission) || errors.Is(&socket.RefusedError{Status: http.StatusBadRequest}, fs.ErrPermission) {
		t.Error("who may only look lacks a right, and nobody else does")
	}
}

// TestRoles says who may do what.
func TestRoles(t *testing.T) {
	for uid, want := range map[uint32]snapshot.Role{0: snapshot.Operate, 990: snapshot.Operate, 1000: snapshot.View} {
		if got := (socket.Caller{UID: uid}).Role(990); got != want {
			t.Errorf("user %d: role %d, want %d", uid, got, want)
		}
	}
}

// TestListenAfterDeath replaces the socket that a dead service left.
func TestListenAfterDeath(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		listener, err := socket.Listen(dir)
		if err != nil {
			t.Fatal(err)
		}
		unix, ok := listener.(*net.UnixListener)
		if !ok {
			t.Fatal("not a Unix socket")
		}
		unix.SetUnlinkOnClose(false)
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenAPI holds the description against the routes and against the values that they carry.
func TestOpenAPI(t *testing.T) {
	var described struct {
		Paths      map[string]map[string]any
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(api.OpenAPI(), &described); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"/v1/openapi.json": "get"}
	for _, v := range snapshot.Verbs() {
		want["/v1/"+v.Name] = map[snapshot.Role]string{snapshot.View: "get", snapshot.Operate: "post"}[v.Role]
	}
	got := map[string]string{}
	for path, methods := range described.Paths {
		for method := range methods {
			got[path] += method
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-served +described):\n%s", diff)
	}
	for name, value := range map[string]any{
		"Request": snapshot.Request{}, "Policy": snapshot.Policy{}, "Directory": snapshot.Directory{}, "Reply": snapshot.Reply{},
	} {
		var keys, known []string
		for field := range reflect.TypeOf(value).Fields() {
			if key, _, _ := strings.Cut(field.Tag.Get("json"), ","); key != "-" {
				keys = append(keys, key)
			}
		}
		for key := range described.Components.Schemas[name].Properties {
			known = append(known, key)
		}
		slices.Sort(keys)
		slices.Sort(known)
		if diff := cmp.Diff(keys, known); diff != "" || len(keys) < 2 {
			t.Errorf("%s (-carried +described):\n%s", name, diff)
		}
	}
}

// TestOneView holds that those who look are answered one at a time, and that nobody who operates waits for them.
func TestOneView(t *testing.T) {
	looking, look := make(chan struct{}, 8), make(chan struct{})
	dir := served(t, func(_ context.Context, _ socket.Caller, q snapshot.Request) snapshot.Reply {
		if q.Verb == "status" {
			looking <- struct{}{}
			<-look
		}
		return snapshot.Reply{Document: json.RawMessage("{}")}
	})
	client, done := socket.NewClient(dir), make(chan error, 3)
	for range 3 {
		go func() {
			_, err := client.Ask(t.Context(), snapshot.Request{Verb: "status"})
			done <- err
		}()
	}
	<-looking
	if _, err := client.Ask(t.Context(), snapshot.Request{Verb: "confirm"}); err != nil {
		t.Error(err)
	}
	if len(looking) > 0 {
		t.Error("a second one looks while the first one is being answered")
	}
	close(look)
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
