//go:build !cgo || !(linux || darwin)

package filelock

// Installed reports whether the hooks are in: not on this system.
func Installed() bool { return false }

// File is a database file that was prepared for the embedded SQLite.
type File struct {
	Path          string
	Device, Inode uint64 // always zero here
	Mode          Mode
}

// Prepare does nothing here. On Windows locks belong to the file handle.
func Prepare(path string, _ Options) (*File, error) {
	return &File{Path: path, Mode: Native}, nil
}

// Create does nothing here.
func Create(string, Options) error { return nil }

// Check finds nothing here.
func (f *File) Check() error { return nil }

// Release has nothing to close here.
func (f *File) Release() bool { return true }

// Counts says what the hooks know about at the moment.
type Counts struct{ Inodes, Idle, Descriptors, Parked int }

// Count returns zeros here.
func Count() Counts { return Counts{} }
