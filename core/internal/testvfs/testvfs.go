// Package testvfs is a layer between SQLite and the real file system, for
// tests: it counts what reaches the disk and can let the disk be full.
package testvfs

/*
#cgo CFLAGS: -std=gnu11 -I${SRCDIR}/../../sqlite/include
#include <stdlib.h>
#include "power.h"
#include "vfs.h"
*/
import "C"

import (
	"errors"
	"unsafe"

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

// RecordPower begins to keep, in a directory, what a power cut would leave of
// the files that are opened from now on. "" ends it.
func RecordPower(directory string) {
	d := C.CString(directory)
	defer C.free(unsafe.Pointer(d))
	C.power_start(d)
}

// CutPower writes into a directory what the disk would hold after a power cut
// now: all that was synced, and of the later writes whichever the seed picks.
func CutPower(directory string, seed uint32) {
	d := C.CString(directory)
	defer C.free(unsafe.Pointer(d))
	C.power_cut(d, C.uint(seed))
}
