package core_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// childDoesBoth receives and works with eight callers each until its standard
// input is closed, and prints how many it received and the longest wait.
func childDoesBoth(path string) {
	inbox := childInbox(path)
	if err := inbox.Handle(core.HandlerParams{Endpoint: "hooks"}, insertOrder); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	ctx, stop := context.WithCancel(background)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		if err := inbox.RunWorker(ctx, core.WorkerOptions{Endpoints: []string{"hooks"}, Concurrency: 8}); err != nil {
			fmt.Println("error", err)
		}
	}()
	var received, longest atomic.Int64
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for ctx.Err() == nil {
				start := time.Now()
				if _, err := inbox.Receive(background, request("", "x")); err != nil {
					fmt.Println("error", err)
					return
				}
				received.Add(1)
				for took := time.Since(start).Milliseconds(); ; {
					if l := longest.Load(); took <= l || longest.CompareAndSwap(l, took) {
						break
					}
				}
			}
		}()
	}
	all.Wait()
	fmt.Println("done", received.Load(), longest.Load())
	os.Exit(0)
}

// childDies is a worker whose handler ends the process for one kind of event.
func childDies(path string) {
	childHandles(path, 0, func(ctx context.Context, e *core.Event, tx *core.Tx) error {
		if e.EventType == "poison" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return insertOrder(ctx, e, tx)
	})
}

// Eight processes with eight receivers and eight handlers each on one file: no
// error, nothing lost, nothing run twice, and nobody waits long.
func TestManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	inbox := openAt(t, path, core.Options{})
	addHooks(t, inbox, core.EndpointParams{})
	execute(t, inbox, "CREATE TABLE orders(event INTEGER)")
	type process struct {
		lines *bufio.Scanner
		stdin io.Closer
		wait  func() error
	}
	var processes []process
	for range 8 {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childVariable+"=both="+path)
		c.Stderr = os.Stderr
		in, _ := c.StdinPipe()
		out, _ := c.StdoutPipe()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Process.Kill() }()
		processes = append(processes, process{bufio.NewScanner(out), in, c.Wait})
	}
	life := 20 * time.Second
	if testing.Short() {
		life = 3 * time.Second
	}
	time.Sleep(life)
	for _, p := range processes {
		_ = p.stdin.Close()
	}
	total, slowest := int64(0), int64(0)
	for _, p := range processes {
		for p.lines.Scan() {
			var received, longest int64
			if n, _ := fmt.Sscanf(p.lines.Text(), "done %d %d", &received, &longest); n != 2 {
				t.Error(p.lines.Text())
			}
			total, slowest = total+received, max(slowest, longest)
		}
		if err := p.wait(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d receipts, longest wait %d ms", total, slowest)
	if slowest > 2000 {
		t.Errorf("a caller waited %d ms", slowest)
	}
	register(t, inbox)
	drainInto(t, inbox)
	if n := count(t, inbox, "SELECT count(*) FROM orders"); n != total {
		t.Errorf("%d receipts, %d rows", total, n)
	}
	if n := count(t, inbox, "SELECT count(DISTINCT event) FROM orders"); n != total {
		t.Errorf("%d receipts, %d events with a row", total, n)
	}
	integrity(t, inbox)
}

// drainInto handles what the processes have left.
func drainInto(t *testing.T, inbox *core.Inbox) {
	t.Helper()
	handle(t, inbox, "", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		_, err := tx.Exec("INSERT INTO orders (event) VALUES (?)", e.ID)
		return err
	})
	until(t, "drained", func() bool {
		runOnce(t, inbox)
		s, err := inbox.Stats(background)
		if err != nil {
			t.Fatal(err)
		}
		return s.Events["received"]+s.Events["failed"] == 0
	})
}

// A job that kills its process each time ends as dead after its attempts, and
// its neighbours are handled.
func TestPoisonKillsItsProcess(t *testing.T) {
	attempts := 12
	if testing.Short() {
		attempts = 3
	}
	path := filepath.Join(t.TempDir(), "app.db")
	inbox := openAt(t, path, core.Options{})
	addHooks(t, inbox, core.EndpointParams{Retry: core.RetryPolicy{MaxAttempts: attempts}})
	execute(t, inbox, "CREATE TABLE orders(event INTEGER)")
	const neighbours = 40
	var poison int64
	for n := range neighbours + 1 {
		if n != 5 {
			receive(t, inbox, "")
			continue
		}
		r, err := inbox.Receive(background, request("", "poison"))
		if err != nil {
			t.Fatal(err)
		}
		poison = r.EventID
	}
	deaths := 0
	for end := time.Now().Add(90 * time.Second); event(t, inbox, poison).Status != "dead"; {
		if time.Now().After(end) {
			t.Fatalf("still alive after %d deaths: %+v", deaths, event(t, inbox, poison))
		}
		c, _ := child(t, "poison", path)
		gone := make(chan error, 1)
		go func() { gone <- c.Wait() }()
		until(t, "the worker dies or the event does", func() bool {
			select {
			case <-gone:
				deaths++
				return true
			default:
				return event(t, inbox, poison).Status == "dead"
			}
		})
		_ = c.Process.Kill()
	}
	if deaths != attempts {
		t.Errorf("%d deaths for %d attempts", deaths, attempts)
	}
	drainInto(t, inbox)
	if n := count(t, inbox, "SELECT count(DISTINCT event) FROM orders"); n != neighbours {
		t.Errorf("%d neighbours were handled", n)
	}
}
