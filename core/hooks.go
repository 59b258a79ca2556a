package core

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// The kinds of a HookEvent.
const (
	HookReceived         = "received"
	HookRejected         = "rejected"
	HookDuplicate        = "duplicate"
	HookNotStored        = "not_stored" // a refusal beyond the flood limits
	HookClaimed          = "claimed"
	HookHandled          = "handled"
	HookFailed           = "failed"
	HookDead             = "dead"
	HookIgnored          = "ignored"
	HookGivenBack        = "given_back"
	HookBatchCommitted   = "batch_committed"
	HookLeaseLost        = "lease_lost"
	HookTransactionIdle  = "transaction_idle" // rolled back at max_transaction_s
	HookWatchUnavailable = "watch_unavailable"
	HookRetentionLeader  = "retention_leader" // this process leads from now on
	HookRetentionPass    = "retention_pass"   // Count is what it removed
	HookRetentionFailed  = "retention_failed"
)

// HookEvent tells metrics and tracing what happened: durations and counts,
// never a body or a secret.
type HookEvent struct {
	Kind     string        `json:"kind"`
	At       time.Time     `json:"-"`
	Endpoint string        `json:"endpoint,omitempty"`
	EventID  int64         `json:"event_id,omitempty"`
	Count    int           `json:"count,omitempty"` // of a batch
	Duration time.Duration `json:"-"`               // of a handler or a commit
	Code     string        `json:"code,omitempty"`  // a reason or an error's code
}

// Hook is called on the library's own path: it must return at once and must
// not call the inbox.
type Hook func(HookEvent)

// hooks are the subscribers of an engine.
type hooks struct {
	mu   sync.RWMutex
	list map[int]Hook
	last int
}

// Subscribe adds a hook and returns the function that removes it.
func (i *Inbox) Subscribe(h Hook) (cancel func()) {
	k := &i.e.hooks
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.list == nil {
		k.list = map[int]Hook{}
	}
	k.last++
	id := k.last
	k.list[id] = h
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.list, id)
	}
}

func (k *hooks) call(ev HookEvent) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, h := range k.list {
		h.call(ev)
	}
}

// call keeps a panic of the application's function from what is being told: a
// receipt that is stored has to be answered, and the writer given up.
func (h Hook) call(ev HookEvent) {
	defer func() { _ = recover() }()
	h(ev)
}

// tell calls the hooks.
func (e *engine) tell(ev HookEvent) {
	ev.At = e.now()
	e.hooks.call(ev)
}

// noWatch reports, once an engine, that commits of other processes are found
// by polling.
func (e *engine) noWatch() {
	e.watchTold.Do(func() { e.tell(HookEvent{Kind: HookWatchUnavailable}) })
}

// LogHook writes hook events to a structured logger: failures as warnings, the
// rest for debugging.
func LogHook(logger *slog.Logger) Hook {
	return func(ev HookEvent) {
		level := slog.LevelDebug
		switch ev.Kind {
		case HookRejected, HookNotStored, HookFailed, HookLeaseLost, HookTransactionIdle, HookWatchUnavailable, HookRetentionFailed:
			level = slog.LevelWarn
		case HookDead:
			level = slog.LevelError
		}
		logger.LogAttrs(context.Background(), level, "knocker "+ev.Kind, slog.String("endpoint", ev.Endpoint), slog.Int64("event_id", ev.EventID),
			slog.Int("count", ev.Count), slog.Duration("duration", ev.Duration), slog.String("code", ev.Code))
	}
}

// HookQueue keeps the latest hook events for a runtime that can't be called
// back. When it is full the oldest give way, and are counted.
type HookQueue struct {
	mu      sync.Mutex
	events  []HookEvent
	limit   int
	dropped int64
	cancel  func()
}

// SubscribeQueue collects up to limit hook events until they are polled.
func (i *Inbox) SubscribeQueue(limit int) *HookQueue {
	q := &HookQueue{limit: limit}
	q.cancel = i.Subscribe(q.add)
	return q
}

func (q *HookQueue) add(ev HookEvent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) >= q.limit {
		q.events = q.events[1:]
		q.dropped++
	}
	q.events = append(q.events, ev)
}

// Poll takes up to max events and how many were dropped so far.
func (q *HookQueue) Poll(max int) ([]HookEvent, int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(max, len(q.events))
	out := append([]HookEvent(nil), q.events[:n]...)
	q.events = q.events[n:]
	return out, q.dropped
}

// Close stops collecting.
func (q *HookQueue) Close() { q.cancel() }
