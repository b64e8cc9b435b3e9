package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())
	stop()
	os.Exit(int(code))
}

// run is the whole program as a function of what a process is given.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) exitCode {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environ: environ, now: time.Now, tree: os.DirFS("/"), process: true}
	return a.execute(ctx, args)
}
