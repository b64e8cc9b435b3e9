//go:build full

package integration_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// initramfs is the file system that a kernel begins with, in the cpio format "newc" (Linux: driver-api/early-userspace/buffer-format).
type initramfs struct {
	text bytes.Buffer
	made map[string]bool
}

// The modes of entries: a folder and a program.
const (
	folderMode  = 0o40755
	programMode = 0o100755
)

// add writes an entry behind those of its folders.
func (a *initramfs) add(name string, mode int, data []byte) {
	if above := path.Dir(name); above != "." && !a.made[above] {
		a.add(above, folderMode, nil)
	}
	if a.made == nil {
		a.made = map[string]bool{}
	}
	a.made[name] = true
	fmt.Fprintf(&a.text, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		len(a.made), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	a.pad()
	a.text.Write(data)
	a.pad()
}

func (a *initramfs) pad() {
	for a.text.Len()%4 != 0 {
		a.text.WriteByte(0)
	}
}

// end returns the whole archive.
func (a *initramfs) end() []byte {
	a.add("TRAILER!!!", 0, nil)
	return a.text.Bytes()
}

// modules adds the kernel modules of those names with what they need, and the list in which each stands behind what it needs. A name
// that is built into the kernel has no file and is left out.
func (a *initramfs) modules(t *testing.T, root string, names []string) {
	t.Helper()
	files, order := moduleFiles(t, root), []string{}
	var need func(string)
	need = func(name string) {
		file, ok := files[name]
		if !ok || slices.Contains(order, name) {
			return
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range dependencies(t, data) {
			need(other)
		}
		order = append(order, name)
		a.add("lib/"+name+".ko", 0o100644, data)
	}
	for _, name := range names {
		need(name)
	}
	var list strings.Builder
	for _, name := range order {
		fmt.Fprintf(&list, "/lib/%s.ko\n", name)
	}
	a.add("modules", 0o100644, []byte(list.String()))
}

// moduleFiles returns the module files of a kernel by the names that the kernel knows them by.
func moduleFiles(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(file), ".ko"); ok {
			files[strings.ReplaceAll(name, "-", "_")] = file
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// dependencies returns the modules that a module names in its section .modinfo.
func dependencies(t *testing.T, module []byte) []string {
	t.Helper()
	object, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		t.Fatal(err)
	}
	info, err := object.Section(".modinfo").Data()
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		if names, ok := strings.CutPrefix(field, "depends="); ok && names != "" {
			return strings.Split(strings.ReplaceAll(names, "-", "_"), ",")
		}
	}
	return nil
}

// file adds a program.
func (a *initramfs) file(t *testing.T, name, source string) {
	t.Helper()
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	a.add(name, programMode, data)
}
