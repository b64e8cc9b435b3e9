package integration_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/wire"
	"cordon/integration/lab"
)

// uploadPort is where the recorder takes files from cameras.
const uploadPort = 2121

// uploads lets both cameras open connections to the recorder.
const uploads = `
service "upload" {
  tcp = ["2121"]
}
allow "upload" {
  from     = segment.cameras
  to       = recorder.nvr
  services = [service.upload]
}
`

// bitten returns what each bound has refused so far, by the name of its counter.
func bitten(t *testing.T, l *lab.Lab) map[string]uint64 {
	t.Helper()
	count := map[string]uint64{}
	err := l.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		reading, err := conn.Read(t.Context())
		for i := range reading.Ours {
			for _, chain := range reading.Ours[i].Chains {
				for _, r := range chain.Rules {
					for _, e := range r.Exprs {
						packets, _, _ := e.Counted()
						count[wire.Comment(r.Userdata)] += packets
					}
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// The counters of what bounds a camera's flows.
const (
	tooFast = "new flows faster than a camera needs"
	tooMany = "more open flows than a camera needs"
)

// hoard has a camera open connections to the recorder and keep them until so many are refused one after another. It tries about as often
// as the rate lets it.
func hoard(t *testing.T, l *lab.Lab, camera, to string, refusals int) []net.Conn {
	t.Helper()
	m, err := l.Machine(camera)
	if err != nil {
		t.Fatal(err)
	}
	remote := netip.AddrPortFrom(netip.MustParseAddr(to), uploadPort)
	var open []net.Conn
	for refused := 0; refused < refusals && len(open) < 400; {
		ctx, cancel := context.WithTimeout(t.Context(), 80*time.Millisecond)
		conn, err := m.Dial(ctx, "tcp", netip.AddrPort{}, remote)
		cancel()
		if err != nil {
			refused++
			continue
		}
		refused = 0
		open = append(open, conn)
		t.Cleanup(func() { _ = conn.Close() }) // some are closed before
	}
	return open
}

// TestOneCameraHoldsFewFlows holds that a camera which opens one allowed connection after another, and closes none, takes 256 of a
// family of conntrack's entries and no more, at whatever pace; that it loses none of those which it has, that media pass, its own and
// another's, at 40 megabits a second, and that nobody else is refused anything. The controls are the other family, the other camera, the
// recorder, which opens more, and the same camera when it has closed some.
func TestOneCameraHoldsFewFlows(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+uploads))
	echo(t, l, nvr, uploadPort)
	echo(t, l, c1, 554)
	media := []*train{newTrain(t, l, c1, inRecorder, mediaPort), newTrain(t, l, c2, inRecorder, mediaPort+1)}
	for _, m := range media {
		m.padding = 1200
		if err := m.send(); err != nil {
			t.Fatal(err)
		}
	}
	held := hoard(t, l, c1, inRecorder, 8)
	// The media are one of the flows.
	if n := flows(t, l, netip.MustParseAddr(inCamera)); n < 250 || n > 257 || len(held) != n-1 {
		t.Errorf("%d connections are open, and conntrack has %d entries; want 256 in all", len(held), n)
	}
	bites := bitten(t, l)
	if bites[tooMany] == 0 {
		t.Errorf("nothing is counted as %q: %v", tooMany, bites)
	}
	t.Logf("%d connections; counted %d as %q, %d as %q", len(held), bites[tooFast], tooFast, bites[tooMany], tooMany)

	for _, other := range []struct{ from, to string }{{c1, inRecorder6}, {c2, inRecorder}} {
		if !dial(t, l, other.from, other.to, uploadPort).alive(t) {
			t.Errorf("%s cannot open a connection to %s", other.from, other.to)
		}
	}
	for _, conn := range []net.Conn{held[0], held[len(held)-1]} {
		if c := (conversation{c1 + "'s own", conn}); !c.alive(t) {
			t.Error("a connection within the bound is dead")
		}
	}
	for i := range 300 {
		if !dial(t, l, nvr, inCamera, 554).alive(t) {
			t.Fatalf("control: the recorder has no connection number %d", i+1)
		}
	}
	for _, m := range media {
		megabits(t, m, 40)
	}
	for _, conn := range held[:50] {
		if tcp, ok := conn.(*net.TCPConn); !ok || tcp.SetLinger(0) != nil {
			t.Fatal("a connection cannot be reset")
		}
		_ = conn.Close() // at once: nothing is waited for
	}
	if again := hoard(t, l, c1, inRecorder, 8); len(again) < 45 || len(again) > 55 {
		t.Errorf("after 50 connections were closed %d could be opened", len(again))
	}
}

// megabits sends a train's packets for half a second at a rate, and holds that all of them arrive.
func megabits(t *testing.T, media *train, rate int) {
	t.Helper()
	begin, bytes := time.Now(), 0
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 500 {
		for bytes*8 < int(time.Since(begin).Seconds()*float64(rate)*1e6) {
			if err := media.send(); err != nil {
				t.Fatal(err)
			}
			bytes += media.padding
		}
		<-tick.C
	}
	took := time.Since(begin)
	if !within(t, media.watch, int(media.sent)) {
		t.Errorf("%d of %d media packets arrive", media.watch.Count(), media.sent)
	}
	t.Logf("%.1f Mbit/s of media, %d packets, none lost", float64(bytes)*8/took.Seconds()/1e6, media.sent)
}
