package core_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

func openWorker(t *testing.T, inbox *core.Inbox, o core.WorkerOptions) *core.Worker {
	t.Helper()
	w, err := inbox.OpenWorker(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func next(t *testing.T, w *core.Worker, home uint64) *core.Step {
	t.Helper()
	s, err := w.Next(background, 10*time.Second, home)
	if err != nil || s == nil {
		t.Fatal("no step:", err)
	}
	return s
}

func register(t *testing.T, inbox *core.Inbox) {
	t.Helper()
	if _, err := inbox.RegisterHandler(core.HandlerParams{Endpoint: "hooks"}); err != nil {
		t.Fatal(err)
	}
}

// A handler that keeps its transaction open is rolled back at the limit, and
// receipts go on: none waits for the handler.
func TestLongTransactionDoesNotStopReceipts(t *testing.T) {
	inbox := withEndpoint(t, core.Options{MaxTransaction: 300 * time.Millisecond})
	execute(t, inbox, "CREATE TABLE orders(id)")
	receive(t, inbox, "slow")
	register(t, inbox)
	w := openWorker(t, inbox, core.WorkerOptions{})
	s := next(t, w, 0)
	if _, err := s.Exec(background, 0, "INSERT INTO orders VALUES (1)", nil, nil); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 100 {
		all.Add(1)
		go func() {
			defer all.Done()
			start := time.Now()
			if _, err := inbox.Receive(background, request("", "x")); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Error("a receipt waited", took)
			}
		}()
	}
	all.Wait()
	_, err := s.Exec(background, 0, "INSERT INTO orders VALUES (2)", nil, nil)
	wantCode(t, err, core.CodeTransactionTimeout)
	f := s.Finish(background, core.Outcome{Kind: "handled"})
	if f.Status != "failed" || f.Err.Code != core.CodeTransactionTimeout {
		t.Fatalf("%+v", f)
	}
	if n := count(t, inbox, "SELECT count(*) FROM orders"); n != 0 {
		t.Fatal("rows of a rolled back transaction:", n)
	}
}

// A statement that computes for ever must not hold the writer either.
func TestEndlessStatementIsCut(t *testing.T) {
	inbox := withEndpoint(t, core.Options{MaxTransaction: 200 * time.Millisecond})
	receive(t, inbox, "slow")
	register(t, inbox)
	s := next(t, openWorker(t, inbox, core.WorkerOptions{}), 0)
	_, err := s.Query(background, 0, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n", nil, nil)
	wantCode(t, err, core.CodeTransactionTimeout)
	receive(t, inbox, "after")
	s.Finish(background, core.Outcome{Kind: "failed", Message: "x"})
}

// What a handler may not do is refused or fails alone; receipts are untouched.
func TestForbiddenStatements(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	execute(t, inbox, "CREATE TABLE orders(id UNIQUE)")
	execute(t, inbox, "INSERT INTO orders VALUES (1)")
	receive(t, inbox, "a")
	handle(t, inbox, "", func(_ context.Context, _ *core.Event, tx *core.Tx) error {
		for _, sql := range []string{"BEGIN", "COMMIT", "ROLLBACK", "ATTACH ':memory:' AS other", "CREATE TEMP TABLE knocker_deliveries(a)",
			"PRAGMA synchronous = OFF", "DELETE FROM knocker_deliveries", "DROP TABLE knocker_events"} {
			if _, err := tx.Exec(sql); core.CodeOf(err) != core.CodeForbiddenInHandler {
				t.Errorf("%s: %v", sql, err)
			}
		}
		if _, err := tx.Exec("SELEKT"); core.CodeOf(err) != core.CodeSQLError {
			t.Error(err)
		}
		_, err := tx.Exec("INSERT OR ROLLBACK INTO orders VALUES (1)")
		if core.CodeOf(err) != core.CodeSQLError {
			t.Error(err)
		}
		_, err = tx.Exec("INSERT INTO orders VALUES (2)")
		if core.CodeOf(err) != core.CodeTransactionEnded {
			t.Error("after the transaction was gone:", err)
		}
		return nil
	})
	runOnce(t, inbox)
	if r := receive(t, inbox, "b"); r.Duplicate {
		t.Fatal("the receipt after was disturbed")
	}
	s, _ := inbox.Stats(background)
	if s.Events["failed"] != 1 || s.Events["received"] != 1 {
		t.Fatalf("%+v", s)
	}
}

// A deferred foreign key that a handler leaves open fails its commit, not more.
func TestCommitThatFailsCountsAsFailure(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	execute(t, inbox, "CREATE TABLE parent(id INTEGER PRIMARY KEY)")
	execute(t, inbox, "CREATE TABLE child(p REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)")
	id := receive(t, inbox, "a").EventID
	handle(t, inbox, "", func(_ context.Context, _ *core.Event, tx *core.Tx) error {
		_, err := tx.Exec("INSERT INTO child VALUES (7)")
		return err
	})
	runOnce(t, inbox)
	if e := event(t, inbox, id); e.Status != "failed" {
		t.Fatalf("%+v", e)
	}
	receive(t, inbox, "b")
}

// A loop's own synchronous receive must not be refused because of a handler of
// the loop that never used its transaction: its end needs nothing of the loop.
func TestReceiveBesideEndingHandlers(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	register(t, inbox)
	w := openWorker(t, inbox, core.WorkerOptions{Concurrency: 2})
	receive(t, inbox, "first")
	for n := range 300 {
		s := next(t, w, 7)
		ended := make(chan core.Finished)
		go func() { ended <- s.Finish(background, core.Outcome{Kind: "handled"}) }()
		p := request(fmt.Sprint(n), "x")
		p.Home = 7
		if _, err := inbox.Receive(background, p); err != nil {
			t.Fatal(err)
		}
		if f := <-ended; f.Status != "handled" {
			t.Fatalf("%+v", f)
		}
	}
}

// One thread never waits for itself: a synchronous call of the loop whose
// handler holds the transaction fails at once; other callers wait.
func TestWouldDeadlock(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	receive(t, inbox, "a")
	receive(t, inbox, "b")
	register(t, inbox)
	w := openWorker(t, inbox, core.WorkerOptions{Concurrency: 2})
	a, b := next(t, w, 7), next(t, w, 7)
	if err := a.Begin(background, 0); err != nil {
		t.Fatal(err)
	}
	p := request("c", "x")
	p.Home = 7
	start := time.Now()
	_, err := inbox.Receive(background, p)
	wantCode(t, err, core.CodeWouldDeadlock)
	wantCode(t, b.Begin(background, 7), core.CodeWouldDeadlock)
	if time.Since(start) > time.Second {
		t.Fatal("it waited")
	}
	// The handler that met it is given back: no attempt counts.
	if f := b.Finish(background, core.Outcome{Kind: "failed", Message: "would_deadlock"}); f.Status != "given_back" {
		t.Fatalf("%+v", f)
	}
	other := make(chan error, 1)
	go func() { _, err := inbox.Receive(background, request("d", "x")); other <- err }()
	time.Sleep(20 * time.Millisecond)
	if f := a.Finish(background, core.Outcome{Kind: "handled"}); f.Status != "handled" {
		t.Fatalf("%+v", f)
	}
	if err := <-other; err != nil {
		t.Fatal(err)
	}
	if s := next(t, w, 7); s.Event().ID != b.Event().ID || s.Attempt() != 1 {
		t.Fatal("the handler that gave way did not run again:", s.Event().ID, s.Attempt())
	}
}

// A lease that runs out while its handler runs: another worker takes the job,
// the late finish is refused, and both workers live. The two share an id.
func TestLostLease(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
	addHooks(t, inbox, core.EndpointParams{})
	execute(t, inbox, "CREATE TABLE orders(who)")
	id := receive(t, inbox, "a").EventID
	register(t, inbox)
	// A lease of an hour is renewed every 20 minutes of real time: never here.
	first := openWorker(t, inbox, core.WorkerOptions{WorkerID: "same", LeaseSeconds: 3600})
	second := openWorker(t, inbox, core.WorkerOptions{WorkerID: "same", LeaseSeconds: 3600})
	late := next(t, first, 0)
	c.advance(2 * time.Hour)
	s := next(t, second, 0)
	if s.Attempt() != 2 {
		t.Fatal("attempt", s.Attempt())
	}
	_, err := late.Exec(background, 0, "INSERT INTO orders VALUES ('late')", nil, nil)
	wantCode(t, err, core.CodeLeaseLost)
	if f := late.Finish(background, core.Outcome{Kind: "handled"}); f.Status != "lost" || f.Err.Code != core.CodeLeaseLost {
		t.Fatalf("%+v", f)
	}
	if _, err := s.Exec(background, 0, "INSERT INTO orders VALUES ('second')", nil, nil); err != nil {
		t.Fatal(err)
	}
	if f := s.Finish(background, core.Outcome{Kind: "handled"}); f.Status != "handled" {
		t.Fatalf("%+v", f)
	}
	if e := event(t, inbox, id); e.Status != "handled" || e.AttemptCount != 2 {
		t.Fatalf("%+v", e)
	}
	receive(t, inbox, "b")
	if s := next(t, first, 0); s.Finish(background, core.Outcome{Kind: "handled"}).Status != "handled" {
		t.Fatal("the first worker did not live on")
	}
	if n := count(t, inbox, "SELECT count(*) FROM orders"); n != 1 {
		t.Fatal("rows", n)
	}
}

// A job whose worker dies each time ends as dead, and its event with it.
func TestPoisonJobDies(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}, Retry: core.RetryPolicy{MaxAttempts: 2}})
	addHooks(t, inbox, core.EndpointParams{})
	id := receive(t, inbox, "a").EventID
	register(t, inbox)
	w := openWorker(t, inbox, core.WorkerOptions{LeaseSeconds: 3600, Concurrency: 9})
	for range 2 {
		next(t, w, 0) // never finished: as if its process had died
		c.advance(2 * time.Hour)
	}
	if s, err := w.Next(background, 0, 0); s != nil || err != nil {
		t.Fatal(s, err)
	}
	if e := event(t, inbox, id); e.Status != "dead" || e.AttemptCount != 2 {
		t.Fatalf("%+v", e)
	}
}

// The time limit of a handler ends its run as failed, though it never returns.
func TestHandlerTimeout(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	id := receive(t, inbox, "a").EventID
	if _, err := inbox.RegisterHandler(core.HandlerParams{Endpoint: "hooks", TimeoutSeconds: 0.1}); err != nil {
		t.Fatal(err)
	}
	s := next(t, openWorker(t, inbox, core.WorkerOptions{}), 0)
	<-s.Over()
	wantCode(t, s.Begin(background, 0), core.CodeHandlerTimeout)
	if e := event(t, inbox, id); e.Status != "failed" {
		t.Fatalf("%+v", e)
	}
	if f := s.Finish(background, core.Outcome{Kind: "handled"}); f.Status != "lost" {
		t.Fatalf("%+v", f)
	}
}

// Ignoring an event while its handler runs wins: the handler's writes go.
func TestIgnoredMeanwhile(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	execute(t, inbox, "CREATE TABLE orders(id)")
	id := receive(t, inbox, "a").EventID
	register(t, inbox)
	s := next(t, openWorker(t, inbox, core.WorkerOptions{}), 0)
	if err := inbox.Ignore(background, id); err != nil {
		t.Fatal(err)
	}
	_, err := s.Exec(background, 0, "INSERT INTO orders VALUES (1)", nil, nil)
	wantCode(t, err, core.CodeLeaseLost)
	s.Finish(background, core.Outcome{Kind: "handled"})
	if e := event(t, inbox, id); e.Status != "ignored" {
		t.Fatalf("%+v", e)
	}
}

// Stopping lets handlers end, cuts off those that don't, and gives back what
// never started, without an attempt.
func TestStop(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	var ids []int64
	for _, id := range []string{"a", "b", "c"} {
		ids = append(ids, receive(t, inbox, id).EventID)
	}
	register(t, inbox)
	w := openWorker(t, inbox, core.WorkerOptions{})
	s := next(t, w, 0)
	if err := s.Begin(background, 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan core.StopReport, 1)
	go func() {
		r, err := w.Stop(background, 200*time.Millisecond)
		if err != nil && core.CodeOf(err) != core.CodeBusy {
			t.Error(err)
		}
		done <- r
	}()
	time.Sleep(50 * time.Millisecond)
	if _, err := s.Exec(background, 0, "CREATE TABLE late(a)", nil, nil); err != nil {
		t.Fatal(err)
	}
	r := <-done
	if len(r.RolledBack) != 1 || r.RolledBack[0] != ids[0] {
		t.Fatalf("%+v", r)
	}
	_, err := w.Next(background, 0, 0)
	wantCode(t, err, core.CodeStopped)
	if f := s.Finish(background, core.Outcome{Kind: "handled"}); f.Status != "lost" || !errors.Is(f.Err, &core.Error{Code: core.CodeStopped}) {
		t.Fatalf("%+v", f)
	}
	again := openWorker(t, inbox, core.WorkerOptions{Concurrency: 3})
	for range ids {
		if s := next(t, again, 0); s.Attempt() != 1 {
			t.Fatal("an attempt was counted:", s.Attempt())
		}
	}
}

// Without a handler the endpoint's rule decides.
func TestUnhandled(t *testing.T) {
	for rule, want := range map[string]string{"dead": "dead", "ignore": "ignored", "leave": "received"} {
		inbox := open(t, core.Options{})
		addHooks(t, inbox, core.EndpointParams{Unhandled: rule})
		id := receive(t, inbox, "a").EventID
		if n := runOnce(t, inbox); n != 0 {
			t.Fatal("ran", n)
		}
		if e := event(t, inbox, id); e.Status != want {
			t.Errorf("%s: %+v", rule, e)
		}
	}
}

// The lookup goes from the exact type over the longest prefix to the default.
func TestHandlerLookup(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	got := map[string]string{}
	for _, place := range []string{"", "*", "invoice.*", "invoice.item.*", "invoice.paid"} {
		handle(t, inbox, place, func(_ context.Context, e *core.Event, _ *core.Tx) error { got[e.EventType] = place; return nil })
	}
	want := map[string]string{"invoice.paid": "invoice.paid", "invoice.made": "invoice.*", "invoice.item.made": "invoice.item.*", "order": "*"}
	for eventType := range want {
		if _, err := inbox.Receive(background, request("", eventType)); err != nil {
			t.Fatal(err)
		}
	}
	runOnce(t, inbox)
	for eventType, place := range want {
		if got[eventType] != place {
			t.Errorf("%s went to %q, want %q", eventType, got[eventType], place)
		}
	}
}

// A stop ends within its deadline also while one handler holds the transaction
// and another waits for it.
func TestStopIsBounded(t *testing.T) {
	inbox := withEndpoint(t, core.Options{MaxTransaction: time.Minute, BusyTimeout: time.Minute})
	receive(t, inbox, "a")
	receive(t, inbox, "b")
	register(t, inbox)
	w := openWorker(t, inbox, core.WorkerOptions{Concurrency: 2})
	holder, waiting := next(t, w, 0), next(t, w, 0)
	if err := holder.Begin(background, 0); err != nil {
		t.Fatal(err)
	}
	met := make(chan error, 1)
	go func() { met <- waiting.Begin(background, 0) }()
	time.Sleep(50 * time.Millisecond)
	start := time.Now()
	r, err := w.Stop(background, 100*time.Millisecond)
	if err != nil || len(r.RolledBack) != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Fatal("the stop took", took)
	}
	wantCode(t, <-met, core.CodeStopped)
}

// A worker whose handlers are slow holds few jobs that it has not started: the
// others are for its neighbours.
func TestSlowHandlersClaimFewJobs(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	for range 40 {
		receive(t, inbox, "")
	}
	register(t, inbox)
	w := openWorker(t, inbox, core.WorkerOptions{})
	for range 12 { // the first ones show the pace
		s := next(t, w, 0)
		time.Sleep(100 * time.Millisecond)
		s.Finish(background, core.Outcome{Kind: "handled"})
	}
	next(t, w, 0)
	if s, err := inbox.Stats(background); err != nil || s.JobsHeld > 2 {
		t.Fatalf("jobs held: %d (%v)", s.JobsHeld, err)
	}
}
