package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// besides is how many octets a change of a small site takes on disk apart from its policy: its promise, what takes the kernel back, a line
// of the history. Who asks for much more refuses what would have fitted.
const besides = 16 << 10

// Room tries whether the disk has room for a change to a policy of so many octets, with what takes it back. Its two archives are at most
// half as large as its text. What has to be recorded in any case, such as a lockdown, is tried without.
func (s Store) Room(octets int) error {
	file, err := os.CreateTemp(s.dir, "ready.*")
	if err != nil {
		return fmt.Errorf("write into the state directory: %w", err)
	}
	// Without a name nothing of it is left, however this process ends.
	err = errors.Join(os.Remove(file.Name()), reserve(file, int64(octets+besides)))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("find room in the state directory: %w", err)
	}
	return nil
}

// reserve makes a file as large as it has to be. A file system that cannot promise that, such as one that compresses, is taken at its word.
func reserve(file *os.File, octets int64) error {
	err := unix.Fallocate(int(file.Fd()), 0, 0, octets)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "reserve", Path: file.Name(), Err: err}
	}
	return nil
}
