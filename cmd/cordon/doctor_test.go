package main

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"time"
)

// onbox is cordon on a machine whose files below /etc, /usr, /run and /sys are those of the directory BOX: onbox ARGUMENT...
func onbox() {
	a := &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), now: time.Now,
		tree: overlaid{os.DirFS(os.Getenv("BOX")), os.DirFS("/")},
	}
	os.Exit(int(a.execute(context.Background(), os.Args[1:])))
}

// overlaid has the kernel's own files below proc, and made-up ones elsewhere.
type overlaid struct{ made, machine fs.FS }

// Open opens one of either.
func (o overlaid) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "proc/") {
		return o.machine.Open(name)
	}
	return o.made.Open(name)
}
