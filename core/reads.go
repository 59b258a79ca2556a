package core

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// An event shows the method, headers, query and body of its canonical delivery,
// and of a batch only its own slice.
const eventSelect = `SELECT e.id, p.name, coalesce(e.event_type, ''), coalesce(e.provider_event_id, ''), coalesce(e.provider_delivery_id, ''),
	coalesce(e.dedupe_key, ''), coalesce(d.id, 0), e.status, e.attempt_count, coalesce(d.method, e.method), coalesce(d.headers_json, '{}'),
	coalesce(d.query_json, '{}'), e.received_at, coalesce(e.handled_at, 0), coalesce(e.last_error, ''), %s
	FROM main.knocker_events e JOIN main.knocker_endpoints p ON p.id = e.endpoint_id
	LEFT JOIN main.knocker_deliveries d ON d.id = %s
	LEFT JOIN main.knocker_delivery_events l ON l.event_id = e.id AND l.delivery_id = d.id
	AND l.item = (SELECT min(item) FROM main.knocker_delivery_events WHERE event_id = e.id AND delivery_id = d.id)`

const eventBody = "CASE WHEN l.item IS NULL THEN d.body_blob ELSE substr(d.body_blob, l.body_offset + 1, l.body_length) END"

var (
	selectEvent         = fmt.Sprintf(eventSelect, eventBody, "e.delivery_id")
	selectEventDelivery = fmt.Sprintf(eventSelect, eventBody, "?2")
	selectEventNoBody   = fmt.Sprintf(eventSelect, "NULL", "e.delivery_id")
)

func scanEvent(r *store.Rows) Event {
	ev := Event{ID: r.Int(0), Endpoint: r.Text(1), EventType: r.Text(2), ProviderEventID: r.Text(3), ProviderDeliveryID: r.Text(4), DedupeKey: r.Text(5),
		DeliveryID: r.Int(6), Status: r.Text(7), AttemptCount: int(r.Int(8)), Method: r.Text(9), HeadersJSON: r.Bytes(10), QueryJSON: r.Bytes(11),
		ReceivedAt: r.Int(12), HandledAt: r.Int(13), LastError: r.Text(14)}
	if !r.IsNull(15) {
		ev.Body = r.Bytes(15)
		if ev.Body == nil {
			ev.Body = []byte{}
		}
	}
	return ev
}

// load reads the step's event: with the delivery that a replay names, or its own.
func (s *Step) load() error {
	return s.w.e.read(func(c *sqlite.Conn) error {
		var rows *store.Rows
		var err error
		if s.claim.deliveryID != 0 {
			rows, err = c.Query(selectEventDelivery+" WHERE e.id = ?1", s.claim.eventID, s.claim.deliveryID)
		} else {
			rows, err = c.Query(selectEvent+" WHERE e.id = ?1", s.claim.eventID)
		}
		if err != nil {
			return err
		}
		if !rows.Next() {
			return fail(CodeNotFound, "event %d is gone", s.claim.eventID)
		}
		s.event = scanEvent(rows)
		s.event.Status, s.event.AttemptCount = StatusProcessing, s.claim.key.Attempts
		return nil
	})
}

// GetEvent returns an event with its body. Errors: not_found.
func (i *Inbox) GetEvent(_ context.Context, id int64) (out Event, err error) {
	if err := i.usable(); err != nil {
		return out, err
	}
	err = i.e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query(selectEvent+" WHERE e.id = ?1", id)
		if err != nil {
			return err
		}
		if !rows.Next() {
			return fail(CodeNotFound, "no event has id %d", id)
		}
		out = scanEvent(rows)
		return nil
	})
	return out, err
}

// conditions collects the WHERE of a list.
type conditions struct {
	where []string
	args  []any
}

func (q *conditions) add(sql string, args ...any) {
	q.where = append(q.where, sql)
	q.args = append(q.args, args...)
}

func (q *conditions) sql() string {
	if len(q.where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(q.where, " AND ")
}

// addTimes narrows to a range and to what lies behind the cursor of a page.
func (q *conditions) addTimes(alias string, since, until int64, cursor string) error {
	if since != 0 {
		q.add(alias+".received_at >= ?", since)
	}
	if until != 0 {
		q.add(alias+".received_at < ?", until)
	}
	if cursor == "" {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	var at, id int64
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d.%d", &at, &id)
	}
	if err != nil {
		return fail(CodeInvalidArgument, "the cursor is not one that a list has answered")
	}
	q.add("("+alias+".received_at, "+alias+".id) < (?, ?)", at, id)
	return nil
}

func cursorAt(receivedAt, id int64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", receivedAt, id))
}

// ListEvents lists events, newest first, and the cursor of the next page, ""
// after the last.
func (i *Inbox) ListEvents(_ context.Context, f EventFilter) (list []Event, next string, err error) {
	if err := i.usable(); err != nil {
		return nil, "", err
	}
	if f.Limit, err = pageLimit(f.Limit); err != nil {
		return nil, "", err
	}
	var q conditions
	if f.Endpoint != "" {
		q.add("e.endpoint_id = (SELECT id FROM main.knocker_endpoints WHERE name = ?)", f.Endpoint)
	}
	if f.Status != "" {
		if err := oneOf("status", f.Status, StatusReceived, StatusProcessing, StatusHandled, StatusFailed, StatusDead, StatusIgnored); err != nil {
			return nil, "", err
		}
		q.add("e.status = ?", f.Status)
	}
	prefix, isPrefix := strings.CutSuffix(f.EventType, "*")
	if f.EventType != "" && !isPrefix {
		q.add("e.event_type = ?", f.EventType)
	}
	if f.DedupeKey != "" {
		// The index of identities begins with the endpoint.
		q.add("e.dedupe_key = ? AND e.endpoint_id IN (SELECT id FROM main.knocker_endpoints)", f.DedupeKey)
	}
	if err := q.addTimes("e", f.Since, f.Until, f.Cursor); err != nil {
		return nil, "", err
	}
	sql := selectEventNoBody
	if f.Bodies {
		sql = selectEvent
	}
	list = []Event{}
	err = i.e.snapshot(func(c *sqlite.Conn) (err error) {
		if isPrefix && prefix != "" {
			list, err = listPrefix(c, sql, q, prefix, f.Limit)
		} else {
			list, err = listEvents(c, sql, q, f.Limit)
		}
		return err
	})
	if n := len(list); n > 0 && n == f.Limit {
		next = cursorAt(list[n-1].ReceivedAt, list[n-1].ID)
	}
	return list, next, err
}

func listEvents(c *sqlite.Conn, sql string, q conditions, limit int) ([]Event, error) {
	list := []Event{}
	rows, err := c.Query(sql+q.sql()+" ORDER BY e.received_at DESC, e.id DESC LIMIT ?", append(q.args[:len(q.args):len(q.args)], limit)...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		list = append(list, scanEvent(rows))
	}
	return list, nil
}

// listPrefix lists the newest of each type and keeps the newest of all. No index
// has the events of a prefix in the order of time, but those of one type: so the
// cost grows with the number of types, which are few, and not of events.
func listPrefix(c *sqlite.Conn, sql string, q conditions, prefix string, limit int) ([]Event, error) {
	types, err := c.Query(`WITH RECURSIVE types(name) AS (
		SELECT min(event_type) FROM main.knocker_events WHERE event_type >= ?1
		UNION ALL SELECT (SELECT min(event_type) FROM main.knocker_events WHERE event_type > types.name) FROM types
		WHERE substr(types.name, 1, ?2) = ?1)
		SELECT name FROM types WHERE substr(name, 1, ?2) = ?1`, prefix, len([]rune(prefix)))
	if err != nil {
		return nil, err
	}
	list := []Event{}
	q.add("e.event_type = ?", nil)
	for types.Next() {
		q.args[len(q.args)-1] = types.Text(0)
		found, err := listEvents(c, sql, q, limit)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	slices.SortFunc(list, func(a, b Event) int {
		return cmp.Or(cmp.Compare(b.ReceivedAt, a.ReceivedAt), cmp.Compare(b.ID, a.ID))
	})
	return list[:min(limit, len(list))], nil
}

const deliverySelect = `SELECT d.id, p.name, coalesce(d.event_id, 0), d.kind, coalesce(d.reason, ''), d.received_at, coalesce(d.provider_event_id, ''),
	coalesce(d.provider_delivery_id, ''), coalesce(d.event_type, ''), d.method, d.headers_json, d.query_json, d.signature_valid,
	coalesce(d.signature_error, ''), coalesce(d.dedupe_key, ''), d.body_bytes, d.body_digest, %s
	FROM main.knocker_deliveries d JOIN main.knocker_endpoints p ON p.id = d.endpoint_id`

func scanDelivery(r *store.Rows) Delivery {
	d := Delivery{ID: r.Int(0), Endpoint: r.Text(1), EventID: r.Int(2), Kind: r.Text(3), Reason: r.Text(4), ReceivedAt: r.Int(5), ProviderEventID: r.Text(6),
		ProviderDeliveryID: r.Text(7), EventType: r.Text(8), Method: r.Text(9), HeadersJSON: r.Bytes(10), QueryJSON: r.Bytes(11),
		SignatureError: r.Text(13), DedupeKey: r.Text(14), BodyBytes: r.Int(15), BodyDigest: hex.EncodeToString(r.Bytes(16))}
	if !r.IsNull(12) {
		valid := r.Int(12) != 0
		d.SignatureValid = &valid
	}
	if !r.IsNull(17) {
		d.Body = append([]byte{}, r.Bytes(17)...)
	}
	return d
}

// GetDelivery returns a delivery with its body. Errors: not_found.
func (i *Inbox) GetDelivery(_ context.Context, id int64) (out Delivery, err error) {
	if err := i.usable(); err != nil {
		return out, err
	}
	err = i.e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query(fmt.Sprintf(deliverySelect, "d.body_blob")+" WHERE d.id = ?", id)
		if err != nil {
			return err
		}
		if !rows.Next() {
			return fail(CodeNotFound, "no delivery has id %d", id)
		}
		out = scanDelivery(rows)
		return nil
	})
	return out, err
}

// ListDeliveries lists deliveries, newest first, and the cursor of the next page.
func (i *Inbox) ListDeliveries(_ context.Context, f DeliveryFilter) (list []Delivery, next string, err error) {
	if err := i.usable(); err != nil {
		return nil, "", err
	}
	if f.Limit, err = pageLimit(f.Limit); err != nil {
		return nil, "", err
	}
	var q conditions
	if f.Endpoint != "" {
		q.add("d.endpoint_id = (SELECT id FROM main.knocker_endpoints WHERE name = ?)", f.Endpoint)
	}
	if f.EventID != 0 {
		q.add("(d.event_id = ? OR d.id IN (SELECT delivery_id FROM main.knocker_delivery_events WHERE event_id = ?))", f.EventID, f.EventID)
	}
	if f.Orphaned != nil {
		q.add(map[bool]string{true: "d.event_id IS NULL", false: "d.event_id IS NOT NULL"}[*f.Orphaned])
	}
	if f.SignatureValid != nil {
		q.add(map[bool]string{true: "d.signature_valid = 1", false: "coalesce(d.signature_valid, 0) = 0"}[*f.SignatureValid])
	}
	if err := q.addTimes("d", f.Since, f.Until, f.Cursor); err != nil {
		return nil, "", err
	}
	body := "NULL"
	if f.Bodies {
		body = "d.body_blob"
	}
	list = []Delivery{}
	err = i.e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query(fmt.Sprintf(deliverySelect, body)+q.sql()+" ORDER BY d.received_at DESC, d.id DESC LIMIT ?", append(q.args, f.Limit)...)
		if err != nil {
			return err
		}
		for rows.Next() {
			list = append(list, scanDelivery(rows))
		}
		return nil
	})
	if n := len(list); n > 0 && n == f.Limit {
		next = cursorAt(list[n-1].ReceivedAt, list[n-1].ID)
	}
	return list, next, err
}

// ListAttempts lists the runs of an event's handler, oldest first.
func (i *Inbox) ListAttempts(_ context.Context, eventID int64) ([]Attempt, error) {
	if err := i.usable(); err != nil {
		return nil, err
	}
	list := []Attempt{}
	err := i.e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query("SELECT id, event_id, attempted_at, outcome, coalesce(error, ''), duration_ms FROM main.knocker_attempts WHERE event_id = ? ORDER BY id LIMIT 1000", eventID)
		if err != nil {
			return err
		}
		for rows.Next() {
			list = append(list, Attempt{ID: rows.Int(0), EventID: rows.Int(1), AttemptedAt: rows.Int(2), Outcome: rows.Text(3), Error: rows.Text(4), DurationMS: rows.Int(5)})
		}
		return nil
	})
	return list, err
}
