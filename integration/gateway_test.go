package integration_test

import (
	"net"
	"testing"

	"cordon/integration/lab"
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
