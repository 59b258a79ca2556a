package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func (s *shop) statusOf(t *testing.T, id int64) string {
	t.Helper()
	event, err := s.GetEvent(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return event.Status
}

// What an operator does is done to the file that the application has open, and
// its worker takes it from there.
func TestActions(t *testing.T) {
	s := filled(t)
	if out := works(t, "--db", s.file, "replay", "1", "2"); out != "event 1 is queued again\nevent 2 is queued again\n" {
		t.Error(out)
	}
	if s.statusOf(t, 1) != "received" || s.statusOf(t, 2) != "received" {
		t.Error("not queued")
	}
	works(t, "--db", s.file, "ignore", "2", "4")
	if s.statusOf(t, 2) != "ignored" || s.statusOf(t, 4) != "ignored" {
		t.Error("not ignored")
	}
	works(t, "--db", s.file, "requeue", "2")
	s.now.Store(time.Now().Unix() + 1) // the program's clock is the real one
	if n, err := s.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); n != 2 || err != nil {
		t.Error(n, err)
	}
	if out := works(t, "--db", s.file, "replay", "--delivery", "3"); out != "event 1 is queued again, with delivery 3\n" {
		t.Error(out)
	}
	fails(t, 4, "not_linked", "--db", s.file, "replay", "--delivery", "4")
	fails(t, 2, "not both", "--db", s.file, "replay", "1", "--delivery", "3")
}

// A replayed event may run as often as the operator says: the application's own
// policy is not in the file.
func TestMaxAttempts(t *testing.T) {
	s := filled(t)
	works(t, "--db", s.file, "replay", "2", "--max-attempts", "1")
	s.now.Store(time.Now().Unix() + 1)
	if n, err := s.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); n != 1 || err != nil {
		t.Error(n, err)
	}
	if got := s.statusOf(t, 2); got != "dead" {
		t.Error(got)
	}
	fails(t, 2, "max_attempts", "--db", s.file, "replay", "1", "--max-attempts", "-1")
}

// Of several events each is tried and told of; the first failure is the exit
// code.
func TestSomeActionsFail(t *testing.T) {
	s := filled(t)
	got := knocker(t, "--db", s.file, "--json", "replay", "99", "1", "4")
	var done struct {
		Events []struct {
			EventID int64 `json:"event_id"`
			Error   *struct{ Code string }
		}
	}
	if err := json.Unmarshal([]byte(got.out), &done); err != nil {
		t.Fatal(err)
	}
	if got.code != 3 || len(done.Events) != 3 || done.Events[0].Error.Code != "not_found" || done.Events[1].Error != nil || done.Events[2].Error.Code != "invalid_state" {
		t.Error(got)
	}
}

// A filter counts first, asks or wants --yes, and goes through all that matches.
func TestBulk(t *testing.T) {
	s := newShop(t)
	for range 450 { // more than one transaction
		s.receive(t, "orders", "s3cret", "", "{}")
	}
	db := []string{"--db", s.file}
	with := func(args ...string) []string { return append(db[:2:2], args...) }
	if out := works(t, with("ignore", "--endpoint", "orders", "--dry-run")...); out != "450 events match\n" {
		t.Error(out)
	}
	fails(t, 2, "say --yes", with("ignore", "--endpoint", "orders")...)
	fails(t, 2, "which events?", with("ignore", "--yes")...)
	fails(t, 2, "without a filter", with("ignore", "--all", "--status", "dead")...)
	fails(t, 2, "not both", with("ignore", "1", "--status", "dead")...)
	fails(t, 3, "unknown_endpoint", with("ignore", "--endpoint", "none", "--yes")...)
	if out := works(t, with("ignore", "--all", "--limit", "50", "--yes")...); out != "50 events ignored\n" {
		t.Error(out)
	}
	out := works(t, with("--json", "ignore", "--endpoint", "orders", "--status", "received", "--yes")...)
	if out != "{\"matched\":400,\"changed\":400,\"skipped\":0,\"dry_run\":false}\n" {
		t.Error(out)
	}
	if got := knocker(t, with("replay", "--status", "dead", "--yes")...); got.code != 0 || got.err != "no events match\n" {
		t.Error(got)
	}
	if out := works(t, with("replay", "--endpoint", "orders", "--until", "2026-01-02", "--yes")...); out != "450 events queued again\n" {
		t.Error(out)
	}
	out = works(t, with("replay", "--endpoint", "orders", "--yes")...)
	if out != "0 events queued again\n450 events left alone: their state does not allow it\n" {
		t.Error(out)
	}
}

// What is expunged is gone from the file, and what happened stays.
func TestExpunge(t *testing.T) {
	s := newShop(t)
	for _, name := range []string{"ada", "ben"} {
		s.receive(t, "orders", "s3cret", name, `{"name":"`+name+`-lovelace"}`)
	}
	works(t, "--db", s.file, "ignore", "1")
	fails(t, 2, "say --yes", "--db", s.file, "expunge", "1")
	if out := works(t, "--db", s.file, "expunge", "1", "2", "--reason", "asked for", "--yes"); out != "1 event expunged\n1 event left alone: their state does not allow it\n" {
		t.Error(out)
	}
	if out := works(t, "--db", s.file, "show", "1", "--body"); strings.Contains(out, "lovelace") {
		t.Error(out)
	}
	if out := works(t, "--db", s.file, "show", "1"); !strings.Contains(out, "ada") {
		t.Error("the identity is gone", out)
	}
	for _, file := range []string{s.file, s.file + "-wal"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), "ada-lovelace") {
			t.Error("the body is still in", file)
		}
	}
	fails(t, 4, "body_cut", "--db", s.file, "replay", "1")
	if out := works(t, "--db", s.file, "list", "audits"); !strings.Contains(out, "expunge") || !strings.Contains(out, "asked for") {
		t.Error(out)
	}
	if out := works(t, "--db", s.file, "--json", "list", "audits"); !strings.Contains(out, `"kind":"expunge"`) {
		t.Error(out)
	}
}

// Pruning goes on until nothing is left to prune, in short steps.
func TestPrune(t *testing.T) {
	s := newShop(t)
	for range 7 {
		s.receive(t, "orders", "s3cret", "", "{}")
		s.receive(t, "orders", "guessed", "", "{}")
	}
	for id := range int64(6) {
		if err := s.Ignore(context.Background(), id+1); err != nil {
			t.Fatal(err)
		}
	}
	out := works(t, "--db", s.file, "prune", "--older-than", "2026-01-02", "--force", "--batch", "4")
	if out != "removed 6 events, 6 deliveries, 0 attempts\n" {
		t.Error(out)
	}
	out = works(t, "--db", s.file, "--json", "prune", "--older-than", "2026-01-02", "--orphans")
	if !strings.Contains(out, `"deliveries_pruned":7`) {
		t.Error(out)
	}
	stats, err := s.Stats(context.Background())
	if err != nil || stats.Deliveries != 1 || stats.Events["received"] != 1 {
		t.Error(stats, err)
	}
}

// A backup is made while the file is in use, and is an inbox itself.
func TestBackup(t *testing.T) {
	s := filled(t)
	target := filepath.Join(t.TempDir(), "copy.db")
	works(t, "--db", s.file, "backup", target)
	if works(t, "--db", target, "list") != works(t, "--db", s.file, "list") {
		t.Error("the copy differs")
	}
	fails(t, 2, "give the file", "--db", s.file, "backup")
	fails(t, 2, "can't replace", "--db", s.file, "backup", s.file)
}

// An export has every event once, whatever the pages are.
func TestExport(t *testing.T) {
	s := newShop(t)
	for range 250 {
		s.receive(t, "orders", "s3cret", "", "{}")
	}
	seen := map[int64]bool{}
	for _, line := range strings.Split(strings.TrimSpace(works(t, "--db", s.file, "export")), "\n") {
		var event struct {
			ID   int64
			Body string
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Body != "{}" {
			t.Fatal(line, err)
		}
		seen[event.ID] = true
	}
	if len(seen) != 250 {
		t.Error(len(seen))
	}
	if out := works(t, "--db", s.file, "export", "deliveries", "--no-bodies"); strings.Count(out, "\n") != 250 || strings.Contains(out, `"body":"`) {
		t.Error(len(out))
	}
}

// tail shows what another process receives while it runs, once, and ends well
// when it is interrupted.
func TestTail(t *testing.T) {
	s := newShop(t)
	s.receive(t, "orders", "s3cret", "", `{"type":"first"}`)
	cmd := command(t, "--db", s.file, "--json", "tail", "--interval", "20ms")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	next := func() int64 {
		t.Helper()
		var event struct{ ID int64 }
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &event) != nil {
			t.Fatal(lines.Text(), lines.Err())
		}
		return event.ID
	}
	for id := int64(1); id <= 4; id++ {
		if got := next(); got != id {
			t.Fatal(got, id)
		}
		s.receive(t, "orders", "s3cret", "", `{"type":"next"}`)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // the one that came last may be there or not
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// The application's settings of the file stay as they are, and a look at it
// copies no WAL back: whatever the application has set is its own.
func TestDisturbsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	inbox, err := knockersqlite.OpenWith(file, knockersqlite.Options{JournalMode: "keep"})
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	works(t, "--db", file, "list")
	works(t, "--db", file, "stats")
	if mode := pragma(t, file, "journal_mode"); mode != "delete" {
		t.Error("the journal mode is", mode)
	}
	s := filled(t)
	before, err := os.Stat(s.file)
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.Stat(s.file + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	works(t, "--db", s.file, "list")
	works(t, "--db", s.file, "show", "1")
	works(t, "--db", s.file, "tail", "--no-follow")
	after, _ := os.Stat(s.file)
	walAfter, err := os.Stat(s.file + "-wal")
	if err != nil || !after.ModTime().Equal(before.ModTime()) || !walAfter.ModTime().Equal(wal.ModTime()) || walAfter.Size() != wal.Size() {
		t.Error("reading has written to the file", err)
	}
}

// pragma asks another process, because in this one the file is open already.
func pragma(t *testing.T, file, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sqlite3", file, "PRAGMA "+name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
