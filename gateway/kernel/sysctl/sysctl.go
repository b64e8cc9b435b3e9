package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"cordon/gateway/netstate"
)

// Proc is where a running kernel keeps its settings.
const Proc = "/proc/sys"

// Tree is a folder of settings. No name leads out of it, whatever an interface is called.
type Tree struct{ root *os.Root }

// Open opens the settings below a folder: Proc, or a test's own.
func Open(folder string) (*Tree, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open kernel settings: %w", err)
	}
	return &Tree{root: root}, nil
}

// Close ends the use of the folder.
func (t *Tree) Close() error { return t.root.Close() }

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
	text, err := t.root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return netstate.Sysctl{Name: name, Missing: true}, nil
	}
	if err != nil {
		return netstate.Sysctl{}, err
	}
	return netstate.Sysctl{Name: name, Value: strings.Join(strings.Fields(string(text)), " ")}, nil
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
