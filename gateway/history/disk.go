package history

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// most is the size in octets beyond which a file cannot be one of ours: policies are smaller.
const most = 256 << 20

func read(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && len(content) > most {
		err = fmt.Errorf("larger than %d octets", most)
	}
	return content, errors.Join(err, file.Close())
}

// replace writes a file so that a power cut leaves the old one or the new one: beside its place, synced, renamed, and the directory
// synced after it. What a process that was killed left beside it is overwritten by the next.
func replace(name string, content []byte) (err error) {
	beside := name + ".new"
	if err := remove(beside); err != nil {
		return err
	}
	file, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(beside) // the error that counts is the one above
		}
	}()
	if _, err = file.Write(content); err != nil {
		return errors.Join(err, file.Close())
	}
	if err = errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	return rename(beside, name)
}

// rename moves a file within its directory, and returns when a power cut no longer undoes it.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(to))
}

// remove removes a file that need not be there.
func remove(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// setAside gives a damaged file a second name, so that what takes its place does not destroy it. It stays where it is until then: a
// file that was gone would read as one that never was. Readers do this without the lock; if the file is replaced meanwhile, the
// second name is a whole file's, and harms nobody.
func setAside(name string, cause error) *DamagedError {
	e := &DamagedError{File: name, SetAside: name + ".bad", Cause: cause}
	if sameFile(name, e.SetAside) {
		return e
	}
	beside := e.SetAside + ".new"
	err := remove(beside)
	if err == nil {
		err = os.Link(name, beside)
	}
	if err == nil {
		err = os.Rename(beside, e.SetAside)
	}
	if err != nil {
		e.SetAside = "" // whoever may not write sees the damage all the same
	}
	return e
}

func sameFile(a, b string) bool {
	first, err := os.Lstat(a)
	if err != nil {
		return false
	}
	second, err := os.Lstat(b)
	return err == nil && os.SameFile(first, second)
}
