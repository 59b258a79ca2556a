package core

import (
	"slices"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// search turns the filter into SQL. The caller holds one state of the file.
func (f *DeliveryFilter) search(c *sqlite.Conn) (*search, error) {
	s := &search{table: "knocker_deliveries"}
	endpoints, err := endpointIDs(c, f.Endpoints)
	if err != nil {
		return nil, err
	}
	anyOf(&s.conditions, "x.endpoint_id", endpoints)
	s.addType(f.EventType)
	if f.Kind != "" {
		s.add("+x.kind = ?", f.Kind)
	}
	anyOf(&s.conditions, "x.reason", distinct(f.Reasons))
	if f.Orphaned != nil {
		s.add(map[bool]string{true: "x.event_id IS NULL", false: "+x.event_id IS NOT NULL"}[*f.Orphaned])
	}
	if f.SignatureValid != nil {
		s.add(map[bool]string{true: "+x.signature_valid = 1", false: "coalesce(x.signature_valid, 0) = 0"}[*f.SignatureValid])
	}
	s.addTimes(f.Since, f.Until)
	exact, err := f.candidates(c, endpoints)
	if err != nil {
		return nil, err
	}
	switch {
	case exact.known:
		s.ways = byID(exact.list)
	case f.onlyOrphans():
		s.ways, err = f.orphanWays(c, endpoints)
	default:
		s.ways, err = f.ways(c, s, endpoints)
	}
	return s, err
}

// candidates finds the deliveries that exact values name: by themselves, or by
// the events that they belong to.
func (f *DeliveryFilter) candidates(c *sqlite.Conn, endpoints []int64) (k candidates, err error) {
	if len(f.DeliveryIDs) > 0 {
		k.keep(f.DeliveryIDs)
	}
	if f.ProviderDeliveryID != "" {
		err = k.find(c, providerDeliveries(endpoints), f.ProviderDeliveryID, endpoints)
	}
	if err != nil || f.DedupeKey == "" && f.ProviderEventID == "" && len(f.EventIDs) == 0 {
		return k, err
	}
	of := EventFilter{EventIDs: f.EventIDs, DedupeKey: f.DedupeKey, ProviderEventID: f.ProviderEventID}
	events, err := of.candidates(c, endpoints)
	if err == nil {
		err = k.find(c, `SELECT id FROM main.knocker_deliveries INDEXED BY knocker_deliveries_event WHERE event_id IN (SELECT value FROM json_each(?1))
			UNION SELECT delivery_id FROM main.knocker_delivery_events WHERE event_id IN (SELECT value FROM json_each(?1))`, jsonList(events.list), nil)
	}
	return k, err
}

// onlyOrphans reports whether what matches can only be without an event. A
// refused delivery that was taken in later keeps its reason, and has one.
func (f *DeliveryFilter) onlyOrphans() bool {
	return f.Orphaned != nil && *f.Orphaned || f.Kind != "" && f.Kind != KindEvent
}

// orphanWays are the orphans of each endpoint and kind.
func (f *DeliveryFilter) orphanWays(c *sqlite.Conn, endpoints []int64) ([]way, error) {
	const index, where = "knocker_deliveries_orphans", "x.event_id IS NULL AND x.endpoint_id = ? AND x.kind = ?"
	var ways []way
	for _, id := range endpoints {
		for _, kind := range kinds {
			if f.Kind == "" || f.Kind == kind {
				ways = append(ways, way{index, where, []any{id, kind}})
			}
		}
	}
	if endpoints != nil {
		return ways, nil
	}
	return found(c, "orphans", "kind", "event_id IS NULL", func(id int64, kind any) []way {
		if f.Kind != "" && f.Kind != kind {
			return nil
		}
		return []way{{index, where, []any{id, kind}}}
	})
}

// ways chooses the index that a delivery list is read by.
func (f *DeliveryFilter) ways(c *sqlite.Conn, s *search, endpoints []int64) ([]way, error) {
	verdicts := []any{nil, int64(0), int64(1)}
	var ways []way
	if f.Orphaned != nil && !*f.Orphaned || f.Kind == KindEvent {
		// What was refused has an event only where it was taken in later.
		verdicts = []any{nil, int64(1)}
		ways = []way{{index: "knocker_deliveries_accepted", where: "x.accepted_at IS NOT NULL AND x.signature_valid = 0"}}
	}
	if f.SignatureValid != nil && *f.SignatureValid {
		verdicts = []any{int64(1)}
	} else if f.SignatureValid != nil || len(f.Reasons) > 0 {
		verdicts = verdicts[:len(verdicts)-1] // what has a reason was not found valid
	}
	if f.EventType != "" && f.EventType != "*" {
		byType, err := typeWays(c, s.table, f.EventType)
		if err != nil || byType != nil {
			return byType, err
		}
	}
	of := func(id int64, verdict any) []way {
		if !slices.Contains(verdicts, verdict) {
			return nil
		}
		return []way{{"knocker_deliveries_endpoint", "x.endpoint_id = ? AND x.signature_valid IS ?", []any{id, verdict}}}
	}
	if endpoints == nil {
		all, err := found(c, "endpoint", "signature_valid", "1", of)
		return append(ways, all...), err
	}
	for _, id := range endpoints {
		for _, verdict := range verdicts {
			ways = append(ways, of(id, verdict)...)
		}
	}
	return ways, nil
}

// found makes ways of the pairs that stand at the front of an index: each
// endpoint that has any, with each value of the second column. It goes from one
// pair to the next and never through a pair's rows.
func found(c *sqlite.Conn, index, column, partial string, of func(endpoint int64, value any) []way) ([]way, error) {
	from := "FROM main.knocker_deliveries INDEXED BY knocker_deliveries_" + index + " WHERE " + partial
	order := " ORDER BY endpoint_id, " + column + " LIMIT 1)"
	pair := func(where string) string {
		return "(SELECT json_array(endpoint_id, " + column + ") " + from + where + order
	}
	const id, value = "json_extract(pairs.pair, '$[0]')", "json_extract(pairs.pair, '$[1]')"
	rows, err := c.Query(`WITH RECURSIVE pairs(pair) AS (SELECT ` + pair(" AND endpoint_id > 0") + `
		UNION ALL SELECT coalesce(
			` + pair(" AND endpoint_id = "+id+" AND "+column+" > ifnull("+value+", -1)") + `,
			` + pair(" AND endpoint_id > "+id) + `) FROM pairs WHERE pairs.pair IS NOT NULL)
		SELECT ` + id + `, ` + value + ` FROM pairs WHERE pair IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	var ways []way
	for rows.Next() {
		ways = append(ways, of(rows.Int(0), rows.Value(1))...)
	}
	return ways, nil
}
