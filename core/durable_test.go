package core_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/internal/testvfs"
)

// Every answered receipt was synced before its answer.
func TestEachCommitIsSynced(t *testing.T) {
	if err := testvfs.Register(); err != nil {
		t.Fatal(err)
	}
	inbox := withEndpoint(t, core.Options{VFS: testvfs.Name})
	for n := range 50 {
		before := testvfs.Count().WALSyncs
		receive(t, inbox, fmt.Sprint(n))
		if after := testvfs.Count().WALSyncs; after <= before {
			t.Fatalf("receipt %d was answered without a sync of the WAL", n)
		}
	}
}

// Handlers' commits are synced only for a worker that asks for it.
func TestHandlerSynchronous(t *testing.T) {
	if err := testvfs.Register(); err != nil {
		t.Fatal(err)
	}
	inbox := withEndpoint(t, core.Options{VFS: testvfs.Name})
	handle(t, inbox, "", func(context.Context, *core.Event, *core.Tx) error { return nil })
	for _, mode := range []string{"normal", "full"} { // in this order: full stays
		receive(t, inbox, mode)
		before := testvfs.Count().WALSyncs
		if n, err := inbox.RunWorkerOnce(background, core.WorkerOptions{HandlerSynchronous: mode}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if synced := testvfs.Count().WALSyncs > before; synced != (mode == "full") {
			t.Errorf("%s: synced is %v", mode, synced)
		}
	}
}

// A full disk refuses receipts with storage_full and loses none that were
// answered; afterwards the inbox goes on.
func TestDiskFull(t *testing.T) {
	if err := testvfs.Register(); err != nil {
		t.Fatal(err)
	}
	defer testvfs.FillDisk(-1)
	inbox := withEndpoint(t, core.Options{VFS: testvfs.Name})
	answered := 0
	for n := range 40 {
		testvfs.FillDisk(n % 7)
		_, err := inbox.Receive(background, request(fmt.Sprint(n), "x"))
		switch core.CodeOf(err) {
		case "":
			answered++
		case core.CodeStorageFull:
		default:
			t.Fatal(err)
		}
	}
	testvfs.FillDisk(-1)
	receive(t, inbox, "after")
	s, err := inbox.Stats(background)
	if err != nil || s.Deliveries != int64(answered+1) {
		t.Fatalf("%d answered, the file holds %d (%v)", answered+1, s.Deliveries, err)
	}
}

const childVariable = "KNOCKER_TEST_CHILD"

// TestMain lets the test binary be its own child process: a receiver or a
// worker that is killed at a random moment.
func TestMain(m *testing.M) {
	switch role, path, _ := strings.Cut(os.Getenv(childVariable), "="); role {
	case "receive":
		childReceives(path)
	case "work":
		childWorks(path)
	case "both":
		childDoesBoth(path)
	case "poison":
		childDies(path)
	case "migrate":
		childMigrates(path)
	case "stopped":
		childStops(path)
	case "retain":
		childRetains(path)
	default:
		os.Exit(m.Run())
	}
}

func childInbox(path string) *core.Inbox {
	inbox, err := core.Open(path, core.Options{})
	if err == nil {
		_, err = inbox.AddEndpoint(background, core.EndpointParams{Name: "hooks", Provider: "token-header", Secrets: "secret", EventKey: "header:x-id"})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return inbox
}

// childReceives prints each delivery id once it is answered.
func childReceives(path string) {
	inbox := childInbox(path)
	for caller := range 8 {
		go func() {
			for {
				r, err := inbox.Receive(background, request("", "x"))
				if err != nil {
					fmt.Println("error", caller, err)
					continue
				}
				fmt.Println(r.DeliveryID)
			}
		}()
	}
	select {}
}

func childWorks(path string) { childHandles(path, 4, insertOrder) }

func insertOrder(_ context.Context, e *core.Event, tx *core.Tx) error {
	_, err := tx.Exec("INSERT INTO orders (event) VALUES (?)", e.ID)
	return err
}

// childHandles is a worker with short leases, until somebody ends the process.
func childHandles(path string, concurrency int, handler core.HandlerFunc) {
	inbox := childInbox(path)
	err := inbox.Handle(core.HandlerParams{Endpoint: "hooks"}, handler)
	if err == nil {
		err = inbox.RunWorker(background, core.WorkerOptions{Endpoints: []string{"hooks"}, Concurrency: concurrency, LeaseSeconds: 1})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func child(t *testing.T, role, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childVariable+"="+role+"="+path)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewScanner(out)
}

func integrity(t *testing.T, inbox *core.Inbox) {
	t.Helper()
	inTx(t, inbox, func(tx *core.Tx) {
		rows, err := tx.Query("PRAGMA integrity_check")
		if err != nil || rows.Rows[0][0] != "ok" {
			t.Errorf("integrity_check: %v %v", rows.Rows, err)
		}
	})
}

// SIGKILL at random moments: every receipt that was answered is in the file.
func TestKilledReceiverLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	answered := []string{}
	for range rounds() {
		c, lines := child(t, "receive", path)
		var life *time.Timer // counted from the first answer: a start takes its time
		for lines.Scan() {
			if life == nil {
				life = time.AfterFunc(time.Duration(rand.IntN(40))*time.Millisecond, func() { _ = c.Process.Kill() })
			}
			if strings.HasPrefix(lines.Text(), "error") {
				t.Fatal(lines.Text())
			}
			answered = append(answered, lines.Text())
		}
		_ = c.Wait()
	}
	if len(answered) == 0 {
		t.Fatal("no receipt was answered: the test shows nothing")
	}
	inbox := openAt(t, path, core.Options{})
	var id int64
	for _, line := range answered {
		if _, err := fmt.Sscan(line, &id); err != nil {
			continue // the last line of a killed process may be cut
		}
		if _, err := inbox.GetDelivery(background, id); err != nil {
			t.Fatal(err)
		}
	}
	integrity(t, inbox)
	t.Logf("%d receipts answered over %d kills", len(answered), rounds())
}

// The same for the worker: each event's row is there exactly once in the end.
func TestKilledWorkerRunsEachEventOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	inbox := openAt(t, path, core.Options{})
	addHooks(t, inbox, core.EndpointParams{})
	execute(t, inbox, "CREATE TABLE orders(event INTEGER)")
	const events = 2000
	for range events {
		receive(t, inbox, "")
	}
	for range rounds() {
		c, _ := child(t, "work", path)
		time.Sleep(time.Duration(15+rand.IntN(40)) * time.Millisecond)
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	c, _ := child(t, "work", path)
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		s, err := inbox.Stats(background)
		if err != nil {
			t.Fatal(err)
		}
		if s.JobsReady+s.JobsLater+s.JobsHeld == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not drained: %+v", s)
		}
	}
	if n := count(t, inbox, "SELECT count(*) = count(DISTINCT event) AND count(*) = "+fmt.Sprint(events)+" FROM orders"); n != 1 {
		t.Fatal("an event ran twice or never")
	}
	integrity(t, inbox)
}

func rounds() int {
	if testing.Short() {
		return 5
	}
	return 50
}
