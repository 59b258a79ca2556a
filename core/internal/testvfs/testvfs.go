// Package testvfs is a layer between SQLite and the real file system, for
// tests: it counts what reaches the disk and can let the disk be full.
package testvfs

/*
#cgo CFLAGS: -std=gnu11 -I${SRCDIR}/../../sqlite/include
#include "vfs.h"
*/
import "C"

import (
	"errors"

	_ "github.com/mattn/go-sqlite3" // the SQLite that the layer belongs to
)

// Name is the VFS's name, for Options.VFS.
const Name = "knocker-test"

// Register makes the VFS known to the embedded SQLite. It may be called again.
func Register() error {
	if C.testvfs_register() != 0 {
		return errors.New("the test VFS can't be registered")
	}
	return nil
}

// Counts is what has reached the file system since the start.
type Counts struct{ Writes, WALSyncs, OtherSyncs int64 }

// Count reads the counters.
func Count() Counts {
	c := C.testvfs_count()
	return Counts{int64(c.writes), int64(c.wal_syncs), int64(c.other_syncs)}
}

// FillDisk lets that many more writes pass and refuses the rest with
// SQLITE_FULL; a negative number lets all pass.
func FillDisk(after int) { C.testvfs_fill_disk(C.int(after)) }
