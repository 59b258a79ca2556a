package core

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// filledInbox holds 400 events of two endpoints with 500 deliveries, in every
// combination that a filter can ask for. The clock stands still for five events
// at a time, so pages have to divide rows of one second.
func filledInbox(t *testing.T) *Inbox {
	t.Helper()
	inbox, err := Open(filepath.Join(t.TempDir(), "app.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inbox.Close() })
	for _, name := range []string{"shop", "bank"} {
		if _, err := inbox.AddEndpoint(context.Background(), EndpointParams{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	err = inbox.e.write(context.Background(), func(c *sqlite.Conn) error {
		return c.Script(`
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
			INSERT INTO knocker_events (id, endpoint_id, received_at, provider_event_id, provider_delivery_id, event_type, method, dedupe_key, status, last_error, delivery_id, job_id)
			SELECT i, 1 + i % 2, 1000 + i / 5, iif(i % 3 = 0, 'key' || (i / 2), 'object' || (i / 10)), 'sent' || i,
				iif(i % 7 = 0, NULL, 'invoice.' || (i % 4)), 'POST', 'key' || (i / 2), (json_array('received', 'processing', 'handled', 'failed', 'dead', 'ignored') ->> (i % 6)),
				CASE i % 6 WHEN 3 THEN 'ValueError: no' WHEN 4 THEN 'no_handler: nobody' END, i, i FROM n;
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
			INSERT INTO knocker_deliveries (id, endpoint_id, event_id, received_at, provider_event_id, provider_delivery_id, event_type, method, headers_json, query_json,
				signature_valid, dedupe_key, kind, reason, body_bytes, body_blob)
			SELECT i, 1 + i % 2, iif(i <= 440, (i - 1) % 400 + 1, NULL), 1000 + i / 5, NULL, iif(i % 5 = 0, 'key' || (i / 2), 'sent' || i), iif(i <= 440 AND i % 7 <> 0, 'invoice.' || (i % 4), NULL),
				'POST', '{}', '{}', CASE WHEN i > 440 THEN iif(i % 4 = 0, NULL, 0) WHEN i % 10 = 0 THEN NULL ELSE 1 END, iif(i <= 440, 'key' || (i / 2), NULL),
				CASE WHEN i <= 440 THEN 'event' WHEN i % 4 = 0 THEN 'too_large' WHEN i % 4 = 1 THEN 'handshake' ELSE 'rejected' END,
				CASE WHEN i <= 440 THEN NULL WHEN i % 3 = 0 THEN 'signature_mismatch' ELSE 'timestamp_too_old' END, 2, 'ok' FROM n;
			INSERT INTO knocker_delivery_events (delivery_id, event_id, item, body_offset, body_length) VALUES (20, 20, 0, 0, 1), (20, 22, 1, 1, 1);
			INSERT INTO _honker_live (id, queue, payload, run_at, created_at) SELECT id, 'knocker.events', '{"event_id":' || id || '}', 0, 0 FROM knocker_events
				WHERE status IN ('received', 'failed') AND id % 5 <> 0`)
	})
	if err != nil {
		t.Fatal(err)
	}
	return inbox
}

var yes1, no1 = true, false

// eventFilters are every filter alone; the function says what it must select.
func eventFilters() map[string]struct {
	filter EventFilter
	fits   func(e Event) bool
} {
	errorIs := func(code string) func(Event) bool {
		return func(e Event) bool { return strings.HasPrefix(e.LastError, code+":") }
	}
	return map[string]struct {
		filter EventFilter
		fits   func(e Event) bool
	}{
		"nothing":              {EventFilter{}, func(Event) bool { return true }},
		"endpoint":             {EventFilter{Endpoints: []string{"bank"}}, func(e Event) bool { return e.Endpoint == "bank" }},
		"endpoints":            {EventFilter{Endpoints: []string{"bank", "shop", "bank"}}, func(Event) bool { return true }},
		"status":               {EventFilter{Statuses: []string{"dead"}}, func(e Event) bool { return e.Status == "dead" }},
		"statuses":             {EventFilter{Statuses: []string{"dead", "failed"}}, func(e Event) bool { return e.Status == "dead" || e.Status == "failed" }},
		"event_type":           {EventFilter{EventType: "invoice.1"}, func(e Event) bool { return e.EventType == "invoice.1" }},
		"event_type prefix":    {EventFilter{EventType: "inv*"}, func(e Event) bool { return e.EventType != "" }},
		"event_type any":       {EventFilter{EventType: "*"}, func(Event) bool { return true }},
		"event_type none":      {EventFilter{EventType: "order.*"}, func(Event) bool { return false }},
		"dedupe_key":           {EventFilter{DedupeKey: "key7"}, func(e Event) bool { return e.DedupeKey == "key7" }},
		"provider_event_id":    {EventFilter{ProviderEventID: "object12"}, func(e Event) bool { return e.ProviderEventID == "object12" }},
		"the identity":         {EventFilter{ProviderEventID: "key6"}, func(e Event) bool { return e.ProviderEventID == "key6" }},
		"provider_delivery_id": {EventFilter{ProviderDeliveryID: "sent411"}, func(e Event) bool { return e.ID == 11 }},
		"delivery of a batch":  {EventFilter{ProviderDeliveryID: "key10"}, func(e Event) bool { return e.ID == 20 || e.ID == 22 }},
		"event_id":             {EventFilter{EventIDs: []int64{17}}, func(e Event) bool { return e.ID == 17 }},
		"event_ids":            {EventFilter{EventIDs: []int64{17, 300, 17, 9999}}, func(e Event) bool { return e.ID == 17 || e.ID == 300 }},
		"error_code":           {EventFilter{ErrorCode: "no_handler"}, errorIs("no_handler")},
		"error_code of a type": {EventFilter{ErrorCode: "ValueError"}, errorIs("ValueError")},
		"stuck":                {EventFilter{Stuck: true}, func(e Event) bool { return e.Status == "received" && e.ID%5 == 0 }},
		"since":                {EventFilter{Since: 1050}, func(e Event) bool { return e.ReceivedAt >= 1050 }},
		"until":                {EventFilter{Until: 1050}, func(e Event) bool { return e.ReceivedAt < 1050 }},
	}
}

// narrowed are the ways in which each filter is tried: by itself, and with a
// status and an endpoint.
var narrowed = []struct {
	name               string
	endpoint, status   []string
	orphaned, unproven *bool
}{{name: "alone"}, {"with status and endpoint", []string{"shop"}, []string{"received", "failed"}, nil, nil}, {"with endpoint", []string{"bank"}, nil, nil, nil},
	{"with status", nil, []string{"handled"}, nil, nil}}

// Each filter selects exactly what it says, newest first, page by page, and no
// page reads a table or sorts rows that nothing bounds.
func TestEventFilters(t *testing.T) {
	inbox := filledInbox(t)
	all, _, err := inbox.ListEvents(context.Background(), EventFilter{Limit: 1000})
	if err != nil || len(all) != 400 {
		t.Fatal(len(all), err)
	}
	for name, test := range eventFilters() {
		for _, narrow := range narrowed {
			f := test.filter
			if narrow.endpoint != nil {
				f.Endpoints = narrow.endpoint
			}
			if narrow.status != nil {
				f.Statuses = narrow.status
			}
			var want []int64
			for _, e := range all {
				if (test.fits(e) || narrow.endpoint != nil && name == "endpoint" || narrow.status != nil && strings.HasPrefix(name, "status")) &&
					(narrow.endpoint == nil || slices.Contains(narrow.endpoint, e.Endpoint)) && (narrow.status == nil || slices.Contains(narrow.status, e.Status)) {
					want = append(want, e.ID)
				}
			}
			for _, limit := range []int{1000, 7} {
				f.Limit, f.Cursor = limit, ""
				var got []int64
				for {
					page, next, err := inbox.ListEvents(context.Background(), f)
					if err != nil {
						t.Fatal(name, err)
					}
					for _, e := range page {
						got = append(got, e.ID)
					}
					if f.Cursor = next; next == "" {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s %s by %d:\n got %v\nwant %v", name, narrow.name, limit, got, want)
				}
			}
			f.Limit, f.Cursor = 100, cursorOf(1050, 200)
			boundedPlans(t, inbox, name+" "+narrow.name, func() error { _, _, err := inbox.ListEvents(context.Background(), f); return err })
		}
	}
}

// The same of deliveries.
func TestDeliveryFilters(t *testing.T) {
	inbox := filledInbox(t)
	all, _, err := inbox.ListDeliveries(context.Background(), DeliveryFilter{Limit: 1000})
	if err != nil || len(all) != 500 {
		t.Fatal(len(all), err)
	}
	valid := func(d Delivery) bool { return d.SignatureValid != nil && *d.SignatureValid }
	for name, test := range map[string]struct {
		filter DeliveryFilter
		fits   func(d Delivery) bool
	}{
		"nothing":              {DeliveryFilter{}, func(Delivery) bool { return true }},
		"endpoints":            {DeliveryFilter{Endpoints: []string{"bank", "shop"}}, func(Delivery) bool { return true }},
		"event_id":             {DeliveryFilter{EventIDs: []int64{17}}, func(d Delivery) bool { return d.EventID == 17 }},
		"event_id of a batch":  {DeliveryFilter{EventIDs: []int64{22}}, func(d Delivery) bool { return d.EventID == 22 || d.ID == 20 }},
		"delivery_ids":         {DeliveryFilter{DeliveryIDs: []int64{450, 3}}, func(d Delivery) bool { return d.ID == 450 || d.ID == 3 }},
		"event_type":           {DeliveryFilter{EventType: "invoice.2"}, func(d Delivery) bool { return d.EventType == "invoice.2" }},
		"event_type prefix":    {DeliveryFilter{EventType: "invoice.*"}, func(d Delivery) bool { return d.EventType != "" }},
		"dedupe_key":           {DeliveryFilter{DedupeKey: "key18"}, func(d Delivery) bool { return d.EventID == 36 || d.EventID == 37 }},
		"provider_event_id":    {DeliveryFilter{ProviderEventID: "object3"}, func(d Delivery) bool { return d.EventID/10 == 3 && d.EventID%3 != 0 }},
		"provider_delivery_id": {DeliveryFilter{ProviderDeliveryID: "sent499"}, func(d Delivery) bool { return d.ProviderDeliveryID == "sent499" }},
		"the identity":         {DeliveryFilter{ProviderDeliveryID: "key10"}, func(d Delivery) bool { return d.ProviderDeliveryID == "key10" }},
		"orphaned":             {DeliveryFilter{Orphaned: &yes1}, func(d Delivery) bool { return d.EventID == 0 }},
		"not orphaned":         {DeliveryFilter{Orphaned: &no1}, func(d Delivery) bool { return d.EventID != 0 }},
		"kind":                 {DeliveryFilter{Kind: "too_large"}, func(d Delivery) bool { return d.Kind == "too_large" }},
		"kind event":           {DeliveryFilter{Kind: "event"}, func(d Delivery) bool { return d.Kind == "event" }},
		"reason":               {DeliveryFilter{Reasons: []string{"signature_mismatch"}}, func(d Delivery) bool { return d.Reason == "signature_mismatch" }},
		"valid":                {DeliveryFilter{SignatureValid: &yes1}, valid},
		"invalid or unknown":   {DeliveryFilter{SignatureValid: &no1}, func(d Delivery) bool { return !valid(d) }},
		"since and until":      {DeliveryFilter{Since: 1010, Until: 1020}, func(d Delivery) bool { return d.ReceivedAt >= 1010 && d.ReceivedAt < 1020 }},
	} {
		for _, endpoint := range []string{"", "shop"} {
			f := test.filter
			if endpoint != "" {
				f.Endpoints = []string{endpoint}
			}
			var want []int64
			for _, d := range all {
				if test.fits(d) && (endpoint == "" || d.Endpoint == endpoint) {
					want = append(want, d.ID)
				}
			}
			for _, limit := range []int{1000, 7} {
				f.Limit, f.Cursor = limit, ""
				var got []int64
				for {
					page, next, err := inbox.ListDeliveries(context.Background(), f)
					if err != nil {
						t.Fatal(name, err)
					}
					for _, d := range page {
						got = append(got, d.ID)
					}
					if f.Cursor = next; next == "" {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s %s by %d:\n got %v\nwant %v", name, endpoint, limit, got, want)
				}
			}
			f.Limit, f.Cursor = 100, cursorOf(1050, 200)
			boundedPlans(t, inbox, name+" "+endpoint, func() error { _, _, err := inbox.ListDeliveries(context.Background(), f); return err })
		}
	}
}

// boundedPlans runs a call on a connection of its own and reads the plan of
// every statement that it made.
func boundedPlans(t *testing.T, inbox *Inbox, name string, call func() error) {
	t.Helper()
	inbox.e.readers.close()
	inbox.e.readers.closed = false
	if err := call(); err != nil {
		t.Fatal(name, err)
	}
	for _, c := range slices.Clone(inbox.e.readers.idle) {
		for _, sql := range c.Statements() {
			if !strings.HasPrefix(sql, "SELECT") && !strings.HasPrefix(sql, "WITH") {
				continue
			}
			for _, step := range planOf(t, c, sql) {
				if scans(step) || strings.Contains(step, "TEMP B-TREE") && !sortsFew(sql) {
					t.Errorf("%s: %s\nin %s", name, step, sql)
				}
			}
		}
	}
}

// scans reports whether a step of a plan goes through a whole table. Endpoints
// are few, and what json_each and a recursion yield is bounded by its statement.
// A subquery (SQLite 3.38 says SUBQUERY 1) has steps of its own.
func scans(step string) bool {
	rest, ok := strings.CutPrefix(step, "SCAN ")
	if !ok {
		return false
	}
	what := strings.Fields(rest)[0]
	return what[0] != '(' && !slices.Contains([]string{"json_each", "CONSTANT", "SUBQUERY", "types", "pairs", "knocker_endpoints"}, what)
}

// sortsFew reports whether a statement puts only rows in order whose ids it was
// given, or those of one exact value.
func sortsFew(sql string) bool {
	return strings.Contains(sql, "NOT INDEXED WHERE x.id IN") || strings.Contains(sql, "UNION SELECT")
}

func planOf(t *testing.T, c *sqlite.Conn, sql string) (steps []string) {
	t.Helper()
	for parameters := range 20 {
		rows, err := c.Query("EXPLAIN QUERY PLAN "+sql, make([]any, parameters)...)
		if err != nil {
			continue
		}
		for rows.Next() {
			steps = append(steps, rows.Text(3))
		}
		return steps
	}
	t.Fatal("no plan of", sql)
	return nil
}

// A filter that can't be meant is refused with what was probably meant.
func TestFilterMistakes(t *testing.T) {
	inbox := filledInbox(t)
	for want, filter := range map[string]EventFilter{
		`unknown_endpoint: no endpoint is named "shpo"; did you mean "shop"?`: {Endpoints: []string{"shpo"}},
		`did you mean "handled"?`:                            {Statuses: []string{"handeld"}},
		"endpoint is an empty list":                          {Endpoints: []string{}},
		"status holds an empty text":                         {Statuses: []string{""}},
		"event_id is 0: ids begin at 1":                      {EventIDs: []int64{0}},
		"event_id lists 1001 values: at most 1000":           {EventIDs: make([]int64, 1001)},
		`event_type is "a*b": a * may only stand at its end`: {EventType: "a*b"},
		"the cursor is not one that this call has answered":  {Cursor: "MS4y"[:3]},
	} {
		_, _, err := inbox.ListEvents(context.Background(), filter)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", filter, err, want)
		}
	}
	for want, filter := range map[string]DeliveryFilter{
		`did you mean "rejected"?`:    {Kind: "reject"},
		"reason is an empty list":     {Reasons: []string{}},
		"delivery_id is -1":           {DeliveryIDs: []int64{-1}},
		"limit is 1001":               {Limit: 1001},
		`no endpoint is named "nope"`: {Endpoints: []string{"shop", "nope"}},
	} {
		_, _, err := inbox.ListDeliveries(context.Background(), filter)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", filter, err, want)
		}
	}
}

// Whatever text comes as a cursor, it is read back exactly or refused.
func FuzzCursor(f *testing.F) {
	f.Add(cursorOf(1700000000, 5))
	f.Add("")
	f.Add("MS4y")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseCursor(text)
		if err != nil {
			if CodeOf(err) != CodeInvalidArgument {
				t.Fatal(err)
			}
			return
		}
		if at != nil && cursorOf(at.at, at.id) != text || at == nil && text != "" {
			t.Fatalf("%q reads as %v", text, at)
		}
	})
}
