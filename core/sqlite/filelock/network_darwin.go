//go:build cgo

package filelock

import (
	"path/filepath"
	"strings"
	"syscall"
)

// networkFileSystem names the file system of path, or of its directory if path
// does not exist, when it is one whose locks cannot be relied on; else "". It
// opens nothing.
func networkFileSystem(path string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil && syscall.Statfs(filepath.Dir(path), &st) != nil {
		return ""
	}
	var name strings.Builder
	for _, c := range st.Fstypename {
		if c == 0 {
			break
		}
		name.WriteByte(byte(c))
	}
	switch n := name.String(); {
	case n == "nfs", n == "smbfs", n == "afpfs", n == "webdav", n == "9p", strings.Contains(n, "fuse"):
		return n
	}
	return ""
}

func networkMessage(name string) string {
	return "the file is on a " + name + " file system, where locks and shared memory cannot be relied on; " +
		"use a local disk, or set allow_network_file_system if only this one process will ever open the file"
}
