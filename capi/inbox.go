package main

import (
	"context"
	"io/fs"
	"sync"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/safe"
)

// inbox is what a db handle stands for.
type inbox struct {
	number  uint64 // 0: of a host's connection
	core    *core.Inbox
	scope   string // handler scope
	clock   *clock // nil: the real one
	tickets *tickets

	mu      sync.Mutex
	closed  bool
	hooks   *core.HookQueue // nil until they are asked for
	workers map[uint64]*worker
}

func openInbox(out []byte, in input) ([]byte, error) {
	var request abi.OpenRequest
	if err := in.decode(&request); err != nil {
		return nil, err
	}
	options, err := coreOptions(&request.Options)
	if err != nil {
		return nil, err
	}
	i, err := openCore(&request, options)
	if err != nil {
		return nil, err
	}
	publish(i.number, i)
	// A panic elsewhere may have released everything just before.
	if poison.Load() != nil {
		release(i.number)
	}
	return appendJSON(out, i.info()), nil
}

func openCore(request *abi.OpenRequest, options core.Options) (*inbox, error) {
	clock, done := clockFor(request.Path, request.Options.Clock)
	if clock != nil {
		options.Source.Now = func() time.Time { return readClock(clock) }
	}
	opened, err := core.Open(request.Path, options)
	if err != nil {
		done("")
		return nil, err
	}
	done(opened.Path())
	return &inbox{number: newHandle(), core: opened, scope: request.HandlerScope, clock: clock, tickets: newTickets(), workers: map[uint64]*worker{}}, nil
}

func (i *inbox) info() abi.OpenReply {
	return abi.OpenReply{
		DB: i.number, Path: i.core.Path(), Version: core.Version,
		SQLiteVersion: i.core.SQLiteVersion(), SchemaVersion: i.core.SchemaVersion(), Engine: i.core.Engine(),
	}
}

// findHostSQLite takes the host's SQLite over, for the engine "host".
func findHostSQLite(out []byte, in input) ([]byte, error) {
	var request abi.HostSQLiteRequest
	if err := in.decode(&request); err != nil {
		return nil, err
	}
	version, err := core.FindHostSQLite(request.Library)
	if err != nil {
		return nil, err
	}
	return appendJSON(out, abi.HostSQLiteReply{SQLiteVersion: version}), nil
}

// closeInbox closes and waits. Tickets that are not being stored yet are
// dropped: nobody can ask for them any more.
func closeInbox(out []byte, db uint64) ([]byte, error) {
	i, err := takeIf[*inbox](db)
	if err != nil {
		return nil, err
	}
	i.tickets.refuse()
	for _, w := range i.takeWorkers() {
		w.forget()
		if closeErr := w.core.Close(); err == nil {
			err = closeErr
		}
	}
	if closeErr := i.core.Close(); err == nil {
		err = closeErr
	}
	i.tickets.shut()
	i.clock.leave()
	if err != nil {
		return nil, err
	}
	return append(out, "{}"...), nil
}

// release is close without waiting. Its handle is gone already.
func (i *inbox) release() {
	i.tickets.refuse()
	for _, w := range i.takeWorkers() {
		w.forget()
		w.core.Release()
	}
	i.core.Release()
	safe.Go("release inbox", func() {
		i.tickets.shut()
		i.clock.leave()
	})
}

// takeWorkers closes the door for new workers and returns those inside.
func (i *inbox) takeWorkers() []*worker {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	list := make([]*worker, 0, len(i.workers))
	for _, w := range i.workers {
		list = append(list, w)
	}
	clear(i.workers)
	return list
}

func coreOptions(o *abi.OpenOptions) (core.Options, error) {
	options := core.Options{
		QueueName:              o.QueueName,
		BusyTimeout:            milliseconds(o.BusyTimeoutMS),
		ReceiveTimeout:         milliseconds(o.ReceiveTimeoutMS),
		MaxBodyBytes:           o.MaxBodyBytes,
		MaxOrphans:             o.MaxOrphans,
		MaxOrphanBytes:         o.MaxOrphanBytes,
		MaxOrphanBodyBytes:     o.MaxOrphanBodyBytes,
		MaxOrphansPerSec:       o.MaxOrphansPerS,
		RedactHeaders:          o.RedactHeaders,
		Migrate:                o.Migrate,
		JournalMode:            o.JournalMode,
		Engine:                 o.Engine,
		NoForeignKeys:          o.ForeignKeys != nil && !*o.ForeignKeys,
		MaxTransaction:         seconds(o.MaxTransactionS),
		Retry:                  retryPolicy(o.RetryFields),
		AllowNetworkFileSystem: o.AllowNetworkFileSystem,
	}
	if o.FileMode != nil {
		mode, ok := abi.ParseFileMode(o.FileMode)
		if !ok {
			return options, failure(core.CodeInvalidArgument, `Option "file_mode" must be an integer from 0 to 511 or octal text such as "0600".`)
		}
		options.FileMode = fs.FileMode(mode)
	}
	return options, nil
}

func retryPolicy(f abi.RetryFields) core.RetryPolicy {
	return core.RetryPolicy{
		MaxAttempts:           f.MaxAttempts,
		BackoffInitialSeconds: f.BackoffInitialS,
		BackoffFactor:         f.BackoffFactor,
		BackoffMaxSeconds:     f.BackoffMaxS,
		BackoffJitter:         f.BackoffJitter,
	}
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// background is the context of calls that nobody can cancel: it ends when the
// library is poisoned.
func background() context.Context { return alive }
