package core

import (
	"context"

	"github.com/knocker-dev/knocker/core/safe"
)

// stepContext ends with its step. It costs no goroutine, unlike a context that
// passes a cancellation on.
type stepContext struct {
	context.Context
	over <-chan struct{}
}

func (c *stepContext) Done() <-chan struct{} { return c.over }

func (c *stepContext) Err() error {
	select {
	case <-c.over:
		return context.Canceled
	default:
		return nil
	}
}

// context is what a Go handler sees: it ends with the step, and with ctx if that
// can end.
func (s *Step) context(ctx context.Context) (context.Context, context.CancelFunc) {
	own := &stepContext{Context: context.WithoutCancel(ctx), over: s.over}
	if ctx.Done() == nil {
		return own, func() {}
	}
	both, cancel := context.WithCancel(own)
	stop := safe.AfterDone(ctx, "handler context", cancel)
	return both, func() { stop(); cancel() }
}
