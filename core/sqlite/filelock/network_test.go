//go:build linux && cgo

package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The file system of the test's directory stands for a network file system:
// what is tested is the way from statfs to the refusal.
func TestNetworkFileSystemIsRefused(t *testing.T) {
	dir := t.TempDir()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	magic := uint32(st.Type)
	networkFileSystems[magic] = "Test"
	defer delete(networkFileSystems, magic)
	path := filepath.Join(dir, "test.db")
	var refusal *Error
	if _, err := Prepare(path, Options{}); !errors.As(err, &refusal) || refusal.Code != CodeNetworkFileSystem {
		t.Fatalf("%v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a refused file was created")
	}
	if _, err := Prepare(path, Options{AllowNetwork: true}); err != nil {
		t.Fatalf("allowed: %v", err)
	}
}
