package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// tight runs a program with a small disk of its own for a directory, which is there and takes little more or nothing: tight DIR
// readonly|OCTETS PROGRAM [ARGUMENT...]. What the directory held the program does not see.
func tight() {
	if err := runTight(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(200)
	}
}

func runTight(dir, how string, command []string) error {
	program, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	options, flags := "size="+how, uintptr(0)
	if how == "readonly" {
		options, flags = "", unix.MS_RDONLY
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep the disk to oneself: %w", err)
	}
	if err := unix.Mount("tight", dir, "tmpfs", flags, options); err != nil {
		return fmt.Errorf("mount a disk: %w", err)
	}
	return syscall.Exec(program, command, os.Environ())
}
