package core_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// together receives while a handler holds the writer, so that the receipts share
// one commit, and returns each one's error.
func together(t *testing.T, inbox *core.Inbox, ids ...string) map[string]error {
	t.Helper()
	register(t, inbox)
	receive(t, inbox, "holder")
	s := next(t, openWorker(t, inbox, core.WorkerOptions{}), 0)
	if err := s.Begin(background, 0); err != nil {
		t.Fatal(err)
	}
	out := map[string]error{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, id := range ids {
		all.Add(1)
		go func() {
			defer all.Done()
			_, err := inbox.Receive(background, request(id, "x"))
			mu.Lock()
			defer mu.Unlock()
			out[id] = err
		}()
	}
	time.Sleep(100 * time.Millisecond)
	s.Finish(background, core.Outcome{Kind: "handled"})
	all.Wait()
	return out
}

// What a trigger of the application does to one receipt costs the others of its
// commit nothing; and a receipt whose rows it keeps out is not answered.
func TestTriggersOnReceipts(t *testing.T) {
	const bad = "WHEN NEW.dedupe_key = 'bad' BEGIN "
	for name, c := range map[string]struct {
		trigger string
		stored  bool
	}{
		"runtime error": {"AFTER INSERT ON knocker_events " + bad + "INSERT INTO app SELECT json_extract('{no', '$.x'); END", false},
		"abort":         {"AFTER INSERT ON knocker_events " + bad + "SELECT raise(ABORT, 'no'); END", false},
		"rollback":      {"AFTER INSERT ON knocker_events " + bad + "SELECT raise(ROLLBACK, 'no'); END", false},
		"fail":          {"AFTER INSERT ON knocker_deliveries " + bad + "SELECT raise(FAIL, 'no'); END", false},
		"deferred key":  {"AFTER INSERT ON knocker_events " + bad + "INSERT INTO child VALUES (99); END", false},
		"no event":      {"BEFORE INSERT ON knocker_events " + bad + "SELECT raise(IGNORE); END", false},
		"no delivery":   {"BEFORE INSERT ON knocker_deliveries " + bad + "SELECT raise(IGNORE); END", false},
		"no job": {`BEFORE INSERT ON _honker_live WHEN EXISTS (SELECT 1 FROM knocker_events WHERE dedupe_key = 'bad'
			AND id = json_extract(NEW.payload, '$.event_id')) BEGIN SELECT raise(IGNORE); END`, false},
		"job of its own":    {"AFTER INSERT ON knocker_events " + bad + "INSERT INTO _honker_live (queue, payload) VALUES ('mine', '{}'); END", true},
		"jobs of its own":   {"AFTER INSERT ON knocker_events BEGIN INSERT INTO _honker_live (queue, payload) VALUES ('mine', '{}'); END", true},
		"row of its own":    {"AFTER INSERT ON knocker_events " + bad + "INSERT INTO app VALUES (NEW.id); END", true},
		"sequences emptied": {"AFTER INSERT ON knocker_events " + bad + "DELETE FROM sqlite_sequence; END", true},
	} {
		t.Run(name, func(t *testing.T) {
			inbox := withEndpoint(t, core.Options{})
			shell(t, inbox.Path(), `CREATE TABLE app(x); CREATE TABLE parent(id INTEGER PRIMARY KEY);
				CREATE TABLE child(p REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED); CREATE TRIGGER odd `+c.trigger)
			ids := []string{"a", "b", "bad", "c", "d"}
			for id, err := range together(t, inbox, ids...) {
				if good := id != "bad" || c.stored; good != (err == nil) {
					t.Errorf("%s: %v", id, err)
				}
				if id == "bad" && !c.stored && core.CodeOf(err) != core.CodeStorageError {
					t.Error(err)
				}
			}
			for _, id := range ids { // all three rows or none
				want := "1|1|1\n"
				if id == "bad" && !c.stored {
					want = "0|0|0\n"
				}
				got := shell(t, inbox.Path(), `SELECT (SELECT count(*) FROM knocker_deliveries WHERE dedupe_key = '`+id+`'),
					count(*), count(j.id) FROM knocker_events e LEFT JOIN _honker_live j ON j.id = e.job_id
					AND json_extract(j.payload, '$.event_id') = e.id WHERE dedupe_key = '`+id+`'`)
				if got != want {
					t.Errorf("%s: delivery, event, job are %q", id, got)
				}
			}
			if r := receive(t, inbox, "a"); !r.Duplicate {
				t.Error("the event is not found again")
			}
			receive(t, inbox, "after")
		})
	}
}

// An application that empties sqlite_sequence must not end the inbox's receipts.
func TestSequencesSetBack(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	first := receive(t, inbox, "a")
	shell(t, inbox.Path(), "DELETE FROM sqlite_sequence")
	if second := receive(t, inbox, "b"); second.EventID <= first.EventID || second.DeliveryID <= first.DeliveryID {
		t.Fatalf("%+v after %+v", second, first)
	}
}

// One event whose end a trigger refuses must not keep its neighbours from being
// handled, for ever.
func TestTriggersOnOutcomes(t *testing.T) {
	const bad = "'bad' BEGIN SELECT raise(%, 'no'); END"
	for name, trigger := range map[string]string{
		"dead":      "AFTER UPDATE ON knocker_events WHEN NEW.status = 'dead' AND NEW.dedupe_key = " + bad,
		"attempt":   "AFTER INSERT ON knocker_attempts WHEN (SELECT dedupe_key FROM knocker_events WHERE id = NEW.event_id) = " + bad,
		"unhandled": "AFTER INSERT ON knocker_attempts WHEN (SELECT event_type FROM knocker_events WHERE id = NEW.event_id) = " + bad,
	} {
		for _, how := range []string{"ABORT", "ROLLBACK"} {
			t.Run(name+" "+how, func(t *testing.T) {
				c := newClock()
				inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
				addHooks(t, inbox, core.EndpointParams{Retry: core.RetryPolicy{MaxAttempts: 2}})
				shell(t, inbox.Path(), "CREATE TRIGGER odd "+strings.Replace(trigger, "%", how, 1))
				q := inbox.SubscribeQueue(100)
				for _, id := range []string{"a", "bad", "b"} {
					kind := "thing.made"
					if name == "unhandled" && id == "bad" {
						kind = "bad"
					}
					if _, err := inbox.Receive(background, request(id, kind)); err != nil {
						t.Fatal(err)
					}
				}
				handle(t, inbox, "thing.made", func(_ context.Context, e *core.Event, _ *core.Tx) error {
					if e.DedupeKey == "bad" {
						return errors.New("no")
					}
					return nil
				})
				for range 4 {
					_, _ = inbox.RunWorkerOnce(background, core.WorkerOptions{LeaseSeconds: 1})
					c.advance(2 * time.Hour)
				}
				receive(t, inbox, "later")
				if _, err := inbox.RunWorkerOnce(background, core.WorkerOptions{LeaseSeconds: 1}); err != nil {
					t.Error(err)
				}
				s, err := inbox.Stats(background)
				if err != nil || s.Events["handled"] != 3 {
					t.Errorf("%v %v", s.Events, err)
				}
				told, _ := q.Poll(100)
				failed := false
				for _, ev := range told {
					failed = failed || ev.Kind == core.HookFailed && ev.Code == string(core.CodeStorageError) && ev.EventID == 2
				}
				if !failed {
					t.Error("nobody was told of the event that can't be settled")
				}
			})
		}
	}
}
