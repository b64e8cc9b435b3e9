package kernel

import "golang.org/x/sys/unix"

// Synchronised says whether the kernel knows its clock to be right: somebody steers it, and it has not said that it lost its way
// (adjtimex(2), STA_UNSYNC).
func Synchronised() bool {
	state, err := unix.Adjtimex(&unix.Timex{})
	return err == nil && state != unix.TIME_ERROR
}
