package core

import (
	"bytes"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// erasable holds for an event that will not run by itself and has something
// left: at its own first erasure, or because of what came later.
const erasable = `e.status IN ('handled', 'dead', 'ignored') AND (e.expunged_at IS NULL
	OR EXISTS (SELECT 1 FROM main.knocker_deliveries d WHERE d.event_id = e.id AND d.expunged_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM main.knocker_delivery_events l WHERE l.delivery_id = d.id))
	OR EXISTS (SELECT 1 FROM main.knocker_delivery_events l WHERE l.event_id = e.id AND l.expunged_at IS NULL))`

// erase blanks everything of an event that a sender has sent.
func (x *expunger) erase(c *sqlite.Conn, event int64) (changed bool, err error) {
	rows, err := c.Query("SELECT 1 FROM main.knocker_events e WHERE e.id = ? AND "+erasable, event)
	if err != nil || !rows.Next() {
		return false, err
	}
	now := x.e.now().Unix()
	shared, err := eraseSlices(c, event, now)
	if err != nil {
		return false, err
	}
	whole, err := eraseWhole(c, event, now)
	if err != nil {
		return false, err
	}
	x.rows += shared + whole
	x.done = append(x.done, event)
	return true, x.eraseErrors(c, event, now)
}

// eraseErrors blanks the texts of errors, and marks the event.
func (x *expunger) eraseErrors(c *sqlite.Conn, event, now int64) error {
	_, err := c.Exec("UPDATE main.knocker_events SET expunged_at = ?, last_error = CASE WHEN last_error IS NOT NULL THEN ? END WHERE id = ?", now, expunged, event)
	if err == nil {
		_, err = c.Exec("UPDATE main.knocker_attempts SET error = ? WHERE error IS NOT NULL AND event_id = ?", expunged, event)
	}
	if err == nil && len(x.dead[event]) > 0 {
		_, err = c.Exec("UPDATE main._honker_dead SET last_error = ? WHERE id"+inList, expunged, jsonList(x.dead[event]))
	}
	return err
}

// eraseWhole blanks the deliveries of the event alone, and batches of which no
// event is left. It reports how many.
func eraseWhole(c *sqlite.Conn, event, now int64) (deliveries int64, err error) {
	for _, of := range []string{"event_id = ?", "id IN (SELECT delivery_id FROM main.knocker_delivery_events WHERE event_id = ?)"} {
		r, err := c.Exec(`UPDATE main.knocker_deliveries SET headers_json = '{}', query_json = '{}', body_blob = x'', body_digest = NULL,
			signature_error = CASE WHEN signature_error IS NOT NULL THEN ? END, expunged_at = ? WHERE expunged_at IS NULL AND `+of+`
			AND NOT EXISTS (SELECT 1 FROM main.knocker_delivery_events l WHERE l.delivery_id = knocker_deliveries.id AND l.expunged_at IS NULL)`, expunged, now, event)
		if err != nil {
			return 0, err
		}
		deliveries += r.Changes
	}
	return deliveries, nil
}

// eraseSlices blanks the event's items of batches that other events still need,
// in their full length: the others' places in the body stay right. It reports
// how many deliveries stay in use.
func eraseSlices(c *sqlite.Conn, event, now int64) (inUse int64, err error) {
	rows, err := c.Query("SELECT delivery_id, body_offset, body_length FROM main.knocker_delivery_events WHERE expunged_at IS NULL AND event_id = ?", event)
	if err != nil || rows.Len() == 0 {
		return 0, err
	}
	if _, err = c.Exec("UPDATE main.knocker_delivery_events SET expunged_at = ? WHERE expunged_at IS NULL AND event_id = ?", now, event); err != nil {
		return 0, err
	}
	type slice struct{ offset, length int64 }
	slices := map[int64][]slice{}
	for rows.Next() {
		slices[rows.Int(0)] = append(slices[rows.Int(0)], slice{rows.Int(1), rows.Int(2)})
	}
	for delivery, list := range slices {
		left, err := c.Query(`SELECT body_blob FROM main.knocker_deliveries d WHERE d.id = ?
			AND EXISTS (SELECT 1 FROM main.knocker_delivery_events l WHERE l.delivery_id = d.id AND l.expunged_at IS NULL)`, delivery)
		if err != nil {
			return 0, err
		}
		if !left.Next() {
			continue
		}
		body := append([]byte{}, left.Bytes(0)...)
		for _, s := range list {
			from, to := min(s.offset, int64(len(body))), min(s.offset+s.length, int64(len(body)))
			copy(body[from:to], bytes.Repeat([]byte(" "), int(to-from)))
		}
		if _, err := c.Exec("UPDATE main.knocker_deliveries SET body_blob = ?, body_digest = NULL WHERE id = ?", body, delivery); err != nil {
			return 0, err
		}
		inUse++
	}
	return inUse, nil
}

// refuseExpunged keeps an event from running on a body that was erased.
// deliveryID 0 is the event's own delivery.
func refuseExpunged(c *sqlite.Conn, eventID, deliveryID int64) error {
	rows, err := c.Query(`SELECT coalesce(l.expunged_at, d.expunged_at) FROM main.knocker_events e
		JOIN main.knocker_deliveries d ON d.id = coalesce(nullif(?2, 0), e.delivery_id)
		LEFT JOIN main.knocker_delivery_events l ON l.delivery_id = d.id AND l.event_id = e.id WHERE e.id = ?1 LIMIT 1`, eventID, deliveryID)
	if err != nil || !rows.Next() || rows.IsNull(0) {
		return err
	}
	return fail(CodeBodyCut, "the body of event %d was expunged, so it can't run again", eventID)
}
