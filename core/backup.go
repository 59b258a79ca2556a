package core

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

// Backup copies the file to path as it is at one moment, while receiving goes
// on. The copy is synced under another name first and then renamed, so that
// path never holds half a backup; an earlier file there is replaced.
//
// Errors: invalid_argument (path is the inbox's own file), cannot_open,
// storage_full, storage_error.
func (i *Inbox) Backup(_ context.Context, path string) error {
	if err := i.ownFile("backup"); err != nil {
		return err
	}
	target, err := resolve(path)
	if err != nil {
		return err
	}
	if target == i.e.path {
		return fail(CodeInvalidArgument, "a backup can't replace the file that it is made of")
	}
	temporary := target + ".part-" + strconv.FormatUint(i.e.options.Source.Random(), 36)
	if err := i.e.backupTo(temporary); err != nil {
		_ = os.Remove(temporary)
		return describeOpen(path, err)
	}
	if err := os.Rename(temporary, target); err != nil {
		_ = os.Remove(temporary)
		return &Error{Code: CodeCannotOpen, Message: "the finished backup can't be renamed to " + path, Cause: err}
	}
	return syncDirectory(filepath.Dir(target))
}

func (e *engine) backupTo(path string) error {
	// Made here, because SQLite would make it readable for others at first.
	file, err := prepareFile(e.routines, path, filelock.Options{FileMode: e.options.FileMode, AllowNetwork: true})
	if err != nil {
		return err
	}
	if file != nil {
		defer file.Release()
	}
	to, err := sqlite.Open(e.routines, path, sqlite.OpenReadWrite, e.options.VFS)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := to.Script("PRAGMA synchronous = FULL"); err != nil {
		return err
	}
	return e.read(func(c *sqlite.Conn) error { return c.BackupTo(to) })
}
