package integration_test

import (
	"fmt"
	"net"
	"testing"

	"cordon/integration/escape"
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
		datagram := frame.UDP{SourcePort: 5353, DestinationPort: escape.ListenPort, Payload: []byte(marker)}
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
	apply(t, l, read(t, head+allows+fmt.Sprintf(opens, escape.ListenPort)))
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

// TestManageOpensFlows holds that "any" at the gateway opens flows, and no message that conntrack knows none of: it answers nothing, and
// nothing answers it. The controls are messages that open a flow, and the same packets without a policy.
func TestManageOpensFlows(t *testing.T) {
	l := open(t)
	r := newReporter(t, l)
	ask := func(to string, kind uint8) (marker, what string) {
		marker, from := r.marker(), r.of(t, office, addr(to))
		m := frame.ICMP{Type: kind, Payload: append(make([]byte, 64), marker...)}
		packet, _ := frame.IP(from, addr(to), frame.ICMPOf(from), m.Bytes(from, addr(to)))
		r.send(t, office, packet)
		return marker, fmt.Sprintf("a message of type %d to %s", kind, to)
	}
	const own4, own6 = "10.50.0.1", "fd50::1"
	strange := map[string][]uint8{own4: {6, 30, 37}, own6: {100, 127, 138, 144, 146, 200}}
	for to, kinds := range strange {
		for _, kind := range kinds {
			marker, what := ask(to, kind)
			r.expect(t, marker, "gateway", "control: "+what)
		}
	}
	apply(t, l, read(t, head+allows+"manage {\n  from     = [segment.office]\n  services = [\"any\"]\n}\n"))
	for to, kinds := range strange {
		for _, kind := range kinds {
			marker, what := ask(to, kind)
			r.refused[marker] = what
		}
	}
	for to, kinds := range map[string][]uint8{own4: {frame.EchoRequest, 13}, own6: {frame.EchoRequestV6, 139}} {
		for _, kind := range kinds {
			marker, what := ask(to, kind)
			r.expect(t, marker, "gateway", what)
		}
	}
	r.check(t)
}
