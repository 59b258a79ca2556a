package core_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// childStops is a worker that says when its handler begins, "early" or "late" in
// its transaction, and how that ended.
func childStops(path string) {
	childHandles(path, 0, func(_ context.Context, e *core.Event, tx *core.Tx) error {
		if e.EventType == "inside" {
			_, _ = tx.Exec("INSERT INTO orders (event) VALUES (?)", e.ID)
		}
		fmt.Println("begun")
		time.Sleep(300 * time.Millisecond)
		_, err := tx.Exec("INSERT INTO orders (event) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM orders WHERE event = ?1)", e.ID)
		fmt.Println("wrote", core.CodeOf(err))
		return err
	})
}

// A process that stands still for longer than its lease, and goes on, has lost
// its job: its handler's late writes are refused, and the event ran once. One
// that stands still inside its transaction makes the others wait, within their
// bounds.
func TestStoppedProcess(t *testing.T) {
	for _, where := range []string{"outside", "inside"} {
		t.Run(where, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			inbox := openAt(t, path, core.Options{ReceiveTimeout: 400 * time.Millisecond})
			addHooks(t, inbox, core.EndpointParams{})
			execute(t, inbox, "CREATE TABLE orders(event INTEGER)")
			if _, err := inbox.Receive(background, request("", where)); err != nil {
				t.Fatal(err)
			}
			c, lines := child(t, "stopped", path)
			defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
			if !lines.Scan() || lines.Text() != "begun" {
				t.Fatal(lines.Text())
			}
			if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			if where == "inside" {
				start := time.Now()
				_, err := inbox.Receive(background, request("", "x"))
				wantCode(t, err, core.CodeBusy)
				if took := time.Since(start); took > 1500*time.Millisecond {
					t.Error("a receipt waited", took)
				}
				time.Sleep(3200 * time.Millisecond) // past max_transaction_s
			} else {
				time.Sleep(2200 * time.Millisecond) // past the lease
				register(t, inbox)
				drainInto(t, inbox)
			}
			if err := c.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "wrote") {
				t.Log(lines.Text())
			}
			if want := "wrote " + string(core.CodeLeaseLost); where == "outside" && lines.Text() != want {
				t.Errorf("the late write: %q", lines.Text())
			}
			until(t, "the writer is free", func() bool {
				_, err := inbox.Receive(background, request("", "x"))
				return err == nil
			})
			_ = c.Process.Kill()
			time.Sleep(2100 * time.Millisecond) // the lease of whatever it claimed
			drainInto(t, inbox)
			if n := count(t, inbox, "SELECT count(*) - count(DISTINCT event) FROM orders"); n != 0 {
				t.Error("rows too many:", n)
			}
			if n := count(t, inbox, "SELECT count(*) FROM orders WHERE event = (SELECT id FROM knocker_events WHERE event_type = '"+where+"')"); n != 1 {
				t.Error("rows of the event:", n)
			}
		})
	}
}

// otherProcess is the sqlite3 command line, which has run SQL that prints
// something, and keeps its connection until it reads on or the test ends.
func otherProcess(t *testing.T, path, sql string) (c *exec.Cmd, in io.WriteCloser) {
	t.Helper()
	c = exec.Command("sqlite3", path)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if _, err := io.WriteString(in, sql+"\n"); err != nil {
		t.Fatal(err)
	}
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("the other process has answered nothing")
	}
	return c, in
}

// A lock of another process: each caller waits within its bound, then is busy,
// and nothing of it is in the file.
func TestBusyAcrossProcesses(t *testing.T) {
	inbox := withEndpoint(t, core.Options{ReceiveTimeout: 300 * time.Millisecond})
	holder, in := otherProcess(t, inbox.Path(), "BEGIN IMMEDIATE; SELECT 'held';")
	var all sync.WaitGroup
	for range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			start := time.Now()
			_, err := inbox.Receive(background, request("", "x"))
			if core.CodeOf(err) != core.CodeBusy {
				t.Error(err)
			}
			if took := time.Since(start); took < 250*time.Millisecond || took > 1500*time.Millisecond {
				t.Error("it waited", took)
			}
		}()
	}
	all.Wait()
	_, _ = io.WriteString(in, "ROLLBACK;\n")
	_ = in.Close()
	_ = holder.Wait()
	receive(t, inbox, "after")
	if s, err := inbox.Stats(background); err != nil || s.Deliveries != 1 {
		t.Fatalf("%+v %v", s, err)
	}
}

// The rule about second connections is told where it was broken, and only there.
func TestSecondConnectionIsExplained(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	execute(t, inbox, "CREATE TABLE orders(event INTEGER)")
	inside, outside := receive(t, inbox, "inside").EventID, receive(t, inbox, "outside").EventID
	handle(t, inbox, "", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		if e.ID == inside {
			if _, err := tx.Exec("INSERT INTO orders VALUES (1)"); err != nil {
				return err
			}
			said, err := exec.Command("sqlite3", inbox.Path(), "INSERT INTO orders VALUES (2)").CombinedOutput()
			return fmt.Errorf("%w: %s", err, said)
		}
		return fmt.Errorf("another file: database is locked")
	})
	runOnce(t, inbox)
	for id, explained := range map[int64]bool{inside: true, outside: false} {
		last := event(t, inbox, id).LastError
		if !strings.Contains(last, "database is locked") || strings.Contains(last, "write through tx") != explained {
			t.Errorf("explained should be %v: %s", explained, last)
		}
	}
}

// A hook that panics is the application's fault: receipts are answered, events
// handled, and the inbox stays usable.
func TestHookThatPanics(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	inbox.Subscribe(func(core.HookEvent) { panic("a hook of the application") })
	q := inbox.SubscribeQueue(100)
	for n := range 3 {
		receive(t, inbox, fmt.Sprint(n))
	}
	handle(t, inbox, "", func(context.Context, *core.Event, *core.Tx) error { return nil })
	if n := runOnce(t, inbox); n != 3 {
		t.Fatal("handled", n)
	}
	heard := map[string]int{}
	events, _ := q.Poll(100)
	for _, ev := range events {
		heard[ev.Kind]++
	}
	if heard[core.HookReceived] != 3 || heard[core.HookHandled] != 3 {
		t.Errorf("the other hook heard %v", heard)
	}
}
