package extension

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// A database whose texts are UTF-16 takes and gives the same ones.
func TestUTF16(t *testing.T) {
	c, err := sqlite.Open(mustEmbedded(t), filepath.Join(t.TempDir(), "app.db"), sqlite.OpenReadWrite|sqlite.OpenCreate, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := host{c, t}
	h.exec("PRAGMA encoding = 'UTF-16be'")
	if err := Register(mustEmbedded(t).Table(), pointer(c.Handle()), false); err != nil {
		t.Fatal(err)
	}
	h.want("UTF-16be", "PRAGMA encoding")
	h.one("SELECT knocker_endpoint_upsert('provider', '/wëb/hööks/𝄞', 'token-header', 1)")
	h.receive("schlüssel")
	h.object(receiveSQL, "tëxt", "dev-secret", "bödy")
	h.want("schlüssel", "SELECT json_extract(knocker_get_event(1), '$.dedupe_key')")
	h.want("62C3B66479", "SELECT hex(body_blob) FROM knocker_deliveries WHERE id = 2")
	h.want("/wëb/hööks/𝄞", "SELECT path FROM knocker_endpoints")
	h.handle()
	h.refused("unknown_endpoint", "SELECT knocker_ingest('größe', 'POST', NULL, x'', NULL, 1, NULL, NULL, NULL, NULL, NULL)")
}

// Values as SQLite may hold them: zeros that were never written out, bytes in a
// TEXT that are no UTF-8, NUL characters, numbers that are whole.
func TestOddValues(t *testing.T) {
	h := newHost(t)
	h.object(receiveSQL, "none", "dev-secret", nil)
	h.object(strings.Replace(receiveSQL, "?3", "zeroblob(?3)", 1), "zeros", "dev-secret", 100000)
	h.want(0, "SELECT body_bytes FROM knocker_deliveries WHERE dedupe_key = 'none'")
	h.want(100000, "SELECT body_bytes FROM knocker_deliveries WHERE dedupe_key = 'zeros'")

	h.want(2, "SELECT knocker_endpoint_upsert('b', NULL, NULL, 1.0)")
	h.object("SELECT knocker_get_event(1.0)")
	h.refused("invalid_argument", "SELECT knocker_get_event(1e300)")
	h.refused("invalid_argument", "SELECT knocker_get_event(9e999)")
	for _, sql := range []string{
		"SELECT knocker_ingest('b', 'POST', NULL, CAST(x'ff00' AS TEXT), NULL, 1, CAST(x'ff' AS TEXT), NULL, NULL, CAST(x'fe' AS TEXT), CAST(x'fd' AS TEXT))",
		"SELECT knocker_ingest('b', 'POST', CAST(x'7b2261223a22ff227d' AS TEXT), x'ff', NULL, 1, NULL, NULL, NULL, NULL, 'a' || char(0) || 'b')",
	} {
		h.object(sql)
	}
	h.want("FF00", "SELECT hex(body_blob) FROM knocker_deliveries WHERE endpoint_id = 2 ORDER BY id LIMIT 1")
	for _, sql := range []string{"SELECT knocker_list_events('{\"bodies\":true}')", "SELECT knocker_list_deliveries('{\"bodies\":true}')", "SELECT knocker_stats()"} {
		h.want(1, "SELECT json_valid(("+sql+"))")
	}
	job := h.one("SELECT honker_enqueue('q', CAST(x'ff' AS TEXT) || char(0) || '\"', NULL, NULL, 0, 3, NULL)")
	h.want(1, "SELECT json_valid(honker_get_job(?))", job)
	h.want(1, "SELECT json_valid(honker_claim_batch('q', 'w', 1, 60))")
}

// Over the rows of a table a function runs once a row, each in a transaction of
// its own, and what fails leaves the rows before done. It is not how the docs
// call it, but nothing breaks.
func TestOverRows(t *testing.T) {
	for _, mode := range []string{"WAL", "DELETE"} {
		h := newHost(t)
		h.exec("PRAGMA journal_mode = " + mode)
		for _, key := range []string{"a", "b", "c"} {
			h.receive(key)
		}
		rows, err := h.Query("SELECT knocker_ignore(id) FROM knocker_events ORDER BY id")
		if err != nil || rows.Len() != 3 {
			t.Errorf("%s: %v", mode, err)
		}
		h.want(3, "SELECT count(*) FROM knocker_events WHERE status = 'ignored'")
		h.one("SELECT knocker_replay(1, NULL, NULL)")
		h.refused("invalid_state", "SELECT knocker_replay(id, NULL, NULL) FROM knocker_events ORDER BY id DESC")
		h.want("received,received,received", "SELECT group_concat(status) FROM knocker_events")
		if h.InTransaction() {
			t.Error("a transaction is open")
		}
	}
}
