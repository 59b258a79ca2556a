package core

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// An endpoint a tenant, 5,000 of them, each with some traffic: nothing that an
// operator or a route does gets slow. The limit is far above what a calm machine
// takes; the log has the times.
func TestThousandsOfEndpoints(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "app.db")
	inbox, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = inbox.e.write(ctx, func(c *sqlite.Conn) error {
		return c.Script(`
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
			INSERT INTO knocker_endpoints (id, name, path, provider, created_at) SELECT i, printf('tenant%04d', i), '/t' || i, 'token-header', 0 FROM n;
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
			INSERT INTO knocker_events (id, endpoint_id, received_at, event_type, method, dedupe_key, status, delivery_id, job_id)
			SELECT i, 1 + i % 5000, 1700000000 + i / 10, 'order.' || (i % 5), 'POST', 'k' || i, iif(i % 10 = 0, 'received', 'handled'), i, iif(i % 10 = 0, i, NULL) FROM n;
			INSERT INTO knocker_deliveries (id, endpoint_id, event_id, received_at, event_type, method, headers_json, query_json, signature_valid, dedupe_key, kind, body_bytes, body_blob)
			SELECT id, endpoint_id, id, received_at, event_type, method, '{}', '{}', 1, dedupe_key, 'event', 2, '{}' FROM knocker_events;
			INSERT INTO _honker_live (id, queue, payload, run_at, created_at) SELECT id, 'knocker.events', '{"event_id":' || id || '}', 1, 1 FROM knocker_events WHERE status = 'received'`)
	})
	if err == nil {
		err = inbox.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	within := func(limit time.Duration, what string, f func() error) {
		t.Helper()
		start := time.Now()
		err := f()
		took := time.Since(start)
		t.Logf("%-32s %8.2f ms", what, float64(took.Microseconds())/1000)
		if err != nil || took > limit {
			t.Errorf("%s took %v: %v", what, took, err)
		}
	}
	const quick = 2 * time.Second
	within(quick, "open", func() error { inbox, err = Open(path, Options{}); return err })
	t.Cleanup(func() { _ = inbox.Close() })
	within(quick, "add one", func() error {
		_, err := inbox.AddEndpoint(ctx, EndpointParams{Name: "tenant5001", Provider: "token-header", Secrets: "secret"})
		return err
	})
	within(quick, "receive at one of them", func() error {
		r, err := inbox.Receive(ctx, ReceiveParams{Endpoint: "tenant5001", Headers: map[string]any{"X-Knocker-Token": "secret"}, Body: []byte("{}")})
		if err == nil && r.StatusCode != 204 {
			err = fmt.Errorf("%+v", r)
		}
		return err
	})
	within(5*quick, "receive at 500 others", func() error {
		for n := range 500 {
			p := ReceiveParams{Endpoint: fmt.Sprintf("tenant%04d", n*10+1), Provider: "token-header", Secrets: "s", Headers: map[string]any{"X-Knocker-Token": "s"}, Body: []byte("{}")}
			if r, err := inbox.Receive(ctx, p); err != nil || r.StatusCode != 204 {
				return fmt.Errorf("%+v %w", r, err)
			}
		}
		return nil
	})
	within(quick, "stats", func() error {
		s, err := inbox.Stats(ctx)
		if err == nil && (s.Events["received"] != 5501 || s.Stuck != 0 || s.JobsReady != 5501) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	within(quick, "stats of one", func() error { _, err := inbox.Stats(ctx, "tenant0007"); return err })
	within(5*quick, "stats by endpoint, all pages", func() error {
		seen, cursor := 0, ""
		for {
			page, next, err := inbox.StatsByEndpoint(ctx, 1000, cursor)
			if err != nil {
				return err
			}
			seen += len(page)
			if cursor = next; next == "" {
				break
			}
		}
		if seen != 5001 {
			return fmt.Errorf("%d endpoints", seen)
		}
		return nil
	})
	for what, f := range map[string]EventFilter{"events": {}, "events of one": {Endpoints: []string{"tenant0007"}}, "events by identity": {DedupeKey: "k777"},
		"dead events": {Statuses: []string{"dead"}}, "events of a type": {EventType: "order.*"}} {
		within(quick, what, func() error { _, _, err := inbox.ListEvents(ctx, f); return err })
	}
	for what, f := range map[string]DeliveryFilter{"deliveries": {}, "deliveries of one": {Endpoints: []string{"tenant0007"}}, "orphans": {Orphaned: &yes1},
		"invalid deliveries": {SignatureValid: &no1}} {
		within(quick, what, func() error { _, _, err := inbox.ListDeliveries(ctx, f); return err })
	}
	within(quick, "pause", func() error { _, err := inbox.SetEndpointPaused(ctx, "tenant0007", true); return err })
	within(quick, "a worker's first event", func() error {
		if err := inbox.Handle(HandlerParams{Endpoint: "tenant0001"}, func(context.Context, *Event, *Tx) error { return nil }); err != nil {
			return err
		}
		w, err := inbox.OpenWorker(WorkerOptions{})
		if err != nil {
			return err
		}
		defer w.Close()
		_, err = w.Next(ctx, time.Second, 0)
		return err
	})
}
