package socket_test

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cordon/gateway/snapshot"
	"cordon/gateway/socket"
)

// bound is how many connections of those who may operate there are: see go doc.
const bound = 32

// opened opens connections that each say as much as they are given, and no more.
func opened(t *testing.T, dir string, n int, says string) []net.Conn {
	t.Helper()
	var all []net.Conn
	for range n {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(dir, socket.Name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() }) // it may be closed
		_, _ = c.Write([]byte(says))        // one that was closed by then is counted below
		all = append(all, c)
	}
	return all
}

// left counts the connections that the service has not closed, until there are as many as are wanted, for some time at most.
func left(all []net.Conn, want int, within time.Duration) int {
	deadline, closed := time.Now().Add(within), map[net.Conn]bool{}
	for len(all)-len(closed) > want && time.Now().Before(deadline) {
		for _, c := range all {
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond)) // a connection of the kernel's has deadlines
			_, err := c.Read(make([]byte, 1))
			if wait, slow := err.(net.Error); err != nil && (!slow || !wait.Timeout()) { //nolint:errorlint // what Read returns itself
				closed[c] = true
			}
		}
	}
	return len(all) - len(closed)
}

// TestSilentConnections has somebody open far more connections than may be and say nothing, or half of something, in each: others are
// answered at once. The control has one connection fewer than may be: each of them is left alone.
func TestSilentConnections(t *testing.T) {
	cases := []string{"", "G", "GET /v1/status HTTP/1.1\r\n", "POST /v1/lockdown HTTP/1.1\r\nHost: cordon\r\nContent-Length: 1000000\r\n\r\n{"}
	for _, says := range cases {
		dir := served(t, echo)
		all := opened(t, dir, 10*bound, says)
		for _, verb := range []string{"status", "lockdown", "status"} {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			reply, err := socket.NewClient(dir).Ask(ctx, snapshot.Request{Verb: verb})
			cancel()
			if err != nil || reply.Text != verb {
				t.Errorf("%q: %s is answered with %q, %v", says, verb, reply.Text, err)
			}
		}
		if n := left(all, bound, 5*time.Second); n > bound {
			t.Errorf("%q: %d connections are open", says, n)
		}
	}
	few := opened(t, served(t, echo), bound-1, "")
	if n := left(few, bound-2, time.Second/2); n != bound-1 {
		t.Errorf("control: %d of %d silent connections are left", n, bound-1)
	}
}

// TestAnsweredConnectionsStay fills the service with requests that are being answered: none of them is cut off, and what comes besides is
// not taken. The control is the same again when they have been answered.
func TestAnsweredConnectionsStay(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	dir := served(t, func(_ context.Context, _ socket.Caller, q snapshot.Request) snapshot.Reply {
		if q.Who == "first" {
			begun <- struct{}{}
			<-finish
		}
		return snapshot.Reply{Document: json.RawMessage("{}"), Text: q.Verb}
	})
	ask := func(who string) error {
		_, err := socket.NewClient(dir).Ask(t.Context(), snapshot.Request{Verb: "confirm", Who: who})
		return err
	}
	var asking sync.WaitGroup
	failed := make(chan error, bound)
	for range bound {
		asking.Go(func() { failed <- ask("first") })
		<-begun
	}
	if ask("second") == nil {
		t.Error("there is room for one more")
	}
	close(finish)
	asking.Wait()
	for range bound {
		if err := <-failed; err != nil {
			t.Errorf("cut off while it was answered: %v", err)
		}
	}
	if err := ask("second"); err != nil {
		t.Errorf("control: %v", err)
	}
}

// TestGoneViewsAreForgotten has somebody ask to look and go away, again and again, while one is being answered: none of them is waited for.
func TestGoneViewsAreForgotten(t *testing.T) {
	begun, finish := make(chan string, 1000), make(chan struct{})
	dir := served(t, func(_ context.Context, _ socket.Caller, q snapshot.Request) snapshot.Reply {
		begun <- q.Language
		<-finish
		return snapshot.Reply{Document: json.RawMessage("{}")}
	})
	first := make(chan error, 1)
	look := func(ctx context.Context, language string) error {
		_, err := socket.NewClient(dir).Ask(ctx, snapshot.Request{Verb: "status", Language: language})
		return err
	}
	go func() { first <- look(t.Context(), "first") }()
	<-begun
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if look(ctx, "gone") == nil {
			t.Error("two are answered at once")
		}
		cancel()
	}
	last := make(chan error, 1)
	go func() { last <- look(t.Context(), "last") }()
	close(finish)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := <-last; err != nil {
		t.Error(err)
	}
	if n := len(begun); n > 3 { // the last, and whoever had not yet been noticed to be gone
		t.Errorf("%d who had gone away were answered", n-1)
	}
}
