//go:build cgo

package filelock

import (
	"path/filepath"
	"syscall"
)

// The magic numbers of statfs(2) and, for those that are missing there, of
// include/uapi/linux/magic.h.
var networkFileSystems = map[uint32]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xff534d42: "SMB (CIFS)",
	0xfe534d42: "SMB",
	0x01021997: "9p",
	0x65735546: "FUSE",
	0x00c36400: "Ceph",
	0x5346414f: "AFS",
	0x73757245: "Coda",
	0x0bd00bd0: "Lustre",
	0x786f4256: "VirtualBox shared folder",
}

// networkFileSystem names the file system of path, or of its directory if path
// does not exist, when it is one whose locks cannot be relied on; else "". It
// opens nothing.
func networkFileSystem(path string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil && syscall.Statfs(filepath.Dir(path), &st) != nil {
		return ""
	}
	return networkFileSystems[uint32(st.Type)]
}

func networkMessage(name string) string {
	return "the file is on a " + name + " file system, where locks and shared memory cannot be relied on " +
		"(Kubernetes ReadWriteMany volumes and Docker Desktop bind mounts are of this kind); use a local disk, " +
		"or set allow_network_file_system if only this one process will ever open the file"
}
