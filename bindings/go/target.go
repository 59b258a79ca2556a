package knockersqlite

import (
	"context"

	"github.com/knocker-dev/knocker/core"
)

// target is what an inbox works on: a file that it has opened itself, or
// connections of the application's.
type target interface {
	// use runs f with the engine's inbox, which ends with the call.
	use(ctx context.Context, f func(c *core.Inbox) error) error
	// receive also tells whether the receipt is on disk.
	receive(ctx context.Context, p core.ReceiveParams) (Result, bool, error)
	handle(p core.HandlerParams, handle EventHandler) error
	runWorker(ctx context.Context, o core.WorkerOptions) error
	runWorkerOnce(ctx context.Context, o core.WorkerOptions) (int, error)
	close() error
}

// value is use for a call that answers something.
func value[T any](ctx context.Context, i *Inbox, f func(c *core.Inbox) (T, error)) (out T, err error) {
	err = i.target.use(ctx, func(c *core.Inbox) (err error) {
		out, err = f(c)
		return err
	})
	return out, err
}

// paged is use for a page of a list.
func paged[T any](ctx context.Context, i *Inbox, f func(c *core.Inbox) ([]T, string, error)) (page []T, next string, err error) {
	err = i.target.use(ctx, func(c *core.Inbox) (err error) {
		page, next, err = f(c)
		return err
	})
	return page, next, err
}

// own is a file that the inbox has opened.
type own struct{ inbox *core.Inbox }

func (o own) use(_ context.Context, f func(c *core.Inbox) error) error { return f(o.inbox) }

func (o own) receive(ctx context.Context, p core.ReceiveParams) (Result, bool, error) {
	result, err := o.inbox.Receive(ctx, p)
	return result, err == nil, err
}

func (o own) handle(p core.HandlerParams, handle EventHandler) error {
	if handle == nil {
		return o.inbox.Handle(p, nil) // the engine's own error
	}
	return o.inbox.Handle(p, func(ctx context.Context, event *core.Event, inner *core.Tx) error {
		tx := &engineTx{tx: inner}
		defer tx.end()
		return handle(*event, &Tx{tx})
	})
}

func (o own) runWorker(ctx context.Context, options core.WorkerOptions) error {
	return o.inbox.RunWorker(ctx, options)
}

func (o own) runWorkerOnce(ctx context.Context, options core.WorkerOptions) (int, error) {
	return o.inbox.RunWorkerOnce(ctx, options)
}

func (o own) close() error { return o.inbox.Close() }
