package core

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/knocker-dev/knocker/core/input"
	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// stored is a delivery as a request again, as far as it was stored.
type stored struct {
	Delivery
	endpoint       *endpointState
	headers, query []provider.Field
}

// storedDelivery reads a delivery back. Its endpoint's settings are those of
// this process.
func (e *engine) storedDelivery(c *sqlite.Conn, id int64) (*stored, error) {
	list, err := deliveriesAt(c, []spot{{id: id}}, true)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fail(CodeNotFound, "no delivery has id %d", id)
	}
	d := &stored{Delivery: list[0]}
	if d.endpoint = e.endpoints.get(d.Endpoint); d.endpoint == nil {
		rows, err := c.Query("SELECT "+endpointColumns+" FROM main.knocker_endpoints WHERE name = ?", d.Endpoint)
		if err != nil || !rows.Next() {
			return nil, err
		}
		d.endpoint = e.newEndpointState(scanEndpoint(rows))
	}
	if d.headers, err = input.Headers(json.RawMessage(d.HeadersJSON)); err == nil {
		d.query, err = input.Query(json.RawMessage(d.QueryJSON))
	}
	return d, named(d.Endpoint, err)
}

func (d *stored) bodyCut() bool { return d.BodyBytes > int64(len(d.Body)) || d.ExpungedAt != 0 }

// masked reports whether bytes of the body were masked when it was stored: those
// that the verifier names now, or, where the provider sends its secret in the
// body, what looks like it. Better to refuse a body than to take a changed one.
func (d *stored) masked(spans []provider.Span) bool {
	def, ok := provider.Lookup(d.endpoint.Provider)
	if ok && len(def.CredentialBody) > 0 && bytes.Contains(d.Body, []byte("****")) {
		return true
	}
	for _, s := range spans {
		if s.Length == 0 || s.Offset < 0 || s.Offset+s.Length > len(d.Body) {
			continue
		}
		stars := true
		for _, b := range d.Body[s.Offset : s.Offset+s.Length] {
			stars = stars && b == '*'
		}
		if stars {
			return true
		}
	}
	return false
}

func (d *stored) request(url string, now time.Time) *provider.Request {
	orDefault(&url, d.endpoint.url)
	return &provider.Request{Method: d.Method, URL: url, Headers: d.headers, Query: d.query, Body: d.Body, Now: now}
}

// again runs a verifier on the stored request; a crash of ours is a refusal.
func again(verify func() provider.Verdict) (verdict provider.Verdict) {
	defer func() {
		if recover() != nil {
			verdict = provider.Verdict{Reason: provider.VerifierError}
		}
	}()
	return verify()
}

// receipt makes of a verdict what a request that arrives now would become; the
// time of receipt stays.
func (e *engine) receiptOf(d *stored, v provider.Verdict, p *ReceiveParams) *receipt {
	r := &receipt{endpoint: d.endpoint, now: time.Unix(d.ReceivedAt, 0), method: d.Method, queue: e.options.QueueName,
		attempts: d.endpoint.retry.MaxAttempts, bodyBytes: d.BodyBytes, verdict: v}
	p.Body = d.Body
	e.judge(r, p, d.headers)
	return r
}

// adopt makes the events of a delivery that was stored as refused, and remembers
// who took it in. The verdict of its arrival stays as it was.
func (r *receipt) adopt(c *sqlite.Conn, delivery, now int64, by, reason string) (Result, error) {
	var next sequences
	if err := next.read(c); err != nil {
		return Result{}, err
	}
	if err := next.raise(c); err != nil {
		return Result{}, err
	}
	events, known, err := r.writeItems(c, &next, delivery)
	if err != nil {
		return Result{}, err
	}
	var event any
	var key string
	if len(events) > 0 {
		event = events[0]
	}
	if len(r.items) == 1 {
		key = r.items[0].Identity
	}
	v := &r.verdict
	_, err = c.Exec(`UPDATE main.knocker_deliveries SET event_id = ?, kind = ?, event_type = coalesce(?, event_type), provider_event_id = coalesce(?, provider_event_id),
		provider_delivery_id = coalesce(?, provider_delivery_id), dedupe_key = ?, body_digest = ?, accepted_at = ?, accepted_by = ?, accepted_reason = ? WHERE id = ?`,
		event, r.kind, orNull(v.EventType), orNull(v.ProviderEventID), orNull(v.ProviderDeliveryID), orNull(key), r.digest, now, by, orNull(reason), delivery)
	return r.answer(delivery, events, len(r.items) > 0 && known == len(r.items)), err
}
