package integration_test

import (
	"fmt"
	"net"
	"testing"

	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// serveGateway makes the gateway answer at the port of its console.
func serveGateway(t *testing.T, l *lab.Lab) {
	t.Helper()
	var listener net.Listener
	err := l.Gateway().Do(func() error {
		var err error
		listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::]:22")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close() // the connection was all that was asked for
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close() // ends the loop above
		<-done
	})
}

// TestManageIsNotForMany holds that what `manage` opens is asked of the gateway: the same question to everybody on the network is not
// heard. Without a policy the kernel hears each of them.
func TestManageIsNotForMany(t *testing.T) {
	l := open(t)
	r := newReporter(t, l)
	ask := func(to string) (string, string) {
		marker, from := r.marker(), r.of(t, office, addr(to))
		datagram := frame.UDP{SourcePort: 5353, DestinationPort: listenPort, Payload: []byte(marker)}
		packet, _ := frame.IP(from, addr(to), policy.UDP, datagram.Bytes(from, addr(to)))
		r.send(t, office, packet)
		return marker, "a datagram to " + to
	}
	many := []string{"255.255.255.255", "10.50.0.255", "224.0.0.1", "ff02::1"}
	for _, to := range many {
		marker, what := ask(to)
		r.expect(t, marker, "gateway", "control: "+what)
	}
	const opens = "service \"ears\" {\n  udp = [\"%d\"]\n}\nmanage {\n  from     = [segment.office]\n  services = [service.ears]\n}\n"
	apply(t, l, read(t, head+allows+fmt.Sprintf(opens, listenPort)))
	for _, to := range many {
		marker, what := ask(to)
		r.refused[marker] = what
	}
	for _, to := range []string{"10.50.0.1", "fd50::1"} {
		marker, what := ask(to)
		r.expect(t, marker, "gateway", what)
	}
	r.check(t)
}
