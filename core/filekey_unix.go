//go:build unix

package core

import (
	"os"
	"syscall"
)

// fileKey names a file whatever path leads to it.
type fileKey struct{ device, inode uint64 }

// keyOf looks the file up without opening it: a close would drop the locks of
// another SQLite in the process.
func keyOf(path string) (fileKey, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return fileKey{}, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileKey{}, false
	}
	return fileKey{uint64(s.Dev), uint64(s.Ino)}, true
}
