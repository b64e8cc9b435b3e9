package integration_test

import (
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"cordon/integration/lab"
)

// TestMediaInOneDirection holds that a camera's media pass at any rate, though nobody ever answers them: what is bounded are the flows
// that a camera opens, not the packets of one. The control is as many flows of one packet each.
func TestMediaInOneDirection(t *testing.T) {
	const many = 600
	l := open(t)
	apply(t, l, read(t, head+allows))
	for _, address := range []string{"10.40.0.10", "fd40::10"} {
		stream := sent(t, l, address, many, 1)
		if stream < many*3/4 {
			t.Errorf("%d of %d packets of one stream reach %s", stream, many, address)
		}
		if flows := sent(t, l, address, many, many); flows > many/2 || flows < 20 {
			t.Errorf("control: %d of %d flows of one packet reach %s, want about 200 and 50 a second", flows, many, address)
		}
	}
}

// sent has a camera send packets in as many flows, and counts what the recorder gets.
func sent(t *testing.T, l *lab.Lab, address string, packets, flows int) int {
	t.Helper()
	to := netip.AddrPortFrom(netip.MustParseAddr(address), 6150)
	recorder, err := l.Machine(nvr)
	if err != nil {
		t.Fatal(err)
	}
	heard, err := recorder.ListenPacket(t.Context(), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	count := make(chan int)
	go func() {
		n := 0
		for {
			// The last one is followed by nothing: the silence ends the count.
			_ = heard.SetReadDeadline(time.Now().Add(patience / 2))
			if _, _, err := heard.ReadFrom(make([]byte, 64)); errors.Is(err, os.ErrDeadlineExceeded) {
				count <- n
				return
			}
			n++
		}
	}()
	camera, err := l.Machine(c1)
	if err != nil {
		t.Fatal(err)
	}
	// The socket's own buffer holds some hundred packets: whoever reads it has to keep up.
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for range flows {
		conn, err := camera.Dial(t.Context(), "udp", netip.AddrPort{}, to)
		if err != nil {
			t.Fatal(err)
		}
		for i := range packets / flows {
			if i%10 == 9 {
				<-pace.C
			}
			if _, err := conn.Write([]byte("media")); err != nil {
				t.Fatal(err)
			}
		}
		_ = conn.Close() // nothing comes back by it
	}
	return <-count
}
