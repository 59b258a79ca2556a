package main_test

import (
	"context"
	"strings"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// ps shows what a worker of another process runs at that moment.
func TestRunning(t *testing.T) {
	s := newShop(t)
	s.now.Store(time.Now().Unix()) // leases are compared with the program's clock
	if out := knocker(t, "--db", s.file, "ps"); out.code != 0 || out.out != "" || out.err != "no jobs\n" {
		t.Error(out)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	err := s.RegisterHandler("orders", func(knockersqlite.Event, *knockersqlite.Tx) error {
		close(entered)
		<-leave
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.receive(t, "orders", "s3cret", "", `{"type":"order.paid"}`)
	ended := make(chan error, 1)
	go func() {
		_, err := s.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{WorkerID: "night-shift"})
		ended <- err
	}()
	<-entered
	out := works(t, "--db", s.file, "ps")
	if !strings.Contains(out, "order.paid") || !strings.Contains(out, "night-shift") || strings.Contains(out, "over") {
		t.Error(out)
	}
	if out := works(t, "--db", s.file, "--json", "ps", "--endpoint", "invoices"); out != "{\"cursor\":null,\"running\":[]}\n" {
		t.Error(out)
	}
	fails(t, 3, "unknown_endpoint", "--db", s.file, "ps", "--endpoint", "none")
	close(leave)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A paused endpoint receives, and its events wait until it is resumed.
func TestPause(t *testing.T) {
	s := newShop(t)
	runs := 0
	if err := s.RegisterHandler("orders", func(knockersqlite.Event, *knockersqlite.Tx) error { runs++; return nil }); err != nil {
		t.Fatal(err)
	}
	if out := works(t, "--db", s.file, "pause", "orders"); out != "endpoint orders is paused\n" {
		t.Error(out)
	}
	s.receive(t, "orders", "s3cret", "", "{}")
	work := func() {
		t.Helper()
		if _, err := s.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	work()
	golden(t, "stats-by-endpoint", works(t, "--db", s.file, "stats", "--by-endpoint"))
	if out := works(t, "--db", s.file, "--json", "stats"); runs != 0 || !strings.Contains(out, `"jobs_paused":1`) {
		t.Error(runs, out)
	}
	if out := works(t, "--db", s.file, "resume", "orders"); out != "endpoint orders is enabled\n" {
		t.Error(out)
	}
	if work(); runs != 1 {
		t.Error(runs)
	}
	fails(t, 3, "unknown_endpoint", "--db", s.file, "pause", "none")
	fails(t, 2, "one endpoint", "--db", s.file, "pause")
}
