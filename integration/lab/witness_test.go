package lab_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// A witness that could not keep up says so, and one that could does not: a count that may be too low is never taken for one.
func TestWitnessSaysThatItMissedFrames(t *testing.T) {
	t.Parallel()
	for name, frames := range map[string]int{"few": 10, "more than its buffer holds": 20_000} {
		l := open(t, site())
		held := make(chan struct{})
		release := sync.OnceFunc(func() { close(held) })
		t.Cleanup(release) // before the lab is closed, which waits for its witnesses
		watch, err := machine(t, l, c2).Watch(func(p frame.Packet) bool { <-held; return p.Type == 0x88b5 })
		if err != nil {
			t.Fatal(err)
		}
		e := frame.Ethernet{Destination: frame.Broadcast(), Source: machine(t, l, c1).MAC, Type: 0x88b5, Payload: make([]byte, 1000)}
		for raw, i := e.Bytes(), 0; i < frames; i++ {
			if err := machine(t, l, c1).SendFrame(raw); err != nil {
				t.Fatal(err)
			}
		}
		release()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		n, err := watch.Await(ctx, frames)
		if missed := errors.Is(err, lab.ErrMissed); missed != (n < frames) || missed != (frames > 10) {
			t.Errorf("%s: %d of %d frames, %v", name, n, frames, err)
		}
	}
}

// A machine that takes another's Ethernet address sends from it.
func TestSetMAC(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	taken := policy.MAC{0x44, 0x19, 0xb6, 9, 9, 9}
	for _, mac := range []policy.MAC{machine(t, l, c1).MAC, taken} {
		watch, err := machine(t, l, c2).Watch(func(p frame.Packet) bool {
			return p.Source == taken && p.Protocol == policy.TCP
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := machine(t, l, c1).SetMAC(mac); err != nil {
			t.Fatal(err)
		}
		try := lab.Try{Name: mac.String(), From: c1, To: port4(c2, 80), Protocol: policy.TCP}
		if r, err := l.Try(t.Context(), try); err != nil || r.Answer != lab.Refused {
			t.Errorf("%s: %+v, %v", mac, r, err)
		}
		if seen := watch.Count() > 0; seen != (mac == taken) {
			t.Errorf("sent from %s: %d frames from the address that was taken", mac, watch.Count())
		}
		watch.Close()
	}
}

// A server that is closed refuses the next one, and a try that follows is told.
func TestServerCloses(t *testing.T) {
	t.Parallel()
	l := open(t, site())
	server := serve(t, l, c2, policy.TCP, 80)
	for _, want := range []lab.Answer{lab.Replied, lab.Refused} {
		r, err := l.Try(t.Context(), lab.Try{Name: want.String(), From: c1, To: port4(c2, 80), Protocol: policy.TCP})
		if err != nil || r.Answer != want {
			t.Errorf("%+v, %v; want %v", r, err, want)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := machine(t, l, c2).Serve(t.Context(), policy.ICMP, 0); err == nil {
		t.Error("a server of ICMP was started")
	}
}
