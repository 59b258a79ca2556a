//go:build cgo && (linux || darwin)

package filelock

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Create gets path ready for a host's SQLite, whose locks are its own affair:
// it refuses network file systems and makes a missing file with its mode, as
// [Prepare] does. It opens no file that the host could have open: the close
// would drop the host's locks.
func Create(path string, options Options) error {
	if name := networkFileSystem(path); name != "" && !options.AllowNetwork {
		return &Error{CodeNetworkFileSystem, networkMessage(name)}
	}
	mode := options.FileMode.Perm()
	if options.FileMode == 0 {
		mode = 0o600
	}
	for range maxLinks {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			return &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
		case err == nil && !info.Mode().IsRegular():
			return &fs.PathError{Op: "open", Path: path, Err: syscall.EINVAL}
		case err == nil, !errors.Is(err, fs.ErrNotExist), options.ReadOnly, options.MustExist:
			return err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return create(path, mode)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target // a link that points to nothing yet
	}
	return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
}

// maxLinks is how many links to nothing are followed.
const maxLinks = 40

// create makes the file under another name first, so that it is closed before
// anybody can open it.
func create(path string, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	err = errors.Join(file.Chmod(mode), file.Close())
	if err == nil {
		err = os.Link(file.Name(), path)
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) { // a file system without links
		if file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode); err == nil {
			err = errors.Join(file.Chmod(mode), file.Close())
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
