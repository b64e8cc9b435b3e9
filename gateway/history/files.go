package history

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Recorder is a file system that remembers the bytes of every file that was read whole through it: what a policy was read from.
type Recorder struct {
	fsys  fs.FS
	files map[string][]byte
}

// Record returns a recorder over a file system.
func Record(fsys fs.FS) Recorder { return Recorder{fsys, map[string][]byte{}} }

// Files returns what was read.
func (r Recorder) Files() map[string][]byte { return r.files }

// Open opens a file and records what is read of it from now on.
func (r Recorder) Open(name string) (fs.File, error) {
	file, err := r.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	delete(r.files, name) // it is read from its beginning again
	return &recorded{File: file, name: name, to: r.files}, nil
}

// Stat describes a file without opening it, which for a pipe would wait for its writer. That it is there is recorded: a policy may ask
// for no more.
func (r Recorder) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(r.fsys, name)
	if _, known := r.files[name]; err == nil && info.Mode().IsRegular() && !known {
		r.files[name] = []byte{}
	}
	return info, err
}

// Lstat describes a link itself.
func (r Recorder) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(r.fsys, name) }

// ReadLink returns where a link leads.
func (r Recorder) ReadLink(name string) (string, error) { return fs.ReadLink(r.fsys, name) }

// recorded collects what is read of one file.
type recorded struct {
	fs.File

	name string
	to   map[string][]byte
}

// Read reads, and remembers.
func (f *recorded) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.to[f.name] = append(f.to[f.name], p[:n]...)
	return n, err
}

// ReadDir lists a directory.
func (f *recorded) ReadDir(n int) ([]fs.DirEntry, error) {
	d, ok := f.File.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: f.name, Err: fs.ErrInvalid}
	}
	return d.ReadDir(n)
}

// FS returns the directory as a file system, so that it is read again as it was read the first time.
func (d Directory) FS() fs.FS { return memory(d.Files) }

// memory is a file system of one directory.
type memory map[string][]byte

// Open opens a file, or the directory itself.
func (m memory) Open(name string) (fs.File, error) {
	if name == "." {
		return &folder{entries: m.entries()}, nil
	}
	content, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &open{entry{name, len(content)}, bytes.NewReader(content)}, nil
}

func (m memory) entries() []fs.DirEntry {
	list := make([]fs.DirEntry, 0, len(m))
	for name, content := range m {
		if strings.Contains(name, "/") {
			continue // in a folder below, which nobody lists
		}
		list = append(list, fs.FileInfoToDirEntry(entry{name, len(content)}))
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}

// entry describes a file in memory.
type entry struct {
	name string
	size int
}

// Name returns the file's name without its folder.
func (e entry) Name() string { return path.Base(e.name) }

// Size returns the file's size in octets.
func (e entry) Size() int64 { return int64(e.size) }

// Mode says that the file may be read, or is the directory.
func (e entry) Mode() fs.FileMode {
	if e.name == "." {
		return fs.ModeDir | 0o500
	}
	return 0o400
}

// ModTime is zero: what was applied has a time as a whole.
func (e entry) ModTime() time.Time { return time.Time{} }

// IsDir says whether this is the directory.
func (e entry) IsDir() bool { return e.name == "." }

// Sys is nil.
func (e entry) Sys() any { return nil }

// open is a file that is being read.
type open struct {
	entry
	*bytes.Reader
}

// Size returns the file's size in octets.
func (o *open) Size() int64 { return o.entry.Size() }

// Stat describes the file.
func (o *open) Stat() (fs.FileInfo, error) { return o.entry, nil }

// Close does nothing: the file is in memory.
func (o *open) Close() error { return nil }

// folder is the directory being listed.
type folder struct{ entries []fs.DirEntry }

// Stat describes the directory.
func (f *folder) Stat() (fs.FileInfo, error) { return entry{name: "."}, nil }

// Read fails: a directory has no bytes.
func (f *folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: fs.ErrInvalid}
}

// Close does nothing.
func (f *folder) Close() error { return nil }

// ReadDir returns the next n entries, or all that are left.
func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(f.entries)
	} else if len(f.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.entries))
	list := f.entries[:n]
	f.entries = f.entries[n:]
	return list, nil
}
