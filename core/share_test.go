package core_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/internal/testvfs"
)

// Of events whose commits are shared, only the guilty fail: by an error, by a
// statement that takes the whole transaction away, by a deferred foreign key.
func TestSharedCommitsFailAlone(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
	addHooks(t, inbox, core.EndpointParams{})
	execute(t, inbox, "CREATE TABLE orders(event UNIQUE)")
	execute(t, inbox, "INSERT INTO orders VALUES (0)")
	execute(t, inbox, "CREATE TABLE parent(id INTEGER PRIMARY KEY)")
	execute(t, inbox, "CREATE TABLE child(p REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)")
	const events = 60
	kinds := map[int64]string{}
	for n := range events {
		id := receive(t, inbox, fmt.Sprint(n)).EventID
		switch n {
		case 7, 23:
			kinds[id] = "error"
		case 11, 40:
			kinds[id] = "vanish"
		case 17, 29:
			kinds[id] = "deferred"
		}
	}
	runs := map[int64]int{}
	var mu sync.Mutex
	handle(t, inbox, "", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		mu.Lock()
		runs[e.ID]++
		mu.Unlock()
		if _, err := tx.Exec("INSERT INTO orders VALUES (?)", e.ID); err != nil {
			return err
		}
		switch kinds[e.ID] {
		case "error":
			return errors.New("no")
		case "vanish":
			_, err := tx.Exec("INSERT OR ROLLBACK INTO orders VALUES (0)")
			return err
		case "deferred":
			_, err := tx.Exec("INSERT INTO child VALUES (99)")
			return err
		}
		return nil
	})
	runOnce(t, inbox)
	s, err := inbox.Stats(background)
	if err != nil || s.Events["failed"] != 6 || s.JobsHeld != 0 {
		t.Fatalf("%+v %v", s, err)
	}
	if n := count(t, inbox, "SELECT count(*) FROM orders"); n != events-6+1 {
		t.Fatal("rows", n)
	}
	for id, kind := range kinds {
		if e := event(t, inbox, id); e.Status != "failed" || e.AttemptCount != 1 {
			t.Errorf("%s: %+v", kind, e)
		}
	}
}

// Concurrent slots hand one open transaction on; receipts come in between, and
// every event's row is there once.
func TestSharedCommitsGiveWay(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	execute(t, inbox, "CREATE TABLE orders(event)")
	handle(t, inbox, "", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		_, err := tx.Exec("INSERT INTO orders VALUES (?)", e.ID)
		return err
	})
	ctx, stop := context.WithCancel(background)
	done := make(chan error, 1)
	go func() { done <- inbox.RunWorker(ctx, core.WorkerOptions{Concurrency: 4}) }()
	var all sync.WaitGroup
	const callers, each = 8, 40
	for range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				if _, err := inbox.Receive(background, request("", "x")); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	until(t, "drained", func() bool {
		s, err := inbox.Stats(background)
		if err != nil {
			t.Fatal(err)
		}
		return s.Events["handled"] == callers*each+1 // and the probe that made the table
	})
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := count(t, inbox, "SELECT count(*) = count(DISTINCT event) FROM orders"); n != 1 {
		t.Fatal("an event's row is there twice")
	}
	if n := count(t, inbox, "SELECT count(*) FROM orders"); n != callers*each {
		t.Fatal("rows", n)
	}
}

// A full disk in the middle of shared commits: nothing is reported that is not
// there, and all is handled once in the end.
func TestSharedCommitsOnAFullDisk(t *testing.T) {
	if err := testvfs.Register(); err != nil {
		t.Fatal(err)
	}
	defer testvfs.FillDisk(-1)
	c := newClock()
	inbox := open(t, core.Options{VFS: testvfs.Name, Source: core.Source{Now: c.now}})
	addHooks(t, inbox, core.EndpointParams{})
	execute(t, inbox, "CREATE TABLE orders(event)")
	const events = 100
	for range events {
		receive(t, inbox, "")
	}
	q := inbox.SubscribeQueue(10_000)
	n := 0
	handle(t, inbox, "", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		if n++; n%9 == 0 {
			testvfs.FillDisk(3)
		} else if n%9 == 4 {
			testvfs.FillDisk(-1)
		}
		_, err := tx.Exec("INSERT INTO orders VALUES (?)", e.ID)
		return err
	})
	for round := 0; ; round++ {
		_, _ = inbox.RunWorkerOnce(background, core.WorkerOptions{LeaseSeconds: 1})
		testvfs.FillDisk(-1)
		if s, err := inbox.Stats(background); err == nil && s.Events["handled"] == events+1 { // and the probe
			break
		}
		if round > 60 {
			s, _ := inbox.Stats(background)
			t.Fatalf("not drained: %+v", s)
		}
		c.advance(2 * time.Hour)
	}
	heard := map[int64]int{}
	told, _ := q.Poll(10_000)
	for _, ev := range told {
		if ev.Kind == core.HookHandled {
			heard[ev.EventID]++
		}
	}
	for id, times := range heard {
		if times != 1 {
			t.Errorf("event %d was reported handled %d times", id, times)
		}
	}
	if n := count(t, inbox, "SELECT count(DISTINCT event) FROM orders"); n != events {
		t.Fatal("rows", n)
	}
	if n := count(t, inbox, "SELECT count(*) FROM orders"); n != events {
		t.Fatal("an event's row is there twice:", n)
	}
}
