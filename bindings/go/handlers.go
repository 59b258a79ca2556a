package knockersqlite

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// Event is the unit that an application processes. Its Header, Query and JSON
// methods decode what is stored.
type Event = core.Event

// RetryAfter is an error by which a handler asks to run again after a time of
// its own choosing: return &RetryAfter{After: time.Minute, Cause: err}. Only the
// first such run costs an attempt.
type RetryAfter = core.RetryAfter

// Discard is an error by which a handler declares the event dead at once.
type Discard = core.Discard

// IgnoreEvent is an error by which a handler declares the event ignored.
type IgnoreEvent = core.IgnoreEvent

// EventHandler handles one event. What it writes through tx is committed
// together with "handled"; an error or a panic rolls it back, and the event runs
// again later. The errors RetryAfter, Discard and IgnoreEvent, also wrapped,
// choose otherwise.
type EventHandler func(event Event, tx *Tx) error

// HandlerOptions configures one handler. Zero fields take the defaults.
type HandlerOptions struct {
	Timeout time.Duration // Defaults to the worker's.
	Retry   RetryPolicy
}

// RegisterHandler registers the handler for all events of an endpoint that no
// other handler takes. Registering again replaces it. Errors: unknown_endpoint,
// invalid_argument.
func (i *Inbox) RegisterHandler(endpoint string, handle EventHandler) error {
	return i.RegisterHandlerWith(endpoint, "", HandlerOptions{}, handle)
}

// RegisterEventHandler registers the handler for an endpoint's events of a
// type: exact, or a prefix such as "invoice.*". Registering again replaces it.
// Errors: unknown_endpoint, invalid_argument.
func (i *Inbox) RegisterEventHandler(endpoint, eventType string, handle EventHandler) error {
	return i.RegisterHandlerWith(endpoint, eventType, HandlerOptions{}, handle)
}

// RegisterHandlerWith is RegisterEventHandler with options; eventType "" is the
// endpoint's default. Errors: unknown_endpoint, invalid_argument.
func (i *Inbox) RegisterHandlerWith(endpoint, eventType string, o HandlerOptions, handle EventHandler) error {
	params := core.HandlerParams{Endpoint: endpoint, EventType: eventType, TimeoutSeconds: o.Timeout.Seconds(), Retry: o.Retry.core()}
	return i.target.handle(params, handle)
}

// RunWorker runs the handlers until ctx ends, and then stops within StopTimeout.
// It returns nil after such a stop. Errors: invalid_argument, unknown_endpoint,
// closed.
func (i *Inbox) RunWorker(ctx context.Context, o WorkerOptions) error {
	return i.target.runWorker(ctx, o.core())
}

// RunWorkerOnce handles every event that is due now, one after the other, and
// returns how many it ran.
func (i *Inbox) RunWorkerOnce(ctx context.Context, o WorkerOptions) (int, error) {
	return i.target.runWorkerOnce(ctx, o.core())
}
