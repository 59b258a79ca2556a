//go:build cgo && (linux || darwin)

package filelock

/*
#cgo CFLAGS: -I${SRCDIR}/../include -Wall -Wextra
#cgo darwin LDFLAGS: -Wl,-undefined,dynamic_lookup
#include <stdlib.h>
#include "filelock.h"
*/
import "C"

import (
	"io/fs"
	"syscall"
	"unsafe"

	// The amalgamation that the hooks go into.
	_ "github.com/mattn/go-sqlite3"
)

var installed = C.filelock_install() == 1

// Installed reports whether the hooks are in.
func Installed() bool { return installed }

// File is a database file that was prepared for the embedded SQLite.
type File struct {
	Path string
	// Device and Inode identify the file: two paths to one file have the same.
	Device, Inode uint64
	Mode          Mode
}

// Prepare gets path ready for the embedded SQLite, which may open it any number
// of times afterwards: it creates a missing file with its mode, tries on this
// very file whether open-file-description locks work, and says how the file
// will be locked.
//
// It returns an [Error] with CodeNetworkFileSystem, or with CodeFileInUse where
// only classic locks work and another copy of SQLite in this process has the
// file open; else an [fs.PathError].
func Prepare(path string, options Options) (*File, error) {
	if !options.AllowNetwork {
		if name := networkFileSystem(path); name != "" {
			return nil, &Error{CodeNetworkFileSystem, networkMessage(name)}
		}
	}
	mode := options.FileMode.Perm()
	if options.FileMode == 0 {
		mode = 0o600
	}
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	var file C.struct_filelock_file
	create := !options.ReadOnly && !options.MustExist
	if errno := C.filelock_prepare(cpath, flag(options.ReadOnly), flag(create), C.mode_t(mode), &file); errno != 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.Errno(errno)}
	}
	result := &File{Path: path, Device: uint64(file.device), Inode: uint64(file.inode)}
	if file.kind == C.FILELOCK_OFD {
		result.Mode = OpenFileDescription
	}
	if err := obstacle(file.obstacle); err != nil {
		return nil, err
	}
	return result, nil
}

// Check looks again whether another copy of SQLite has come to a file with
// classic locks, and returns an [Error] with CodeFileInUse if so. From then on
// the embedded SQLite changes no lock of the file and closes no descriptor of
// it, so that the other copy keeps its locks; everything else has to be refused
// by the caller.
func (f *File) Check() error {
	if f.Mode != Classic {
		return nil
	}
	return obstacle(C.filelock_obstacle(C.uint64_t(f.Device), C.uint64_t(f.Inode)))
}

// Release closes the descriptors that were kept open for the file after its
// last connection, unless somebody holds a lock that this would drop: it is to
// be called once after the last connection was closed. It reports whether
// nothing is left; what is left is closed later, or used by a later open.
func (f *File) Release() bool {
	gone := C.filelock_release(C.uint64_t(f.Device), C.uint64_t(f.Inode)) == 1
	var shm syscall.Stat_t // still there if another process has the file open
	if syscall.Stat(f.Path+"-shm", &shm) == nil {
		gone = C.filelock_release(C.uint64_t(shm.Dev), C.uint64_t(shm.Ino)) == 1 && gone
	}
	return gone
}

// Counts says what the hooks know about at the moment.
type Counts struct {
	Inodes      int // database and -shm files, idle ones included
	Idle        int // of these, without a connection
	Descriptors int // all descriptors of these files
	Parked      int // of these, without a connection
}

// Count returns the numbers of the whole program.
func Count() Counts {
	var c C.struct_filelock_counts
	C.filelock_count(&c)
	return Counts{int(c.inodes), int(c.idle), int(c.descriptors), int(c.parked)}
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func obstacle(found C.int) error {
	switch found {
	case C.FILELOCK_FOREIGN:
		return &Error{CodeFileInUse, inUseMessage}
	case C.FILELOCK_EARLY:
		return &Error{CodeFileInUse, "this program opened the file through go-sqlite3 before Knocker's file " +
			"locks were set up; open it later than in package initialisation, or close it first"}
	}
	return nil
}
