package main

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/knocker-dev/knocker/bench/internal/load"
	"github.com/knocker-dev/knocker/core"
)

// Small bodies of a deep file, and its shape: a fifth of the events is waiting
// with a job, the rest is handled, failed, dead or ignored; one type and one
// endpoint have 60 events each however deep the file; the newest is now, one a second before that.
const fillDeep = `
PRAGMA synchronous = OFF;
BEGIN;
CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[1]d) SELECT i FROM n;
INSERT INTO main.knocker_events (id, endpoint_id, received_at, provider_event_id, event_type, method, dedupe_key, status, attempt_count, handled_at, last_error, delivery_id, job_id)
  SELECT i, 1, unixepoch() - %[1]d + i, printf('evt_%%024d', (i * 7919) %% 1000003), CASE WHEN i %% (%[1]d / 60) = 7 THEN 'rare.thing' WHEN i %% 3 = 0 THEN 'invoice.paid' ELSE 'charge.updated' END,
    'POST', printf('evt_%%024d_%%d', (i * 7919) %% 1000003, i), CASE WHEN i %% 5 = 0 THEN 'received' WHEN i %% 50 = 1 THEN 'failed' WHEN i %% 50 = 2 THEN 'dead' WHEN i %% 50 = 3 THEN 'ignored' ELSE 'handled' END,
    CASE WHEN i %% 5 = 0 THEN 0 ELSE 1 END, CASE WHEN i %% 5 = 0 THEN NULL ELSE unixepoch() END, NULL, i, CASE WHEN i %% 5 = 0 THEN i END FROM temp.numbers;
INSERT INTO main.knocker_deliveries (id, endpoint_id, event_id, received_at, provider_event_id, event_type, method, headers_json, body_blob, query_json, signature_valid, dedupe_key, kind, body_bytes)
  SELECT i, 1, i, unixepoch() - %[1]d + i, printf('evt_%%024d', (i * 7919) %% 1000003), 'invoice.paid', 'POST', '{"content-type":"application/json"}', zeroblob(100), '{}', 1,
    printf('evt_%%024d_%%d', (i * 7919) %% 1000003, i), 'event', 100 FROM temp.numbers;
INSERT INTO main.knocker_attempts (event_id, attempted_at, outcome) SELECT i, unixepoch(), 'handled' FROM temp.numbers WHERE i %% 5 <> 0;
INSERT INTO main._honker_live (id, queue, payload, run_at, max_attempts, created_at)
  SELECT i, 'knocker.events', printf('{"event_id":%%d}', i), unixepoch() - %[1]d + i, 12, unixepoch() FROM temp.numbers WHERE i %% 5 = 0;
UPDATE main.knocker_events SET endpoint_id = (SELECT id FROM main.knocker_endpoints WHERE name = 'rare') WHERE id %% (%[1]d / 60) = 13;
DROP TABLE temp.numbers;
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);`

const shallowEvents = 10_000

// deepFile is a filled file with an open inbox.
type deepFile struct {
	events int
	inbox  *core.Inbox
	worker *core.Worker
	now    int64
	replay int64 // the next event to replay
}

func (b *bench) openDeep(n int) (*deepFile, error) {
	path, err := b.fresh()
	if err == nil {
		err = script(path, "INSERT INTO knocker_endpoints (name, path, created_at) VALUES ('rare', '/rare', 0);"+fmt.Sprintf(fillDeep, n))
	}
	if err == nil {
		err = checkCounts(path, n, map[string]string{"events": "SELECT count(*) FROM knocker_events", "deliveries": "SELECT count(*) FROM knocker_deliveries",
			"jobs times five": "SELECT 5 * count(*) FROM _honker_live"})
	}
	if err != nil {
		return nil, err
	}
	f := &deepFile{events: n, now: time.Now().Unix(), replay: int64(n)}
	if f.inbox, err = load.Open(path); err != nil {
		return nil, err
	}
	if err = f.inbox.Handle(core.HandlerParams{Endpoint: load.Endpoint}, func(context.Context, *core.Event, *core.Tx) error { return nil }); err != nil {
		return nil, err
	}
	f.worker, err = f.inbox.OpenWorker(core.WorkerOptions{})
	return f, err
}

// operation is one that must not slow down with the depth. Each call is timed.
type operation struct {
	name string
	run  func(*deepFile) error
}

func deepOperations() []operation {
	list := []operation{
		{"receive", func(f *deepFile) error {
			_, err := load.Receive(f.inbox, &load.Requests(1)[0])
			return err
		}},
		{"claim", func(f *deepFile) error {
			step, err := f.worker.Next(context.Background(), 0, 0)
			if err != nil || step == nil {
				return fmt.Errorf("nothing to claim: %w", err)
			}
			if done := step.Finish(context.Background(), core.Outcome{Kind: "handled"}); done.Status != core.StatusHandled {
				return fmt.Errorf("the claimed event became %s", done.Status)
			}
			return nil
		}},
		{"replay", func(f *deepFile) error {
			for f.replay--; f.replay%5 == 0 || f.replay%50 < 4; f.replay-- { // those that are handled
			}
			return f.inbox.Replay(context.Background(), f.replay)
		}},
	}
	filters := map[string]func(*deepFile) core.EventFilter{
		"all":           func(*deepFile) core.EventFilter { return core.EventFilter{} },
		"endpoint":      func(*deepFile) core.EventFilter { return core.EventFilter{Endpoints: []string{load.Endpoint}} },
		"rare_endpoint": func(*deepFile) core.EventFilter { return core.EventFilter{Endpoints: []string{"rare"}} },
		"received":      func(*deepFile) core.EventFilter { return core.EventFilter{Statuses: []string{core.StatusReceived}} },
		"dead":          func(*deepFile) core.EventFilter { return core.EventFilter{Statuses: []string{core.StatusDead}} },
		"type":          func(*deepFile) core.EventFilter { return core.EventFilter{EventType: "charge.updated"} },
		"rare":          func(*deepFile) core.EventFilter { return core.EventFilter{EventType: "rare.thing"} },
		"prefix":        func(*deepFile) core.EventFilter { return core.EventFilter{EventType: "rare.*"} },
		"key":           func(*deepFile) core.EventFilter { return core.EventFilter{DedupeKey: "evt_000000000000000000007919_1"} },
		"until":         func(f *deepFile) core.EventFilter { return core.EventFilter{Until: f.now - int64(f.events)/2} },
		"since":         func(f *deepFile) core.EventFilter { return core.EventFilter{Since: f.now - 100} },
	}
	for name, filter := range filters {
		list = append(list, operation{"list_" + name, func(f *deepFile) error {
			query := filter(f)
			query.Limit = 50
			found, _, err := f.inbox.ListEvents(context.Background(), query)
			if err == nil && len(found) == 0 {
				err = fmt.Errorf("the list found nothing")
			}
			return err
		}})
	}
	sort.Slice(list, func(a, b int) bool { return list[a].name < list[b].name })
	return list
}

// deep compares a deep file with a shallow one, operation by operation, calls
// alternating between the two.
func deep(b *bench) (outcome, error) {
	events, calls := 1_000_000, 100
	if b.quick {
		events, calls = 200_000, 25
	}
	var files [2]*deepFile
	for i, n := range []int{shallowEvents, events} {
		f, err := b.openDeep(n)
		if err != nil {
			return outcome{}, err
		}
		defer func() { f.worker.Close(); f.inbox.Close() }()
		files[i] = f
	}
	s := series{}
	worst := 0.0
	detail := ""
	for _, op := range deepOperations() {
		ratio, err := compareDepth(s, op, files, calls)
		if err != nil {
			return outcome{}, fmt.Errorf("%s: %w", op.name, err)
		}
		worst = max(worst, ratio)
		detail += fmt.Sprintf(" %s=%.2f(%.3fms)", op.name, ratio, s.median(op.name+"_deep_ms"))
	}
	return outcome{ratio: worst, runs: s, detail: fmt.Sprintf("events=%d%s", events, detail)}, nil
}

// aBound ends the calls of an operation that is slow here.
const aBound = 250 * time.Millisecond

func compareDepth(s series, op operation, files [2]*deepFile, calls int) (float64, error) {
	names := [2]string{op.name + "_shallow_ms", op.name + "_deep_ms"}
	for _, f := range files { // the statement is prepared and the pages are read
		if err := op.run(f); err != nil {
			return 0, err
		}
	}
	for start := time.Now(); len(s[names[1]]) < calls && (time.Since(start) < aBound || len(s[names[1]]) < 3); {
		for i, f := range files {
			began := time.Now()
			if err := op.run(f); err != nil {
				return 0, err
			}
			s.add(names[i], milliseconds(time.Since(began)))
		}
	}
	return s.median(names[1]) / s.median(names[0]), nil
}
