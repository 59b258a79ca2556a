package knockersqlite_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// Every call of an inbox works on the application's connections, but for those
// that need connections or tasks of the library's own.
func TestAttachedSurface(t *testing.T) {
	db, inbox := attached(t)
	ctx := context.Background()
	told := map[string]int{}
	cancel := inbox.Subscribe(func(event knockersqlite.HookEvent) { told[event.Kind]++ })
	event := deliver(t, inbox, "a")
	forged, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "shop", Body: []byte("{}"), Header: http.Header{"X-Knocker-Token": {"wrong"}}})
	if err != nil || forged.StatusCode != http.StatusUnauthorized {
		t.Fatal(forged, err)
	}
	for _, c := range []struct {
		name, code string
		call       func() error
	}{
		{"GetEndpoint", "", func() error { _, err := inbox.GetEndpoint(ctx, "shop"); return err }},
		{"GetEndpoint of none", "unknown_endpoint", func() error { _, err := inbox.GetEndpoint(ctx, "none"); return err }},
		{"Endpoints", "", func() error { return count(inbox.Endpoints(ctx), 1) }},
		{"DisableEndpoint", "", func() error { _, err := inbox.DisableEndpoint(ctx, "shop"); return err }},
		{"Receive of a disabled one", "endpoint_disabled", func() error {
			_, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "shop"})
			return err
		}},
		{"EnableEndpoint", "", func() error { _, err := inbox.EnableEndpoint(ctx, "shop"); return err }},
		{"PauseEndpoint", "", func() error { _, err := inbox.PauseEndpoint(ctx, "shop"); return err }},
		{"ResumeEndpoint", "", func() error { _, err := inbox.ResumeEndpoint(ctx, "shop"); return err }},
		{"RegisterHandler of nothing", "invalid_argument", func() error { return inbox.RegisterHandler("shop", nil) }},
		{"Ingest", "", func() error {
			_, err := inbox.Ingest(ctx, knockersqlite.IngestParams{Endpoint: "shop", DedupeKey: "b"})
			return err
		}},
		{"Events", "", func() error { return count(inbox.Events(ctx, knockersqlite.EventFilter{Limit: 1}), 2) }},
		{"Deliveries", "", func() error { return count(inbox.Deliveries(ctx, knockersqlite.DeliveryFilter{Limit: 2}), 3) }},
		{"GetDelivery", "", func() error { _, err := inbox.GetDelivery(ctx, forged.DeliveryID); return err }},
		{"ListAttempts", "", func() error { _, err := inbox.ListAttempts(ctx, event); return err }},
		{"Running", "", func() error { return count(inbox.Running(ctx, "shop"), 0) }},
		{"Stats", "", func() error { _, err := inbox.Stats(ctx, "shop"); return err }},
		{"StatsByEndpoint", "", func() error { return count(inbox.StatsByEndpoint(ctx), 1) }},
		{"ExplainDelivery", "", func() error {
			_, err := inbox.ExplainDelivery(ctx, knockersqlite.ExplainParams{DeliveryID: forged.DeliveryID})
			return err
		}},
		{"Reverify", "", func() error {
			_, err := inbox.Reverify(ctx, knockersqlite.DeliveryFilter{Kind: "rejected"}, knockersqlite.BulkOptions{})
			return err
		}},
		{"AcceptDelivery", "", func() error {
			_, err := inbox.AcceptDelivery(ctx, knockersqlite.AcceptParams{DeliveryID: forged.DeliveryID, Reason: "known"})
			return err
		}},
		{"Ignore", "", func() error { return inbox.Ignore(ctx, event) }},
		{"Replay", "", func() error { return inbox.Replay(ctx, event) }},
		{"Requeue", "invalid_state", func() error { return inbox.Requeue(ctx, event) }},
		{"IgnoreEvents", "", func() error {
			_, err := inbox.IgnoreEvents(ctx, knockersqlite.EventFilter{Statuses: []string{"received"}}, knockersqlite.BulkOptions{})
			return err
		}},
		{"ReplayDelivery", "", func() error { _, err := inbox.ReplayDelivery(ctx, 1, event); return err }},
		{"ReplayDeliveries", "", func() error {
			_, err := inbox.ReplayDeliveries(ctx, knockersqlite.DeliveryFilter{Endpoints: []string{"shop"}}, knockersqlite.BulkOptions{})
			return err
		}},
		{"ReplayEvents", "", func() error {
			_, err := inbox.ReplayEvents(ctx, knockersqlite.EventFilter{Statuses: []string{"dead"}}, knockersqlite.BulkOptions{})
			return err
		}},
		{"RequeueEvents", "", func() error {
			_, err := inbox.RequeueEvents(ctx, knockersqlite.EventFilter{Stuck: true}, knockersqlite.BulkOptions{})
			return err
		}},
		{"Check", "", func() error { _, err := inbox.Check(ctx, false); return err }},
		{"PruneEvents", "", func() error {
			_, err := inbox.PruneEvents(ctx, knockersqlite.PruneParams{OlderThan: 1})
			return err
		}},
		{"PruneOrphanDeliveries", "", func() error { _, err := inbox.PruneOrphanDeliveries(ctx, time.Unix(1, 0), 10); return err }},
		{"PruneAudits", "", func() error { return count(inbox.PruneAudits(ctx), 3) }},
		{"RunRetentionPass", "", func() error { _, err := inbox.RunRetentionPass(ctx, knockersqlite.RetentionPolicy{}); return err }},
		{"RetentionState", "", func() error { _, err := inbox.RetentionState(ctx); return err }},
		{"StopRetention", "", func() error { inbox.StopRetention(); return nil }},
		{"StartRetention", "invalid_state", func() error { return inbox.StartRetention(knockersqlite.RetentionPolicy{}) }},
		{"RunRetention", "invalid_state", func() error { return inbox.RunRetention(ctx, knockersqlite.RetentionPolicy{}) }},
		{"Backup", "invalid_state", func() error { return inbox.Backup(ctx, "copy.db") }},
		{"Expunge", "invalid_state", func() error {
			_, err := inbox.Expunge(ctx, knockersqlite.EventFilter{Statuses: []string{"dead"}}, "", knockersqlite.BulkOptions{})
			return err
		}},
		{"RemoveEndpoint", "not_empty", func() error { return inbox.RemoveEndpoint(ctx, "shop", false) }},
		{"RemoveEndpoint and prune", "", func() error { return inbox.RemoveEndpoint(ctx, "shop", true) }},
	} {
		if err := c.call(); string(knockersqlite.CodeOf(err)) != c.code {
			t.Errorf("%s: want the code %q: %v", c.name, c.code, err)
		}
	}
	if inbox.Path() == "" || inbox.Core() != nil {
		t.Error(inbox.Path(), inbox.Core())
	}
	if told["received"] == 0 || told["rejected"] == 0 {
		t.Error("hooks were told", told)
	}
	cancel()
	if open := db.Stats().InUse; open != 0 {
		t.Errorf("%d connections are still in use", open)
	}
}

func count[T any](items iter.Seq2[T, error], want int) error {
	n := 0
	for _, err := range items {
		if err != nil {
			return err
		}
		n++
	}
	if n != want {
		return fmt.Errorf("%d items, want %d", n, want)
	}
	return nil
}

// Inboxes on one file share endpoints, secrets and handlers, whichever pool or
// connection they are on.
func TestAttachedTwice(t *testing.T) {
	db, first := attached(t)
	second, err := knockersqlite.Attach(openHost(t, first.Path()))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	if err := first.RegisterHandler("shop", func(knockersqlite.Event, *knockersqlite.Tx) error { ran++; return nil }); err != nil {
		t.Fatal(err)
	}
	event := deliver(t, second, "a")
	if n, err := second.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); n != 1 || ran != 1 || err != nil {
		t.Error(n, ran, err)
	}
	if status := read[string](t, db, "SELECT status FROM knocker_events WHERE id = ?", event); status != "handled" {
		t.Error(status)
	}
	if _, err := knockersqlite.AttachWith(db, knockersqlite.Options{QueueName: "other"}); knockersqlite.CodeOf(err) != "open_options_conflict" {
		t.Error(err)
	}
}

// A handler may run for its time and no longer, and a worker that is stopped
// gives running ones StopTimeout: what it cuts off runs again, uncounted.
func TestAttachedTimes(t *testing.T) {
	db, inbox := attached(t)
	started := make(chan struct{}, 4)
	err := inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		run(t, tx, "INSERT INTO orders (event) VALUES (?)", event.ID)
		started <- struct{}{}
		<-tx.Context().Done()
		return tx.Context().Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	event := deliver(t, inbox, "a")
	if _, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{HandlerTimeout: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	late, err := inbox.GetEvent(context.Background(), event)
	if err != nil || late.Status != "failed" || late.AttemptCount != 1 {
		t.Error(late.Status, late.LastError, late.AttemptCount, err)
	}
	if err := inbox.Ignore(context.Background(), event); err != nil {
		t.Fatal(err)
	}
	<-started

	event = deliver(t, inbox, "b")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- inbox.RunWorker(ctx, knockersqlite.WorkerOptions{StopTimeout: 100 * time.Millisecond})
	}()
	<-started
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the worker does not end")
	}
	if attempts := read[int](t, db, "SELECT attempts FROM _honker_live WHERE state = 'pending'"); attempts != 0 {
		t.Error(attempts, "attempts")
	}
	if n := read[int](t, db, "SELECT count(*) FROM orders") + read[int](t, db, "SELECT count(*) FROM knocker_attempts WHERE event_id = ?", event); n != 0 {
		t.Error(n, "rows of a run that was cut off")
	}
}

// A worker ends when the application closes its pool, and a call says so.
func TestAttachedPoolIsClosed(t *testing.T) {
	db, inbox := attached(t)
	ended := make(chan error, 1)
	go func() { ended <- inbox.RunWorker(context.Background(), knockersqlite.WorkerOptions{}) }()
	deliver(t, inbox, "a")
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the worker does not end")
	}
	if _, err := inbox.Stats(context.Background()); knockersqlite.CodeOf(err) != "closed" {
		t.Error(err)
	}
}

// What is no pool and no connection is told, where the application's own
// mistake would otherwise end its process.
func TestAttachedToNothing(t *testing.T) {
	for name, attach := range map[string]func() (*knockersqlite.Inbox, error){
		"pool":       func() (*knockersqlite.Inbox, error) { return knockersqlite.Attach(nil) },
		"connection": func() (*knockersqlite.Inbox, error) { return knockersqlite.AttachConn(nil, knockersqlite.Options{}) },
	} {
		if inbox, err := attach(); inbox != nil || knockersqlite.CodeOf(err) != "invalid_argument" {
			t.Error(name, inbox, err)
		}
	}
}
