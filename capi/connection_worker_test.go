package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// hostWorker is a worker of a host's, and the loop's steps as a binding does
// them.
type hostWorker struct {
	hostConnection
	number any
}

func (h hostConnection) worker(options string) hostWorker {
	h.t.Helper()
	return hostWorker{h, h.call("worker_open", options)["worker"]}
}

// asked is the reply of worker_next.
func (w hostWorker) asked() fields {
	w.t.Helper()
	return w.call("worker_next", fields{"worker": w.number})
}

// next claims an event and returns its step.
func (w hostWorker) next() fields {
	w.t.Helper()
	step, ok := w.asked()["step"].(fields)
	if !ok {
		w.t.Fatal("nothing was claimed")
	}
	return step
}

// begin begins the handler's transaction.
func (w hostWorker) begin(step fields) {
	w.t.Helper()
	w.run("BEGIN IMMEDIATE")
	w.call("step_begin", fields{"step": step["step"]})
}

func (w hostWorker) outcome(step fields, outcome string) fields {
	if !strings.HasPrefix(outcome, "{") {
		outcome = fmt.Sprintf(`{"kind":%q}`, outcome)
	}
	return fields{"step": step["step"], "outcome": json.RawMessage(outcome)}
}

func (w hostWorker) finish(step fields, outcome string) fields {
	w.t.Helper()
	return w.call("step_finish", w.outcome(step, outcome))
}

func (w hostWorker) wantStatus(event int64, status, lastError string) {
	w.t.Helper()
	e := w.call("get_event", fields{"id": event})
	text, _ := e["last_error"].(string)
	if e["status"] != status || !strings.Contains(text, lastError) || lastError == "" && text != "" {
		w.t.Errorf("event %d is %v (%q), want %s (%q)", event, e["status"], text, status, lastError)
	}
}

func workShop(t *testing.T, handler string) hostConnection {
	t.Helper()
	h := connectHost(t, hostPath(t)).shop()
	h.run("CREATE TABLE orders (event UNIQUE)")
	h.call("register_handler", handler)
	return h
}

const anyEvent = `{"endpoint":"shop"}`

const failed = `{"kind":"failed","error":{"type":"ValueError","message":"no"}}`

// What the handler writes and "handled" are one transaction.
func TestHandledWithTheApplicationsWrite(t *testing.T) {
	running := runtime.NumGoroutine()
	defer func() {
		if now := runtime.NumGoroutine(); now > running {
			t.Errorf("%d goroutines before, %d after the calls", running, now)
		}
	}()
	h := workShop(t, anyEvent)
	event := h.receive()
	w := h.worker(`{}`)
	step := w.next()
	if got := step["event"].(fields); got["body"] != "Ym9keQ==" || got["status"] != "processing" || got["event_type"] != "paid" {
		t.Errorf("%v", got)
	}
	w.begin(step)
	h.run("INSERT INTO orders VALUES (?)", event)
	if done := w.finish(step, "handled"); done["status"] != "handled" || done["event_id"] != float64(event) || done["error"] != nil {
		t.Errorf("%v", done)
	}
	h.refused("invalid_state", "step_finish", w.outcome(step, "handled"))
	h.refused("invalid_state", "step_finish", w.outcome(step, failed)) // the transaction is open
	h.run("ROLLBACK")
	if n := h.number("SELECT count(*) FROM orders"); n != 0 || h.status(event) == "handled" {
		t.Errorf("%d orders, the event is %s after the rollback", n, h.status(event))
	}
	if done := w.finish(step, failed); done["status"] != "failed" {
		t.Errorf("%v", done)
	}
	w.wantStatus(event, "failed", "ValueError: no")
	h.refused("closed", "step_finish", w.outcome(step, failed))

	h.call("requeue", fields{"event_id": event})
	step = w.next()
	w.begin(step)
	h.run("INSERT INTO orders VALUES (?)", event)
	w.finish(step, "handled")
	h.run("COMMIT")
	w.wantStatus(event, "handled", "")
	if w.asked()["step"] != nil || h.number("SELECT count(*) FROM _honker_live") != 0 || h.number("SELECT count(*) FROM orders") != 1 {
		t.Error("the job outlived its event")
	}
	if process := h.call("stats", `{}`)["process"].(fields); process["handled"] != 1.0 || process["failed"] != 1.0 || process["claimed"] != 2.0 {
		t.Errorf("%v", process)
	}
	h.refused("closed", "step_begin", fields{"step": step["step"]})
}

// A commit that fails is no success, whatever was said before.
func TestCommitThatFails(t *testing.T) {
	h := workShop(t, anyEvent)
	h.run("PRAGMA foreign_keys = ON")
	h.run("CREATE TABLE lines (event REFERENCES orders (event) DEFERRABLE INITIALLY DEFERRED)")
	event := h.receive()
	w := h.worker(`{}`)
	step := w.next()
	w.begin(step)
	h.run("INSERT INTO lines VALUES (77)")
	w.finish(step, "handled")
	if _, err := h.Exec("COMMIT"); err == nil {
		t.Fatal("the commit did not fail")
	}
	h.run("ROLLBACK")
	if done := w.finish(step, `{"kind":"failed","error":{"type":"IntegrityError","message":"FOREIGN KEY constraint failed"}}`); done["status"] != "failed" {
		t.Errorf("%v", done)
	}
	w.wantStatus(event, "failed", "IntegrityError: FOREIGN KEY")
	if n := h.number("SELECT count(*) FROM lines"); n != 0 {
		t.Error("the handler's write is there")
	}
}

// A step whose "handled" was rolled back, and of which nobody tells any more, is
// settled by its worker.
func TestRolledBackAndForgotten(t *testing.T) {
	h := workShop(t, anyEvent)
	lost, kept := h.receive(), h.receive()
	w := h.worker(`{"concurrency":2}`)
	for _, end := range []string{"ROLLBACK", "COMMIT"} {
		step := w.next()
		w.begin(step)
		w.finish(step, "handled")
		h.run(end)
	}
	other := connectHost(t, pathOf(h))
	otherWorker := hostWorker{other, w.number}
	otherWorker.asked()
	w.asked()
	w.wantStatus(lost, "failed", "transaction_ended")
	w.wantStatus(kept, "handled", "")
	if process := h.call("stats", `{}`)["process"].(fields); process["handled"] != 1.0 || process["failed"] != 1.0 {
		t.Errorf("%v", process)
	}
}

func pathOf(h hostConnection) string {
	h.t.Helper()
	return h.call("attach", `{}`)["path"].(string)
}

// While another connection has the transaction of a step open, its outcome is
// not guessed.
func TestStepInAnOpenTransactionElsewhere(t *testing.T) {
	h := workShop(t, anyEvent)
	event := h.receive()
	w := h.worker(`{"concurrency":2}`)
	step := w.next()
	w.begin(step)
	w.finish(step, "handled")
	other := hostWorker{connectHost(t, pathOf(h)), w.number}
	if other.asked()["step"] != nil {
		t.Error("the event was handed out twice")
	}
	h.run("COMMIT")
	other.call("worker_close", fields{"worker": w.number})
	w.wantStatus(event, "handled", "")
	if process := h.call("stats", `{}`)["process"].(fields); process["handled"] != 1.0 || process["failed"] != 0.0 || process["given_back"] != 0.0 {
		t.Errorf("%v", process)
	}
}

// A handler may not end the transaction that it runs in.
func TestHandlerThatCommits(t *testing.T) {
	for _, ends := range [][]string{{"COMMIT"}, {"COMMIT", "BEGIN IMMEDIATE"}, {"ROLLBACK"}, {"ROLLBACK", "BEGIN"}} {
		h := workShop(t, anyEvent)
		event := h.receive()
		w := h.worker(`{}`)
		step := w.next()
		w.begin(step)
		h.run("INSERT INTO orders VALUES (?)", event)
		for _, sql := range ends {
			h.run(sql)
		}
		h.refused("transaction_ended", "step_finish", w.outcome(step, "handled"))
		if h.InTransaction() {
			h.run("ROLLBACK")
		}
		done := w.finish(step, failed)
		if done["status"] != "failed" || done["error"].(fields)["code"] != "transaction_ended" {
			t.Errorf("%v: %v", ends, done)
		}
		w.wantStatus(event, "failed", "transaction_ended: ")
	}
}

// A transaction that the host has begun as a reader becomes the writer when the
// step begins, or the step does not.
func TestStepInADeferredTransaction(t *testing.T) {
	h := workShop(t, anyEvent)
	h.run("PRAGMA journal_mode = WAL")
	event := h.receive()
	w := h.worker(`{}`)
	step := w.next()
	other := connectHost(t, pathOf(h))
	other.SetBusyTimeout(time.Millisecond)
	h.run("BEGIN")
	h.number("SELECT count(*) FROM orders")
	other.run("INSERT INTO orders VALUES (0)")
	h.refused("busy_snapshot", "step_begin", fields{"step": step["step"]})
	h.run("ROLLBACK")
	h.run("BEGIN")
	h.call("step_begin", fields{"step": step["step"]})
	if _, err := other.Exec("INSERT INTO orders VALUES (1)"); err == nil {
		t.Error("somebody else could write")
	}
	w.finish(step, "handled")
	h.run("COMMIT")
	w.wantStatus(event, "handled", "")
}

// A handler may use savepoints of its own.
func TestHandlerWithSavepoints(t *testing.T) {
	h := workShop(t, anyEvent)
	event := h.receive()
	w := h.worker(`{}`)
	step := w.next()
	w.begin(step)
	h.run("SAVEPOINT a")
	h.run("INSERT INTO orders VALUES (1)")
	h.run("ROLLBACK TO a")
	h.run("SAVEPOINT b") // left open
	h.run("INSERT INTO orders VALUES (2)")
	h.call("ignore_events", `{"filter":{"event_type":"none"}}`)
	w.finish(step, "handled")
	h.run("COMMIT")
	w.wantStatus(event, "handled", "")
	if h.number("SELECT sum(event) FROM orders") != 2 {
		t.Error("not what the handler wrote")
	}
}

// The claim has to stand when the handler begins, and when it ends.
func TestLostLease(t *testing.T) {
	h := connectHost(t, hostPath(t))
	h.call("attach", `{"options":{"clock":{"now_s":1000000}}}`)
	h.shop().call("register_handler", anyEvent)
	event := h.receive()
	slow, quick := h.worker(`{"lease_s":10}`), h.worker(`{"lease_s":10}`)
	step := slow.next()
	h.call("set_clock", `{"now_s":1000020}`)
	again := quick.next()
	if again["attempt"] != 2.0 {
		t.Errorf("%v", again)
	}
	h.run("BEGIN IMMEDIATE")
	h.refused("lease_lost", "step_begin", fields{"step": step["step"]})
	h.run("ROLLBACK")
	if done := slow.finish(step, failed); done["status"] != "lost" || done["error"].(fields)["code"] != "lease_lost" {
		t.Errorf("%v", done)
	}
	quick.begin(again)
	h.run("UPDATE knocker_events SET status = 'ignored' WHERE id = ?", event) // by the handler itself
	h.refused("lease_lost", "step_finish", quick.outcome(again, "handled"))
	h.run("ROLLBACK")
	quick.finish(again, failed)
	h.call("set_clock", `{"now_s":1000040}`)
	if third := quick.next(); third["attempt"] != 3.0 {
		t.Errorf("%v", third)
	}
	if process := h.call("stats", `{}`)["process"].(fields); process["leases_lost"] != 2.0 {
		t.Errorf("%v", process)
	}
}

// The outcomes beside "handled", with the rules of the library's own workers.
func TestOutcomesOnAConnection(t *testing.T) {
	h := connectHost(t, hostPath(t))
	h.call("attach", `{"options":{"clock":{"now_s":1000000},"backoff_jitter":false}}`)
	h.shop().call("register_handler", `{"endpoint":"shop","max_attempts":2,"backoff_initial_s":10}`)
	w := h.worker(`{}`)
	run := func(outcome, status, lastError string) int64 {
		t.Helper()
		event := h.receive()
		step := w.next()
		w.begin(step)
		h.run("ROLLBACK")
		if done := w.finish(step, outcome); done["status"] != status {
			t.Errorf("%s: %v", outcome, done)
		}
		w.wantStatus(event, status, lastError)
		return event
	}
	run(`{"kind":"discard","reason":"spam"}`, "dead", "discarded: spam")
	run(`{"kind":"ignore","reason":"test"}`, "ignored", "test")
	waits := run(`{"kind":"retry_after","seconds":100}`, "failed", "retry after 100 s")
	if at := h.number("SELECT run_at FROM _honker_live WHERE json_extract(payload, '$.event_id') = ?", waits); at != 1000100 {
		t.Errorf("runs again at %d", at)
	}
	fails := run(failed, "failed", "ValueError: no")
	if at := h.number("SELECT run_at FROM _honker_live WHERE json_extract(payload, '$.event_id') = ?", fails); at != 1000010 {
		t.Errorf("runs again at %d", at)
	}
	h.call("set_clock", `{"now_s":1000011}`)
	step := w.next()
	if step["attempt"] != 2.0 || step["max_attempts"] != 2.0 {
		t.Errorf("%v", step)
	}
	if done := w.finish(step, failed); done["status"] != "dead" { // never begun
		t.Errorf("%v", done)
	}
	w.wantStatus(fails, "dead", "ValueError: no")
	if list := h.call("list_attempts", fields{"event_id": fails})["attempts"].([]any); len(list) != 2 {
		t.Errorf("%v", list)
	}
	h.refused("invalid_argument", "step_finish", fields{"step": 1, "outcome": fields{"kind": "failed"}})
	h.refused("invalid_argument", "step_finish", fields{"step": 1})
}

// A handler that takes too long is not handled.
func TestHandlerTimeoutOnAConnection(t *testing.T) {
	h := workShop(t, `{"endpoint":"shop","timeout_s":0.05}`)
	event := h.receive()
	w := h.worker(`{}`)
	step := w.next()
	if step["timeout_s"] != 0.05 {
		t.Errorf("%v", step)
	}
	w.begin(step)
	time.Sleep(80 * time.Millisecond)
	h.refused("handler_timeout", "step_finish", w.outcome(step, "handled"))
	h.run("ROLLBACK")
	if done := w.finish(step, failed); done["status"] != "failed" || done["error"].(fields)["code"] != "handler_timeout" {
		t.Errorf("%v", done)
	}
	w.wantStatus(event, "failed", "handler_timeout: ")
}

// Calls in the wrong place are refused, and do no harm.
func TestStepsInTheWrongPlace(t *testing.T) {
	h := workShop(t, anyEvent)
	event := h.receive()
	w := h.worker(`{}`)
	step := w.next()
	number := fields{"step": step["step"]}
	h.refused("invalid_state", "step_begin", number)
	w.begin(step)
	h.refused("invalid_state", "worker_next", fields{"worker": w.number})
	h.refused("invalid_state", "worker_close", fields{"worker": w.number})
	h.run("ROLLBACK")
	h.refused("transaction_ended", "step_finish", w.outcome(step, "handled"))
	w.finish(step, "give_back")
	h.refused("invalid_argument", "worker_open", `{"handler_synchronous":"full"}`)
	h.refused("unknown_endpoint", "worker_open", `{"endpoints":["nobody"]}`)
	step = w.next()
	if step["attempt"] != 1.0 || w.asked()["step"] != nil {
		t.Errorf("%v", step)
	}
	if list := h.call("list_running", `{}`)["running"].([]any); len(list) != 1 || list[0].(fields)["since"] == nil {
		t.Errorf("%v", list)
	}
	h.call("worker_stop", fields{"worker": w.number})
	if reply := w.asked(); reply["stopping"] != true || reply["step"] != nil {
		t.Errorf("%v", reply)
	}
	h.call("worker_close", fields{"worker": w.number})
	h.refused("closed", "step_finish", w.outcome(step, failed))
	if h.number("SELECT count(*) FROM _honker_live WHERE state = 'pending' AND attempts = 0") != 1 {
		t.Errorf("event %d was not given back", event)
	}
}
