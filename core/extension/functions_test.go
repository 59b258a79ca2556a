package extension

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every argument of every function refuses what it can't be with a sentence that
// names it, and nothing is written.
func TestWrongArguments(t *testing.T) {
	h := newHost(t)
	event := h.receive("a")
	before := h.one("SELECT total_changes()")
	for _, c := range []struct{ sql, says string }{
		{"SELECT knocker_endpoint_upsert(NULL, NULL, NULL, 1)", "argument 1, name"},
		{"SELECT knocker_endpoint_upsert('', NULL, NULL, 1)", "argument 1, name"},
		{"SELECT knocker_endpoint_upsert(x'61', NULL, NULL, 1)", "argument 1, name"},
		{"SELECT knocker_endpoint_upsert('a', 1, NULL, 1)", "argument 2, path"},
		{"SELECT knocker_endpoint_upsert('a', NULL, NULL, 2)", "argument 4, enabled"},
		{"SELECT knocker_endpoint_upsert('a', NULL, NULL, NULL)", "argument 4, enabled"},
		{"SELECT knocker_receive('provider', 'token-header', 'nope', NULL, 'POST', NULL, x'', NULL, NULL, NULL, NULL, NULL)", "argument 3, secrets_json"},
		{"SELECT knocker_receive('provider', 'token-header', NULL, '[]', 'POST', NULL, x'', NULL, NULL, NULL, NULL, NULL)", "argument 4, options_json"},
		{"SELECT knocker_receive('provider', 'token-header', NULL, NULL, 'POST', '{', x'', NULL, NULL, NULL, NULL, NULL)", "argument 6, headers_json"},
		{"SELECT knocker_receive('provider', 'token-header', NULL, NULL, 'POST', NULL, 1, NULL, NULL, NULL, NULL, NULL)", "argument 7, body"},
		{"SELECT knocker_receive('provider', 'token-header', NULL, NULL, 'POST', NULL, x'', NULL, NULL, NULL, NULL, NULL, 1)", "argument 13, queue_name"},
		{"SELECT knocker_receive('provider', 'token-header', NULL, NULL, 'POST', NULL, x'', NULL, NULL, NULL, NULL, NULL, NULL, 0)", "argument 14, max_attempts"},
		{"SELECT knocker_ingest('provider', 'POST', NULL, x'', NULL, 2, NULL, NULL, NULL, NULL, NULL)", "argument 6, signature_valid"},
		{"SELECT knocker_mark_processing('1', 1)", "argument 1, event_id"},
		{"SELECT knocker_mark_processing(1, 4294967296)", "argument 2, attempt_count"},
		{"SELECT knocker_mark_handled(1, 'soon')", "argument 2, duration_ms"},
		{"SELECT knocker_mark_failed(1, 1, x'00', 0, 1)", "argument 3, error"},
		{"SELECT knocker_mark_failed(1, 1, 'no', NULL, 1)", "argument 4, terminal"},
		{"SELECT knocker_ignore(1.5)", "argument 1, event_id"},
		{"SELECT knocker_replay(1, x'00', 1)", "argument 2, queue_name"},
		{"SELECT knocker_replay(1, NULL, -1)", "argument 3, max_attempts"},
		{"SELECT knocker_replay_delivery(NULL, NULL, NULL)", "argument 1, delivery_id"},
		{"SELECT knocker_reset_event('x')", "argument 1, event_id"},
		{"SELECT knocker_prune_events('handled', 1, 1, NULL)", "argument 1, statuses_json"},
		{"SELECT knocker_prune_events('{}', 1, 1, NULL)", "argument 1, statuses_json"},
		{"SELECT knocker_prune_events('[1]', 1, 1, NULL)", "argument 1, statuses_json"},
		{"SELECT knocker_prune_events(NULL, NULL, 1, NULL)", "argument 2, older_than"},
		{"SELECT knocker_prune_events(NULL, 1, 0, NULL)", "argument 3, limit"},
		{"SELECT knocker_prune_events(NULL, 1, 1001, NULL)", "argument 3, limit"},
		{"SELECT knocker_prune_orphan_deliveries(1, NULL, NULL)", "argument 2, limit"},
		{"SELECT knocker_run_retention_pass(NULL, 1, 0, NULL, NULL, NULL)", "argument 3, event_limit"},
		{"SELECT knocker_run_retention_pass(NULL, NULL, NULL, 1, 'x', NULL)", "argument 5, orphan_limit"},
		{"SELECT knocker_get_event('x')", "argument 1, id"},
		{"SELECT knocker_get_delivery(x'')", "argument 1, id"},
		{"SELECT knocker_list_events(1)", "argument 1, filter_json"},
		{"SELECT knocker_list_events('[]')", "argument 1, filter_json"},
		{`SELECT knocker_list_events('{"statuss":"dead"}')`, "statuss"},
		{`SELECT knocker_list_deliveries('{"limit":"x"}')`, "limit"},
		{`SELECT knocker_list_events('{"limit":0}')`, "1 to 1000"},
		{`SELECT knocker_list_deliveries('{"limit":-1}')`, "1 to 1000"},
		{`SELECT knocker_list_events('{"event_id":["x"]}')`, "string is the wrong kind of value"},
		{"SELECT honker_enqueue(NULL, '{}', NULL, NULL, 0, 3, NULL)", "argument 1, queue"},
		{"SELECT honker_enqueue('q', NULL, NULL, NULL, 0, 3, NULL)", "argument 2, payload"},
		{"SELECT honker_enqueue('q', '{}', 'now', NULL, 0, 3, NULL)", "argument 3, run_at"},
		{"SELECT honker_enqueue('q', '{}', NULL, 9223372036854775807, 0, 3, NULL)", "argument 4, delay"},
		{"SELECT honker_enqueue('q', '{}', NULL, NULL, NULL, 3, NULL)", "argument 5, priority"},
		{"SELECT honker_enqueue('q', '{}', NULL, NULL, 0, NULL, NULL)", "argument 6, max_attempts"},
		{"SELECT honker_enqueue('q', '{}', NULL, NULL, 0, 3, 9e18)", "argument 7, expires_in"},
		{"SELECT honker_claim_batch('q', '', 1, 1)", "argument 2, worker_id"},
		{"SELECT honker_claim_batch('q', 'w', 0, 1)", "1 to 1000"},
		{"SELECT honker_claim_batch('q', 'w', 1, 9223372036854775807)", "seconds"},
		{"SELECT honker_ack(NULL, NULL)", "argument 1, job_id"},
		{"SELECT honker_ack_batch('nope', 'w')", "argument 1, ids_json"},
		{"SELECT honker_ack_batch('[\"a\"]', 'w')", "argument 1, ids_json"},
		{"SELECT honker_retry(1, 'w', -1, NULL)", "seconds"},
		{"SELECT honker_fail(1, NULL, NULL)", "argument 2, worker_id"},
		{"SELECT honker_heartbeat(1, 'w', 0)", "seconds"},
		{"SELECT honker_sweep_expired(NULL)", "argument 1, queue"},
		{"SELECT honker_queue_next_claim_at(1)", "argument 1, queue"},
		{"SELECT honker_cancel('1')", "argument 1, job_id"},
		{"SELECT honker_get_job(NULL)", "argument 1, job_id"},
	} {
		if text := h.refused("invalid_argument", c.sql); !strings.Contains(text, c.says) {
			t.Errorf("%s: %q does not say %q", c.sql, text, c.says)
		} else if strings.Contains(text, "Go value") {
			t.Errorf("%s: %q speaks of the program's types", c.sql, text)
		}
	}
	h.want(before, "SELECT total_changes()")
	h.want("received", "SELECT status FROM knocker_events WHERE id = ?", event)
	h.want(0, "SELECT count(*) FROM knocker_prune_audits")
}

// Every function of the table refuses a file without the inbox's tables, and
// dropped ones, with schema_missing, and none crashes on NULLs alone.
func TestEveryFunctionWithoutTables(t *testing.T) {
	h := openHost(t, filepath.Join(t.TempDir(), "app.db"), true)
	whole := newHost(t)
	valid := map[string]string{
		"knocker_endpoint_upsert": "'a', NULL, NULL, 1", "knocker_receive": "'a', 'token-header', '[\"s\"]', NULL, 'POST', NULL, x'', NULL, NULL, NULL, NULL, NULL",
		"knocker_ingest": "'a', 'POST', NULL, x'', NULL, 1, NULL, NULL, NULL, NULL, NULL", "knocker_mark_processing": "1, 1", "knocker_mark_handled": "1, 1",
		"knocker_mark_ignored": "1, 1", "knocker_mark_failed": "1, 1, NULL, 0, 1", "knocker_ignore": "1", "knocker_replay": "1, NULL, NULL",
		"knocker_requeue": "1, NULL, NULL", "knocker_replay_delivery": "1, NULL, NULL", "knocker_reset_event": "1", "knocker_prune_events": "NULL, 1, 1, NULL",
		"knocker_prune_orphan_deliveries": "1, 1, NULL", "knocker_run_retention_pass": "NULL, 1, 1, 1, 1, NULL", "knocker_get_event": "1",
		"knocker_get_delivery": "1", "knocker_list_events": "NULL", "knocker_list_deliveries": "'{}'", "knocker_stats": "",
		"honker_enqueue": "'q', '', NULL, NULL, 0, 3, NULL", "honker_claim_batch": "'q', 'w', 1, 1", "honker_ack": "1, 'w'", "honker_ack_batch": "'[1]', 'w'",
		"honker_retry": "1, 'w', 1, NULL", "honker_fail": "1, 'w', NULL", "honker_heartbeat": "1, 'w', 1", "honker_sweep_expired": "'q'",
		"honker_cancel": "1", "honker_get_job": "1", "honker_queue_next_claim_at": "'q'",
	}
	for _, f := range functions {
		for n := f.Least; n <= f.Most; n++ {
			nulls := strings.TrimSuffix(strings.Repeat("NULL,", n), ",")
			_, _ = whole.Query("SELECT " + f.Name + "(" + nulls + ")")
		}
		if strings.HasSuffix(f.Name, "_bootstrap") || f.Name == "knocker_version" {
			continue
		}
		arguments, ok := valid[f.Name]
		if !ok {
			t.Errorf("%s is not tested", f.Name)
		}
		h.refused("schema_missing", "SELECT "+f.Name+"("+arguments+")")
	}
	h.want(0, "SELECT count(*) FROM sqlite_schema")

	// An application's tool drops tables under an open connection.
	for _, table := range []string{"_honker_dead", "_honker_live", "knocker_delivery_events", "knocker_deliveries"} {
		whole.exec("DROP TABLE " + table)
	}
	whole.refused("schema_missing", receiveSQL, "b", "dev-secret", []byte("{}"))
	whole.refused("schema_missing", "SELECT honker_claim_batch('knocker.events', 'w', 1, 60)")
	whole.refused("schema_missing", "SELECT knocker_stats()")
	if whole.InTransaction() {
		t.Error("a transaction is open")
	}
}

// The answer of a receipt has the keys that its users read, for each outcome.
func TestReceipt(t *testing.T) {
	h := newHost(t)
	keys := []string{"delivery_id", "event_id", "event_ids", "duplicate", "status_code", "response", "reason", "handshake_secret", "durable"}
	check := func(name string, got map[string]any, want map[string]any) {
		t.Helper()
		for _, key := range keys {
			if _, ok := got[key]; !ok {
				t.Errorf("%s: no %s", name, key)
			}
		}
		if len(got) != len(keys) {
			t.Errorf("%s: %v", name, got)
		}
		for key, value := range want {
			if fmt.Sprint(got[key]) != fmt.Sprint(value) {
				t.Errorf("%s: %s is %v, want %v", name, key, got[key], value)
			}
		}
	}
	h.exec("PRAGMA synchronous = FULL")
	check("new", h.object(receiveSQL, "a", "dev-secret", []byte{0, 255}), map[string]any{"event_id": 1, "event_ids": "[1]", "duplicate": 0, "status_code": 204,
		"reason": nil, "durable": 1, "response": "map[body:<nil> headers:map[] status_code:204]"})
	check("again", h.object(receiveSQL, "a", "dev-secret", "tëxt"), map[string]any{"event_id": 1, "duplicate": 1, "status_code": 204})
	check("forged", h.object(receiveSQL, "b", "wrong", nil), map[string]any{"event_id": nil, "event_ids": "[]", "duplicate": 0, "status_code": 401})
	check("huge", h.object(receiveSQL, "c", "dev-secret", make([]byte, 26<<20)), map[string]any{"event_id": nil, "status_code": 413})
	h.exec("PRAGMA synchronous = NORMAL")
	check("not on disk", h.object(receiveSQL, "d", "dev-secret", ""), map[string]any{"durable": 0, "duplicate": 0})
	check("ingested", h.object(`SELECT knocker_ingest('provider', 'PUT', '[["A","b"]]', x'00', '{"q":"1"}', NULL, 'why', 'pe', 'pd', 'ty', 'de')`),
		map[string]any{"duplicate": 0, "status_code": 204})
	h.want("tëxt", "SELECT CAST(body_blob AS TEXT) FROM knocker_deliveries WHERE id = 2")
	h.want("PUT|pe|pd|ty|de|why|{\"a\":\"b\"}|{\"q\":\"1\"}", `SELECT method||'|'||provider_event_id||'|'||provider_delivery_id||'|'||event_type||'|'||dedupe_key||'|'||
		signature_error||'|'||headers_json||'|'||query_json FROM knocker_deliveries WHERE dedupe_key = 'de'`)
	h.want(12, "SELECT max_attempts FROM _honker_live WHERE id = (SELECT job_id FROM knocker_events WHERE dedupe_key = 'de')")
}

// What is shown of events and deliveries, by id and in lists, page by page.
func TestReads(t *testing.T) {
	h := newHost(t)
	for n := range 5 {
		h.receive(fmt.Sprint("evt_", n))
	}
	h.object(receiveSQL, "x", "wrong", []byte("{}"))
	e := h.object("SELECT knocker_get_event(1)")
	if e["dedupe_key"] != "evt_0" || e["body"] != "eyJhIjoxfQ==" || e["status"] != "received" || e["endpoint"] != "provider" || e["last_error"] != nil {
		t.Error(e)
	}
	if d := h.object("SELECT knocker_get_delivery(6)"); d["kind"] != "rejected" || d["event_id"] != nil || d["signature_valid"] != false {
		t.Error(d)
	}
	h.refused("not_found", "SELECT knocker_get_event(99)")
	h.refused("not_found", "SELECT knocker_get_delivery(99)")

	var seen []any
	for cursor, pages := any(nil), 0; pages == 0 || cursor != nil; pages++ {
		page := h.object("SELECT knocker_list_events(json_object('limit', 2, 'status', 'received', 'endpoint', json_array('provider'), 'cursor', ?))", cursor)
		for _, item := range page["events"].([]any) {
			if _, ok := item.(map[string]any)["body"]; ok {
				t.Error("a body that was not asked for")
			}
			seen = append(seen, item.(map[string]any)["id"])
		}
		cursor = page["cursor"]
	}
	if fmt.Sprint(seen) != "[5 4 3 2 1]" {
		t.Error(seen)
	}
	page := h.object(`SELECT knocker_list_deliveries('{"orphaned":true,"bodies":true}')`)
	if list := page["deliveries"].([]any); len(list) != 1 || list[0].(map[string]any)["body"] != "e30=" {
		t.Error(page)
	}
	if none := h.object(`SELECT knocker_list_events('{"status":["dead"]}')`); len(none["events"].([]any)) != 0 || none["cursor"] != nil {
		t.Error(none)
	}
	h.refused("unknown_endpoint", `SELECT knocker_list_events('{"endpoint":"nobody"}')`)
	s := h.object("SELECT knocker_stats()")
	if s["deliveries"] != 6.0 || s["events"].(map[string]any)["received"] != 5.0 || s["jobs_ready"] != 5.0 {
		t.Error(s)
	}

	// Reads have one state of the file, and leave the caller's transaction alone.
	h.exec("CREATE TABLE kept (text)")
	h.exec("INSERT INTO kept SELECT knocker_stats()")
	h.want(1, "SELECT count(*) FROM kept")
	h.exec("BEGIN")
	h.exec("INSERT INTO kept VALUES (1)")
	h.object("SELECT knocker_stats()")
	h.object("SELECT knocker_list_events(NULL)")
	h.exec("ROLLBACK")
	h.want(1, "SELECT count(*) FROM kept")
}

// Pruning and the operators' actions answer what they did, and are audited.
func TestPruningAndActions(t *testing.T) {
	h := newHost(t)
	for n := range 4 {
		h.receive(fmt.Sprint("evt_", n))
		h.object(receiveSQL, fmt.Sprint("forged", n), "wrong", []byte("{}"))
	}
	for range 3 {
		h.handle()
	}
	later := time.Now().Unix() + 10
	h.want(`{"events_pruned":2,"attempts_pruned":2,"deliveries_pruned":2,"live_jobs_pruned":0}`, "SELECT knocker_prune_events('[\"handled\"]', ?, 2, 'knocker.events')", later)
	h.want(`{"events_pruned":0,"attempts_pruned":0,"deliveries_pruned":0,"live_jobs_pruned":0}`, "SELECT knocker_prune_events(NULL, 1, 2, NULL)")
	h.refused("invalid_argument", "SELECT knocker_prune_events('[\"dead\"]', 1, 2, NULL)")
	h.want(`{"deliveries_pruned":1}`, "SELECT knocker_prune_orphan_deliveries(?, 1, 'mine')", later)
	h.want(`{"event_result":null,"orphan_result":{"deliveries_pruned":1}}`, "SELECT knocker_run_retention_pass(NULL, NULL, NULL, ?, 1, NULL)", later)
	h.want(`{"event_result":{"events_pruned":1,"attempts_pruned":1,"deliveries_pruned":1,"live_jobs_pruned":0},"orphan_result":null}`,
		"SELECT knocker_run_retention_pass('[\"handled\",\"ignored\"]', ?, 1000, NULL, NULL, NULL)", later)
	h.want(`{"event_result":null,"orphan_result":null}`, "SELECT knocker_run_retention_pass(NULL, NULL, NULL, NULL, NULL, NULL)")
	h.want("knocker.events,knocker.events,mine,knocker.events,knocker.events", "SELECT group_concat(queue_name) FROM (SELECT queue_name FROM knocker_prune_audits ORDER BY id)")

	h.want(1, "SELECT knocker_ignore(4)")
	h.want(1, "SELECT knocker_replay(4, 'other', 2)")
	h.want("other|2|received", "SELECT queue||'|'||max_attempts||'|'||status FROM _honker_live j JOIN knocker_events e ON e.job_id = j.id WHERE e.id = 4")
	h.refused("invalid_state", "SELECT knocker_requeue(4, NULL, NULL)")
	h.one("SELECT knocker_mark_failed(4, 1, 'no', 1, 5)")
	h.want(1, "SELECT knocker_replay_delivery((SELECT delivery_id FROM knocker_events WHERE id = 4), NULL, NULL)")
	h.want(4, "SELECT json_extract(payload, '$.event_id') FROM _honker_live")
	h.refused("not_found", "SELECT knocker_replay_delivery(99, NULL, NULL)")
	h.refused("not_linked", "SELECT knocker_replay_delivery((SELECT max(id) FROM knocker_deliveries WHERE event_id IS NULL), NULL, NULL)")
	h.one("SELECT knocker_mark_failed(4, 3, 'no', 0, 5)")
	h.want(1, "SELECT knocker_reset_event(4)")
	h.want("received|0||", "SELECT status||'|'||attempt_count||'|'||coalesce(last_error, '')||'|'||coalesce(handled_at, '') FROM knocker_events")
	h.refused("not_found", "SELECT knocker_reset_event(99)")
}
