package history

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Version is the version of the files that this package writes. It reads no other.
const Version = 1

// ErrNone is what Last and Pending return where there is nothing.
var ErrNone = errors.New("there is none")

// DamagedError says that a state file cannot be used. It stays where it is until a good one takes its place,
// so that it does not read as one that never was; SetAside is a second name that then keeps it, where one could be given.
type DamagedError struct {
	File, SetAside string
	Cause          error
}

// Error names the file and where it is now.
func (e *DamagedError) Error() string {
	if e.SetAside == "" {
		return fmt.Sprintf("%s is damaged (%v)", e.File, e.Cause)
	}
	return fmt.Sprintf("%s is damaged (%v) and is set aside as %s", e.File, e.Cause, filepath.Base(e.SetAside))
}

// Unwrap returns why the file cannot be used.
func (e *DamagedError) Unwrap() error { return e.Cause }

// Directory is one directory of a policy with the bytes of every file that was read from it.
type Directory struct {
	Name  string
	Files map[string][]byte
}

// Applied is a policy that was put in force.
type Applied struct {
	Time        time.Time
	Who         string // the user's name, as the machine knows it
	Commit      string
	Digest      string
	Variables   map[string]string
	Directories []Directory
}

// manifest is the first file of the archive.
type manifest struct {
	Version     int               `json:"version"`
	Time        time.Time         `json:"time"`
	Who         string            `json:"who"`
	Commit      string            `json:"commit"`
	Digest      string            `json:"digest"`
	Variables   map[string]string `json:"variables"`
	Directories []listing         `json:"directories"`
}

// listing is a directory's name and the SHA-256 of each of its files.
type listing struct {
	Name  string            `json:"name"`
	Files map[string]string `json:"files"`
}

// Store is the state directory.
type Store struct{ dir string }

// In returns the store in a state directory, which need not exist before the first Save.
func In(dir string) Store { return Store{dir} }

func (s Store) applied() string { return filepath.Join(s.dir, "applied.zip") }

// make makes a directory of the store, so that a power cut does not lose it with what is in it.
func (s Store) make(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	if err := syncDirectory(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("sync the directory above %s: %w", dir, err)
	}
	return nil
}

// Save makes a policy the last one that was applied.
func (s Store) Save(a Applied) error {
	content, err := pack(a)
	if err != nil {
		return fmt.Errorf("pack the applied policy: %w", err)
	}
	if err := errors.Join(s.finish(), s.make(s.dir)); err != nil {
		return err
	}
	_, _ = s.Last() // a damaged one is set aside
	if err := replace(s.applied(), content); err != nil {
		return fmt.Errorf("save the applied policy: %w", err)
	}
	return nil
}

// Last returns the policy that was applied last: ErrNone before the first, a *DamagedError for a file that cannot be used.
func (s Store) Last() (Applied, error) {
	content, err := read(s.applied())
	if errors.Is(err, fs.ErrNotExist) {
		return Applied{}, ErrNone
	}
	if err != nil {
		return Applied{}, fmt.Errorf("read the applied policy: %w", err)
	}
	a, err := unpack(content)
	if err != nil {
		return Applied{}, setAside(s.applied(), err)
	}
	return a, nil
}

// pack writes the archive: the same policy gives the same bytes.
func pack(a Applied) ([]byte, error) {
	m := manifest{
		Version: Version, Time: a.Time.UTC(), Who: a.Who, Commit: a.Commit, Digest: a.Digest, Variables: a.Variables,
	}
	for _, d := range a.Directories {
		l := listing{Name: d.Name, Files: map[string]string{}}
		for name, content := range d.Files {
			l.Files[name] = digest(content)
		}
		m.Directories = append(m.Directories, l)
	}
	head, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	err = add(z, "manifest.json", head)
	for i, d := range a.Directories {
		for _, name := range slices.Sorted(maps.Keys(d.Files)) {
			err = errors.Join(err, add(z, strconv.Itoa(i)+"/"+name, d.Files[name]))
		}
	}
	err = errors.Join(err, z.Close())
	return out.Bytes(), err
}

func add(z *zip.Writer, name string, content []byte) error {
	w, err := z.Create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// unpack reads an archive and holds every file against its digest.
func unpack(content []byte) (Applied, error) {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return Applied{}, err
	}
	head, err := member(z, "manifest.json")
	if err != nil {
		return Applied{}, err
	}
	var m manifest
	if err := json.Unmarshal(head, &m); err != nil {
		return Applied{}, fmt.Errorf("manifest.json: %w", err)
	}
	if m.Version != Version {
		return Applied{}, fmt.Errorf("version %d, want %d", m.Version, Version)
	}
	a := Applied{Time: m.Time, Who: m.Who, Commit: m.Commit, Digest: m.Digest, Variables: m.Variables}
	for i, l := range m.Directories {
		d := Directory{Name: l.Name, Files: map[string][]byte{}}
		for name, sum := range l.Files {
			if d.Files[name], err = member(z, strconv.Itoa(i)+"/"+name); err != nil {
				return Applied{}, err
			}
			if digest(d.Files[name]) != sum {
				return Applied{}, fmt.Errorf("%s is not what was applied", name)
			}
		}
		a.Directories = append(a.Directories, d)
	}
	return a, nil
}

func member(z *zip.Reader, name string) ([]byte, error) {
	file, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, most))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

// Ready makes the state directory and tries whether a file can be written into it, so that nobody changes a kernel and then cannot
// remember it.
func (s Store) Ready() error {
	if err := s.make(s.dir); err != nil {
		return err
	}
	file, err := os.CreateTemp(s.dir, "ready.*")
	if err != nil {
		return fmt.Errorf("write into the state directory: %w", err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
