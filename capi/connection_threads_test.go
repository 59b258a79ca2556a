package main

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Where the file is locked, an outcome is written as soon as it is not.
func TestOutcomeWhileTheFileIsLocked(t *testing.T) {
	h := workShop(t, anyEvent)
	event := h.receive()
	w := h.worker(`{}`)
	step := w.next()
	blocker := connectHost(t, pathOf(h))
	blocker.run("BEGIN IMMEDIATE")
	h.SetBusyTimeout(time.Millisecond)
	if done := w.finish(step, failed); done["status"] != "lost" || done["error"].(fields)["code"] != "busy" {
		t.Errorf("%v", done)
	}
	if reply := w.asked(); reply["step"] != nil {
		t.Errorf("%v", reply)
	}
	blocker.run("COMMIT")
	w.asked()
	w.wantStatus(event, "failed", "ValueError: no")
}

// A job that was claimed ahead keeps its lease until its handler starts, or is
// left to whoever has taken it.
func TestClaimedAhead(t *testing.T) {
	h := connectHost(t, hostPath(t))
	h.call("attach", `{"options":{"clock":{"now_s":1000000}}}`)
	h.shop().call("register_handler", anyEvent)
	for range 3 {
		h.receive()
	}
	w, other := h.worker(`{"lease_s":30}`), h.worker(`{"lease_s":30}`)
	handle := func(step fields) {
		w.begin(step)
		w.finish(step, "handled")
		h.run("COMMIT")
	}
	handle(w.next())
	if held := h.number("SELECT count(*) FROM _honker_live WHERE state = 'processing'"); held != 2 {
		t.Fatalf("%d jobs are claimed ahead", held)
	}
	h.call("set_clock", `{"now_s":1000015}`)
	second := w.next()
	if until := h.number("SELECT claim_expires_at FROM _honker_live WHERE json_extract(payload, '$.event_id') = ?", second["event"].(fields)["id"]); until != 1000045 {
		t.Errorf("the lease ends at %d", until)
	}
	handle(second)
	h.call("set_clock", `{"now_s":1000050}`)
	taken := other.next() // the lease of the third is over
	if taken["attempt"] != 2.0 || w.asked()["step"] != nil {
		t.Errorf("%v", taken)
	}
	h.call("worker_close", fields{"worker": w.number})
	if h.number("SELECT count(*) FROM _honker_live WHERE state = 'processing' AND attempts = 2") != 1 {
		t.Error("a worker has given back what it had lost")
	}
}

// Workers of one process and connections of many threads: no event twice.
func TestManyWorkersOnConnections(t *testing.T) {
	for _, mode := range []string{"DELETE", "WAL"} {
		t.Run(mode, func(t *testing.T) {
			h := workShop(t, anyEvent)
			h.run("PRAGMA journal_mode = " + mode)
			manyWorkers(t, h)
		})
	}
}

func manyWorkers(t *testing.T, h hostConnection) {
	path := pathOf(h)
	const events = 200
	h.run("BEGIN")
	for range events {
		h.receive()
	}
	h.run("COMMIT")
	shared := h.worker(`{"concurrency":2}`).number
	var group sync.WaitGroup
	for n := range 4 {
		own := connectHost(t, path)
		w := hostWorker{own, shared}
		if n > 1 {
			w = own.worker(`{}`)
		}
		group.Add(1)
		go func() {
			defer group.Done()
			for empty := 0; empty < 20 && !t.Failed(); {
				step, _ := w.asked()["step"].(fields)
				if step == nil {
					empty++
					time.Sleep(5 * time.Millisecond)
					continue
				}
				empty = 0
				w.begin(step)
				w.run("INSERT INTO orders VALUES (?)", int64(step["event"].(fields)["id"].(float64)))
				w.finish(step, "handled")
				w.run("COMMIT")
			}
		}()
	}
	group.Wait()
	if n := h.number("SELECT count(*) FROM orders"); n != events {
		t.Errorf("%d of %d events were handled", n, events)
	}
	if n := h.number("SELECT count(*) FROM knocker_events WHERE status = 'handled' AND attempt_count = 1"); n != events {
		t.Errorf("%d events are handled at the first attempt", n)
	}
}

// A process that dies between the handler and the commit leaves the event to run
// again, and nothing of the handler's.
func TestKilledBeforeTheCommit(t *testing.T) {
	if path := os.Getenv("KNOCKER_TEST_KILL"); path != "" {
		h := connectHost(t, path).shop()
		h.call("register_handler", anyEvent)
		w := h.worker(`{"lease_s":1}`)
		step := w.next()
		w.begin(step)
		h.run("INSERT INTO orders VALUES (1)")
		w.finish(step, "handled")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	h := workShop(t, anyEvent)
	event := h.receive()
	child := exec.Command(os.Args[0], "-test.run", "^TestKilledBeforeTheCommit$")
	child.Env = append(os.Environ(), "KNOCKER_TEST_KILL="+pathOf(h))
	out, err := child.CombinedOutput()
	if err == nil || child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	if n := h.number("SELECT count(*) FROM orders"); n != 0 || h.status(event) == "handled" {
		t.Fatalf("%d orders, the event is %s", n, h.status(event))
	}
	w := h.worker(`{}`)
	var step fields
	for deadline := time.Now().Add(10 * time.Second); step == nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		step, _ = w.asked()["step"].(fields)
	}
	if step == nil || step["attempt"] != 2.0 {
		t.Fatalf("%v", step)
	}
	w.begin(step)
	h.run("INSERT INTO orders VALUES (1)")
	w.finish(step, "handled")
	h.run("COMMIT")
	w.wantStatus(event, "handled", "")
}
