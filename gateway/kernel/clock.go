package kernel

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Synchronised says whether the kernel knows its clock to be right: somebody steers it, and it has not said that it lost its way
// (adjtimex(2), STA_UNSYNC).
func Synchronised() bool {
	state, err := unix.Adjtimex(&unix.Timex{})
	return err == nil && state != unix.TIME_ERROR
}

// BootTime is the time since the machine was started, suspension included (CLOCK_BOOTTIME): nobody can set it, so that a deadline on it
// comes when it was promised. It means nothing on another boot.
func BootTime() (time.Duration, error) {
	now := unix.Timespec{}
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, fmt.Errorf("read the boot clock: %w", err)
	}
	return time.Duration(now.Nano()), nil
}

// BootID is what the kernel calls this boot (random(4), boot_id): another one after each start.
func BootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot's id: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}
