//go:build knocker_darwin_ofd && cgo && darwin

package filelock

// This build uses open-file-description locks on macOS, where they are not
// documented. Without it the embedded SQLite keeps classic locks there and
// looks for another copy once a second.

// #cgo CFLAGS: -DKNOCKER_DARWIN_OFD
import "C"
