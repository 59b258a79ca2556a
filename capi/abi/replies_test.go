package abi

import (
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// The hand-written encoders say the same as the types, so that a schema made
// from the types describes what really travels.
func TestAppendJSONMatchesTheTypes(t *testing.T) {
	body, data := "<ok> \u2028", Base64("\x00\xffbody")
	event := Event{
		ID: 1, Endpoint: "shop\n", EventType: "invoice.paid", DedupeKey: "k\"", DeliveryID: 2, Status: "received", AttemptCount: 3,
		Method: "POST", Headers: Object(`{"a":["b","c"]}`), Query: Object(`{}`), ReceivedAt: 1700000000, Body: &data,
	}
	bare := Event{Headers: Object(`not json`), HandledAt: 5, LastError: "x\x01", ExpungedAt: 6}
	replies := []interface{ AppendJSON([]byte) []byte }{
		&ReceiveReply{EventIDs: []int64{}, Response: HTTPResponse{StatusCode: 401, Headers: map[string]string{}}, Reason: "bad_signature"},
		&ReceiveReply{DeliveryID: 1, EventID: 2, EventIDs: []int64{2, 3}, Duplicate: true, StatusCode: 200, HandshakeSecret: "s",
			Response: HTTPResponse{StatusCode: 200, Headers: map[string]string{"content-type": "text/plain", "a": "b"}, Body: &body}},
		&event, &bare,
		&EventsReply{Events: []Event{event, bare}, Cursor: "c"},
		&EventsReply{Events: []Event{}},
		&WorkerStepReply{},
		&WorkerStepReply{Stopping: true, Finished: &Finished{EventID: 4, Status: "lost", Error: &ErrorBrief{Code: "lease_lost", Message: "m"}}},
		&WorkerStepReply{Finished: &Finished{EventID: 4, Status: "handled"},
			Step: &Step{Step: 9, Handler: 2, Attempt: 1, MaxAttempts: 12, TimeoutS: 0.25, Event: event}},
	}
	for _, reply := range replies {
		want, err := json.Marshal(reply)
		if err != nil {
			t.Fatal(err)
		}
		got := reply.AppendJSON(nil)
		if !reflect.DeepEqual(parsed(t, got), parsed(t, want)) {
			t.Errorf("%T\n got %s\nwant %s", reply, got, want)
		}
	}
}

func parsed(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func FuzzAppendText(f *testing.F) {
	f.Add("a\xff\u2028\"\\\x00\x7f😀")
	f.Fuzz(func(t *testing.T, s string) {
		out := AppendText(nil, s)
		if !utf8.Valid(out) {
			t.Fatalf("not UTF-8: %q", out)
		}
		want, _ := json.Marshal(s)
		if !reflect.DeepEqual(parsed(t, out), parsed(t, want)) {
			t.Fatalf("got %s, want %s", out, want)
		}
	})
}
