package core

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

const deliverySelect = `SELECT d.id, p.name, coalesce(d.event_id, 0), d.kind, coalesce(d.reason, ''), d.received_at, coalesce(d.provider_event_id, ''),
	coalesce(d.provider_delivery_id, ''), coalesce(d.event_type, ''), d.method, d.headers_json, d.query_json, d.signature_valid,
	coalesce(d.signature_error, ''), coalesce(d.dedupe_key, ''), d.body_bytes, d.body_digest, %s,
	coalesce(d.accepted_at, 0), coalesce(d.accepted_by, ''), coalesce(d.accepted_reason, ''), coalesce(d.expunged_at, 0)
	FROM main.knocker_deliveries d JOIN main.knocker_endpoints p ON p.id = d.endpoint_id`

func scanDelivery(r *store.Rows) Delivery {
	d := Delivery{ID: r.Int(0), Endpoint: r.Text(1), EventID: r.Int(2), Kind: r.Text(3), Reason: r.Text(4), ReceivedAt: r.Int(5), ProviderEventID: r.Text(6),
		ProviderDeliveryID: r.Text(7), EventType: r.Text(8), Method: r.Text(9), HeadersJSON: r.Bytes(10), QueryJSON: r.Bytes(11),
		SignatureError: r.Text(13), DedupeKey: r.Text(14), BodyBytes: r.Int(15), BodyDigest: hex.EncodeToString(r.Bytes(16)),
		AcceptedAt: r.Int(18), AcceptedBy: r.Text(19), AcceptedReason: r.Text(20), ExpungedAt: r.Int(21)}
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

// ListDeliveries lists deliveries, newest first, and the cursor of the next
// page, "" after the last. Errors: invalid_argument, unknown_endpoint.
func (i *Inbox) ListDeliveries(_ context.Context, f DeliveryFilter) (list []Delivery, next string, err error) {
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
	list = []Delivery{}
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
		list, err = deliveriesAt(c, spots, f.Bodies)
		return err
	})
	return list, next, err
}

// deliveriesAt reads the deliveries of a page.
func deliveriesAt(c *sqlite.Conn, spots []spot, bodies bool) ([]Delivery, error) {
	body := "NULL"
	if bodies {
		body = "d.body_blob"
	}
	rows, err := c.Query(fmt.Sprintf(deliverySelect, body)+" WHERE d.id IN (SELECT value FROM json_each(?))", jsonList(spotIDs(spots)))
	if err != nil {
		return nil, err
	}
	list := make([]Delivery, 0, len(spots))
	for rows.Next() {
		list = append(list, scanDelivery(rows))
	}
	slices.SortFunc(list, func(a, b Delivery) int {
		return cmp.Or(cmp.Compare(b.ReceivedAt, a.ReceivedAt), cmp.Compare(b.ID, a.ID))
	})
	return list, nil
}
