package sqlite

/*
#include "identity.h"
*/
import "C"

import (
	"os"
	"strings"
)

// Identity tells one database from another: the file by device, inode and time
// of birth, whatever path leads to it; where that can't be asked for by its
// path. One that has no file is as good as its connection.
type Identity struct {
	Device, Inode, Born uint64
	Path                string
	Handle              uintptr
}

// Main is the path of the connection's main database and which one it is. The
// path is "" for a database in memory and for a temporary one.
func (c *Conn) Main() (path string, id Identity) {
	name := C.knocker_main_path(c.c)
	if name == nil || *name == 0 {
		return "", Identity{Handle: c.Handle()}
	}
	path = C.GoString(name)
	var out [3]C.uint64_t
	if C.knocker_file_identity(name, &out[0]) != 0 {
		// A VFS of the host's may give meaning to names that are no files.
		if _, err := os.Stat(path); err != nil {
			return "", Identity{Handle: c.Handle()}
		}
		return path, Identity{Path: strings.ToLower(path)}
	}
	return path, Identity{Device: uint64(out[0]), Inode: uint64(out[1]), Born: uint64(out[2])}
}

// Routines is the table of the SQLite that the connection belongs to.
func (c *Conn) Routines() Routines { return Routines{table: c.c.api, host: true} }
