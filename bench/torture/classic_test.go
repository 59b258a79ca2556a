//go:build knocker_torture

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

func init() { roles["classic"] = func(a []string) { check(classic(a[0])) } }

// TestMain lets a test run as a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

// Where the locks of two copies of SQLite don't exclude each other, an inbox is
// refused while the host has the file open, and refuses everything within
// seconds when the host opens it later. No receipt is taken in between that
// could be lost.
func TestInboxRefusesWhenAnotherCopyAppears(t *testing.T) {
	command := exec.Command(os.Args[0], "classic", filepath.Join(t.TempDir(), "classic.db"))
	command.Env = append(os.Environ(), "KNOCKER_CURE=classic")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func classic(path string) error {
	if err := prepare(path, "wal"); err != nil {
		return err
	}
	other, err := connect(host, path, "wal")
	if err != nil {
		return err
	}
	if err := other.Ping(); err != nil {
		return err
	}
	if _, err := core.Open(path, core.Options{}); core.CodeOf(err) != core.CodeFileInUse {
		return fmt.Errorf("open beside the host: %w", err)
	}
	other.Close()
	inbox, err := core.Open(path, core.Options{})
	if err != nil {
		return fmt.Errorf("open alone: %w", err)
	}
	defer inbox.Close()
	ctx := context.Background()
	if _, err := inbox.AddEndpoint(ctx, core.EndpointParams{Name: "a", Provider: "token-header", Secrets: "token"}); err != nil {
		return err
	}
	receive := func() error {
		_, err := inbox.Receive(ctx, core.ReceiveParams{Endpoint: "a", Headers: map[string]any{"X-Knocker-Token": "token"}, Body: []byte("{}")})
		return err
	}
	for range 15 { // longer than the watch takes to look for the first time
		if err := receive(); err != nil {
			return fmt.Errorf("alone: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	worker, err := inbox.OpenWorker(core.WorkerOptions{})
	if err != nil {
		return err
	}
	if other, err = connect(host, path, "wal"); err == nil {
		err = other.Ping()
	}
	if err != nil {
		return err
	}
	defer other.Close()
	start := time.Now()
	for err = receive(); err == nil && time.Since(start) < 4*time.Second; err = receive() {
		time.Sleep(20 * time.Millisecond)
	}
	if core.CodeOf(err) != core.CodeFileInUse {
		return fmt.Errorf("after the host has come: %w", err)
	}
	if _, err := worker.Next(ctx, time.Second, 0); core.CodeOf(err) != core.CodeFileInUse {
		return fmt.Errorf("the worker: %w", err)
	}
	if _, err := inbox.GetEvent(ctx, 1); core.CodeOf(err) != core.CodeFileInUse {
		return fmt.Errorf("a read: %w", err)
	}
	return nil
}
