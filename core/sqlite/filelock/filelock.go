// Package filelock lets the embedded SQLite share a database file with another
// copy of SQLite in the same process.
//
// POSIX locks belong to the process, so two copies of SQLite do not exclude
// each other, and any close() by one drops the locks of the other. This package
// puts hooks into the system call table of the embedded copy before it opens
// its first file: it then locks with open-file-description locks and closes no
// descriptor while somebody could lose locks by it. Nothing of the embedded
// SQLite is patched, and the other copy needs to do nothing. The mechanism is
// explained in docs/two-sqlites.md.
//
// The hooks serve every connection of the program that runs on the embedded
// SQLite, other users of github.com/mattn/go-sqlite3 included.
//
// Call [Prepare] before SQLite opens a file.
package filelock

import (
	"io/fs"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/core/safe"
)

// Mode says how the embedded SQLite locks one file.
type Mode int

const (
	// Classic locks are POSIX locks: safe while no other copy of SQLite in
	// this process has the file open. [File.Check] looks for one.
	Classic Mode = iota
	// OpenFileDescription locks are safe beside other copies of SQLite.
	OpenFileDescription
	// Native locks belong to the file handle by the rules of the operating
	// system (Windows): there is nothing to cure.
	Native
)

// String returns "classic", "open-file-description" or "native".
func (m Mode) String() string {
	switch m {
	case OpenFileDescription:
		return "open-file-description"
	case Native:
		return "native"
	}
	return "classic"
}

// The codes of [Error].
const (
	// CodeFileInUse: another copy of SQLite in this process has the file open
	// and the locks of the two would not exclude each other.
	CodeFileInUse = "file_in_use_by_other_sqlite"
	// CodeNetworkFileSystem: the file is on NFS, SMB, 9p or FUSE.
	CodeNetworkFileSystem = "network_file_system"
)

// Error is a refusal to open a file. Errors of the operating system are
// returned as they are ([fs.PathError]).
type Error struct {
	Code    string // CodeFileInUse or CodeNetworkFileSystem
	Message string // one sentence that says what to do
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Options of [Prepare]. The zero value is the default.
type Options struct {
	// FileMode is the mode of the file if Prepare creates it, exactly: the
	// umask is not applied. SQLite gives the -wal and -shm files the mode of
	// their database. Defaults to 0600. Windows ignores it.
	FileMode fs.FileMode
	// ReadOnly: the file will be opened read-only, and is not created.
	ReadOnly bool
	// MustExist: the file is not created.
	MustExist bool
	// AllowNetwork goes on where the file system is NFS, SMB, 9p or FUSE.
	AllowNetwork bool
}

const inUseMessage = "another copy of SQLite in this process has this file open, and on this system " +
	"the locks of the two do not exclude each other; either load Knocker as an extension into that SQLite " +
	`(or open with engine "host"), or give Knocker a file of its own`

// Watch calls f.Check every interval, one second by default, until stop is
// called or Check has failed; found is then called once with the error, on a
// goroutine of Watch. It does nothing for a file that needs no watching.
func Watch(f *File, interval time.Duration, found func(error)) (stop func()) {
	if f.Mode != Classic {
		return func() {}
	}
	if interval <= 0 {
		interval = time.Second
	}
	done := make(chan struct{})
	var once sync.Once
	safe.Go("file lock watch", func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			if err := f.Check(); err != nil {
				found(err)
				return
			}
		}
	}, func(p *safe.PanicError) { found(p) })
	return func() { once.Do(func() { close(done) }) }
}
