//go:build unix

package core

import "os"

// syncDirectory makes a rename in a directory last.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return &Error{Code: CodeStorageError, Message: "the backup's directory can't be synced", Cause: err}
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return &Error{Code: CodeStorageError, Message: "the backup's directory can't be synced", Cause: err}
	}
	return nil
}
