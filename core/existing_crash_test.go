package core_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/internal/testvfs"
)

// A disk that fills up at any moment leaves the old file, and the next open
// migrates it.
func TestExistingFileDiskFull(t *testing.T) {
	if err := testvfs.Register(); err != nil {
		t.Fatal(err)
	}
	defer testvfs.FillDisk(-1)
	path := existingFile(t, "application.db")
	before := everything(t, path)
	failed := 0
	for writes := 0; ; writes += 1 + writes/4 {
		testvfs.FillDisk(writes)
		inbox, err := core.Open(path, core.Options{VFS: testvfs.Name, Engine: "embedded"})
		testvfs.FillDisk(-1)
		if err == nil {
			_ = inbox.Close()
			break
		}
		failed++
		if core.CodeOf(err) != core.CodeStorageFull {
			t.Fatal(err)
		}
		if now := everything(t, path); now != before && !strings.Contains(now, "compatible_from") {
			t.Fatalf("after %d writes the file is neither old nor new", writes)
		}
	}
	if failed < 5 {
		t.Errorf("only %d attempts failed", failed)
	}
	goesOn(t, path)
}

// childMigrates opens a file, which takes a while.
func childMigrates(path string) {
	inbox, err := core.Open(path, core.Options{BusyTimeout: 60 * time.Second})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = inbox.Close()
	os.Exit(0)
}

func migratingChild(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childVariable+"=migrate="+path)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// grow multiplies the events, each with a delivery, an attempt and a job.
func grow(t *testing.T, path string, events int) {
	t.Helper()
	script(t, path, fmt.Sprintf(`BEGIN;
		WITH RECURSIVE n(i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 1000 + %[1]d)
		INSERT INTO knocker_events (id, endpoint_id, received_at, event_type, method, headers_json, body_blob, query_json, dedupe_key, status)
		SELECT i, 3, 1700000000 + i, 't', 'POST', '{"x":"y"}', randomblob(1000), '{}', 'many-' || i, 'received' FROM n;
		INSERT INTO knocker_deliveries (endpoint_id, event_id, received_at, event_type, method, headers_json, body_blob, query_json, dedupe_key, signature_valid)
		SELECT endpoint_id, id, received_at, event_type, method, headers_json, body_blob, query_json, dedupe_key, 1 FROM knocker_events WHERE id > 1000;
		INSERT INTO _honker_live (queue, payload) SELECT 'knocker.events', '{"event_id":' || id || '}' FROM knocker_events WHERE id > 1000;
		COMMIT`, events))
}

// SIGKILL in the middle of a migration leaves the old file as it was.
func TestExistingFileKilled(t *testing.T) {
	path := existingFile(t, "application.db")
	grow(t, path, 4000)
	before := everything(t, path)
	killed := 0
	for life := 30 * time.Millisecond; ; life = life * 3 / 2 {
		if life > time.Minute {
			t.Fatal("the file is never migrated")
		}
		c := migratingChild(t, path)
		timer := time.AfterFunc(life, func() { _ = c.Process.Kill() })
		err := c.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		if now := everything(t, path); now != before {
			if !strings.Contains(now, "compatible_from") {
				t.Fatalf("killed after %v: the file is neither old nor new", life)
			}
			break
		}
		killed++
	}
	if killed < 3 {
		t.Errorf("only %d were killed in time", killed)
	}
	inbox := openAt(t, path, core.Options{})
	if s := counted(t, inbox); s.Stuck != 0 || s.Deliveries != 4000+16 {
		t.Errorf("%+v", s)
	}
}

// Processes that open an old file at once: one migrates, the others wait.
func TestExistingFileOpenedAtOnce(t *testing.T) {
	path := existingFile(t, "knockerlite.db")
	grow(t, path, 2000)
	var all []*exec.Cmd
	for range 5 {
		all = append(all, migratingChild(t, path))
	}
	for _, c := range all {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	if got := rowsOf(t, path, "SELECT count(*) FROM knocker_events"); got != fmt.Sprintf("%q|\n", int64(2012)) {
		t.Errorf("%s events", got)
	}
}
