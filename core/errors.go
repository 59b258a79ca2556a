package core

import (
	"errors"
	"fmt"
)

// Code names one kind of failure. The list is closed: every code, its HTTP
// status and whether trying again can help stand in one table (Codes).
type Code string

// The codes. Codes holds what each means.
const (
	CodeUnknownEndpoint     Code = "unknown_endpoint"
	CodeEndpointDisabled    Code = "endpoint_disabled"
	CodeBusy                Code = "busy"
	CodeWouldDeadlock       Code = "would_deadlock"
	CodeClosed              Code = "closed"
	CodeCancelled           Code = "cancelled"
	CodeStorageFull         Code = "storage_full"
	CodeStorageError        Code = "storage_error"
	CodeReadOnly            Code = "read_only"
	CodeCannotOpen          Code = "cannot_open"
	CodeNotADatabase        Code = "not_a_database"
	CodeCorrupt             Code = "corrupt"
	CodeNoVerifier          Code = "no_verifier"
	CodeBodyConsumed        Code = "body_consumed"
	CodeInvalidArgument     Code = "invalid_argument"
	CodeInvalidSecret       Code = "invalid_secret"
	CodeUnknownProvider     Code = "unknown_provider"
	CodeProviderMismatch    Code = "provider_mismatch"
	CodePathTaken           Code = "path_taken"
	CodeNotEmpty            Code = "not_empty"
	CodeNotFound            Code = "not_found"
	CodeInvalidState        Code = "invalid_state"
	CodeNotLinked           Code = "not_linked"
	CodeBodyCut             Code = "body_cut"
	CodeForbiddenInHandler  Code = "forbidden_in_handler"
	CodeTransactionTimeout  Code = "transaction_timeout"
	CodeTransactionEnded    Code = "transaction_ended"
	CodeHandlerTimeout      Code = "handler_timeout"
	CodeLeaseLost           Code = "lease_lost"
	CodeStopped             Code = "stopped"
	CodeHandlerFailed       Code = "handler_failed"
	CodeNoHandler           Code = "no_handler"
	CodeSQLError            Code = "sql_error"
	CodeBusySnapshot        Code = "busy_snapshot"
	CodeOpenOptionsConflict Code = "open_options_conflict"
	CodeSchemaTooNew        Code = "schema_too_new"
	CodeSchemaMissing       Code = "schema_missing"
	CodeMigrationNeeded     Code = "migration_needed"
	CodeFileInUse           Code = "file_in_use_by_other_sqlite"
	CodeNetworkFileSystem   Code = "network_file_system"
	CodeDriverUnavailable   Code = "driver_unavailable"
	CodeUnsupportedPlatform Code = "unsupported_platform"
	CodeUnknownMethod       Code = "unknown_method"
	CodeForked              Code = "forked"
	CodeInternal            Code = "internal"
)

// CodeInfo is one row of the error table.
type CodeInfo struct {
	Code       Code   `json:"code"`
	Message    string `json:"message"`     // what happened and what to do, one or two sentences
	HTTPStatus int    `json:"http_status"` // what a route answers with
	Retryable  bool   `json:"retryable"`   // the same call can succeed later
}

// Codes is the one table of errors. docs/errors.md and every binding's
// exceptions are generated from it.
var Codes = []CodeInfo{
	{CodeUnknownEndpoint, "No endpoint has this name. Add it before receiving.", 404, false},
	{CodeEndpointDisabled, "The endpoint is disabled. Enable it to receive again.", 404, false},
	{CodeBusy, "The database stayed locked until the time limit; nothing was written. The sender will retry.", 503, true},
	{CodeWouldDeadlock, "The call would wait for a handler of its own thread or event loop, for ever. Use the asynchronous form, or write after the last await.", 503, true},
	{CodeClosed, "The inbox, worker or step is closed.", 503, false},
	{CodeCancelled, "The caller gave up before anything was written.", 503, true},
	{CodeStorageFull, "The disk or the database is full; nothing was written.", 503, true},
	{CodeStorageError, "Reading or writing the database failed; nothing was reported as stored.", 503, true},
	{CodeReadOnly, "The database can't be written by this process. Check the file's and its directory's permissions.", 500, false},
	{CodeCannotOpen, "The file can't be opened. Check that the directory exists and that this process may write in it.", 500, false},
	{CodeNotADatabase, "The file is not a SQLite database, or is encrypted.", 500, false},
	{CodeCorrupt, "The database file is damaged. Restore a backup, or recover it with the sqlite3 shell.", 500, false},
	{CodeNoVerifier, "The endpoint has no provider and secrets in this process, so nothing can verify the request. Give them to add_endpoint or to the call.", 500, false},
	{CodeBodyConsumed, "The body was already read or parsed before it reached the inbox. Pass the raw bytes: signatures cover them exactly.", 500, false},
	{CodeInvalidArgument, "An argument is missing, unknown or of the wrong type.", 500, false},
	{CodeInvalidSecret, "A secret is missing, empty or can't be decoded. Is the environment variable set?", 500, false},
	{CodeUnknownProvider, "No provider has this name.", 500, false},
	{CodeProviderMismatch, "The call names another provider than the endpoint was stored with.", 500, false},
	{CodePathTaken, "Another endpoint already has this path.", 500, false},
	{CodeNotEmpty, "The endpoint still has events. Prune them, or remove it with prune.", 409, false},
	{CodeNotFound, "Nothing has this id.", 404, false},
	{CodeInvalidState, "The event's status does not allow this action.", 409, false},
	{CodeNotLinked, "The delivery belongs to no event.", 409, false},
	{CodeBodyCut, "The delivery's body was cut or erased when it was stored, so it can't be used again.", 409, false},
	{CodeForbiddenInHandler, "This statement is not allowed in a handler's transaction.", 500, false},
	{CodeTransactionTimeout, "The handler's transaction stayed open too long and was rolled back. Do slow work before the first use of tx.", 500, true},
	{CodeTransactionEnded, "The handler's transaction is over; what it wrote was rolled back.", 500, true},
	{CodeHandlerTimeout, "The handler ran longer than its time limit and was rolled back.", 500, true},
	{CodeLeaseLost, "The job's lease ran out and another worker took it; this run was rolled back.", 500, true},
	{CodeStopped, "The worker was stopped before this run ended; it was rolled back and will run again.", 503, true},
	{CodeHandlerFailed, "The handler reported an error; the event will run again or is dead.", 500, true},
	{CodeNoHandler, "No handler is registered for this endpoint and event type.", 500, false},
	{CodeSQLError, "SQLite refused the statement.", 500, false},
	{CodeBusySnapshot, "The transaction began with a read and the file has changed since. Begin with BEGIN IMMEDIATE.", 503, true},
	{CodeOpenOptionsConflict, "The file is already open in this process with other options.", 500, false},
	{CodeSchemaTooNew, "The file was migrated by a newer version that this one can't work with. Update this process.", 500, false},
	{CodeSchemaMissing, "The inbox's tables are missing from the file.", 500, false},
	{CodeMigrationNeeded, "The file has an older layout. Open it with migrate=auto, or migrate it first.", 500, false},
	{CodeFileInUse, "Another copy of SQLite has this file open in this process, and here the two can't protect it from each other.", 500, false},
	{CodeNetworkFileSystem, "The file is on a network or shared file system, where SQLite's locks can't be relied on.", 500, false},
	{CodeDriverUnavailable, "The SQLite that the inbox is to run on can't be used.", 500, false},
	{CodeUnsupportedPlatform, "The library can't run on this platform.", 500, false},
	{CodeUnknownMethod, "No method has this name.", 500, false},
	{CodeForked, "The library was loaded before fork() and can't be used in the child. Open the inbox after the fork.", 500, false},
	{CodeInternal, "A fault inside the library. Restart the process and report it.", 500, false},
}

var codeTable = func() map[Code]CodeInfo {
	m := make(map[Code]CodeInfo, len(Codes))
	for _, c := range Codes {
		m[c.Code] = c
	}
	return m
}()

// Error is the error type of every exported function of this package.
type Error struct {
	Code    Code
	Message string         // a sentence for people; never holds a secret
	Details map[string]any // what programs may want to read; may be nil
	Cause   error          // what lies below; may be nil
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, &Error{Code: CodeBusy}) compare by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == ""
}

// HTTPStatus is the status that a webhook route answers with.
func (e *Error) HTTPStatus() int { return codeTable[e.Code].HTTPStatus }

// Retryable reports whether the same call can succeed later.
func (e *Error) Retryable() bool { return codeTable[e.Code].Retryable }

// CodeOf returns the code of err: "" for nil, "internal" for a foreign error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// AsError returns err as *Error, wrapping foreign errors as internal.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternal, Message: err.Error(), Cause: err}
}

// fail makes an Error; with an empty format the table's own sentence is used.
func fail(code Code, format string, args ...any) *Error {
	message := codeTable[code].Message
	if format != "" {
		message = fmt.Sprintf(format, args...)
	}
	return &Error{Code: code, Message: message}
}
