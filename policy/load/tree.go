package load

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cordon/policy"
	"cordon/policy/message"
)

// maxFile is the largest file that is read, in bytes.
const maxFile = 16 << 20

// maxLinks is how many symbolic links in a row are followed, as in the kernel.
const maxLinks = 40

// tree is the files of a policy's directories: what was read, in the order of reading, and what was looked for.
type tree struct {
	directories []Directory
	read        []*file
	found       map[string]found
	probes      []probe
}

// file is one file that was read.
type file struct {
	name      string // with the directory's name before it, as diagnostics show it
	path      string // within its directory
	directory int
	text      []byte
	starts    []uint32 // where the lines begin; filled when a diagnostic needs a line
}

// found is what looking for a file gave.
type found struct {
	file   *file
	faults faults
}

// probe is the answer that fileexists gave: a policy that asks is not the same policy when the answer changes.
type probe struct {
	path   string
	exists bool
}

// faults are mistakes that were found where HCL wants an error: inside a function.
type faults []fault

type fault struct {
	code   string
	args   message.Args
	origin policy.Origin // zero: where the function is called
}

// Error returns the codes: the sentences are the message package's.
func (f faults) Error() string {
	codes := make([]string, len(f))
	for i := range f {
		codes[i] = f[i].code
	}
	return strings.Join(codes, ", ")
}

func one(code string, args message.Args) faults { return faults{{code: code, args: args}} }

func (t *tree) display(directory int, name string) string {
	return path.Join(t.directories[directory].Name, name)
}

// policies returns the names of a directory's policy files. It is not searched in depth, and hidden files are an editor's, not a policy.
func (t *tree) policies(directory int) ([]string, error) {
	entries, err := fs.ReadDir(t.directories[directory].FS, ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if path.Ext(e.Name()) == ".hcl" && e.Name()[0] != '.' && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// open reads a file of a directory once.
func (t *tree) open(directory int, name string) (*file, faults) {
	key := strconv.Itoa(directory) + "/" + name
	if f, ok := t.found[key]; ok {
		return f.file, f.faults
	}
	f, err := t.load(directory, name)
	t.found[key] = found{file: f, faults: err}
	return f, err
}

func (t *tree) load(directory int, name string) (*file, faults) {
	display := message.Args{"file": t.display(directory, name)}
	fsys := t.directories[directory].FS
	if !stays(fsys, name) {
		return nil, one("link-leaves", display)
	}
	text, err := contents(fsys, name)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, one("file-too-large", display)
	case errors.Is(err, errNotAFile):
		return nil, one("not-a-file", display)
	case err != nil:
		display["cause"] = cause(err)
		return nil, one("unreadable", display)
	}
	f := &file{name: display["file"], path: name, directory: directory, text: bytes.TrimPrefix(text, []byte("\uFEFF"))}
	t.read = append(t.read, f)
	if bytes.HasPrefix(text, []byte{0xFF, 0xFE}) || bytes.HasPrefix(text, []byte{0xFE, 0xFF}) {
		return nil, faults{{code: "utf-16", args: display, origin: policy.Origin{File: f.name, Line: 1, Column: 1}}}
	}
	if !utf8.Valid(f.text) {
		code := "not-utf8"
		if strings.HasSuffix(name, ".hcl") {
			code = "not-utf8-policy" // no spreadsheet wrote it
		}
		return nil, faults{{code: code, args: display, origin: f.firstInvalid()}}
	}
	return f, nil
}

var (
	errTooLarge = errors.New("larger than 16 MiB")
	errNotAFile = errors.New("not a regular file")
)

func contents(fsys fs.FS, name string) ([]byte, error) {
	// Asked before opening: opening a pipe waits for its writer.
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotAFile
	case info.Size() > maxFile:
		return nil, errTooLarge
	}
	opened, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	text := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	_, err = text.ReadFrom(io.LimitReader(opened, maxFile+1))
	if err = errors.Join(err, opened.Close()); err != nil {
		return nil, err
	}
	if text.Len() > maxFile {
		return nil, errTooLarge
	}
	return text.Bytes(), nil
}

// cause returns what a file system says without the name, which the diagnostic gives already.
func cause(err error) string {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err.Error()
	}
	return err.Error()
}

// stays says whether a name, all its links followed, stays in the directory.
func stays(fsys fs.FS, name string) bool {
	links, ok := fsys.(fs.ReadLinkFS)
	if !ok {
		return true
	}
	for range maxLinks {
		next, link := step(links, name)
		if !link {
			return true
		}
		if !fs.ValidPath(next) {
			return false
		}
		name = next
	}
	return false
}

// step replaces the first link in a path by what it leads to.
func step(fsys fs.ReadLinkFS, name string) (string, bool) {
	parts := strings.Split(name, "/")
	for i := range parts {
		prefix := path.Join(parts[:i+1]...)
		info, err := fsys.Lstat(prefix)
		if err != nil {
			return "", false
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := fsys.ReadLink(prefix)
		if err != nil || path.IsAbs(target) {
			return "/", true
		}
		return path.Join(append([]string{path.Dir(prefix), target}, parts[i+1:]...)...), true
	}
	return "", false
}

// lookup finds the file that a policy names: a relative path, looked up in the directories in their order.
func (t *tree) lookup(name string) (*file, faults) {
	clean, err := within(name)
	if err != nil {
		return nil, err
	}
	var where []int
	for i, d := range t.directories {
		if _, err := fs.Stat(d.FS, clean); err == nil || !errors.Is(err, fs.ErrNotExist) {
			where = append(where, i)
		}
	}
	switch len(where) {
	case 0:
		return nil, one("file-missing", message.Args{"file": name})
	case 1:
		return t.open(where[0], clean)
	}
	return nil, one("file-twice", message.Args{"file": name, "first": t.display(where[0], clean), "second": t.display(where[1], clean)})
}

func (t *tree) exists(name string) (bool, faults) {
	clean, err := within(name)
	if err != nil {
		return false, err
	}
	exists := false
	for _, d := range t.directories {
		info, err := fs.Stat(d.FS, clean)
		exists = exists || err == nil && info.Mode().IsRegular() && stays(d.FS, clean)
	}
	t.probes = append(t.probes, probe{path: clean, exists: exists})
	return exists, nil
}

func within(name string) (string, faults) {
	clean := path.Clean(name)
	if !fs.ValidPath(clean) || clean == "." {
		return "", one("file-outside", message.Args{"file": name})
	}
	for part := range strings.SplitSeq(clean, "/") {
		if part[0] == '.' {
			return "", one("file-hidden", message.Args{"file": name})
		}
	}
	return clean, nil
}

// names returns every file that was read.
func (t *tree) names() []string {
	names := make([]string, len(t.read))
	for i, f := range t.read {
		names[i] = f.name
	}
	return names
}

// digest is taken over the names within the directories, not over where the directories lie: the same policy in another checkout is
// the same policy.
func (t *tree) digest(variables map[string]string) string {
	sum := sha256.New()
	field(sum, strconv.Itoa(len(t.read)))
	for _, f := range t.read {
		field(sum, strconv.Itoa(f.directory))
		field(sum, f.path)
		bytesField(sum, f.text)
	}
	field(sum, strconv.Itoa(len(t.probes)))
	for _, p := range t.probes {
		field(sum, p.path)
		field(sum, strconv.FormatBool(p.exists))
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		field(sum, name)
		field(sum, variables[name])
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// A length before each field, and a number before each list, keep two different policies from having the same bytes.
func field(sum hash.Hash, text string) { bytesField(sum, []byte(text)) }

func bytesField(sum hash.Hash, text []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(text)))
	sum.Write(length[:])
	sum.Write(text)
}

// line returns a line of the file, counted from 1, without its end.
func (f *file) line(number int) string {
	return strings.ToValidUTF8(string(f.bytesOf(number)), "\uFFFD")
}

// bytesOf is line for many lines: nothing is copied.
func (f *file) bytesOf(number int) []byte {
	if f.starts == nil {
		f.starts = make([]uint32, 1, bytes.Count(f.text, []byte("\n"))+2)
		for i, c := range f.text {
			if c == '\n' {
				f.starts = append(f.starts, uint32(i+1))
			}
		}
		f.starts = append(f.starts, uint32(len(f.text)+1)) //nolint:gosec // as above
	}
	if number < 1 || number >= len(f.starts) {
		return nil
	}
	return bytes.TrimSuffix(f.text[f.starts[number-1]:f.starts[number]-1], []byte{'\r'})
}

func (f *file) firstInvalid() policy.Origin {
	rest, offset := f.text, 0
	for len(rest) > 0 {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			break
		}
		rest, offset = rest[size:], offset+size
	}
	before := f.text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	column := utf8.RuneCount(before[start:]) + 1
	line := bytes.Count(before, []byte("\n")) + 1
	return policy.Origin{File: f.name, Line: line, Column: column, EndLine: line, EndColumn: column + 1}
}
