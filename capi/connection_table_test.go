package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/knocker-dev/knocker/core/extension"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// sameCall is a call that both ways are asked for in turn.
type sameCall struct{ method, request string }

// script calls each method of the table that a host's connection can answer, on
// files that are built up by it in the same way. What is in it twice shows other
// replies of the same method, errors too.
var script = []sameCall{
	{"add_endpoint", `{"name":"shop","provider":"token-header","secrets":["secret"],"max_attempts":2,"unhandled":"leave"}`},
	{"add_endpoint", `{"name":"shop"}`},
	{"add_endpoint", `{"name":"bank","provider":"github","secrets":["first"],"path":"/bank"}`},
	{"add_endpoint", `{"name":"other","path":"/bank"}`},
	{"get_endpoint", `{"name":"shop"}`},
	{"get_endpoint", `{"name":"nobody"}`},
	{"list_endpoints", `{"limit":1}`},
	{"disable_endpoint", `{"name":"bank"}`},
	{"enable_endpoint", `{"name":"bank"}`},
	{"register_handler", `{"endpoint":"shop","event_type":"paid"}`},
	{"unregister_handler", `{"handler":999999999}`},
	{"receive", `{"endpoint":"shop","headers":{"x-knocker-token":"secret"},"event_type":"paid","dedupe_key":"a"}`},
	{"receive", `{"endpoint":"shop","headers":{"x-knocker-token":"secret"},"event_type":"paid","dedupe_key":"a"}`},
	{"receive", `{"endpoint":"shop","headers":{"x-knocker-token":"secret"},"event_type":"sold","query":"a=1&a=2"}`},
	{"receive", `{"endpoint":"shop","headers":{"x-knocker-token":"wrong"}}`},
	{"receive", `{"endpoint":"shop","headers":{"x-knocker-token":"secret"},"event_type":"last"}`},
	{"receive", `{"endpoint":"bank","headers":{"x-github-event":"push","x-github-delivery":"1","x-hub-signature-256":"sha256=00"}}`},
	{"receive", `{"endpoint":"nobody"}`},
	{"get_event", `{"id":1}`},
	{"get_event", `{"id":99}`},
	{"get_delivery", `{"id":2}`},
	{"list_events", `{"limit":2,"bodies":true}`},
	{"list_deliveries", `{"orphaned":true}`},
	{"list_attempts", `{"event_id":1}`},
	{"list_running", `{}`},
	{"stats", `{}`},
	{"stats_by_endpoint", `{}`},
	{"pause_endpoint", `{"name":"shop"}`},
	{"stats", `{"endpoint":["shop"]}`},
	{"resume_endpoint", `{"name":"shop"}`},
	{"ignore", `{"event_id":1}`},
	{"replay", `{"event_id":1}`},
	{"requeue", `{"event_id":1}`},
	{"ignore_events", `{"filter":{"event_type":"paid"}}`},
	{"ignore_events", `{"filter":{}}`},
	{"requeue_events", `{"filter":{"status":["ignored"]},"dry_run":true}`},
	{"requeue_events", `{"filter":{"status":["ignored"]}}`},
	{"replay_events", `{"filter":{"all":true},"limit":1}`},
	{"replay_delivery", `{"delivery_id":3}`},
	{"ignore_events", `{"filter":{"all":true}}`},
	{"replay_deliveries", `{"filter":{"delivery_id":[1]}}`},
	{"explain_delivery", `{"delivery_id":4}`},
	{"explain_delivery", `{"delivery_id":6,"secrets":["second"]}`},
	{"reverify", `{"filter":{"endpoint":["bank"]}}`},
	{"accept_delivery", `{"delivery_id":4,"reason":"known sender","event_type":"late"}`},
	{"accept_delivery", `{"delivery_id":4,"reason":"again"}`},
	{"set_clock", `{"now_s":99000000}`},
	{"prune_events", `{"older_than":2000000,"statuses":["ignored"],"limit":1}`},
	{"prune_orphan_deliveries", `{"older_than":2000000}`},
	{"run_retention_pass", `{"policy":{"batch":100}}`},
	{"list_prune_audits", `{}`},
	{"retention_state", `{}`},
	{"check", `{"quick":true}`},
	{"info", `{}`},
	{"sign", `{"provider":"github","secret":"s","body":"e30=","at":1000000}`},
	{"providers", `{}`},
	{"remove_endpoint", `{"name":"shop","prune":true}`},
	{"list_events", `{}`},
}

// Every method answers the same on a host's connection as on an inbox that was
// opened, or refuses there with one code: a new method has to be one or the other.
func TestMethodsOnAConnectionAnswerTheSame(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range script {
		tried[c.method] = true
	}
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		if tried[name] == methods[name].ownFile {
			t.Errorf("%s: is it for connections? The script and the table disagree", name)
		}
	}
	const options = `{"clock":{"now_s":1000000},"max_attempts":7,"max_body_bytes":1000}`
	path, err := json.Marshal(hostPath(t))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := openInbox(nil, text(`{"path":`+string(path)+`,"options":`+options+`}`))
	db := answer[opened](t, reply, err).DB
	t.Cleanup(func() { release(db) })
	attached := connectHost(t, hostPath(t))
	attached.call("attach", `{"options":`+options+`}`)
	inTransaction := connectHost(t, hostPath(t))
	inTransaction.call("attach", `{"options":`+options+`}`)
	inTransaction.run("BEGIN")
	for _, c := range script {
		want := withoutChance(t, throughC(db, c))
		for where, h := range map[string]hostConnection{"outside": attached, "in a transaction": inTransaction} {
			if got := withoutChance(t, h.raw(c.method, c.request, []byte("body")...)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s %s\n%s: %v\nthrough C: %v", c.method, c.request, where, got, want)
			}
		}
	}
	inTransaction.run("COMMIT")
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		if methods[name].ownFile {
			attached.refused("invalid_state", name, `{}`)
		}
	}
}

// throughC is the reply of the C interface.
func throughC(db uint64, c sameCall) string {
	out := []byte(`{"ok":`)
	var err error
	if c.method == "receive" {
		out, err = received(out, db, text(c.request), text("body"))
	} else {
		out, err = callMethod(out, db, c.method, text(c.request))
	}
	if err != nil {
		return string(appendError(nil, err))
	}
	return string(append(out, '}'))
}

// withoutChance leaves out what is another thing on each side: numbers of the
// process, times that were measured, the path and what a receipt's durability is.
func withoutChance(t *testing.T, reply string) any {
	t.Helper()
	var value fields
	if err := json.Unmarshal([]byte(reply), &value); err != nil {
		t.Fatalf("%v in %s", err, reply)
	}
	ok, _ := value["ok"].(fields)
	for _, name := range []string{"durable", "db", "path", "engine", "handler", "process", "leader_id"} {
		if _, endpoint := ok["enabled"]; !endpoint {
			delete(ok, name)
		}
	}
	for _, list := range []string{"audits", "last_pass"} {
		for _, audit := range append(listOf(ok[list]), ok[list]) {
			if audit, is := audit.(fields); is {
				delete(audit["summary"].(fields), "longest_ms")
			}
		}
	}
	return value
}

func listOf(value any) []any {
	list, _ := value.([]any)
	return list
}

// closed are the connections of this run that SQLite has closed for good.
var closed sync.Map

func init() {
	extension.Add(extension.Function{Name: "test_closed", Prepare: func(*extension.Arguments) extension.Call {
		return func(*sqlite.Conn) (any, error) { return int64(1), nil }
	}, Closed: func(handle uintptr) { closed.Store(handle, true) }})
}

// A call leaves no statement prepared: SQLite closes no connection that has one.
func TestNoStatementStaysPrepared(t *testing.T) {
	for _, inTransaction := range []bool{false, true} {
		h := connectHost(t, hostPath(t))
		closed.Delete(h.Handle())
		h.call("attach", `{"options":{"clock":{"now_s":1000000}}}`)
		if inTransaction {
			h.run("BEGIN")
		}
		for _, c := range script {
			h.raw(c.method, c.request, []byte("body")...)
		}
		h.shop().call("register_handler", anyEvent)
		h.receive()
		if inTransaction {
			h.run("COMMIT")
		}
		w := h.worker(`{}`)
		step := w.next()
		w.begin(step)
		w.finish(step, "handled")
		h.run("ROLLBACK")
		w.finish(step, failed)
		h.call("worker_close", fields{"worker": w.number})
		handle := h.Handle()
		h.Close()
		if _, gone := closed.Load(handle); !gone {
			t.Error("a statement is left on the connection")
		}
	}
}
