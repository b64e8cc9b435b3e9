package doctor

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Disk is where the state directory lies.
type Disk struct {
	// There says that the directory exists, Read that its file system was asked; before the first apply it is that of a directory above.
	There, Read bool
	Mode        fs.FileMode
	Owner       int // user id
	User        int // user id of the process that asks
	ReadOnly    bool
	// Mount is the directory that was asked.
	Mount string
	// Free is what is left for an ordinary user, in octets.
	Free               uint64
	Inodes, FreeInodes uint64
}

// ReadDisk asks about the state directory and its file system.
func ReadDisk(dir string) (Disk, error) {
	d := Disk{User: os.Geteuid(), Mount: existing(dir)}
	var held unix.Stat_t
	if err := unix.Stat(dir, &held); err == nil {
		d.There, d.Owner, d.Mode = true, int(held.Uid), fs.FileMode(held.Mode&0o777)
	}
	var system unix.Statfs_t
	if err := unix.Statfs(d.Mount, &system); err != nil {
		return d, &fs.PathError{Op: "statfs", Path: d.Mount, Err: err}
	}
	d.Read, d.ReadOnly = true, system.Flags&unix.ST_RDONLY != 0
	d.Free = system.Bavail * uint64(max(system.Bsize, 0))
	d.Inodes, d.FreeInodes = system.Files, system.Ffree
	return d, nil
}

// existing returns the directory, or the nearest one above that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
