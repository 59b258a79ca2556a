package core

import (
	"fmt"
	"strings"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/suggest"
)

// errorCode is what an error filter compares; the schema has an index on it.
const errorCode = "substr(x.last_error, 1, instr(x.last_error, ':') - 1)"

// stuckEvent holds for an event that waits for a job which is gone: nobody
// would ever run it. The row of the job must be its own.
const stuckEvent = `+x.status = 'received' AND NOT EXISTS
	(SELECT 1 FROM main._honker_live j WHERE j.id = x.job_id AND json_extract(j.payload, '$.event_id') = x.id)`

// search turns the filter into SQL. The caller holds one state of the file.
func (f *EventFilter) search(c *sqlite.Conn) (*search, error) {
	s := &search{table: "knocker_events"}
	endpoints, err := endpointIDs(c, f.Endpoints)
	if err != nil {
		return nil, err
	}
	chosen := distinct(f.Statuses)
	anyOf(&s.conditions, "x.endpoint_id", endpoints)
	anyOf(&s.conditions, "x.status", chosen)
	s.addType(f.EventType)
	if f.ErrorCode != "" {
		s.add("x.last_error IS NOT NULL AND "+errorCode+" = ?", f.ErrorCode)
	}
	if f.Stuck {
		s.add(stuckEvent)
		chosen = []string{StatusReceived}
	}
	s.addTimes(f.Since, f.Until)
	exact, err := f.candidates(c, endpoints)
	if err != nil {
		return nil, err
	}
	switch {
	case exact.known:
		s.ways = byID(exact.list)
	case f.ErrorCode != "":
		s.ways = []way{{index: "knocker_events_error", where: "x.last_error IS NOT NULL AND " + errorCode + " = ?", args: []any{f.ErrorCode}}}
	default:
		s.ways, err = f.ways(c, s, endpoints, chosen)
	}
	return s, err
}

// candidates finds the events that exact values name.
func (f *EventFilter) candidates(c *sqlite.Conn, endpoints []int64) (k candidates, err error) {
	if len(f.EventIDs) > 0 {
		k.keep(f.EventIDs)
	}
	if f.DedupeKey != "" {
		err = k.find(c, identities(endpoints), f.DedupeKey, endpoints)
	}
	if err == nil && f.ProviderEventID != "" {
		err = k.find(c, providerEvents(endpoints), f.ProviderEventID, endpoints)
	}
	if err == nil && f.ProviderDeliveryID != "" {
		var of candidates
		if err = of.find(c, providerDeliveries(endpoints), f.ProviderDeliveryID, endpoints); err == nil {
			err = k.find(c, `SELECT event_id FROM main.knocker_deliveries WHERE id IN (SELECT value FROM json_each(?1)) AND event_id IS NOT NULL
				UNION SELECT event_id FROM main.knocker_delivery_events WHERE delivery_id IN (SELECT value FROM json_each(?1))`, jsonList(of.list), nil)
		}
	}
	return k, err
}

func (k *candidates) find(c *sqlite.Conn, sql, value string, endpoints []int64) error {
	args := []any{value}
	if endpoints != nil {
		args = append(args, jsonList(endpoints))
	}
	found, err := ids(c, sql, args...)
	if err == nil {
		k.keep(found)
	}
	return err
}

// among are the endpoints that a search by identity goes through: the index of
// identities begins with the endpoint. Nil: all.
func among(endpoints []int64) string {
	if endpoints == nil {
		return "(SELECT id FROM main.knocker_endpoints)"
	}
	return "(SELECT value FROM json_each(?2))"
}

// identities finds events by their identity ?1.
func identities(endpoints []int64) string {
	return "SELECT id FROM main.knocker_events INDEXED BY knocker_events_identity WHERE endpoint_id IN " + among(endpoints) + " AND dedupe_key = ?1"
}

// providerEvents finds events by the provider's id ?1. Where that id is the
// identity the index of identities has it, else an index of its own.
func providerEvents(endpoints []int64) string {
	return identities(endpoints) + ` AND provider_event_id = ?1 UNION ALL
		SELECT id FROM main.knocker_events INDEXED BY knocker_events_provider WHERE provider_event_id = ?1 AND provider_event_id IS NOT dedupe_key`
}

// providerDeliveries finds deliveries by the provider's id ?1, in the same way.
func providerDeliveries(endpoints []int64) string {
	return `SELECT d.id FROM main.knocker_events e INDEXED BY knocker_events_identity CROSS JOIN main.knocker_deliveries d INDEXED BY knocker_deliveries_event
		WHERE e.endpoint_id IN ` + among(endpoints) + ` AND e.dedupe_key = ?1 AND d.event_id = e.id AND d.provider_delivery_id = ?1 AND d.dedupe_key = ?1 UNION ALL
		SELECT id FROM main.knocker_deliveries INDEXED BY knocker_deliveries_provider WHERE provider_delivery_id = ?1 AND provider_delivery_id IS NOT dedupe_key`
}

// ways chooses the index that an event list is read by.
func (f *EventFilter) ways(c *sqlite.Conn, s *search, endpoints []int64, chosen []string) ([]way, error) {
	if chosen == nil {
		chosen = statuses
	}
	var ways []way
	for _, status := range chosen {
		if endpoints == nil {
			ways = append(ways, way{"knocker_events_status", "x.status = ?", []any{status}})
		}
		for _, id := range endpoints {
			ways = append(ways, way{"knocker_events_endpoint", "x.endpoint_id = ? AND x.status = ?", []any{id, status}})
		}
	}
	if f.EventType == "" || f.EventType == "*" {
		return ways, nil
	}
	byType, err := typeWays(c, "knocker_events", f.EventType)
	if err != nil || byType == nil {
		return ways, err
	}
	// Few events of the statuses may stand against many of the type, or the
	// other way round: the shorter range is read.
	if len(f.Statuses)+len(endpoints) > 0 || f.Stuck {
		n, err := (&search{table: s.table, ways: byType}).atMost(c, tooMany)
		if err != nil {
			return nil, err
		}
		if m, err := (&search{table: s.table, ways: ways}).atMost(c, n); err != nil || m < n {
			return ways, err
		}
	}
	return byType, nil
}

// tooMany is where a range counts as long.
const tooMany = 10_000

// atMost counts the rows of the ways, up to limit.
func (s *search) atMost(c *sqlite.Conn, limit int64) (total int64, err error) {
	for _, w := range s.ways {
		if total >= limit {
			break
		}
		rows, err := c.Query("SELECT count(*) FROM (SELECT 1"+s.from(w)+" LIMIT ?)", append(w.args[:len(w.args):len(w.args)], limit-total)...)
		if err != nil {
			return 0, err
		}
		rows.Next()
		total += rows.Int(0)
	}
	return total, nil
}

// addType demands an event type, or a prefix of it.
func (s *search) addType(pattern string) {
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	switch {
	case !isPrefix && pattern != "":
		s.add("+x.event_type = ?", pattern)
	case isPrefix && prefix != "":
		s.add("substr(x.event_type, 1, ?) = ?", len([]rune(prefix)), prefix)
	}
}

// manyTypes is how many types a prefix may have before it is better to read
// another index than one range for each.
const manyTypes = 500

// typeWays is one range for each type that the pattern matches: no index has
// the rows of a prefix in the order of time, but those of one type. Nil where
// there are too many of them.
func typeWays(c *sqlite.Conn, table, pattern string) ([]way, error) {
	index := table + "_type"
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	if !isPrefix {
		return []way{{index, "x.event_type = ?", []any{pattern}}}, nil
	}
	of := fmt.Sprintf("(SELECT x.event_type FROM main.%s x INDEXED BY %s WHERE x.event_type", table, index)
	rows, err := c.Query(`WITH RECURSIVE types(name) AS (
		SELECT `+of+` >= ?1 ORDER BY x.event_type LIMIT 1)
		UNION ALL SELECT `+of+` > types.name ORDER BY x.event_type LIMIT 1) FROM types WHERE substr(types.name, 1, ?2) = ?1 LIMIT ?3)
		SELECT name FROM types WHERE substr(name, 1, ?2) = ?1`, prefix, len([]rune(prefix)), manyTypes+1)
	if err != nil || rows.Len() >= manyTypes {
		return nil, err
	}
	ways := []way{}
	for rows.Next() {
		ways = append(ways, way{index, "x.event_type = ?", []any{rows.Text(0)}})
	}
	return ways, nil
}

// endpointIDs finds endpoints by name; nil for none asked.
func endpointIDs(c *sqlite.Conn, names []string) ([]int64, error) {
	if len(names) == 0 {
		return nil, nil
	}
	list := []int64{}
	for _, name := range distinct(names) {
		found, err := ids(c, "SELECT id FROM main.knocker_endpoints WHERE name = ?", name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, unknownEndpoint(c, name)
		}
		list = append(list, found[0])
	}
	return list, nil
}

// unknownEndpoint names the endpoint that was probably meant.
func unknownEndpoint(c *sqlite.Conn, name string) error {
	e := fail(CodeUnknownEndpoint, "no endpoint is named %q", name)
	rows, err := c.Query("SELECT name FROM main.knocker_endpoints ORDER BY name LIMIT 10000")
	if err != nil {
		return err
	}
	names := make([]string, 0, rows.Len())
	for rows.Next() {
		names = append(names, rows.Text(0))
	}
	if near := suggest.Closest(name, names); near != "" {
		e.Message += "; did you mean \"" + near + "\"?"
		e.Details = map[string]any{"suggestion": near}
	}
	return e
}
