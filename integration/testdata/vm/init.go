// Command init is the first and only process of a virtual machine: it mounts what a test needs, loads the kernel's modules in the
// order of /modules, runs the lines of /commands one after the other and turns the machine off.
//
//	VM-UP 6.1.0-56-cloud-amd64 modules=61 ─▶ VM-RUN /tests/route.test -test.v ─▶ … ─▶ VM-EXIT 0 ─▶ … ─▶ VM-OFF
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	prepare()
	loaded, err := loadModules()
	if err != nil {
		fmt.Println("VM-ERROR", err)
	}
	fmt.Printf("VM-UP %s modules=%d\n", release(), loaded)
	for _, line := range lines("/commands") {
		fmt.Println("VM-RUN", line)
		start := time.Now()
		code := run(strings.Fields(line))
		fmt.Printf("\nVM-EXIT %d %.1fs\n", code, time.Since(start).Seconds())
	}
	fmt.Println("VM-OFF")
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Println("VM-ERROR", err)
	}
	select {} // the first process must not end
}

// prepare mounts the kernel's file systems, and one for temporary files.
func prepare() {
	for folder, kind := range map[string]string{"/proc": "proc", "/sys": "sysfs", "/dev": "devtmpfs", "/tmp": "tmpfs", "/run": "tmpfs"} {
		err := errors.Join(os.MkdirAll(folder, 0o755), unix.Mount(kind, folder, kind, 0, ""))
		if err != nil && !errors.Is(err, unix.EBUSY) {
			fmt.Println("VM-ERROR mount", folder, err)
		}
	}
}

func release() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err.Error()
	}
	return unix.ByteSliceToString(name.Release[:])
}

func loadModules() (loaded int, err error) {
	for _, name := range lines("/modules") {
		file, openErr := os.Open(name)
		if openErr != nil {
			err = errors.Join(err, openErr)
			continue
		}
		loadErr := unix.FinitModule(int(file.Fd()), "", 0)
		if closeErr := file.Close(); loadErr == nil {
			loadErr = closeErr
		}
		if loadErr != nil && !errors.Is(loadErr, unix.EEXIST) {
			err = errors.Join(err, fmt.Errorf("load %s: %w", name, loadErr))
			continue
		}
		loaded++
	}
	return loaded, err
}

func lines(name string) (list []string) {
	file, err := os.Open(name)
	if err != nil {
		fmt.Println("VM-ERROR", err)
		return nil
	}
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		list = append(list, scanner.Text())
	}
	return list
}

// run runs a command in its program's folder and returns its exit code.
func run(words []string) int {
	command := exec.Command(words[0], words[1:]...)
	command.Dir = "/tests"
	command.Env = []string{"PATH=/tests", "HOME=/tmp", "TMPDIR=/tmp"}
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err := command.Run()
	if err != nil && command.ProcessState == nil {
		fmt.Println("VM-ERROR", err)
		return 127
	}
	return command.ProcessState.ExitCode()
}
