package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// A caller that is cancelled, or whose time is over, while others hold the
// writer: its receipt is there whole where it was answered, and not at all where
// it was not.
func TestCancelledAndLateCallers(t *testing.T) {
	inbox := withEndpoint(t, core.Options{MaxTransaction: 20 * time.Millisecond})
	execute(t, inbox, "CREATE TABLE orders(event)")
	handle(t, inbox, "", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		_, err := tx.Exec("INSERT INTO orders VALUES (?)", e.ID)
		time.Sleep(time.Duration(rand.IntN(15)) * time.Millisecond)
		return err
	})
	ctx, stop := context.WithCancel(background)
	done := make(chan error, 1)
	go func() { done <- inbox.RunWorker(ctx, core.WorkerOptions{Concurrency: 2}) }()
	var mu sync.Mutex
	var all sync.WaitGroup
	stored, ended := map[string]bool{}, map[core.Code]int{}
	for caller := range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range 60 {
				id := fmt.Sprintf("%d-%d", caller, n)
				p := request(id, "x")
				own, cancel := context.WithCancel(background)
				if n%2 == 0 {
					time.AfterFunc(time.Duration(rand.IntN(8000))*time.Microsecond, cancel)
				} else {
					p.TimeoutMilliseconds = 1 + rand.Int64N(6)
				}
				_, err := inbox.Receive(own, p)
				cancel()
				mu.Lock()
				stored[id] = err == nil
				ended[core.CodeOf(err)]++
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if ended[""] == 0 || ended[core.CodeCancelled] == 0 || ended[core.CodeBusy] == 0 || len(ended) != 3 {
		t.Fatal(ended)
	}
	for id, want := range stored {
		got := shell(t, inbox.Path(), `SELECT (SELECT count(*) FROM knocker_deliveries WHERE dedupe_key = '`+id+`') || (SELECT count(*) FROM knocker_events WHERE dedupe_key = '`+id+`')`)
		if got != map[bool]string{true: "11\n", false: "00\n"}[want] {
			t.Errorf("%s: answered %v, delivery and event %q", id, want, got)
		}
	}
}

// The WAL starts over under steady load, so it stays small, and so does a
// receipt's wait for it.
func TestWALStaysSmall(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	body := bytes.Repeat([]byte("x"), 32<<10)
	ctx, stop := context.WithTimeout(background, 3*time.Second)
	defer stop()
	var all sync.WaitGroup
	var mu sync.Mutex
	written, largest := 0, int64(0)
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for ctx.Err() == nil {
				p := request("", "x")
				p.Body = body
				if _, err := inbox.Receive(background, p); err != nil {
					t.Error(err)
					return
				}
				info, err := os.Stat(inbox.Path() + "-wal")
				mu.Lock()
				written += len(body)
				if err == nil {
					largest = max(largest, info.Size())
				}
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	t.Logf("%d MiB of bodies, WAL at most %d MiB", written>>20, largest>>20)
	if written < 72<<20 {
		t.Skip("this disk is too slow to show anything")
	}
	if largest > 64<<20 {
		t.Errorf("the WAL grew to %d MiB over %d MiB of bodies", largest>>20, written>>20)
	}
}

// Refused bodies give way to max_orphan_bytes too, but for the first evidence.
func TestFloodIsBoundedInBytes(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}, MaxOrphanBytes: 1 << 20})
	addHooks(t, inbox, core.EndpointParams{})
	for n := range 1000 + 40*20 {
		if n >= 1000 && n%20 == 0 {
			c.advance(time.Second)
		}
		p := request("", "x")
		p.Headers, p.Body = map[string]any{"X-Knocker-Token": "guess"}, bytes.Repeat([]byte("x"), 2<<10)
		if r, err := inbox.Receive(background, p); err != nil || r.DeliveryID == 0 {
			t.Fatal(n, r, err)
		}
	}
	until(t, "what came after the evidence gives way", func() bool {
		s, err := inbox.Stats(background)
		if err != nil {
			t.Fatal(err)
		}
		return s.Orphans["rejected"] <= 1000+500
	})
	if first, err := inbox.GetDelivery(background, 1); err != nil || first.Kind != "rejected" {
		t.Fatal("the first evidence is gone:", err)
	}
}

// Hooks tell how handlers ended, with durations and codes, and of what took a
// handler's work away.
func TestHooksOfWorkers(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}, MaxTransaction: 50 * time.Millisecond})
	addHooks(t, inbox, core.EndpointParams{Retry: core.RetryPolicy{MaxAttempts: 2}})
	q := inbox.SubscribeQueue(100)
	register(t, inbox)
	receive(t, inbox, "a")
	heard := func() map[string]core.HookEvent {
		out := map[string]core.HookEvent{}
		events, _ := q.Poll(100)
		for _, ev := range events {
			out[ev.Kind] = ev
		}
		return out
	}
	first := openWorker(t, inbox, core.WorkerOptions{LeaseSeconds: 1})
	s := next(t, first, 0)
	if err := s.Begin(background, 0); err != nil {
		t.Fatal(err)
	}
	until(t, "the transaction is rolled back", func() bool { open, _, _ := s.State(); return !open })
	s.Finish(background, core.Outcome{Kind: "handled"})
	got := heard()
	if ev := got[core.HookTransactionIdle]; ev.EventID != 1 || ev.Duration < 50*time.Millisecond {
		t.Errorf("%+v", got)
	}
	if ev := got[core.HookFailed]; ev.EventID != 1 || ev.Code != string(core.CodeTransactionTimeout) || ev.Duration <= 0 {
		t.Errorf("%+v", got)
	}
	c.advance(2 * time.Hour)
	s = next(t, first, 0)
	shell(t, inbox.Path(), "UPDATE _honker_live SET worker_id = 'another', attempts = attempts + 1")
	if f := s.Finish(background, core.OutcomeOf(nil)); f.Status != "lost" {
		t.Errorf("%+v", f)
	}
	if ev := heard()[core.HookLeaseLost]; ev.EventID != 1 {
		t.Errorf("%+v", ev)
	}
	receive(t, inbox, "b")
	next(t, first, 0).Finish(background, core.OutcomeOf(&core.Discard{Reason: "no"}))
	receive(t, inbox, "c")
	next(t, first, 0).Finish(background, core.OutcomeOf(&core.IgnoreEvent{}))
	receive(t, inbox, "d")
	next(t, first, 0).Finish(background, core.OutcomeOf(errors.New("no")))
	got = heard()
	for kind, id := range map[string]int64{core.HookDead: 2, core.HookIgnored: 3, core.HookFailed: 4} {
		if got[kind].EventID != id {
			t.Errorf("%s: %+v", kind, got[kind])
		}
	}
}
