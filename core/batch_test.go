package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/providertest"
)

// batches is an inbox with a provider that sends several events in a request.
func batches(t *testing.T, c *clock) *core.Inbox {
	t.Helper()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
	_, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "line", Provider: "line", Secrets: "channel-secret"})
	if err != nil {
		t.Fatal(err)
	}
	return inbox
}

func lineBody(ids ...string) []byte {
	items := make([]string, len(ids))
	for n, id := range ids {
		items[n] = fmt.Sprintf(`{ "type":"message", "webhookEventId":%q,  "text":"é of %s" }`, id, id)
	}
	return []byte(`{"destination":"x","events":[` + strings.Join(items, " , ") + `]}`)
}

func receiveBatch(t *testing.T, inbox *core.Inbox, c *clock, ids ...string) core.Result {
	t.Helper()
	body := lineBody(ids...)
	signed, err := providertest.Sign("line", "channel-secret", body, c.now())
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]any{}
	for name, value := range signed {
		headers[name] = value
	}
	r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "line", Body: body, Headers: headers})
	if err != nil || r.StatusCode >= 300 {
		t.Fatal(r, err)
	}
	return r
}

// One request, N events, each with its own exact bytes; regrouped retries fold
// item by item.
func TestBatches(t *testing.T) {
	c := newClock()
	inbox := batches(t, c)
	first := receiveBatch(t, inbox, c, "a", "b", "c")
	if len(first.EventIDs) != 3 || first.EventID != first.EventIDs[0] || first.Duplicate {
		t.Fatalf("%+v", first)
	}
	regrouped := receiveBatch(t, inbox, c, "c", "d")
	if regrouped.Duplicate || regrouped.EventIDs[0] != first.EventIDs[2] {
		t.Fatalf("%+v", regrouped)
	}
	if again := receiveBatch(t, inbox, c, "a", "d"); !again.Duplicate {
		t.Fatalf("%+v", again)
	}
	if probe := receiveBatch(t, inbox, c); probe.EventID != 0 || probe.DeliveryID == 0 {
		t.Fatalf("%+v", probe)
	}
	var bodies []string
	if err := inbox.Handle(core.HandlerParams{Endpoint: "line"}, func(_ context.Context, e *core.Event, _ *core.Tx) error {
		bodies = append(bodies, string(e.Body))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := runOnce(t, inbox); n != 4 {
		t.Fatal("ran", n)
	}
	for n, id := range []string{"a", "b", "c", "d"} {
		if want := fmt.Sprintf(`{ "type":"message", "webhookEventId":%q,  "text":"é of %s" }`, id, id); bodies[n] != want {
			t.Errorf("%q, want %q", bodies[n], want)
		}
	}
	list, _, err := inbox.ListDeliveries(background, core.DeliveryFilter{EventIDs: []int64{first.EventIDs[2]}})
	if err != nil || len(list) != 2 {
		t.Fatalf("deliveries of the regrouped item: %+v %v", list, err)
	}
	// The handler sees the item of the delivery that is replayed, not the whole.
	bodies = nil
	if id, err := inbox.ReplayDelivery(background, regrouped.DeliveryID, first.EventIDs[2]); err != nil || id != first.EventIDs[2] {
		t.Fatal(id, err)
	}
	runOnce(t, inbox)
	if len(bodies) != 1 || !strings.Contains(bodies[0], `"c"`) || strings.Contains(bodies[0], `"d"`) {
		t.Fatal(bodies)
	}
	_, err = inbox.ReplayDelivery(background, regrouped.DeliveryID, first.EventIDs[0])
	wantCode(t, err, core.CodeNotLinked)
}

// Pruning one event of a shared delivery never takes another's body.
func TestPruneSharedDeliveries(t *testing.T) {
	c := newClock()
	inbox := batches(t, c)
	one := receiveBatch(t, inbox, c, "a", "b")
	c.advance(time.Second)
	two := receiveBatch(t, inbox, c, "b", "c")
	a, b, third := one.EventIDs[0], one.EventIDs[1], two.EventIDs[1]
	if err := inbox.Handle(core.HandlerParams{Endpoint: "line"}, func(context.Context, *core.Event, *core.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	runOnce(t, inbox)
	_, err := inbox.PruneEvents(background, core.PruneParams{OlderThan: c.now().Unix()})
	wantCode(t, err, core.CodeInvalidArgument) // within the time of retries
	_, err = inbox.PruneEvents(background, core.PruneParams{OlderThan: 1, Statuses: []string{}})
	wantCode(t, err, core.CodeInvalidArgument) // an empty list means nothing, never all
	prune := func(limit int) core.PruneResult {
		t.Helper()
		r, err := inbox.PruneEvents(background, core.PruneParams{OlderThan: c.now().Unix() + 1, Limit: limit, Force: true})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	check := func(id int64, name string) {
		t.Helper()
		if e := event(t, inbox, id); !strings.Contains(string(e.Body), `"`+name+`"`) {
			t.Fatalf("event %s lost its body: %q", name, e.Body)
		}
	}
	if r := prune(1); r != (core.PruneResult{EventsPruned: 1, AttemptsPruned: 1}) {
		t.Fatalf("%+v", r)
	}
	_, err = inbox.GetEvent(background, a)
	wantCode(t, err, core.CodeNotFound)
	check(b, "b")
	check(third, "c")
	if d, err := inbox.GetDelivery(background, one.DeliveryID); err != nil || d.EventID != b {
		t.Fatalf("the shared delivery: %+v %v", d, err)
	}
	if r := prune(1); r.EventsPruned != 1 || r.DeliveriesPruned != 1 {
		t.Fatalf("%+v", r)
	}
	check(third, "c")
	if d, err := inbox.GetDelivery(background, two.DeliveryID); err != nil || d.EventID != third {
		t.Fatalf("%+v %v", d, err)
	}
	if r := prune(0); r.EventsPruned != 1 || r.DeliveriesPruned != 1 {
		t.Fatalf("%+v", r)
	}
	if r := prune(0); r != (core.PruneResult{}) {
		t.Fatalf("%+v", r)
	}
	if n := count(t, inbox, "SELECT count(*) FROM knocker_prune_audits"); n != 4 {
		t.Fatal("audits", n)
	}
	if n := count(t, inbox, "SELECT count(*) FROM knocker_delivery_events"); n != 0 {
		t.Fatal("links are left:", n)
	}
}

// Orphans are pruned on their own, and events keep theirs.
func TestPruneOrphans(t *testing.T) {
	c := newClock()
	inbox := open(t, core.Options{Source: core.Source{Now: c.now}})
	addHooks(t, inbox, core.EndpointParams{})
	kept := receive(t, inbox, "a")
	forged(t, inbox)
	c.advance(time.Hour)
	forged(t, inbox)
	r, err := inbox.PruneOrphanDeliveries(background, c.now().Unix(), 0)
	if err != nil || r.DeliveriesPruned != 1 {
		t.Fatal(r, err)
	}
	if _, err := inbox.GetDelivery(background, kept.DeliveryID); err != nil {
		t.Fatal(err)
	}
}
