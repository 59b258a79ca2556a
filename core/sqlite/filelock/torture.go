//go:build knocker_torture && cgo && (linux || darwin)

package filelock

// This build reads KNOCKER_CURE, so that the tests can show what the hooks are
// there for. Releases read no environment.
//
//	off      the hooks are left out
//	late     they go in when InstallLate is called
//	classic  open-file-description locks seem not to work
//
// KNOCKER_CURE is read once for off and late, and at each probe for classic.

// #cgo CFLAGS: -DKNOCKER_TORTURE
// #include "filelock.h"
import "C"

import "os"

// InstallLate puts the hooks in after the program has already opened files.
func InstallLate() bool {
	os.Unsetenv("KNOCKER_CURE")
	installed = C.filelock_install() == 1
	return installed
}
