package core

import (
	"io/fs"
	"math/rand/v2"
	"reflect"
	"runtime"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// DefaultQueue is the queue of an inbox that names no other.
const DefaultQueue = "knocker.events"

// Options configures an inbox. The zero value is ready to use.
type Options struct {
	QueueName          string        // Defaults to "knocker.events".
	BusyTimeout        time.Duration // bound on every wait for the writer. Defaults to 5 s.
	ReceiveTimeout     time.Duration // the same for Receive. Defaults to 2.5 s.
	MaxBodyBytes       int64         // Defaults to 25 MiB.
	MaxOrphans         int64         // rejected deliveries kept an endpoint. Defaults to 10,000.
	MaxOrphanBytes     int64         // the same a file, in bytes. Defaults to 256 MiB.
	MaxOrphanBodyBytes int64         // a rejected body is cut there. Defaults to 64 KiB.
	MaxOrphansPerSec   int64         // more are only counted. Defaults to 20.
	RedactHeaders      []string      // further names stored as "[redacted]"
	FileMode           fs.FileMode   // of a new file. Defaults to 0600.
	Migrate            string        // "auto" (default) or "never"
	JournalMode        string        // "wal" (default), or "keep" for the file's own
	// Engine is the SQLite that works on the file: "embedded", or "host" for the
	// one that the host has handed over. Defaults to "embedded" where that is
	// safe beside the host's; else to "host" once there is one.
	Engine         string
	NoForeignKeys  bool          // turns PRAGMA foreign_keys off
	MaxTransaction time.Duration // of a handler. Defaults to 3 s.
	Retry          RetryPolicy
	Source         Source // clock and randomness; zero fields are the real ones

	// AllowNetworkFileSystem opens files on NFS, SMB, 9p and FUSE all the same.
	AllowNetworkFileSystem bool
	// VFS names a registered SQLite VFS; for tests only.
	VFS string
}

// Source is where time and randomness come from, so that tests are repeatable.
type Source struct {
	Now    func() time.Time // Defaults to time.Now.
	Random func() uint64    // Defaults to math/rand/v2.

	settable bool // Now may move by itself
}

func orDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

func (o Options) withDefaults() (Options, error) {
	orDefault(&o.QueueName, DefaultQueue)
	orDefault(&o.BusyTimeout, 5*time.Second)
	orDefault(&o.ReceiveTimeout, 2500*time.Millisecond)
	orDefault(&o.MaxBodyBytes, 25<<20)
	orDefault(&o.MaxOrphans, 10_000)
	orDefault(&o.MaxOrphanBytes, 256<<20)
	orDefault(&o.MaxOrphanBodyBytes, 64<<10)
	orDefault(&o.MaxOrphansPerSec, 20)
	orDefault(&o.FileMode, 0o600)
	orDefault(&o.Migrate, "auto")
	orDefault(&o.JournalMode, "wal")
	if o.Engine == "" {
		o.Engine = defaultEngine()
	}
	orDefault(&o.MaxTransaction, 3*time.Second)
	o.Source.settable = o.Source.Now != nil
	if !o.Source.settable {
		o.Source.Now = time.Now
	}
	if o.Source.Random == nil {
		o.Source.Random = rand.Uint64
	}
	o.Retry = o.Retry.over(defaultRetry)
	if err := o.Retry.check(); err != nil {
		return o, err
	}
	if err := oneOf("migrate", o.Migrate, "auto", "never"); err != nil {
		return o, err
	}
	if err := oneOf("engine", o.Engine, "embedded", "host"); err != nil {
		return o, err
	}
	if err := oneOf("journal_mode", o.JournalMode, "wal", "keep"); err != nil {
		return o, err
	}
	for name, v := range map[string]int64{"busy_timeout_ms": int64(o.BusyTimeout), "receive_timeout_ms": int64(o.ReceiveTimeout),
		"max_body_bytes": o.MaxBodyBytes, "max_orphans": o.MaxOrphans, "max_orphan_bytes": o.MaxOrphanBytes,
		"max_orphan_body_bytes": o.MaxOrphanBodyBytes, "max_orphans_per_s": o.MaxOrphansPerSec, "max_transaction_s": int64(o.MaxTransaction)} {
		if v < 0 {
			return o, fail(CodeInvalidArgument, "%s must be above 0", name)
		}
	}
	return o, nil
}

// hostByDefault: here the locks of two SQLites are not known to exclude each
// other. It is a variable for tests.
var hostByDefault = runtime.GOOS == "darwin"

func defaultEngine() string {
	if hostByDefault && sqlite.HasHost() {
		return "host"
	}
	return "embedded"
}

func oneOf(name, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fail(CodeInvalidArgument, "%s is %q: it must be one of %q", name, value, allowed)
}

// optionNames are the fields of Options by the names that every language uses.
var optionNames = map[string]string{
	"QueueName": "queue_name", "BusyTimeout": "busy_timeout_ms", "ReceiveTimeout": "receive_timeout_ms", "MaxBodyBytes": "max_body_bytes",
	"MaxOrphans": "max_orphans", "MaxOrphanBytes": "max_orphan_bytes", "MaxOrphanBodyBytes": "max_orphan_body_bytes",
	"MaxOrphansPerSec": "max_orphans_per_s", "RedactHeaders": "redact_headers", "FileMode": "file_mode", "Migrate": "migrate",
	"JournalMode": "journal_mode", "Engine": "engine", "NoForeignKeys": "foreign_keys", "MaxTransaction": "max_transaction_s",
	"Retry": "max_attempts or backoff", "AllowNetworkFileSystem": "allow_network_file_system", "VFS": "vfs",
}

// conflict compares the options of a second open with those in force. A clock
// can't be compared: the first one stays.
func (o Options) conflict(other Options) error {
	o.Source, other.Source = Source{}, Source{}
	a, b := reflect.ValueOf(o), reflect.ValueOf(other)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			return fail(CodeOpenOptionsConflict, "the file is already open in this process with another %s: open it with the same options everywhere", optionNames[a.Type().Field(i).Name])
		}
	}
	return nil
}

var yes = true

var defaultRetry = RetryPolicy{MaxAttempts: 12, BackoffInitialSeconds: 1, BackoffFactor: 3, BackoffMaxSeconds: 3600, BackoffJitter: &yes}

// over fills p's zero fields from the next wider policy.
func (p RetryPolicy) over(wider RetryPolicy) RetryPolicy {
	orDefault(&p.MaxAttempts, wider.MaxAttempts)
	orDefault(&p.BackoffInitialSeconds, wider.BackoffInitialSeconds)
	orDefault(&p.BackoffFactor, wider.BackoffFactor)
	orDefault(&p.BackoffMaxSeconds, wider.BackoffMaxSeconds)
	if p.BackoffJitter == nil {
		p.BackoffJitter = wider.BackoffJitter
	}
	return p
}

func (p RetryPolicy) check() error {
	switch {
	case p.MaxAttempts < 0:
		return fail(CodeInvalidArgument, "max_attempts must be at least 1")
	case p.BackoffInitialSeconds < 0, p.BackoffMaxSeconds < 0:
		return fail(CodeInvalidArgument, "backoff_initial_s and backoff_max_s must be above 0")
	case p.BackoffFactor < 0 || p.BackoffFactor > 0 && p.BackoffFactor < 1:
		return fail(CodeInvalidArgument, "backoff_factor must be at least 1")
	}
	return nil
}

// delay is how long to wait after the given attempt (1 is the first) failed.
// Jitter takes up to a fifth away, so that retries of one outage spread out.
func (p RetryPolicy) delay(attempt int, random uint64) time.Duration {
	seconds := p.BackoffInitialSeconds
	for i := 1; i < attempt && seconds < p.BackoffMaxSeconds; i++ {
		seconds *= p.BackoffFactor
	}
	seconds = min(seconds, p.BackoffMaxSeconds)
	if p.BackoffJitter != nil && *p.BackoffJitter {
		seconds *= 1 - 0.2*float64(random>>11)/(1<<53)
	}
	return time.Duration(seconds * float64(time.Second))
}
