// Package include carries SQLite's public header files (public domain), of
// the version that github.com/mattn/go-sqlite3 embeds, so that our C code can
// be compiled without reaching into another module's folder. It holds no Go
// code; importing it keeps the headers in vendored builds.
package include
