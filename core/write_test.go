package core_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/knocker-dev/knocker/core"
)

// Receipts that are written together: new ones, retries of one another and of
// what is stored, and batches that hold some of each. Each gets its own answer.
func TestDuplicatesAmongThoseWrittenTogether(t *testing.T) {
	inbox := open(t, core.Options{})
	if _, err := inbox.AddEndpoint(background, core.EndpointParams{Name: "hooks"}); err != nil {
		t.Fatal(err)
	}
	const keys, each = 40, 8
	results := make([][each]core.Result, keys)
	var wg sync.WaitGroup
	for k := range keys {
		for n := range each {
			wg.Add(1)
			go func() {
				defer wg.Done()
				r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "hooks", Body: []byte(fmt.Sprint(k, n)), Ingest: true, DedupeKey: fmt.Sprint(k)})
				if err != nil {
					t.Error(err)
				}
				results[k][n] = r
			}()
		}
	}
	wg.Wait()
	deliveries := map[int64]bool{}
	for k := range keys {
		first := 0
		for n, r := range results[k] {
			deliveries[r.DeliveryID] = true
			if !r.Duplicate {
				first++
				event, err := inbox.GetEvent(background, r.EventID)
				if err != nil || string(event.Body) != fmt.Sprint(k, n) || event.DeliveryID != r.DeliveryID {
					t.Errorf("event %d shows %q of delivery %d, not its own (%v)", r.EventID, event.Body, event.DeliveryID, err)
				}
			}
			if r.EventID != results[k][0].EventID || len(r.EventIDs) != 1 {
				t.Errorf("key %d: events %v and %d", k, r.EventIDs, results[k][0].EventID)
			}
			d, err := inbox.GetDelivery(background, r.DeliveryID)
			if err != nil || d.EventID != r.EventID || string(d.Body) != fmt.Sprint(k, n) {
				t.Errorf("delivery %d points at event %d and shows %q (%v)", r.DeliveryID, d.EventID, d.Body, err)
			}
		}
		if first != 1 {
			t.Errorf("key %d: %d receipts made the event", k, first)
		}
	}
	if len(deliveries) != keys*each {
		t.Errorf("%d deliveries", len(deliveries))
	}
	stats, err := inbox.Stats(background)
	if err != nil || stats.Events[core.StatusReceived] != keys || stats.JobsReady != keys {
		t.Errorf("%+v %v", stats, err)
	}
}
