package history

import (
	"errors"
	"io/fs"
	"os"
)

// Aside returns the damaged file that was set aside and that nothing has taken the place of yet, or "".
func (s Store) Aside() string {
	if _, err := os.Stat(s.applied()); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if _, err := os.Stat(s.applied() + ".bad"); err != nil {
		return ""
	}
	return s.applied() + ".bad"
}
