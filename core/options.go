package core

import (
	"io/fs"
	"time"
)

// Options configures an inbox. The zero value is ready to use.
type Options struct {
	QueueName              string        // Defaults to "knocker.events".
	BusyTimeout            time.Duration // bound on every wait for the writer. Defaults to 5 s.
	ReceiveTimeout         time.Duration // the same for Receive. Defaults to 2.5 s.
	MaxBodyBytes           int64         // Defaults to 25 MiB.
	MaxOrphans             int64         // rejected deliveries kept an endpoint. Defaults to 10,000.
	MaxOrphanBytes         int64         // the same a file, in bytes. Defaults to 256 MiB.
	MaxOrphanBodyBytes     int64         // a rejected body is cut there. Defaults to 64 KiB.
	MaxOrphansPerSec       int64         // more are only counted. Defaults to 20.
	RedactHeaders          []string      // further names stored as "[redacted]"
	FileMode               fs.FileMode   // of a new file. Defaults to 0600.
	Migrate                string        // "auto" (default) or "never"
	JournalMode            string        // "wal" (default) or "keep"
	NoForeignKeys          bool          // turns PRAGMA foreign_keys off
	MaxTransaction         time.Duration // a handler's transaction. Defaults to 3 s.
	Retry                  RetryPolicy
	Source                 Source // clock and randomness; zero fields are the real ones
	AllowNetworkFileSystem bool

	// VFS names a registered SQLite VFS; for tests only.
	VFS string
}

// Source is where time and randomness come from, so that tests are repeatable.
type Source struct {
	Now    func() time.Time // Defaults to time.Now.
	Random func() uint64    // Defaults to math/rand/v2.
}
