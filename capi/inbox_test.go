package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/knocker-dev/knocker/core"
)

// These tests run the functions behind the exports, so that the race detector
// sees them; capi/test runs the real library.

func text(s string) input {
	return input{unsafe.Pointer(unsafe.StringData(s)), uint64(len(s))}
}

const ingest = `{"endpoint":"shop","ingest":true,"signature_valid":true,"timeout_ms":60000}`

// answer parses a reply; it stops the test when there is an error.
func answer[T any](t *testing.T, reply []byte, err error) T {
	t.Helper()
	var value T
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(reply, &value); err != nil {
		t.Fatalf("%v in %s", err, reply)
	}
	return value
}

type opened struct{ DB, Worker uint64 }

func openShop(t *testing.T) (db uint64) {
	t.Helper()
	path, _ := json.Marshal(filepath.Join(t.TempDir(), "inbox.db"))
	reply, err := openInbox(nil, text(`{"path":`+string(path)+`,"options":{"busy_timeout_ms":60000,"max_transaction_s":60}}`))
	db = answer[opened](t, reply, err).DB
	t.Cleanup(func() { release(db) })
	mustCall(t, db, "add_endpoint", `{"name":"shop"}`)
	mustCall(t, db, "register_handler", `{"endpoint":"shop"}`)
	return db
}

func mustCall(t *testing.T, db uint64, method, request string) []byte {
	t.Helper()
	reply, err := callMethod(nil, db, method, text(request))
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return reply
}

// holdWriter opens a handler's transaction and returns how to end it.
func holdWriter(t *testing.T, db uint64) (letGo func()) {
	t.Helper()
	if _, err := received(nil, db, text(ingest), text("x")); err != nil {
		t.Fatal(err)
	}
	reply, err := openWorker(nil, db, text(`{}`))
	worker := answer[opened](t, reply, err).Worker
	reply, err = workerStep(nil, worker, text(`{"wait_ms":10000}`))
	claimed := answer[struct{ Step *struct{ Step uint64 } }](t, reply, err).Step
	if claimed == nil {
		t.Fatal("nothing was claimed")
	}
	if _, err := tx(nil, claimed.Step, text(`{"op":"begin"}`), blobList{}); err != nil {
		t.Fatal(err)
	}
	return func() {
		end := fmt.Sprintf(`{"step":%d,"outcome":{"kind":"handled"}}`, claimed.Step)
		if _, err := workerStep(nil, worker, text(end)); err != nil {
			t.Error(err)
		}
	}
}

func deliveries(t *testing.T, db uint64) int {
	return answer[struct{ Deliveries int }](t, mustCall(t, db, "stats", ""), nil).Deliveries
}

// Every ticket ends exactly once, by its outcome or by being cancelled, and what
// was cancelled is not in the file.
func TestEveryTicketEndsOnce(t *testing.T) {
	db := openShop(t)
	const callers, each = 8, 40
	var mu sync.Mutex
	var all sync.WaitGroup
	started, cancelled := map[uint64]bool{}, map[uint64]bool{}
	for caller := range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range each {
				reply, err := receiveStart(nil, db, text(ingest), text("body"))
				if err != nil {
					t.Error(err)
					return
				}
				ticket := answer[struct{ Ticket uint64 }](t, reply, nil).Ticket
				gone := false
				if (n+caller)%3 == 0 {
					reply, err := receiveCancel(nil, db, text(fmt.Sprintf(`{"ticket":%d}`, ticket)))
					gone = answer[struct{ Cancelled bool }](t, reply, err).Cancelled
				}
				mu.Lock()
				started[ticket], cancelled[ticket] = true, gone
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	ok := pollAll(t, db, started, cancelled)
	if got := deliveries(t, db); got != ok {
		t.Errorf("%d deliveries, but %d tickets ended well", got, ok)
	}
	if len(started) != callers*each {
		t.Errorf("%d tickets, want %d", len(started), callers*each)
	}
}

// pollAll fetches the outcome of every ticket that was not cancelled and
// returns how many were stored.
func pollAll(t *testing.T, db uint64, started, cancelled map[uint64]bool) (stored int) {
	t.Helper()
	waiting := map[uint64]bool{}
	for ticket := range started {
		if !cancelled[ticket] {
			waiting[ticket] = true
		}
	}
	for deadline := time.Now().Add(30 * time.Second); len(waiting) > 0; {
		reply, err := receivePoll(nil, db, text(`{"max":7}`))
		list := answer[struct{ Completed []map[string]json.RawMessage }](t, reply, err).Completed
		for _, done := range list {
			var ticket uint64
			if err := json.Unmarshal(done["ticket"], &ticket); err != nil || !waiting[ticket] {
				t.Fatalf("an outcome that nobody waits for: %s, %v", done["ticket"], err)
			}
			delete(waiting, ticket)
			if done["ok"] != nil {
				stored++
			} else if !strings.Contains(string(done["error"]), `"cancelled"`) {
				t.Errorf("ticket %d: %s", ticket, done["error"])
			}
		}
		if len(list) == 0 {
			time.Sleep(time.Millisecond)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d tickets never ended", len(waiting))
		}
	}
	return stored
}

// A stuck writer must not make the process hold bodies without end.
func TestTicketsAreBounded(t *testing.T) {
	db := openShop(t)
	letGo := holdWriter(t, db)
	started := map[uint64]bool{}
	for range maxTickets {
		reply, err := receiveStart(nil, db, text(ingest), text("x"))
		started[answer[struct{ Ticket uint64 }](t, reply, err).Ticket] = true
	}
	if _, err := receiveStart(nil, db, text(ingest), text("x")); core.CodeOf(err) != core.CodeBusy {
		t.Errorf("one ticket too many: %v", err)
	}
	letGo()
	if stored := pollAll(t, db, started, nil); stored != maxTickets {
		t.Errorf("%d of %d were stored", stored, maxTickets)
	}
	if _, err := receiveStart(nil, db, text(ingest), text("x")); err != nil {
		t.Errorf("polling makes no room: %v", err)
	}
}

// Closing answers at once although tickets, waits and another step's
// transaction are pending, and leaves no handle behind.
func TestCloseEndsEverything(t *testing.T) {
	db := openShop(t)
	holdWriter(t, db)
	reply, err := openWorker(nil, db, text(`{}`))
	waiting := answer[opened](t, reply, err).Worker
	if _, err := receiveStart(nil, db, text(ingest), text("late")); err != nil {
		t.Fatal(err)
	}
	woken := make(chan error, 1)
	go func() {
		_, err := workerStep(nil, waiting, text(`{"wait_ms":60000}`))
		woken <- err
	}()
	time.Sleep(50 * time.Millisecond)
	before := time.Now()
	if _, err := closeInbox(nil, db); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("close took %v", took)
	}
	select {
	case <-woken:
	case <-time.After(5 * time.Second):
		t.Error("a wait outlived its inbox")
	}
	for _, stale := range []uint64{db, waiting} {
		if _, ok := handles.byNumber.Load(stale); ok {
			t.Errorf("handle %d is still there", stale)
		}
	}
	if _, err := closeInbox(nil, db); core.CodeOf(err) != core.CodeClosed {
		t.Errorf("closing twice: %v", err)
	}
}

// What a finalizer gives up while other threads use it is only ever "closed".
func TestReleaseDuringCalls(t *testing.T) {
	db := openShop(t)
	reply, err := openWorker(nil, db, text(`{}`))
	worker := answer[opened](t, reply, err).Worker
	var all sync.WaitGroup
	for range 4 {
		all.Add(2)
		go func() {
			defer all.Done()
			for {
				_, err := received(nil, db, text(ingest), text("x"))
				if code := core.CodeOf(err); code == core.CodeClosed {
					return
				} else if code != "" {
					t.Error(err)
					return
				}
			}
		}()
		go func() {
			defer all.Done()
			for {
				reply, err := workerStep(nil, worker, text(`{"wait_ms":1000}`))
				if err != nil || strings.Contains(string(reply), `"stopping":true`) {
					return
				}
			}
		}()
	}
	time.Sleep(100 * time.Millisecond)
	release(db)
	release(worker)
	all.Wait()
}
