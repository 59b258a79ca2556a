package core

import (
	"time"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

// Events are read together with their claim, where the pages are at hand: of a
// claim's jobs, bodies of this size altogether at most.
const (
	maxReadAhead     = 4 << 20
	maxReadAheadBody = 32 << 10
)

// readAhead is an event as its claim has seen it. It serves while no operator
// of this process has acted since, and not for long: others may have acted too.
type readAhead struct {
	event Event
	at    time.Time
	acted int64
}

// readClaimed reads the events of claimed jobs, in the claim's transaction.
func readClaimed(c store.Conn, jobs []queue.Job) ([]*store.Rows, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	b := c.NewBatch()
	defer b.Close()
	body := min(maxReadAhead/len(jobs), maxReadAheadBody)
	for _, j := range jobs {
		p := payloadOf(j.Payload)
		var delivery any
		if p.delivery != 0 {
			delivery = p.delivery
		}
		b.Add(0, selectClaimed, p.event, delivery, body)
	}
	if _, err := b.Run(); err != nil {
		return nil, err
	}
	rows := make([]*store.Rows, len(jobs))
	for n := range jobs {
		rows[n] = b.Rows(n)
	}
	return rows, nil
}

// keep keeps what the claim has read, if the body was among it.
func (k *claim) keep(e *engine, event Event) {
	if event.Body != nil {
		k.ahead = &readAhead{event: event, at: time.Now(), acted: e.acted.Load()}
	}
}

// load gives the run its event: as the claim has read it, or read now.
func (a *attempt) load() error {
	if k := a.claim.ahead; k != nil && time.Since(k.at) < claimAhead && k.acted == a.e.acted.Load() {
		a.event = k.event
	} else if err := a.read(); err != nil {
		return err
	}
	a.claim.ahead = nil
	a.event.Status, a.event.AttemptCount = StatusProcessing, a.claim.key.Attempts
	return nil
}

// read reads the event: with the delivery that a replay names, or its own.
func (a *attempt) read() error {
	return a.e.read(func(c *sqlite.Conn) error {
		var rows *store.Rows
		var err error
		if a.claim.deliveryID != 0 {
			rows, err = c.Query(selectEventDelivery+" WHERE e.id = ?1", a.claim.eventID, a.claim.deliveryID)
		} else {
			rows, err = c.Query(selectEvent+" WHERE e.id = ?1", a.claim.eventID)
		}
		if err != nil {
			return err
		}
		if !rows.Next() {
			return fail(CodeNotFound, "event %d is gone", a.claim.eventID)
		}
		a.event = scanEvent(rows)
		if a.event.Status == StatusIgnored || a.event.Status == StatusHandled {
			return fail(CodeNotFound, "event %d is %s", a.claim.eventID, a.event.Status)
		}
		return nil
	})
}
