package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/knocker-dev/knocker/core/extension"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// hostConnection is a connection of an application's with the SQL functions, as
// SQLite itself calls them.
type hostConnection struct {
	*sqlite.Conn
	t *testing.T
}

func connectHost(t *testing.T, path string) hostConnection {
	t.Helper()
	r, err := sqlite.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sqlite.Open(r, path, sqlite.OpenReadWrite|sqlite.OpenCreate, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.SetBusyTimeout(60e9)
	handle := c.Handle()
	if err := extension.Register(r.Table(), *(*unsafe.Pointer)(unsafe.Pointer(&handle)), false); err != nil {
		t.Fatal(err)
	}
	return hostConnection{c, t}
}

func hostPath(t *testing.T) string { return filepath.Join(t.TempDir(), "app.db") }

// run runs the application's own SQL.
func (h hostConnection) run(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.Exec(sql, args...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

// number is what a query of the application's answers.
func (h hostConnection) number(sql string, args ...any) int64 {
	h.t.Helper()
	rows, err := h.Query(sql, args...)
	if err != nil || !rows.Next() {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return rows.Int(0)
}

// raw is the reply of a call; request is JSON or a value that becomes it.
func (h hostConnection) raw(method string, request any, body ...byte) string {
	h.t.Helper()
	text, isText := request.(string)
	if !isText {
		out, err := json.Marshal(request)
		if err != nil {
			h.t.Fatal(err)
		}
		text = string(out)
	}
	rows, err := h.Query("SELECT knocker_call(?, ?, ?)", method, text, body)
	if err != nil || !rows.Next() {
		h.t.Fatalf("%s: %v", method, err)
	}
	return rows.Text(0)
}

type fields = map[string]any

// call expects success.
func (h hostConnection) call(method string, request any, body ...byte) fields {
	h.t.Helper()
	text := h.raw(method, request, body...)
	var reply struct {
		OK fields `json:"ok"`
	}
	if err := json.Unmarshal([]byte(text), &reply); err != nil || reply.OK == nil {
		h.t.Fatalf("%s %v: %s", method, request, text)
	}
	return reply.OK
}

// refused expects an error with a code, and returns its message.
func (h hostConnection) refused(code, method string, request any) string {
	h.t.Helper()
	text := h.raw(method, request)
	var reply struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(text), &reply); err != nil || reply.Error.Code != code {
		h.t.Fatalf("%s %v: %s, want %s", method, request, text, code)
	}
	return reply.Error.Message
}

// shop makes an endpoint whose requests carry a token.
func (h hostConnection) shop() hostConnection {
	h.t.Helper()
	h.call("add_endpoint", fields{"name": "shop", "provider": "token-header", "secrets": []string{"secret"}})
	return h
}

const shopRequest = `{"endpoint":"shop","headers":{"x-knocker-token":"secret"},"event_type":"paid"}`

// receive receives a valid request and returns its event.
func (h hostConnection) receive() int64 {
	h.t.Helper()
	reply := h.call("receive", shopRequest, []byte("body")...)
	if reply["event_id"] == nil {
		h.t.Fatalf("refused: %v", reply)
	}
	return int64(reply["event_id"].(float64))
}

func (h hostConnection) status(event int64) string {
	h.t.Helper()
	return h.call("get_event", fields{"id": event})["status"].(string)
}

// What lives in memory belongs to the file: connections come and go.
func TestConnectionsOfAFileAreOneInbox(t *testing.T) {
	path := hostPath(t)
	first := connectHost(t, path)
	attached := first.call("attach", `{"options":{"max_attempts":3},"handler_scope":"test"}`)
	if attached["path"] != path || attached["schema_version"] != 1.0 {
		t.Errorf("%v", attached)
	}
	first.shop()
	handler := first.call("register_handler", `{"endpoint":"shop"}`)["handler"]
	first.Close()

	link := filepath.Join(filepath.Dir(path), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	second, third := connectHost(t, path), connectHost(t, link)
	second.call("attach", `{"options":{"max_attempts":3},"handler_scope":"test"}`)
	second.refused("open_options_conflict", "attach", `{"options":{"max_attempts":4},"handler_scope":"test"}`)
	second.refused("open_options_conflict", "attach", `{"options":{"max_attempts":3}}`)
	second.refused("invalid_argument", "attach", `{"options":{"journal_mode":"wal"}}`)
	second.receive()
	worker := second.call("worker_open", `{}`)["worker"]
	step := third.call("worker_next", fields{"worker": worker})["step"].(fields)
	if step["handler"] != handler || step["max_attempts"] != 3.0 || step["attempt"] != 1.0 {
		t.Errorf("%v", step)
	}
	third.call("worker_close", fields{"worker": worker})
	second.refused("closed", "worker_next", fields{"worker": worker})

	other := connectHost(t, hostPath(t))
	other.refused("unknown_endpoint", "receive", shopRequest)
	other.refused("closed", "worker_stop", fields{"worker": worker})
}

// A file is not the deleted one that had its inode.
func TestANewFileIsAnotherInbox(t *testing.T) {
	path := hostPath(t)
	for range 3 {
		h := connectHost(t, path)
		h.refused("unknown_endpoint", "receive", shopRequest)
		h.call("attach", `{"options":{"queue_name":"q`+fmt.Sprint(len(t.Name()))+`"}}`)
		h.shop().receive()
		h.Close()
		for _, end := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + end)
		}
	}
}

// A database without a file is its connection's alone, and ends with it.
func TestInboxInMemory(t *testing.T) {
	for range 3 { // an address is used again
		h := connectHost(t, ":memory:")
		if reply := h.call("attach", `{}`); reply["path"] != nil {
			t.Errorf("%v", reply)
		}
		h.refused("unknown_endpoint", "get_endpoint", `{"name":"shop"}`)
		h.shop().call("register_handler", `{"endpoint":"shop"}`)
		connectHost(t, ":memory:").refused("unknown_endpoint", "receive", shopRequest)
		event := h.receive()
		w := h.worker(`{}`)
		step := w.next()
		w.begin(step)
		w.finish(step, "handled")
		h.run("COMMIT")
		if got := h.status(event); got != "handled" {
			t.Errorf("the event is %s", got)
		}
		h.Close()
	}
}

// Nothing of a call outlives the host's rollback, and what it has written is
// durable only with the host's commit.
func TestReceiveInTheHostsTransaction(t *testing.T) {
	h := connectHost(t, hostPath(t)).shop()
	h.run("PRAGMA synchronous = FULL")
	h.run("CREATE TABLE orders (id)")
	h.run("BEGIN")
	h.run("INSERT INTO orders VALUES (1)")
	if reply := h.call("receive", shopRequest, []byte("x")...); reply["durable"] != false || reply["event_id"] != 1.0 {
		t.Errorf("%v", reply)
	}
	h.run("ROLLBACK")
	if n := h.number("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM knocker_events) + (SELECT count(*) FROM knocker_deliveries) + (SELECT count(*) FROM _honker_live)"); n != 0 {
		t.Errorf("%d rows outlived the rollback", n)
	}
	h.run("BEGIN")
	event := h.receive()
	h.run("COMMIT")
	if h.status(event) != "received" {
		t.Error("the committed event is not there")
	}
	if reply := h.call("receive", shopRequest, []byte("y")...); reply["durable"] != true {
		t.Errorf("%v", reply)
	}
	h.run("PRAGMA synchronous = NORMAL")
	if reply := h.call("receive", shopRequest, []byte("z")...); reply["durable"] != false {
		t.Errorf("%v", reply)
	}
}

// After a refused call the host's transaction goes on as if it had not been.
func TestErrorsLeaveTheTransactionUsable(t *testing.T) {
	h := connectHost(t, hostPath(t)).shop()
	event := h.receive()
	h.run("CREATE TABLE orders (id)")
	h.run("BEGIN")
	h.run("INSERT INTO orders VALUES (1)")
	for _, c := range []struct{ code, method, request string }{
		{"not_found", "get_event", `{"id":99}`},
		{"not_found", "ignore", `{"event_id":99}`},
		{"invalid_state", "replay", fmt.Sprintf(`{"event_id":%d}`, event)},
		{"path_taken", "add_endpoint", `{"name":"b","path":"/webhooks/shop"}`},
		{"not_empty", "remove_endpoint", `{"name":"shop"}`},
		{"unknown_endpoint", "receive", `{"endpoint":"nobody"}`},
		{"unknown_method", "get_events", `{}`},
		{"invalid_argument", "get_event", `{"id":"one"}`},
		{"invalid_argument", "get_event", `{`},
		{"invalid_argument", "get_event", `{"idd":1}`},
		{"invalid_state", "worker_next", `{"worker":1}`},
		{"closed", "step_begin", `{"step":99}`},
		{"invalid_state", "backup", `{"path":"x"}`},
	} {
		if c.method == "worker_next" {
			c.request = fmt.Sprintf(`{"worker":%v}`, h.call("worker_open", `{}`)["worker"])
		}
		h.refused(c.code, c.method, c.request)
		if !h.InTransaction() {
			t.Fatalf("%s has ended the transaction", c.method)
		}
	}
	h.call("ignore", fields{"event_id": event})
	h.run("INSERT INTO orders VALUES (2)")
	h.run("COMMIT")
	if n := h.number("SELECT count(*) FROM orders"); n != 2 || h.status(event) != "ignored" {
		t.Errorf("%d orders, the event is %s", n, h.status(event))
	}
}

// Only wrong arguments are errors of SQL.
func TestCallsOfAnotherForm(t *testing.T) {
	h := connectHost(t, hostPath(t)).shop()
	for _, sql := range []string{
		"SELECT knocker_call('stats')", "SELECT knocker_call(NULL, '{}')", "SELECT knocker_call(1, '{}')", "SELECT knocker_call('stats', x'00')",
		"SELECT knocker_call('receive', '{}', 1.5)", "SELECT knocker_call('', '{}')",
	} {
		if _, err := h.Query(sql); err == nil {
			t.Errorf("%s: no error", sql)
		}
	}
	for _, sql := range []string{"SELECT knocker_call('stats', NULL)", "SELECT knocker_call('stats', '')", "SELECT knocker_call('stats', '{}', NULL)",
		`SELECT knocker_call('receive', '{"endpoint":"shop","headers":{"x-knocker-token":"secret"}}', 'a text')`} {
		if ok := h.number("SELECT json_extract((" + sql + "), '$.ok') IS NOT NULL"); ok != 1 {
			t.Errorf("%s is an error", sql)
		}
	}
	h.run("CREATE TABLE log (reply)")
	if _, err := h.Exec("INSERT INTO log SELECT knocker_call('add_endpoint', '{\"name\":\"x\"}')"); err != nil {
		t.Fatal(err)
	}
	if n := h.number("SELECT count(*) FROM log WHERE json_extract(reply, '$.error.code') = 'invalid_argument'"); n != 1 {
		t.Error("a call inside a statement that writes is not refused")
	}
	h.run("CREATE VIEW v AS SELECT knocker_call('stats', '{}') AS s")
	if _, err := h.Query("SELECT s FROM v"); err == nil {
		t.Error("a view may call it")
	}
}

// An endpoint that was added in a transaction which is rolled back does not lend
// its secrets to another row, nor to its own earlier one.
func TestRolledBackEndpoint(t *testing.T) {
	h := connectHost(t, hostPath(t))
	h.run("BEGIN")
	h.shop()
	h.run("ROLLBACK")
	h.refused("unknown_endpoint", "receive", shopRequest)
	h.call("add_endpoint", `{"name":"other","provider":"token-header","secrets":["other"]}`) // has the id of the lost one
	h.refused("unknown_endpoint", "receive", shopRequest)
	h.refused("unknown_endpoint", "register_handler", `{"endpoint":"shop"}`)
	h.run("BEGIN")
	h.call("add_endpoint", `{"name":"other","provider":"github","secrets":["new"]}`)
	h.run("ROLLBACK")
	h.refused("no_verifier", "receive", `{"endpoint":"other"}`)
	h.shop().receive()
}

// Bulk actions and pruning take part in the host's transaction.
func TestManyRowsInTheHostsTransaction(t *testing.T) {
	h := connectHost(t, hostPath(t))
	h.call("attach", `{"options":{"clock":{"now_s":1000000}}}`)
	h.shop()
	for range 5 {
		h.receive()
	}
	h.call("receive", `{"endpoint":"shop"}`, []byte("forged")...)
	h.call("set_clock", `{"now_s":9000000}`)
	before := h.raw("stats", `{}`)
	h.run("BEGIN")
	if reply := h.call("ignore_events", `{"filter":{"endpoint":["shop"]}}`); reply["changed"] != 5.0 {
		t.Errorf("%v", reply)
	}
	if reply := h.call("replay_events", `{"filter":{"status":["ignored"]},"limit":1}`); reply["changed"] != 1.0 {
		t.Errorf("%v", reply)
	}
	if reply := h.call("prune_events", `{"older_than":2000000,"statuses":["ignored"],"limit":1}`); reply["events_pruned"] != 1.0 {
		t.Errorf("%v", reply)
	}
	if reply := h.call("run_retention_pass", `{}`); reply["events_pruned"] != 3.0 || reply["deliveries_pruned"] != 4.0 {
		t.Errorf("%v", reply)
	}
	if reply := h.call("prune_orphan_deliveries", `{"older_than":2000000}`); reply["deliveries_pruned"] != 0.0 {
		t.Errorf("%v", reply)
	}
	h.call("check", `{}`)
	if !h.InTransaction() {
		t.Fatal("the host's transaction was ended")
	}
	h.run("ROLLBACK")
	var a, b fields
	_, _ = json.Unmarshal([]byte(before), &a), json.Unmarshal([]byte(h.raw("stats", `{}`)), &b)
	for _, what := range []string{"events", "orphans", "deliveries", "jobs_ready"} {
		if x, y := fmt.Sprint(a["ok"].(fields)[what]), fmt.Sprint(b["ok"].(fields)[what]); x != y {
			t.Errorf("%s: %s before, %s after the rollback", what, x, y)
		}
	}
}

// Refusals are bounded, as they are on the library's own connections.
func TestFloodOnAConnection(t *testing.T) {
	h := connectHost(t, hostPath(t))
	h.call("attach", `{"options":{"clock":{"now_s":1000000},"max_orphans":1,"max_orphans_per_s":300}}`)
	h.shop()
	for second := range 6 {
		h.call("set_clock", fields{"now_s": 1000000 + second})
		h.run("BEGIN")
		for range 400 {
			if reply := h.call("receive", `{"endpoint":"shop"}`); reply["status_code"] != 401.0 {
				t.Fatalf("%v", reply)
			}
		}
		h.run("COMMIT")
	}
	stored := h.number("SELECT count(*) FROM knocker_deliveries")
	missing := h.call("stats", `{}`)["process"].(fields)["not_stored"].(float64)
	if stored < 1000 || stored > 1000+500 || missing < 200 {
		t.Errorf("%d refusals are stored, %v were only counted", stored, missing)
	}
}

// A file whose tables can't be made is left as it is, and each call says why.
func TestTablesThatAreNotThere(t *testing.T) {
	h := connectHost(t, hostPath(t))
	h.run("DROP TABLE knocker_events")
	h.refused("schema_missing", "stats", `{}`)
	h.refused("schema_missing", "receive", shopRequest)
	h.refused("schema_missing", "add_endpoint", `{"name":"a"}`)
	h.refused("schema_missing", "attach", `{"options":{"migrate":"never"}}`)
	if reply := h.call("attach", `{}`); reply["schema_version"] != 1.0 {
		t.Errorf("%v", reply)
	}
	h.shop().receive()
	h.run("CREATE TABLE newer (x)")
	h.run("UPDATE knocker_meta SET value = 99 WHERE key IN ('schema_version', 'compatible_from')")
	h.refused("schema_too_new", "receive", shopRequest)
	h.refused("schema_too_new", "stats", "{}")
	h.refused("schema_too_new", "list_events", "{}")
	if reply := h.call("attach", `{}`); reply["schema_version"] != 99.0 {
		t.Errorf("%v", reply)
	}
}
