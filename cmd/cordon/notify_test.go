package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNotifier(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	heard := func() string {
		if err := socket.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 256)
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	n := notifier{name}
	notifier{}.say(t.Context(), "nobody hears")
	n.say(t.Context(), "READY=1", "STATUS=holding")
	if got := heard(); got != "READY=1\nSTATUS=holding" {
		t.Errorf("%q", got)
	}
	n.reloading(t.Context())
	if got := heard(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || strings.HasSuffix(got, "=0") {
		t.Errorf("%q", got)
	}
	notifier{name + "-not"}.say(t.Context(), "nobody hears")
}

func TestWatchdog(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "x": 0, "-5": 0, "0": 0, "3000000": 3 * time.Second} {
		if got := watchdog(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
