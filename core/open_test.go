package core_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// shell runs SQL in another process: a second SQLite in this one would have to
// be the tested thing itself.
func shell(t *testing.T, path, sql string) string {
	t.Helper()
	out, err := exec.Command("sqlite3", path, sql).CombinedOutput()
	if err != nil {
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
	return string(out)
}

// Two neighbouring versions of an application must work on one file, so the
// version alone does not refuse; compatible_from does, also while open.
func TestSchemaVersions(t *testing.T) {
	for compatible, want := range map[int]core.Code{0: "", 1: "", 2: core.CodeSchemaTooNew, 9: core.CodeSchemaTooNew} {
		path := filepath.Join(t.TempDir(), "app.db")
		inbox := openAt(t, path, core.Options{})
		addHooks(t, inbox, core.EndpointParams{})
		shell(t, path, "UPDATE knocker_meta SET value = value + 1 WHERE key = 'schema_version'")
		shell(t, path, "UPDATE knocker_meta SET value = "+string(rune('0'+compatible))+" WHERE key = 'compatible_from'; CREATE TABLE touched(a)")
		_, err := inbox.Receive(background, request("a", "x"))
		wantCode(t, err, want)
		_ = inbox.Close()
		again, err := core.Open(path, core.Options{})
		wantCode(t, err, want)
		if again != nil {
			_ = again.Close()
		}
	}
}

// Tables that vanish under an open inbox are an error with a name.
func TestSchemaMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	inbox := openAt(t, path, core.Options{})
	addHooks(t, inbox, core.EndpointParams{})
	shell(t, path, "PRAGMA foreign_keys=OFF; DROP TABLE knocker_attempts; DROP TABLE knocker_events; DROP TABLE knocker_meta")
	_, err := inbox.Receive(background, request("a", "x"))
	wantCode(t, err, core.CodeSchemaMissing)
}

// What can't be opened says why.
func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte("this is not a database, but it is long enough to be read as one by mistake"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "old.db")
	shell(t, foreign, "CREATE TABLE knocker_events(id INTEGER PRIMARY KEY)")
	for path, want := range map[string]core.Code{"": core.CodeInvalidArgument, ":memory:": core.CodeInvalidArgument, filepath.Join(dir, "a.db\x00b"): core.CodeInvalidArgument, dir: core.CodeCannotOpen,
		filepath.Join(dir, "none", "a.db"): core.CodeCannotOpen, text: core.CodeNotADatabase, foreign: core.CodeMigrationNeeded} {
		_, err := core.Open(path, core.Options{})
		if core.CodeOf(err) != want {
			t.Errorf("%q: %v, want %s", path, err, want)
		}
	}
	for name, options := range map[string]core.Options{"migrate": {Migrate: "perhaps"}, "journal": {JournalMode: "off"}, "attempts": {Retry: core.RetryPolicy{MaxAttempts: -1}}, "size": {MaxBodyBytes: -1}} {
		if _, err := core.Open(filepath.Join(dir, name), options); core.CodeOf(err) != core.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := core.Open(filepath.Join(dir, "new.db"), core.Options{Migrate: "never"}); core.CodeOf(err) != core.CodeSchemaMissing {
		t.Error(err)
	}
}

// A new file belongs to its owner alone, with its WAL.
func TestFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	inbox := openAt(t, path, core.Options{})
	addHooks(t, inbox, core.EndpointParams{})
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

// Two names of one file are one engine.
func TestSymbolicLink(t *testing.T) {
	dir := t.TempDir()
	a := openAt(t, filepath.Join(dir, "a.db"), core.Options{})
	if err := os.Symlink("a.db", filepath.Join(dir, "b.db")); err != nil {
		t.Fatal(err)
	}
	b := openAt(t, filepath.Join(dir, "b.db"), core.Options{})
	addHooks(t, a, core.EndpointParams{})
	receive(t, b, "1") // b knows a's secrets only if they share the engine
}

// Many processes that start at once make one schema.
func TestSimultaneousStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	var all sync.WaitGroup
	for range 8 {
		c, lines := child(t, "receive", path)
		all.Add(1)
		go func() {
			defer all.Done()
			if !lines.Scan() || len(lines.Text()) == 0 || lines.Text()[0] == 'e' {
				t.Errorf("a process did not get going: %q", lines.Text())
			}
			_ = c.Process.Kill()
			_ = c.Wait()
		}()
	}
	all.Wait()
}

// Mistakes in arguments are told at once, by code and by name.
func TestEndpointErrors(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	for want, p := range map[core.Code]core.EndpointParams{
		core.CodeInvalidArgument: {Name: "a", Provider: "token-header", Secrets: "x", Unhandled: "perhaps"},
		core.CodeUnknownProvider: {Name: "a", Provider: "strype", Secrets: "x"},
		core.CodeInvalidSecret:   {Name: "a", Provider: "token-header", Secrets: []any{"x", nil}},
		core.CodePathTaken:       {Name: "a", Provider: "token-header", Secrets: "x", Path: "/webhooks/hooks"},
	} {
		_, err := inbox.AddEndpoint(background, p)
		if core.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for want, p := range map[core.Code]core.ReceiveParams{
		core.CodeUnknownEndpoint:  {Endpoint: "none"},
		core.CodeProviderMismatch: {Endpoint: "hooks", Provider: "stripe", Secrets: "x"},
		core.CodeBodyConsumed:     {Endpoint: "hooks", Headers: map[string]any{"Content-Length": "7"}},
	} {
		_, err := inbox.Receive(background, p)
		if core.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "bare"}); err != nil {
		t.Fatal(err)
	}
	_, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "bare", Body: []byte("x")})
	wantCode(t, err, core.CodeNoVerifier)
	if _, err := inbox.SetEndpointEnabled(background, "hooks", false); err != nil {
		t.Fatal(err)
	}
	_, err = inbox.Receive(background, request("a", "x"))
	wantCode(t, err, core.CodeEndpointDisabled)
	if r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "bare", Ingest: true, Body: []byte("x")}); err != nil || r.EventID == 0 {
		t.Fatal(r, err)
	}
	wantCode(t, inbox.RemoveEndpoint(background, "bare", false), core.CodeNotEmpty)
	if err := inbox.RemoveEndpoint(background, "bare", true); err != nil {
		t.Fatal(err)
	}
	_, err = inbox.GetEndpoint(background, "bare")
	wantCode(t, err, core.CodeUnknownEndpoint)
}

// Naming an endpoint again without a provider keeps what verifies it.
func TestEndpointKeepsItsVerifier(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "hooks", Unhandled: "ignore"}); err != nil {
		t.Fatal(err)
	}
	if r := receive(t, inbox, ""); r.StatusCode != 204 {
		t.Fatalf("%+v", r)
	}
	forged(t, inbox)
}

// A body over the limit is answered with 413 and leaves its trace.
func TestTooLarge(t *testing.T) {
	inbox := withEndpoint(t, core.Options{MaxBodyBytes: 10})
	r := receive(t, inbox, "a")
	if r.StatusCode != 413 || r.EventID != 0 || r.Reason != "too_large" {
		t.Fatalf("%+v", r)
	}
	d, err := inbox.GetDelivery(background, r.DeliveryID)
	if err != nil || d.Kind != "too_large" || len(d.Body) != 0 || d.BodyBytes != 27 {
		t.Fatalf("%+v %v", d, err)
	}
}

// Every filter selects what it says, newest first, and pages join without a gap.
func TestListEvents(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
	addHooks(t, inbox, core.EndpointParams{})
	for n := range 30 {
		if _, err := inbox.Receive(background, request(fmt.Sprint("id", n), []string{"invoice.paid", "invoice.made", "order"}[n%3])); err != nil {
			t.Fatal(err)
		}
		if n%4 == 0 {
			c.advance(time.Second)
		}
	}
	for name, want := range map[string]struct {
		filter core.EventFilter
		count  int
	}{
		"all":      {core.EventFilter{}, 30},
		"endpoint": {core.EventFilter{Endpoints: []string{"hooks"}}, 30},
		"status":   {core.EventFilter{Statuses: []string{"received"}}, 30},
		"other":    {core.EventFilter{Statuses: []string{"dead"}}, 0},
		"type":     {core.EventFilter{EventType: "order"}, 10},
		"prefix":   {core.EventFilter{EventType: "invoice.*"}, 20},
		"any type": {core.EventFilter{EventType: "*"}, 30},
		"identity": {core.EventFilter{DedupeKey: "id7"}, 1},
		"since":    {core.EventFilter{Since: 1767225600 + 3}, 21},
		"until":    {core.EventFilter{Until: 1767225600 + 3}, 9},
		"both":     {core.EventFilter{Statuses: []string{"received"}, Endpoints: []string{"hooks"}, EventType: "invoice.*"}, 20},
	} {
		for _, limit := range []int{0, 7, 10} {
			filter := want.filter
			filter.Limit = limit
			var ids []int64
			for {
				page, next, err := inbox.ListEvents(background, filter)
				if err != nil {
					t.Fatal(name, err)
				}
				for _, e := range page {
					ids = append(ids, e.ID)
				}
				if filter.Cursor = next; next == "" {
					break
				}
			}
			if len(ids) != want.count || !slices.IsSortedFunc(ids, func(a, b int64) int { return int(b - a) }) {
				t.Errorf("%s by %d: %v", name, limit, ids)
			}
		}
	}
	for _, filter := range []core.EventFilter{{Limit: 1001}, {Limit: -1}, {Statuses: []string{"lost"}}, {Cursor: "?"}} {
		_, _, err := inbox.ListEvents(background, filter)
		wantCode(t, err, core.CodeInvalidArgument)
	}
}
