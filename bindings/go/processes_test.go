package knockersqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// processRole names what a process of these tests does: "lives", "dies" or
// "receives".
const (
	processRole = "KNOCKER_TEST_PROCESS"
	processFile = "KNOCKER_TEST_FILE"
)

func openPatient(t *testing.T, path string) *knockersqlite.Inbox {
	t.Helper()
	inbox, err := knockersqlite.OpenWith(path, knockersqlite.Options{BusyTimeout: time.Minute, ReceiveTimeout: time.Minute, MaxTransaction: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "shop", Provider: "token-header", Secrets: "secret"}); err != nil {
		t.Fatal(err)
	}
	return inbox
}

func post(t *testing.T, inbox *knockersqlite.Inbox) int64 {
	t.Helper()
	result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "shop", Body: []byte("{}"), Headers: map[string]any{"x-knocker-token": "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	return result.EventID
}

// TestProcess is a process of the tests below; by itself it does nothing.
func TestProcess(t *testing.T) {
	role, path := os.Getenv(processRole), os.Getenv(processFile)
	if role == "" {
		return
	}
	inbox := openPatient(t, path)
	if role == "receives" {
		for {
			fmt.Printf("event %d\n", post(t, inbox))
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	err := inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		_, err := tx.Exec("INSERT INTO seen VALUES (?)", event.ID)
		if role == "dies" && event.AttemptCount == 1 && event.ID%4 == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for waiting(t, inbox) > 0 {
			time.Sleep(50 * time.Millisecond)
		}
		stop()
	}()
	if err := inbox.RunWorker(ctx, knockersqlite.WorkerOptions{Concurrency: 4, Lease: time.Second}); err != nil {
		t.Fatal(err)
	}
}

func waiting(t *testing.T, inbox *knockersqlite.Inbox) int64 {
	stats, err := inbox.Stats(context.Background())
	if err != nil {
		t.Error(err)
		return 0
	}
	return stats.Events["received"] + stats.Events["processing"] + stats.Events["failed"]
}

func process(role, path string) *exec.Cmd {
	command := exec.Command(os.Args[0], "-test.run", "^TestProcess$", "-test.timeout", "100s")
	command.Env = append(os.Environ(), processRole+"="+role, processFile+"="+path)
	return command
}

func withEvents(t *testing.T, count int) (*knockersqlite.Inbox, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	inbox := openPatient(t, path)
	for range count {
		post(t, inbox)
	}
	run(t, applicationDB(t, path), "CREATE TABLE seen (event INTEGER)")
	return inbox, path
}

func seenOnce(t *testing.T, path string, count int) {
	t.Helper()
	got := read[string](t, applicationDB(t, path), "SELECT count(*) || '|' || count(DISTINCT event) FROM seen")
	if want := fmt.Sprintf("%d|%d", count, count); got != want {
		t.Errorf("rows and events are %s, want %s", got, want)
	}
}

// A row for each run that was committed: an event that ran twice would have two.
func TestManySlotsAndProcessesHandleEachEventOnce(t *testing.T) {
	_, path := withEvents(t, 80)
	var running []*exec.Cmd
	for range 3 {
		command := process("lives", path)
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, command)
	}
	for _, command := range running {
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	}
	seenOnce(t, path, 80)
}

// SIGKILL after the handler's INSERT: the next process runs the event again, and
// only its row is there.
func TestEachEventIsWorkedOnceHoweverOftenTheWorkerDies(t *testing.T) {
	inbox, path := withEvents(t, 24)
	killed := 0
	for waiting(t, inbox) > 0 {
		if err := process("dies", path).Run(); err != nil && err.Error() == "signal: killed" {
			killed++
		}
	}
	if killed < 2 {
		t.Errorf("only %d processes were killed", killed)
	}
	seenOnce(t, path, 24)
}

func TestEveryAnsweredReceiptSurvivesSIGKILL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	inbox := openPatient(t, path)
	for range 3 {
		command := process("receives", path)
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		answered := 0
		for lines := bufio.NewScanner(output); lines.Scan(); {
			number, ok := strings.CutPrefix(lines.Text(), "event ")
			if !ok {
				continue
			}
			id, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := inbox.GetEvent(context.Background(), id); err != nil {
				t.Errorf("event %d was answered and is not stored: %v", id, err)
			}
			if answered++; answered == 20 {
				_ = command.Process.Kill()
			}
		}
		_ = command.Wait()
		if answered < 20 {
			t.Errorf("only %d were answered", answered)
		}
	}
}

// A worker that is told to stop lets its running handler end, and keeps its rows.
func TestStopLetsAHandlerFinish(t *testing.T) {
	inbox, path := withEvents(t, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	err := inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		stop()
		time.Sleep(200 * time.Millisecond)
		_, err := tx.Exec("INSERT INTO seen VALUES (?)", event.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := inbox.RunWorker(ctx, knockersqlite.WorkerOptions{}); err != nil {
		t.Fatal(err)
	}
	seenOnce(t, path, 1)
}
