package history

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// Lockdown is what an administrator, or the engine for him, has closed until it is released.
type Lockdown struct {
	Since    time.Time `json:"since"`
	Who      string    `json:"who"`
	Segments []string  `json:"segments,omitempty"` // none: all
	Because  string    `json:"because"`            // who kept changing what is in force, where the engine itself locked down
}

func (s Store) lockdown() string { return filepath.Join(s.dir, "lockdown.json") }

// Lockdown returns what is closed, and whether anything is. A file that cannot be read closes everything, with the *DamagedError or what
// else is wrong beside it.
func (s Store) Lockdown() (Lockdown, bool, error) {
	l := Lockdown{}
	err := openSealed(s.lockdown(), &l)
	if errors.Is(err, fs.ErrNotExist) {
		return Lockdown{}, false, nil
	}
	if err != nil {
		return Lockdown{}, true, fmt.Errorf("read the lockdown: %w", err)
	}
	return l, true, nil
}

// LockDown remembers what is closed, instead of what was. A lockdown that cannot be read closes everything, so that only one of all
// segments takes its place.
func (s Store) LockDown(l Lockdown) error {
	_, _, err := s.Lockdown()
	if err != nil && len(l.Segments) > 0 {
		return err
	}
	if err := s.make(s.dir); err != nil {
		return err
	}
	l.Since = l.Since.UTC()
	if err := saveSealed(s.lockdown(), l); err != nil {
		return fmt.Errorf("remember the lockdown: %w", err)
	}
	return nil
}

// Release forgets what was closed; a file that cannot be read is set aside.
func (s Store) Release() error {
	if _, locked, _ := s.Lockdown(); !locked {
		return nil // what cannot be read is released too
	}
	if err := errors.Join(remove(s.lockdown()), syncDirectory(s.dir)); err != nil {
		return fmt.Errorf("release the lockdown: %w", err)
	}
	return nil
}
