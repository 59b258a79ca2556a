// Package knockersqlite is the Go door to Knocker, a durable webhook inbox in a
// SQLite file: receive webhooks in a route, handle them later in a transaction.
//
// It gives the engine of package core the names that all languages share, and
// adds no rule of its own. What is not here is reached through Inbox.Core.
package knockersqlite

import (
	"context"

	"github.com/knocker-dev/knocker/core"
)

// The types that are the engine's own.
type (
	Options        = core.Options
	EndpointParams = core.EndpointParams
	Endpoint       = core.Endpoint
	RetryPolicy    = core.RetryPolicy
	WorkerOptions  = core.WorkerOptions
	Result         = core.Result
	Response       = core.Response
	Event          = core.Event
	Tx             = core.Tx
	ExecResult     = core.ExecResult
	Rows           = core.Rows
	Error          = core.Error
	RetryAfter     = core.RetryAfter
	Discard        = core.Discard
	IgnoreEvent    = core.IgnoreEvent
)

// Inbox is an open file. It is safe for concurrent use.
type Inbox struct{ inbox *core.Inbox }

// Open opens the inbox in the SQLite file at path with the default options, and
// makes the file and its tables where they are missing.
func Open(path string) (*Inbox, error) { return OpenWith(path, Options{}) }

// OpenWith is Open with options of your own.
func OpenWith(path string, options Options) (*Inbox, error) {
	inbox, err := core.Open(path, options)
	if err != nil {
		return nil, err
	}
	return &Inbox{inbox}, nil
}

// Core is the engine's own inbox, for the reads and actions.
func (i *Inbox) Core() *core.Inbox { return i.inbox }

// Close closes the inbox. The last one on the file waits for running calls and
// rolls open handler transactions back. Closing twice is the error "closed".
func (i *Inbox) Close() error { return i.inbox.Close() }

// AddEndpoint adds an endpoint, or brings the one of this name up to date.
// Secrets stay in this process's memory. Errors: invalid_argument,
// invalid_secret, unknown_provider, path_taken.
func (i *Inbox) AddEndpoint(p EndpointParams) (Endpoint, error) {
	return i.inbox.AddEndpoint(context.Background(), p)
}

// EventHandler handles one event. What it writes through tx is committed
// together with "handled"; an error or a panic rolls it back. An error
// RetryAfter, Discard or IgnoreEvent says what to do instead of trying again.
type EventHandler func(event Event, tx *Tx) error

// RegisterHandler registers the handler for all events of an endpoint that no
// other handler takes. Registering again replaces it.
func (i *Inbox) RegisterHandler(endpoint string, handle EventHandler) error {
	return i.RegisterEventHandler(endpoint, "", handle)
}

// RegisterEventHandler registers the handler for an endpoint's events of a
// type: exact, or a prefix such as "invoice.*". Registering again replaces it.
func (i *Inbox) RegisterEventHandler(endpoint, eventType string, handle EventHandler) error {
	params := core.HandlerParams{Endpoint: endpoint, EventType: eventType}
	if handle == nil {
		return i.inbox.Handle(params, nil) // the engine's own error
	}
	return i.inbox.Handle(params, func(_ context.Context, event *core.Event, tx *core.Tx) error {
		return handle(*event, tx)
	})
}

// RunWorker runs the handlers until ctx ends, and then stops within
// StopTimeoutSeconds. It returns nil after such a stop.
func (i *Inbox) RunWorker(ctx context.Context, o WorkerOptions) error {
	return i.inbox.RunWorker(ctx, o)
}

// RunWorkerOnce handles every event that is due now, and returns how many.
func (i *Inbox) RunWorkerOnce(ctx context.Context, o WorkerOptions) (int, error) {
	return i.inbox.RunWorkerOnce(ctx, o)
}
