package load

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// AppTable is a table of the application's own, for handlers that write.
const AppTable = "CREATE TABLE IF NOT EXISTS app_rows (event_id INTEGER PRIMARY KEY, note TEXT NOT NULL)"

// Write is a handler's one write.
func Write(event *core.Event, tx *core.Tx) error {
	_, err := tx.Exec("INSERT INTO app_rows (event_id, note) VALUES (?, ?)", event.ID, event.EventType)
	return err
}

// Drain runs a worker until it has handled n events or the time is over. The
// clock runs until the worker has stopped, so every "handled" is committed.
func Drain(inbox *core.Inbox, n, concurrency int, length time.Duration, handle func(*core.Event, *core.Tx) error) (Run, error) {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var seen atomic.Int64
	err := inbox.Handle(core.HandlerParams{Endpoint: Endpoint}, func(_ context.Context, event *core.Event, tx *core.Tx) error {
		if len(event.Body) == 0 {
			return fmt.Errorf("event %d has no body", event.ID)
		}
		if seen.Add(1) == int64(n) {
			defer cancel()
		}
		return handle(event, tx)
	})
	if err != nil {
		return Run{}, err
	}
	start := time.Now()
	err = inbox.RunWorker(ctx, core.WorkerOptions{Concurrency: concurrency})
	run := Run{Rows: int(seen.Load()), Seconds: time.Since(start).Seconds()}
	return run, err
}

// DrainAll drains all n events and fails if that takes longer than a minute.
func DrainAll(inbox *core.Inbox, n, concurrency int) error {
	run, err := Drain(inbox, n, concurrency, time.Minute, func(*core.Event, *core.Tx) error { return nil })
	if err == nil && run.Rows != n {
		err = fmt.Errorf("%d of %d events were handled within a minute", run.Rows, n)
	}
	return err
}
