package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
)

// Proc is where a running kernel keeps its settings.
const Proc = "/proc/sys"

// Tree is a folder of settings. No name leads out of it, whatever an interface is called.
type Tree struct {
	root   *os.Root
	folder *os.File // the same, for the kernel's own way to stay below it
}

// Open opens the settings below a folder: Proc, or a test's own.
func Open(folder string) (*Tree, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open kernel settings: %w", err)
	}
	here, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open kernel settings: %w", err), root.Close())
	}
	return &Tree{root, here}, nil
}

// Close ends the use of the folder.
func (t *Tree) Close() error { return errors.Join(t.folder.Close(), t.root.Close()) }

// Read returns the settings of these names, in their order. One that is not there has Missing set.
func (t *Tree) Read(names ...string) ([]netstate.Sysctl, error) {
	settings, problems := make([]netstate.Sysctl, 0, len(names)), []error(nil)
	for _, name := range names {
		setting, err := t.read(name)
		if err != nil {
			problems = append(problems, fmt.Errorf("read setting %s: %w", name, err))
			continue
		}
		settings = append(settings, setting)
	}
	return settings, errors.Join(problems...)
}

// read takes the values of one file; a setting of several values has tabs between them, which count as spaces.
func (t *Tree) read(name string) (netstate.Sysctl, error) {
	text, err := t.file(name)
	if errors.Is(err, fs.ErrNotExist) {
		return netstate.Sysctl{Name: name, Missing: true}, nil
	}
	if err != nil {
		return netstate.Sysctl{}, err
	}
	return netstate.Sysctl{Name: name, Value: strings.Join(strings.Fields(string(text)), " ")}, nil
}

// most is how long a setting can be, in octets: one page.
const most = 4096

// file reads a file. The kernel finds the way itself where it may (openat2(2)), which takes a quarter of the time that it takes to open
// every folder on the way; some containers do not let it.
func (t *Tree) file(name string) ([]byte, error) {
	how := unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := unix.Openat2(int(t.folder.Fd()), name, &how)
	if err != nil {
		return t.root.ReadFile(name)
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	text := make([]byte, most)
	n, err := unix.Read(fd, text)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return text[:n], nil
}

// Write sets one value. The kernel refuses a value that it cannot hold, and a setting that is not there (fs.ErrNotExist) or not ours
// to set (fs.ErrPermission).
func (t *Tree) Write(setting netstate.Sysctl) error {
	file, err := t.root.OpenFile(setting.Name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set %s: %w", setting, err)
	}
	_, err = file.WriteString(setting.Value + "\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("set %s: %w", setting, err)
	}
	return nil
}
