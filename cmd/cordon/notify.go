package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notifier tells the service manager how the service is (sd_notify(3)): one datagram of lines to the socket that NOTIFY_SOCKET names.
// Where there is no manager it says nothing. Nobody depends on what it says, so an error is no reason to do anything else.
type notifier struct{ socket string }

func (n notifier) say(ctx context.Context, lines ...string) {
	if n.socket == "" {
		return
	}
	conn, err := (&net.Dialer{}).DialContext(context.WithoutCancel(ctx), "unixgram", n.socket)
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte(strings.Join(lines, "\n")))
	_ = conn.Close() // a datagram is sent or it is not
}

// reloading is what a manager wants to hear before settings are read again: since version 253 with the time, to tell one from another.
func (n notifier) reloading(ctx context.Context) {
	now := unix.Timespec{}
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it cannot fail
	n.say(ctx, "RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// watchdog is how often a manager wants to hear that the service lives; 0: it does not want to.
func watchdog(usec string) time.Duration {
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}
