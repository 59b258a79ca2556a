//go:build !cgo

package sqlite

// A build without C has no SQLite. This does not compile, so that the compiler
// says so, instead of naming all that is missing then.
var _ int = "Knocker contains SQLite, which is C: build with CGO_ENABLED=1 and a C compiler"
