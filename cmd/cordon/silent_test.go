package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"cordon/gateway/socket"
)

// silent opens connections to the service of a run directory and says nothing, makes a file when all are open, and holds them until it is
// killed: silent DIR COUNT FILE [again]. With "again" it opens another for each that is closed.
func silent() {
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var opened sync.WaitGroup
	for range count {
		opened.Add(1)
		go func() {
			open := sync.OnceFunc(opened.Done)
			for first := true; first || len(os.Args) == 5; first = false {
				hush(os.Args[1], open)
			}
		}()
	}
	opened.Wait()
	if err := os.WriteFile(os.Args[3], nil, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-time.After(time.Minute) // it is killed long before
}

// hush opens a connection and listens until it is closed.
func hush(dir string, open func()) {
	c, err := net.Dial("unix", filepath.Join(dir, socket.Name)) //nolint:noctx // it is killed
	open()
	if err != nil {
		<-time.After(10 * time.Millisecond) // the queue is full
		return
	}
	_, _ = c.Read(make([]byte, 1)) // until the other end closes it
	_ = c.Close()
}
