package extension

import (
	"context"

	"github.com/knocker-dev/knocker/core"
)

func markProcessing(a *Arguments) Call {
	event, attempt := a.Integer("event_id"), a.Small("attempt_count")
	return a.done(func(h *core.Hosted) error { return h.MarkProcessing(event, attempt) })
}

func markDone(status string) func(a *Arguments) Call {
	return func(a *Arguments) Call {
		event, duration := a.Integer("event_id"), a.Integer("duration_ms")
		return a.done(func(h *core.Hosted) error { return h.MarkDone(event, status, duration) })
	}
}

func markFailed(a *Arguments) Call {
	event, attempt, message := a.Integer("event_id"), a.Small("attempt_count"), a.OptionalText("error")
	terminal, duration := a.Flag("terminal"), a.Integer("duration_ms")
	return a.done(func(h *core.Hosted) error { return h.MarkFailed(event, attempt, message, terminal, duration) })
}

func act(action func(h *core.Hosted, event int64) error) func(a *Arguments) Call {
	return func(a *Arguments) Call {
		event := a.Integer("event_id")
		return a.done(func(h *core.Hosted) error { return action(h, event) })
	}
}

// runAgain reads into which queue, and how often, as well.
func runAgain(action func(h *core.Hosted, event int64) error) func(a *Arguments) Call {
	return func(a *Arguments) Call {
		event := a.Integer("event_id")
		a.queueSettings()
		return a.done(func(h *core.Hosted) error { return action(h, event) })
	}
}

func replayDelivery(a *Arguments) Call {
	delivery := a.Integer("delivery_id")
	a.queueSettings()
	return a.inbox(func(i *core.Inbox) (any, error) {
		_, err := i.ReplayDelivery(context.Background(), delivery, 0)
		return int64(1), err
	})
}
