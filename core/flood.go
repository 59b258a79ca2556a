package core

import (
	"context"
	"sync"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// A flood of invalid requests must neither fill the disk nor push out the
// evidence of the first ones.
const (
	alwaysStored = 1000 // rejected rows of an endpoint that are stored at any rate
	orphanChunk  = 500  // rows that give way at once
)

// unproven selects the orphans that anybody can send: what no signature vouches
// for.
const unproven = "event_id IS NULL AND kind IN ('rejected', 'handshake', 'too_large') AND coalesce(signature_valid, 0) = 0"

// unproven reports whether no signature vouches for a receipt that is no event.
func (r *receipt) unproven() bool {
	return r.kind == KindTooLarge || (r.kind == KindRejected || r.kind == KindHandshake) && r.signature != 1
}

// flood counts stored refusals, approximately: other processes' are seen at
// each recount.
type flood struct {
	mu sync.Mutex
	refusals
	counted bool
	pruning bool
}

type floodCount struct {
	rows   int64
	second int64 // the rate's present second
	stored int64 // rows stored in it
}

// refusals counts those that are stored.
type refusals struct {
	endpoints map[int64]*floodCount
	bytes     int64 // of all of them in the file
}

// admitRejected decides whether a refusal is stored or only counted.
func (e *engine) admitRejected(r *receipt) bool {
	f := &e.flood
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.counted && e.recount() != nil {
		return true
	}
	stored, over := f.admit(r, &e.options)
	if over && !f.pruning {
		f.pruning = true
		e.background("orphans", e.pruneRejected)
	}
	return stored
}

// admit counts a refusal in. over: then there are too many. The caller holds
// flood.mu.
func (f *flood) admit(r *receipt, limits *Options) (stored, over bool) {
	n := f.endpoints[r.endpoint.ID]
	if n == nil {
		n = &floodCount{}
		f.endpoints[r.endpoint.ID] = n
	}
	if second := r.now.Unix(); n.second != second {
		n.second, n.stored = second, 0
	}
	if n.rows >= alwaysStored && n.stored >= limits.MaxOrphansPerSec {
		return false, false
	}
	n.rows++
	n.stored++
	f.bytes += int64(len(r.body) + len(r.headers) + len(r.query))
	return true, n.rows > max(limits.MaxOrphans, alwaysStored)+orphanChunk || f.bytes > limits.MaxOrphanBytes
}

// admitHosted is admitRejected on a host's connection: what has to give way goes
// in this very call, one chunk at a time, and no lock is held while SQL runs.
func (e *engine) admitHosted(r *receipt) (bool, error) {
	f := &e.flood
	f.mu.Lock()
	counted := f.counted
	f.mu.Unlock()
	if !counted {
		found, err := e.countRefusals()
		if err != nil {
			return false, err
		}
		f.mu.Lock()
		f.take(found)
		f.mu.Unlock()
	}
	f.mu.Lock()
	stored, over := f.admit(r, &e.options)
	f.mu.Unlock()
	if !over {
		return stored, nil
	}
	found, err := e.countRefusals()
	if err != nil {
		return false, err
	}
	if endpoint := found.overfull(&e.options); endpoint != 0 {
		_, err = e.pruneChunk(endpoint)
	}
	f.mu.Lock()
	f.counted = false
	f.mu.Unlock()
	return stored, err
}

// recount reads how many refusals the file holds. The caller holds flood.mu.
func (e *engine) recount() error {
	found, err := e.countRefusals()
	if err == nil {
		e.flood.take(found)
	}
	return err
}

// take puts new counts in the place of the old ones, but for the rates. The
// caller holds flood.mu.
func (f *flood) take(found refusals) {
	for id, n := range found.endpoints {
		if old := f.endpoints[id]; old != nil {
			n.second, n.stored = old.second, old.stored
		}
	}
	f.refusals, f.counted = found, true
}

func (e *engine) countRefusals() (refusals, error) {
	found := refusals{endpoints: map[int64]*floodCount{}}
	err := e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query(`SELECT endpoint_id, count(*), sum(length(body_blob) + length(headers_json) + length(query_json))
			FROM main.knocker_deliveries WHERE ` + unproven + ` GROUP BY endpoint_id`)
		if err != nil {
			return err
		}
		for rows.Next() {
			found.endpoints[rows.Int(0)] = &floodCount{rows: rows.Int(1)}
			found.bytes += rows.Int(2)
		}
		return nil
	})
	return found, err
}

// pruneRejected lets old refusals give way, in chunks, until the limits hold:
// an endpoint's first ones stay as evidence, the oldest after them go.
func (e *engine) pruneRejected() {
	defer func() {
		e.flood.mu.Lock()
		defer e.flood.mu.Unlock()
		e.flood.pruning, e.flood.counted = false, false
	}()
	for {
		endpoint := e.overfull()
		if endpoint == 0 {
			return
		}
		if removed, err := e.pruneChunk(endpoint); err != nil || removed == 0 {
			return
		}
	}
}

func (e *engine) pruneChunk(endpoint int64) (removed int64, err error) {
	err = e.transact(context.Background(), (*engine).receiptsConn, func(c *sqlite.Conn) error {
		r, err := c.Exec(`DELETE FROM main.knocker_deliveries WHERE id IN (SELECT id FROM main.knocker_deliveries
			WHERE endpoint_id = ? AND `+unproven+` ORDER BY received_at, id LIMIT ? OFFSET ?)`, endpoint, orphanChunk, alwaysStored)
		removed = r.Changes
		return err
	})
	return removed, err
}

// overfull is the endpoint with the most refusals while a limit is exceeded.
func (e *engine) overfull() (endpoint int64) {
	f := &e.flood
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.recount() != nil {
		return 0
	}
	return f.refusals.overfull(&e.options)
}

func (f *refusals) overfull(limits *Options) (endpoint int64) {
	most := int64(0)
	for id, n := range f.endpoints {
		if n.rows > most && n.rows > alwaysStored {
			most, endpoint = n.rows, id
		}
	}
	if most <= limits.MaxOrphans && f.bytes <= limits.MaxOrphanBytes {
		return 0
	}
	return endpoint
}

// refuseUnstored answers a refusal that is only counted.
func (e *engine) refuseUnstored(r *receipt) Result {
	e.counters.notStored.Add(1)
	e.tell(HookEvent{Kind: HookNotStored, Endpoint: r.endpoint.Name, Code: r.reason})
	return r.answer(0, nil, false)
}
