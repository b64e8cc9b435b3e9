package kernel_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"cordon/gateway/kernel"
)

// TestBootTime holds the boot clock against the kernel's own count of seconds, and against itself.
func TestBootTime(t *testing.T) {
	before := uptime(t)
	first, err := kernel.BootTime()
	if err != nil {
		t.Fatal(err)
	}
	after := uptime(t) + 10*time.Millisecond // it counts in hundredths
	if first < before || first > after {
		t.Errorf("%s, want between %s and %s", first, before, after)
	}
	if second, err := kernel.BootTime(); err != nil || second <= first {
		t.Errorf("%s, then %s: %v", first, second, err)
	}
}

// uptime reads /proc/uptime, which follows CLOCK_BOOTTIME.
func uptime(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

// TestBootID holds that the id is one, and stays what it is for as long as the machine runs.
func TestBootID(t *testing.T) {
	first, err := kernel.BootID()
	if err != nil || !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(first) {
		t.Errorf("%q: %v", first, err)
	}
	if second, err := kernel.BootID(); second != first {
		t.Errorf("%q, then %q: %v", first, second, err)
	}
}
