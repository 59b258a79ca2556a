package core

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

// fromSQLite turns the driver's errors into ours; others pass through.
func fromSQLite(err error) error {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	code := CodeStorageError
	switch {
	case e.Unavailable:
		code = CodeDriverUnavailable
	case e.Denied != "":
		code = CodeForbiddenInHandler
	case e.Code == sqlite.CodeBusySnapshot:
		code = CodeBusySnapshot
	case ourTableMissing(e.Message):
		code = CodeSchemaMissing
	default:
		switch e.Primary() {
		case sqlite.CodeBusy, sqlite.CodeLocked:
			code = CodeBusy
		case sqlite.CodeReadOnly:
			code = CodeReadOnly
		case sqlite.CodeFull:
			code = CodeStorageFull
		case sqlite.CodeCorrupt:
			code = CodeCorrupt
		case sqlite.CodeNotADB:
			code = CodeNotADatabase
		case sqlite.CodeCannotOpen:
			code = CodeCannotOpen
		}
	}
	return &Error{Code: code, Message: codeTable[code].Message + " (" + err.Error() + ")", Cause: err,
		Details: map[string]any{"sqlite_code": e.Code}}
}

// ourTableMissing knows a table that somebody has dropped. Only the library's own
// statements name them with their database.
func ourTableMissing(message string) bool {
	name, ok := strings.CutPrefix(message, "no such table: main.")
	return ok && (strings.HasPrefix(name, "knocker_") || strings.HasPrefix(name, "_honker_"))
}

func describeOpen(path string, err error) error {
	out := AsError(fromSQLite(err))
	if out.Code == CodeStorageError && sqlite.CodeOf(err) == 0 {
		return out
	}
	return &Error{Code: out.Code, Message: path + ": " + out.Message, Cause: err, Details: out.Details}
}

func fromGate(err error) error {
	switch {
	case errors.Is(err, sqlite.ErrBusy):
		return fail(CodeBusy, "")
	case errors.Is(err, sqlite.ErrWouldDeadlock):
		return fail(CodeWouldDeadlock, "a handler of this thread or event loop holds the write transaction, so waiting for it would never end: use the asynchronous form (areceive, receiveAsync, await tx.begin()), or do the call outside the handler's transaction")
	case errors.Is(err, sqlite.ErrClosed):
		return fail(CodeClosed, "")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeCancelled, Message: codeTable[CodeCancelled].Message, Cause: err}
	}
	return err
}

func fromFileLock(err error) error {
	var e *filelock.Error
	if errors.As(err, &e) {
		return &Error{Code: Code(e.Code), Message: e.Message, Cause: err}
	}
	if errors.Is(err, fs.ErrPermission) {
		return &Error{Code: CodeCannotOpen, Message: codeTable[CodeCannotOpen].Message, Cause: err}
	}
	return &Error{Code: CodeCannotOpen, Message: codeTable[CodeCannotOpen].Message + " (" + err.Error() + ")", Cause: err}
}
