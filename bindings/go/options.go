package knockersqlite

import (
	"io/fs"
	"log/slog"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// Options configures an inbox. The zero value is ready to use, and so is each
// zero field. Two inboxes on one file in one process need equal options.
type Options struct {
	QueueName           string        // Defaults to "knocker.events".
	BusyTimeout         time.Duration // bound on every wait for the writer. Defaults to 5 s.
	ReceiveTimeout      time.Duration // the same for Receive. Defaults to 2.5 s.
	MaxBodyBytes        int64         // Defaults to 25 MiB.
	MaxOrphans          int64         // rejected deliveries kept an endpoint. Defaults to 10,000.
	MaxOrphanBytes      int64         // the same a file, in bytes. Defaults to 256 MiB.
	MaxOrphanBodyBytes  int64         // a rejected body is cut there. Defaults to 64 KiB.
	MaxOrphansPerSecond int64         // more are only counted. Defaults to 20.
	RedactHeaders       []string      // further names stored as "[redacted]"
	FileMode            fs.FileMode   // of a new file. Defaults to 0600.
	Migrate             string        // "auto" (default) or "never"
	JournalMode         string        // "wal" (default), or "keep" for the file's own
	NoForeignKeys       bool          // turns PRAGMA foreign_keys off
	MaxTransaction      time.Duration // of a handler. Defaults to 3 s.
	Retry               RetryPolicy

	// AllowNetworkFileSystem opens files on NFS, SMB, 9p and FUSE all the same.
	AllowNetworkFileSystem bool
	// Now is the clock. Defaults to time.Now; tests give a settable one.
	Now func() time.Time
	// Logger is told what happens: failures as warnings, dead events as errors,
	// the rest for debugging. Defaults to none.
	Logger *slog.Logger
}

func (o Options) core() core.Options {
	return core.Options{
		QueueName: o.QueueName, BusyTimeout: o.BusyTimeout, ReceiveTimeout: o.ReceiveTimeout, MaxBodyBytes: o.MaxBodyBytes,
		MaxOrphans: o.MaxOrphans, MaxOrphanBytes: o.MaxOrphanBytes, MaxOrphanBodyBytes: o.MaxOrphanBodyBytes,
		MaxOrphansPerSec: o.MaxOrphansPerSecond, RedactHeaders: o.RedactHeaders, FileMode: o.FileMode, Migrate: o.Migrate,
		JournalMode: o.JournalMode, NoForeignKeys: o.NoForeignKeys, MaxTransaction: o.MaxTransaction, Retry: o.Retry.core(),
		AllowNetworkFileSystem: o.AllowNetworkFileSystem, Source: core.Source{Now: o.Now},
	}
}

// RetryPolicy says how often and when a failed event runs again. Zero fields
// take the next wider policy: handler, then endpoint, then inbox.
type RetryPolicy struct {
	MaxAttempts     int           // Defaults to 12.
	BackoffInitial  time.Duration // Defaults to 1 s.
	BackoffFactor   float64       // Defaults to 3.
	BackoffMax      time.Duration // Defaults to 1 h.
	NoBackoffJitter bool          // Without it up to a fifth of each wait is left out at random.
}

func (p RetryPolicy) core() core.RetryPolicy {
	policy := core.RetryPolicy{MaxAttempts: p.MaxAttempts, BackoffInitialSeconds: p.BackoffInitial.Seconds(),
		BackoffFactor: p.BackoffFactor, BackoffMaxSeconds: p.BackoffMax.Seconds()}
	if p.NoBackoffJitter {
		policy.BackoffJitter = new(bool)
	}
	return policy
}

// WorkerOptions configures a worker. The zero value is ready to use, and so is
// each zero field.
type WorkerOptions struct {
	Concurrency        int           // handlers at once. Defaults to 1.
	Lease              time.Duration // Defaults to 60 s; renewed while a handler runs.
	WorkerID           string        // Defaults to host:pid:random. A given one gets a random suffix too.
	Endpoints          []string      // Defaults to all.
	StopTimeout        time.Duration // handlers may still end after a stop. Defaults to 30 s.
	HandlerSynchronous string        // "normal" (default) or "full": sync each handler's commit
	HandlerTimeout     time.Duration // Defaults to 15 min.
}

func (o WorkerOptions) core() core.WorkerOptions {
	return core.WorkerOptions{Concurrency: o.Concurrency, LeaseSeconds: o.Lease.Seconds(), WorkerID: o.WorkerID, Endpoints: o.Endpoints,
		StopTimeoutSeconds: o.StopTimeout.Seconds(), HandlerSynchronous: o.HandlerSynchronous, HandlerTimeoutSeconds: o.HandlerTimeout.Seconds()}
}
