package core

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// An event shows the method, headers, query and body of its canonical delivery,
// and of a batch only its own slice.
const eventSelect = `SELECT e.id, p.name, coalesce(e.event_type, ''), coalesce(e.provider_event_id, ''), coalesce(e.provider_delivery_id, ''),
	coalesce(e.dedupe_key, ''), coalesce(d.id, 0), e.status, e.attempt_count, coalesce(d.method, e.method), coalesce(d.headers_json, '{}'),
	coalesce(d.query_json, '{}'), e.received_at, coalesce(e.handled_at, 0), coalesce(e.last_error, ''), %s, coalesce(e.expunged_at, 0), e.endpoint_id
	FROM main.knocker_events e JOIN main.knocker_endpoints p ON p.id = e.endpoint_id
	LEFT JOIN main.knocker_deliveries d ON d.id = %s
	LEFT JOIN main.knocker_delivery_events l ON l.event_id = e.id AND l.delivery_id = d.id
	AND l.item = (SELECT min(item) FROM main.knocker_delivery_events WHERE event_id = e.id AND delivery_id = d.id)`

const eventBody = "CASE WHEN l.item IS NULL THEN d.body_blob ELSE substr(d.body_blob, l.body_offset + 1, l.body_length) END"

var (
	selectEvent         = fmt.Sprintf(eventSelect, eventBody, "e.delivery_id")
	selectEventDelivery = fmt.Sprintf(eventSelect, eventBody, "?2")
	selectEventNoBody   = fmt.Sprintf(eventSelect, "NULL", "e.delivery_id")

	// selectClaimed is event ?1 for the worker that claims it, with delivery ?2 or
	// its own, and a body of at most ?3 bytes.
	selectClaimed = fmt.Sprintf(eventSelect, "CASE WHEN coalesce(l.body_length, d.body_bytes) <= ?3 THEN "+eventBody+" END",
		"coalesce(?2, e.delivery_id)") + " WHERE e.id = ?1"
)

// eventEndpoint is the column of eventSelect that holds the endpoint's id, which
// an Event does not show.
const eventEndpoint = 17

func scanEvent(r *store.Rows) Event {
	ev := Event{ID: r.Int(0), Endpoint: r.Text(1), EventType: r.Text(2), ProviderEventID: r.Text(3), ProviderDeliveryID: r.Text(4), DedupeKey: r.Text(5),
		DeliveryID: r.Int(6), Status: r.Text(7), AttemptCount: int(r.Int(8)), Method: r.Text(9), HeadersJSON: r.Bytes(10), QueryJSON: r.Bytes(11),
		ReceivedAt: r.Int(12), HandledAt: r.Int(13), LastError: r.Text(14), ExpungedAt: r.Int(16)}
	if !r.IsNull(15) {
		ev.Body = r.Bytes(15)
		if ev.Body == nil {
			ev.Body = []byte{}
		}
	}
	return ev
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

// ListEvents lists events, newest first, and the cursor of the next page, ""
// after the last. Errors: invalid_argument, unknown_endpoint.
func (i *Inbox) ListEvents(_ context.Context, f EventFilter) (list []Event, next string, err error) {
	if err := i.usable(); err != nil {
		return nil, "", err
	}
	if f.Limit, err = pageLimit(f.Limit); err != nil {
		return nil, "", err
	}
	if err := f.check(); err != nil {
		return nil, "", err
	}
	after, err := parseCursor(f.Cursor)
	if err != nil {
		return nil, "", err
	}
	list = []Event{}
	err = i.e.snapshot(func(c *sqlite.Conn) error {
		s, err := f.search(c)
		if err != nil {
			return err
		}
		spots, err := s.page(c, newestFirst, after, f.Limit)
		if err != nil {
			return err
		}
		next = nextCursor(spots, f.Limit)
		list, err = eventsAt(c, spots, f.Bodies)
		return err
	})
	return list, next, err
}

// eventsAt reads the events of a page.
func eventsAt(c *sqlite.Conn, spots []spot, bodies bool) ([]Event, error) {
	sql := selectEventNoBody
	if bodies {
		sql = selectEvent
	}
	rows, err := c.Query(sql+" WHERE e.id IN (SELECT value FROM json_each(?))", jsonList(spotIDs(spots)))
	if err != nil {
		return nil, err
	}
	list := make([]Event, 0, len(spots))
	for rows.Next() {
		list = append(list, scanEvent(rows))
	}
	slices.SortFunc(list, func(a, b Event) int { return cmp.Or(cmp.Compare(b.ReceivedAt, a.ReceivedAt), cmp.Compare(b.ID, a.ID)) })
	return list, nil
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
