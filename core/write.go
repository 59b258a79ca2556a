package core

import (
	"slices"
	"strconv"

	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// The ids stand first in these statements: a receipt's arguments are packed by
// its own caller, before it waits for the writer, and the ids are set later.
const (
	insertEvent = `INSERT INTO main.knocker_events (id, delivery_id, job_id, endpoint_id, received_at, provider_event_id, provider_delivery_id, event_type, method, dedupe_key)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (endpoint_id, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING`
	insertLink     = "INSERT INTO main.knocker_delivery_events (delivery_id, event_id, item, body_offset, body_length) VALUES (?, ?, ?, ?, ?)"
	insertDelivery = `INSERT INTO main.knocker_deliveries (id, event_id, endpoint_id, received_at, provider_event_id, provider_delivery_id, event_type,
			method, headers_json, body_blob, query_json, signature_valid, signature_error, dedupe_key, kind, reason, body_digest, body_bytes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// packed are a receipt's rows, ready for the writer but for their ids.
type packed struct {
	delivery []byte
	events   [][]byte
}

// pack prepares the receipt's rows. It runs on the caller's own time.
func (r *receipt) pack() (err error) {
	r.rows.events = nil
	v := &r.verdict
	var key string
	if len(r.items) == 1 {
		key = r.items[0].Identity
	}
	if r.body == nil {
		r.body = []byte{}
	}
	r.rows.delivery, err = sqlite.Pack(nil, nil, r.endpoint.ID, r.now.Unix(), orNull(v.ProviderEventID), orNull(v.ProviderDeliveryID), orNull(v.EventType),
		r.method, r.headers, r.body, r.query, r.signature, orNull(r.sigError), orNull(key), r.kind, orNull(r.reason), r.digest, r.bodyBytes)
	if err != nil {
		return err
	}
	for n := range r.items {
		event, err := r.packEvent(&r.items[n])
		if err != nil {
			return err
		}
		r.rows.events = append(r.rows.events, event)
	}
	return nil
}

func (r *receipt) packEvent(item *provider.Item) ([]byte, error) {
	return sqlite.Pack(nil, nil, nil, r.endpoint.ID, r.now.Unix(), orNull(item.ProviderEventID), orNull(r.verdict.ProviderDeliveryID), orNull(item.EventType),
		r.method, orNull(item.Identity))
}

// writing is a batch of receipts on its way into the file, as one list of
// statements. The list stops at an event whose identity is known: then that
// event's id takes the place of the new one, and the list goes on behind it.
type writing struct {
	c     *sqlite.Conn
	b     store.Batch
	ids   sequences
	steps []writeStep // of each statement
}

// writeStep says whose statement it is.
type writeStep struct {
	r    *receipt
	item int // of an insertEvent, else one of these
}

const (
	ofEndpoint = -1 // asks whether the endpoint still takes anything
	ofRow      = -2 // writes a row
)

// placed is where a receipt's statements and rows are.
type placed struct {
	delivery  int64
	statement int // insertDelivery; -1 where there is none to write
	events    []int64
	known     int // events that were there before
}

// write stores the receipts in the open transaction and commits it. At an error
// nothing of use has been written; guilty is the member whose statement it was,
// nil where it was nobody's.
func write(c *sqlite.Conn, ids sequences, receipts []*receipt) (guilty *receipt, err error) {
	return writeReceipts(c, ids, receipts, true)
}

// writeReceipts is write with the commit left to the caller where it wants that.
func writeReceipts(c *sqlite.Conn, ids sequences, receipts []*receipt, commit bool) (guilty *receipt, err error) {
	w := &writing{c: c, b: c.NewBatch(), ids: ids}
	defer w.b.Close()
	asked := map[int64]bool{} // an endpoint is asked for once a batch
	for _, r := range receipts {
		if !asked[r.endpoint.ID] {
			asked[r.endpoint.ID] = true
			w.add(r, ofEndpoint, store.MustFind, "SELECT 1 FROM main.knocker_endpoints WHERE id = ? AND enabled <> 0", r.endpoint.ID)
		}
		w.addReceipt(r)
	}
	if commit {
		w.add(nil, ofRow, store.MayEnd, "COMMIT")
	}
	if err := w.run(); err != nil {
		return w.owner(), err
	}
	for _, r := range receipts {
		events, known := r.placedEvents()
		r.result = r.answer(r.at.delivery, events, len(r.items) > 0 && known == len(r.items))
		r.err = nil
	}
	return nil, nil
}

// writeItems stores or finds the events of a delivery that is in the file
// already, each once in the order of their items, and counts the items that were
// known.
func (r *receipt) writeItems(c *sqlite.Conn, ids *sequences, delivery int64) (events []int64, known int, err error) {
	if err := r.pack(); err != nil {
		return nil, 0, err
	}
	w := &writing{c: c, b: c.NewBatch(), ids: *ids}
	defer w.b.Close()
	w.addItems(r, delivery)
	if err := w.run(); err != nil {
		return nil, 0, err
	}
	events, known = r.placedEvents()
	return events, known, nil
}

// run runs the list to its end.
func (w *writing) run() error {
	for {
		complete, err := w.b.Run()
		if err != nil || complete {
			return err
		}
		if err := w.goOn(); err != nil {
			return err
		}
	}
}

func (w *writing) add(r *receipt, item int, must store.Must, sql string, args ...any) int {
	w.steps = append(w.steps, writeStep{r, item})
	return w.b.Add(must, sql, args...)
}

// addReceipt adds one receipt's statements: its items, then the delivery.
func (w *writing) addReceipt(r *receipt) {
	w.ids.delivery++
	w.addItems(r, w.ids.delivery)
	sqlite.SetInt(r.rows.delivery, 0, w.ids.delivery)
	if len(r.items) > 0 {
		sqlite.SetInt(r.rows.delivery, 1, r.at.events[0])
	}
	w.steps = append(w.steps, writeStep{r, ofRow})
	r.at.statement = w.b.AddPacked(store.MustChange, insertDelivery, r.rows.delivery)
}

// addItems adds a receipt's events and jobs, and the links of a batch.
func (w *writing) addItems(r *receipt, delivery int64) {
	r.at = placed{delivery: delivery, statement: -1, events: make([]int64, len(r.items))}
	for n := range r.items {
		w.ids.event++
		w.ids.job++
		r.at.events[n] = w.ids.event
		w.steps = append(w.steps, writeStep{r, n})
		event := r.rows.events[n]
		sqlite.SetInt(event, 0, w.ids.event)
		sqlite.SetInt(event, 1, delivery)
		sqlite.SetInt(event, 2, w.ids.job)
		w.b.AddPacked(store.MustChange, insertEvent, event)
		w.addJob(r)
		if r.linked {
			w.add(r, ofRow, store.MustChange, insertLink, delivery, w.ids.event, n, r.items[n].Offset, r.items[n].Length)
		}
	}
}

// addJob adds the job of the event before it.
func (w *writing) addJob(r *receipt) {
	id := w.ids.job
	if w.ids.careful {
		id = 0
	}
	w.steps = append(w.steps, writeStep{r, ofRow})
	queue.AddJob(w.b, id, r.queue, eventPayload(w.ids.event), r.now.Unix(), r.attempts, r.now)
	if w.ids.careful {
		w.add(r, ofRow, store.MustChange, "UPDATE main.knocker_events SET job_id = last_insert_rowid() WHERE id = ?", w.ids.event)
	}
}

// owner is whose statement the list has stopped at.
func (w *writing) owner() *receipt {
	if at := w.b.Stopped(); at < len(w.steps) {
		return w.steps[at].r
	}
	return nil
}

// goOn lets the list go on where a statement did not do what it must: the
// identity of its event is known, or its endpoint is not to be used.
func (w *writing) goOn() error {
	at := w.b.Stopped()
	r, item := w.steps[at].r, w.steps[at].item
	switch item {
	case ofEndpoint:
		return r.endpointGone(w.c)
	case ofRow:
		return keptOut()
	}
	rows, err := w.c.Query("SELECT id FROM main.knocker_events WHERE endpoint_id = ? AND dedupe_key = ?", r.endpoint.ID, r.items[item].Identity)
	if err != nil {
		return err
	}
	if !rows.Next() {
		return keptOut()
	}
	id := rows.Int(0)
	r.at.events[item] = id
	r.at.known++
	next := at + 2 // behind the event and its job
	if w.ids.careful {
		next++
	}
	if r.linked {
		w.b.SetInt(next, 1, id)
	}
	if item == 0 && r.at.statement >= 0 {
		w.b.SetInt(r.at.statement, 1, id)
	}
	w.b.Skip(next)
	return nil
}

// keptOut is the error of a receipt one of whose rows was not written: only a
// trigger's RAISE(IGNORE) does that without an error of its own.
func keptOut() error {
	return fail(CodeStorageError, "a trigger of the application kept a row of this receipt out (RAISE(IGNORE)); nothing of it was stored")
}

// endpointGone says why an endpoint takes nothing any more: another process has
// changed it since it was cached.
func (r *receipt) endpointGone(c *sqlite.Conn) error {
	rows, err := c.Query("SELECT enabled FROM main.knocker_endpoints WHERE id = ?", r.endpoint.ID)
	switch {
	case err != nil:
		return err
	case !rows.Next():
		return fail(CodeUnknownEndpoint, "endpoint %q was removed", r.endpoint.Name)
	}
	return fail(CodeEndpointDisabled, "endpoint %q is disabled", r.endpoint.Name)
}

// placedEvents lists the events that the items have become, each once.
func (r *receipt) placedEvents() (events []int64, known int) {
	for _, id := range r.at.events {
		if !slices.Contains(events, id) {
			events = append(events, id)
		}
	}
	return events, r.at.known
}

func eventPayload(event int64) string { return `{"event_id":` + strconv.FormatInt(event, 10) + "}" }
