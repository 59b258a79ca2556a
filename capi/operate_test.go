package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core"
)

// What docs/abi.md says of the operators' methods, through the same functions
// that a binding calls: each request and the reply it must hold.
func TestOperatorMethods(t *testing.T) {
	db := openShop(t)
	mustCall(t, db, "add_endpoint", `{"name":"code","provider":"github","secrets":"s"}`)
	for n := range 3 {
		request := strings.TrimSuffix(ingest, "}") + fmt.Sprintf(`,"event_type":"invoice.%d","dedupe_key":"k%d","provider_delivery_id":"d%d"}`, n, n, n)
		if _, err := received(nil, db, text(request), text("body")); err != nil {
			t.Fatal(err)
		}
	}
	refused, err := received(nil, db, text(`{"endpoint":"code","headers":{"X-GitHub-Delivery":"g1","X-GitHub-Event":"push","X-Hub-Signature-256":"sha256=`+strings.Repeat("0", 64)+`"}}`), text("{}"))
	if err != nil || !strings.Contains(string(refused), `"status_code":401`) {
		t.Fatal(string(refused), err)
	}
	for _, test := range []struct{ method, request, want string }{
		{"list_events", `{"endpoint":["shop"],"status":"received","event_type":"invoice.*","event_id":[3,1]}`, `"id":3,`},
		{"list_events", `{"provider_delivery_id":"d1","limit":1}`, `"id":2,`},
		{"list_events", `{"stuck":true}`, `{"events":[],"cursor":null}`},
		{"list_deliveries", `{"delivery_id":1}`, `"accepted_at":null,"accepted_by":null,"accepted_reason":null`},
		{"list_deliveries", `{"orphaned":true,"reason":["signature_mismatch"],"endpoint":"code"}`, `"id":4,`},
		{"list_running", `{}`, `{"running":[],"cursor":null}`},
		{"stats", `{"endpoint":"code"}`, `"orphans":{"rejected":1}`},
		{"stats", `{}`, `"jobs_paused":0,"stuck":0,"unhandled_left":0`},
		{"stats_by_endpoint", `{"limit":1}`, `{"endpoints":[{"name":"code","provider":"github","enabled":true,"paused":false,"events":{},"orphans":1,"last_received_at":`},
		{"pause_endpoint", `{"name":"shop"}`, `"paused":true`},
		{"get_endpoint", `{"name":"shop"}`, `"paused":true`},
		{"resume_endpoint", `{"name":"shop"}`, `"paused":false`},
		{"ignore_events", `{"filter":{"endpoint":"shop"},"dry_run":true}`, `{"matched":3,"changed":0,"skipped":0,"cursor":null}`},
		{"ignore_events", `{"filter":{"endpoint":"shop"},"limit":1}`, `{"matched":3,"changed":1,"skipped":0,"cursor":null}`},
		{"replay_events", `{"filter":{"all":true}}`, `{"matched":3,"changed":1,"skipped":2,"cursor":null}`},
		{"requeue_events", `{"filter":{"status":["failed","dead"]}}`, `{"matched":0,"changed":0,"skipped":0,"cursor":null}`},
		{"replay_deliveries", `{"filter":{"event_id":1}}`, `{"matched":1,"changed":0,"skipped":1,"cursor":null}`},
		{"reverify", `{"filter":{"endpoint":"code"}}`, `{"matched":1,"changed":0,"skipped":1,"cursor":null}`},
		{"explain_delivery", `{"delivery_id":4}`, `"valid":false,"reason":"signature_mismatch"`},
		{"explain_delivery", `{"delivery_id":4,"provider":"github","secrets":["a","b"],"now_s":5}`, `"clock":5,"body_cut":false,"redacted":[],"steps":[{"name":"arrival","ok":false,`},
		{"accept_delivery", `{"delivery_id":4,"reason":"by hand"}`, `{"event_id":4,"event_ids":[4],"duplicate":false}`},
		{"get_event", `{"id":4}`, `"dedupe_key":"g1"`},
	} {
		if got := string(mustCall(t, db, test.method, test.request)); !strings.Contains(got, test.want) {
			t.Errorf("%s %s\n got %s\nwant %s", test.method, test.request, got, test.want)
		}
	}
}

// What is wrong with a filter is said, and nothing is done.
func TestOperatorMistakes(t *testing.T) {
	db := openShop(t)
	for _, test := range []struct {
		method, request string
		code            core.Code
		says            string
	}{
		{"list_events", `{"endpoint":"shap"}`, core.CodeUnknownEndpoint, `did you mean "shop"?`},
		{"list_events", `{"status":["dead","lost"]}`, core.CodeInvalidArgument, `it must be one of`},
		{"list_events", `{"event_id":"1"}`, core.CodeInvalidArgument, `must be a whole number or a list of them`},
		{"list_events", `{"event_id":[1,"2"]}`, core.CodeInvalidArgument, `must be a whole number`},
		{"list_events", `{"endpoint":1}`, core.CodeInvalidArgument, `must be text or a list of text`},
		{"list_deliveries", `{"reasons":"x"}`, core.CodeInvalidArgument, `Did you mean "reason"?`},
		{"replay_events", `{}`, core.CodeInvalidArgument, `"filter" is missing`},
		{"replay_events", `{"filter":{}}`, core.CodeInvalidArgument, `the filter is empty`},
		{"replay_events", `{"filter":{"statuses":"dead"}}`, core.CodeInvalidArgument, `Unknown field "filter.statuses". Did you mean "status"?`},
		{"replay_events", `{"filter":{"status":"dead"},"limit":0}`, core.CodeInvalidArgument, `at least 1`},
		{"replay_events", `{"filter":{"status":"dead"},"cursor":"x"}`, core.CodeInvalidArgument, `the cursor is not one`},
		{"reverify", `{"filter":{"kind":"handshake"}}`, core.CodeInvalidArgument, `refused deliveries`},
		{"accept_delivery", `{"delivery_id":1}`, core.CodeInvalidArgument, `"reason" is missing`},
		{"accept_delivery", `{"delivery_id":1,"reason":"x"}`, core.CodeNotFound, `no delivery has id 1`},
		{"explain_delivery", `{"delivery_id":1}`, core.CodeNotFound, `no delivery has id 1`},
		{"pause_endpoint", `{"name":"shopp"}`, core.CodeUnknownEndpoint, `did you mean "shop"?`},
		{"stats", `{"endpoint":[]}`, core.CodeInvalidArgument, `an empty list`},
		{"list_running", `{"cursor":"?"}`, core.CodeInvalidArgument, `the cursor is not one`},
	} {
		_, err := callMethod(nil, db, test.method, text(test.request))
		// A request's own mistakes are told as the answer of a call shows them.
		shown := string(appendError(nil, err))
		if err == nil || !strings.Contains(shown, `"code":"`+string(test.code)+`"`) || !strings.Contains(strings.ReplaceAll(shown, `\"`, `"`), test.says) {
			t.Errorf("%s %s: %s, want %s: %s", test.method, test.request, shown, test.code, test.says)
		}
	}
}
