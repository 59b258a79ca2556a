package extension

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// host is a connection with the functions, as a program would have it.
type host struct {
	*sqlite.Conn
	t *testing.T
}

func mustEmbedded(t *testing.T) sqlite.Routines {
	t.Helper()
	r, err := sqlite.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openHost(t *testing.T, path string, manual bool) host {
	t.Helper()
	r := mustEmbedded(t)
	c, err := sqlite.Open(r, path, sqlite.OpenReadWrite|sqlite.OpenCreate, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := Register(r.Table(), pointer(c.Handle()), manual); err != nil {
		t.Fatal(err)
	}
	return host{c, t}
}

// pointer is the address that a handle stands for.
func pointer(handle uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&handle)) }

func newHost(t *testing.T) host {
	t.Helper()
	h := openHost(t, filepath.Join(t.TempDir(), "app.db"), false)
	h.one("SELECT knocker_endpoint_upsert('provider', NULL, 'token-header', 1)")
	return h
}

// one is the only value of the only row.
func (h host) one(sql string, args ...any) any {
	h.t.Helper()
	rows, err := h.Query(sql, args...)
	if err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	if !rows.Next() {
		h.t.Fatalf("%s: no row", sql)
	}
	return rows.Value(0)
}

func (h host) want(want any, sql string, args ...any) {
	h.t.Helper()
	if n, ok := want.(int); ok {
		want = int64(n)
	}
	if got := h.one(sql, args...); got != want {
		h.t.Errorf("%s: %v, want %v", sql, got, want)
	}
}

func (h host) object(sql string, args ...any) (out map[string]any) {
	h.t.Helper()
	text, _ := h.one(sql, args...).(string)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		h.t.Fatalf("%s: %q: %v", sql, text, err)
	}
	return out
}

// refused expects an error that begins with a code.
func (h host) refused(code, sql string, args ...any) string {
	h.t.Helper()
	_, err := h.Query(sql, args...)
	if err == nil {
		h.t.Errorf("%s did not fail", sql)
		return ""
	}
	if !strings.HasPrefix(err.Error(), code+": ") {
		h.t.Errorf("%s: %q, want %s", sql, err, code)
	}
	return err.Error()
}

func (h host) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.Exec(sql, args...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

const receiveSQL = `SELECT knocker_receive('provider', 'token-header', '["dev-secret"]', '{}', 'POST',
	json_object('x-knocker-token', ?2), ?3, NULL, NULL, NULL, NULL, ?1, 'knocker.events', 3)`

// receive stores a request and returns its event's id.
func (h host) receive(key string) int64 {
	h.t.Helper()
	return int64(h.object(receiveSQL, key, "dev-secret", []byte(`{"a":1}`))["event_id"].(float64))
}

// claim takes one job and returns its id.
func (h host) claim() int64 {
	h.t.Helper()
	jobs := h.claims(1)
	if len(jobs) != 1 {
		h.t.Fatalf("%d jobs", len(jobs))
	}
	return int64(jobs[0]["id"].(float64))
}

func (h host) claims(n int) (jobs []map[string]any) {
	h.t.Helper()
	text := h.one("SELECT honker_claim_batch('knocker.events', 'w', ?, 60)", n).(string)
	if err := json.Unmarshal([]byte(text), &jobs); err != nil {
		h.t.Fatal(err)
	}
	return jobs
}

// handle takes one job from its claim to its end.
func (h host) handle() {
	h.t.Helper()
	job := h.claim()
	h.one("SELECT knocker_mark_handled((SELECT id FROM knocker_events WHERE job_id = ?), 5)", job)
	h.want(1, "SELECT honker_ack(?, 'w')", job)
}
