package core_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

var background = context.Background()

// clock is a settable source of time.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(1767225600e9)
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func open(t *testing.T, options core.Options) *core.Inbox {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "app.db"), options)
}

func openAt(t *testing.T, path string, options core.Options) *core.Inbox {
	t.Helper()
	if options.VFS != "" {
		options.Engine = "embedded" // it belongs to that one
	}
	inbox, err := core.Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	return inbox
}

// withEndpoint opens an inbox with a token-header endpoint "hooks" whose
// identity is the header x-id.
func withEndpoint(t *testing.T, options core.Options) *core.Inbox {
	t.Helper()
	inbox := open(t, options)
	addHooks(t, inbox, core.EndpointParams{})
	return inbox
}

func addHooks(t *testing.T, inbox *core.Inbox, p core.EndpointParams) {
	t.Helper()
	p.Name, p.Provider, p.Secrets, p.EventKey = "hooks", "token-header", "secret", "header:x-id"
	if _, err := inbox.AddEndpoint(background, p); err != nil {
		t.Fatal(err)
	}
}

func request(id, eventType string) core.ReceiveParams {
	return core.ReceiveParams{Endpoint: "hooks", Headers: map[string]any{"X-Knocker-Token": "secret", "X-Id": id},
		Body: fmt.Appendf(nil, `{"type":%q,"n":1}`, eventType)}
}

func receive(t *testing.T, inbox *core.Inbox, id string) core.Result {
	t.Helper()
	r, err := inbox.Receive(background, request(id, "thing.made"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func handle(t *testing.T, inbox *core.Inbox, eventType string, fn core.HandlerFunc) {
	t.Helper()
	if err := inbox.Handle(core.HandlerParams{Endpoint: "hooks", EventType: eventType}, fn); err != nil {
		t.Fatal(err)
	}
}

func runOnce(t *testing.T, inbox *core.Inbox) int {
	t.Helper()
	n, err := inbox.RunWorkerOnce(background, core.WorkerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func event(t *testing.T, inbox *core.Inbox, id int64) core.Event {
	t.Helper()
	e, err := inbox.GetEvent(background, id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func wantCode(t *testing.T, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Fatalf("got %v, want code %s", err, code)
	}
}

// makeTable and rows stand for the application: its own table in the same file,
// seen through a handler's transaction.
func inTx(t *testing.T, inbox *core.Inbox, f func(tx *core.Tx)) {
	t.Helper()
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "probe", Provider: "token-header", Secrets: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Handle(core.HandlerParams{Endpoint: "probe"}, func(_ context.Context, _ *core.Event, tx *core.Tx) error { f(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "probe", Ingest: true, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if n, err := inbox.RunWorkerOnce(background, core.WorkerOptions{Endpoints: []string{"probe"}}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}

func execute(t *testing.T, inbox *core.Inbox, sql string) {
	t.Helper()
	inTx(t, inbox, func(tx *core.Tx) {
		if _, err := tx.Exec(sql); err != nil {
			t.Error(err)
		}
	})
}

func count(t *testing.T, inbox *core.Inbox, sql string) (n int64) {
	t.Helper()
	inTx(t, inbox, func(tx *core.Tx) {
		rows, err := tx.Query(sql)
		if err != nil {
			t.Error(err)
			return
		}
		n = rows.Rows[0][0].(int64)
	})
	return n
}

// The main job: a valid request becomes an event, its retry is folded, a forged
// one is kept as evidence, and the handler's write commits with "handled".
func TestReceiveFoldRefuseHandle(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	execute(t, inbox, "CREATE TABLE orders(id TEXT)")
	first := receive(t, inbox, "a")
	if first.StatusCode != 204 || first.Duplicate || first.EventID == 0 || first.Response.StatusCode != 204 {
		t.Fatalf("%+v", first)
	}
	again := receive(t, inbox, "a")
	if !again.Duplicate || again.EventID != first.EventID || again.DeliveryID == first.DeliveryID {
		t.Fatalf("%+v", again)
	}
	forged := request("b", "x")
	forged.Headers = map[string]any{"X-Knocker-Token": "guess"}
	refused, err := inbox.Receive(background, forged)
	if err != nil || refused.StatusCode != 401 || refused.EventID != 0 || refused.Reason != "bad_credentials" {
		t.Fatalf("%+v %v", refused, err)
	}
	handle(t, inbox, "thing.*", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		_, err := tx.Exec("INSERT INTO orders VALUES (?)", e.DedupeKey)
		return err
	})
	if n := runOnce(t, inbox); n != 1 {
		t.Fatal("handled", n)
	}
	if e := event(t, inbox, first.EventID); e.Status != "handled" || e.AttemptCount != 1 || e.HandledAt == 0 || string(e.Body) != `{"type":"thing.made","n":1}` {
		t.Fatalf("%+v", e)
	}
	if n := count(t, inbox, "SELECT count(*) FROM orders"); n != 1 {
		t.Fatal("rows", n)
	}
	d, err := inbox.GetDelivery(background, refused.DeliveryID)
	if err != nil || d.Kind != "rejected" || *d.SignatureValid || d.EventID != 0 {
		t.Fatalf("%+v %v", d, err)
	}
	if string(d.HeadersJSON) != `{"x-knocker-token":"[redacted]"}` {
		t.Fatalf("stored headers: %s", d.HeadersJSON)
	}
}

// A plain text secret is one secret, never a list of its characters.
func TestSecretIsNotIterated(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	p := request("a", "x")
	p.Headers = map[string]any{"X-Knocker-Token": "s"}
	if r, err := inbox.Receive(background, p); err != nil || r.StatusCode != 401 {
		t.Fatalf("%+v %v", r, err)
	}
}

// A failing handler leaves no row of its own, runs again by the backoff, and
// ends as dead.
func TestFailuresRollBackAndRetry(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}, Retry: core.RetryPolicy{MaxAttempts: 3}})
	addHooks(t, inbox, core.EndpointParams{})
	execute(t, inbox, "CREATE TABLE orders(id TEXT)")
	id := receive(t, inbox, "a").EventID
	handle(t, inbox, "", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		if _, err := tx.Exec("INSERT INTO orders VALUES ('x')"); err != nil {
			return err
		}
		if e.AttemptCount == 2 {
			panic("second run")
		}
		return errors.New("no stock")
	})
	for attempt, wait := range []time.Duration{time.Second, 3 * time.Second, 0} {
		if n := runOnce(t, inbox); n != 1 {
			t.Fatal("attempt", attempt, "ran", n)
		}
		if n := runOnce(t, inbox); n != 0 {
			t.Fatal("ran again without waiting")
		}
		c.advance(wait + time.Second)
	}
	e := event(t, inbox, id)
	if e.Status != "dead" || e.AttemptCount != 3 || e.LastError != "*errors.errorString: no stock" {
		t.Fatalf("%+v", e)
	}
	attempts, err := inbox.ListAttempts(background, id)
	if err != nil || len(attempts) != 3 || attempts[0].Outcome != "failed" || attempts[2].Outcome != "dead" {
		t.Fatalf("%+v %v", attempts, err)
	}
	if n := count(t, inbox, "SELECT count(*) FROM orders"); n != 0 {
		t.Fatal("a failed run left rows:", n)
	}
	if n := count(t, inbox, "SELECT count(*) FROM _honker_dead"); n != 1 {
		t.Fatal("dead jobs", n)
	}
}

// 100 callers at once: no error, nothing lost or doubled, one event an identity.
func TestConcurrentReceives(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	var all sync.WaitGroup
	const callers, each = 100, 20
	for n := range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			for m := range each {
				if _, err := inbox.Receive(background, request(fmt.Sprint((n*each+m)%500), "x")); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	s, err := inbox.Stats(background)
	if err != nil || s.Deliveries != callers*each || s.Events["received"] != 500 || s.Duplicates != callers*each-500 || s.JobsReady != 500 {
		t.Fatalf("%+v %v", s, err)
	}
	if s.Process["commits"] >= callers*each {
		t.Errorf("%d commits for %d receipts: nothing was shared", s.Process["commits"], callers*each)
	}
}

// Two opens of one file are one engine; the last registration of a place wins.
func TestOneEngineAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	a, b := openAt(t, path, core.Options{}), openAt(t, path, core.Options{})
	addHooks(t, a, core.EndpointParams{})
	_, err := core.Open(path, core.Options{QueueName: "other"})
	wantCode(t, err, core.CodeOpenOptionsConflict)
	if !strings.Contains(err.Error(), "queue_name") {
		t.Fatal("the option is not named as users write it:", err)
	}
	ran := ""
	handle(t, a, "", func(context.Context, *core.Event, *core.Tx) error { ran += "a"; return nil })
	handle(t, b, "", func(context.Context, *core.Event, *core.Tx) error { ran += "b"; return nil })
	receive(t, b, "1")
	if n := runOnce(t, a); n != 1 || ran != "b" {
		t.Fatal(n, ran)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, a.Close(), core.CodeClosed)
	_, err = a.Receive(background, request("2", "x"))
	wantCode(t, err, core.CodeClosed)
	receive(t, b, "2")
}
