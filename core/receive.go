package core

import (
	"context"
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/knocker-dev/knocker/core/input"
	"github.com/knocker-dev/knocker/core/provider"
)

// The kinds of a delivery: why it has no event, or "event".
const (
	KindEvent      = "event"
	KindRejected   = "rejected"
	KindHandshake  = "handshake"
	KindEmptyBatch = "empty_batch"
	KindTooLarge   = "too_large"
)

// receipt is one request, verified and ready to be stored: all that costs time
// and needs no database is done before the writer is asked for.
type receipt struct {
	endpoint   *endpointState
	now        time.Time
	method     string
	headers    string
	query      string
	body       []byte
	bodyBytes  int64
	digest     any
	kind       string
	reason     string
	signature  any // 1, 0 or nil
	sigError   string
	verdict    provider.Verdict
	queue      string
	attempts   int
	items      []provider.Item // one for a single event
	linked     bool            // a batch: its items get link rows
	response   Response
	statusCode int

	rows packed

	settled bool // nothing is to be stored

	// Written by whoever commits the receipt.
	at     placed
	result Result
	err    error
}

// Receive verifies one request, stores it, and answers once it is on disk. A
// request that fails verification is stored as well and answered with 401: only
// problems on our side are errors.
//
// Errors: unknown_endpoint, endpoint_disabled (404), busy, storage_full,
// storage_error, cancelled (503), no_verifier, body_consumed, invalid_argument,
// provider_mismatch (500), would_deadlock, closed.
func (i *Inbox) Receive(ctx context.Context, p ReceiveParams) (Result, error) {
	r, deadline, err := i.verified(ctx, &p)
	if err == nil && !r.settled {
		err = i.e.storeReceipt(ctx, r, p.Home, deadline)
	}
	if err != nil {
		return Result{}, err
	}
	return r.result, nil
}

// Verified is a request that has been verified, and is to be stored.
type Verified struct {
	e        *engine
	r        *receipt
	home     uint64
	deadline time.Time
}

// Verify is the part of Receive that needs no writer, for a caller whose own
// thread waits better than a goroutine. How long it has waited already counts
// towards the timeout. Store must follow.
func (i *Inbox) Verify(ctx context.Context, p ReceiveParams, waited time.Duration) (*Verified, error) {
	r, deadline, err := i.verified(ctx, &p)
	if err != nil {
		return nil, err
	}
	return &Verified{i.e, r, p.Home, deadline.Add(-waited)}, nil
}

// Store is the other part. done gets the outcome: before Store returns, or on a
// goroutine that must not be kept. here says whether the calling thread may
// commit, for itself and all that wait; else a goroutine does where it is to be
// done now. What waits can't be cancelled.
func (v *Verified) Store(here bool, done func(Result, error)) {
	pending, err := false, error(nil)
	if !v.r.settled {
		pending, err = v.e.storeThen(v.r, v.home, v.deadline, here, done)
	}
	switch {
	case pending:
	case err != nil:
		done(Result{}, err)
	default:
		done(v.r.result, nil)
	}
}

// verified does what needs no writer, and says until when the receipt has to be
// stored, unless it is settled without.
func (i *Inbox) verified(ctx context.Context, p *ReceiveParams) (r *receipt, deadline time.Time, err error) {
	if err := i.ownFile("Inbox.Receive"); err != nil {
		return nil, deadline, err
	}
	if err := ctx.Err(); err != nil {
		return nil, deadline, fromGate(err)
	}
	if p.TimeoutMilliseconds < 0 {
		return nil, deadline, fail(CodeInvalidArgument, "timeout_ms must be above 0")
	}
	start := time.Now()
	if r, err = i.e.prepareReceipt(p); err != nil {
		return nil, deadline, err
	}
	switch {
	case r.verdict.Discard:
		r.result, r.settled = r.answer(0, nil, false), true
	case r.unproven() && !i.e.admitRejected(r):
		r.result, r.settled = i.e.refuseUnstored(r), true
	}
	timeout := i.e.options.ReceiveTimeout
	if p.TimeoutMilliseconds > 0 {
		timeout = time.Duration(p.TimeoutMilliseconds) * time.Millisecond
	}
	return r, start.Add(timeout), nil
}

func (e *engine) prepareReceipt(p *ReceiveParams) (*receipt, error) {
	s, err := e.endpoint(p.Endpoint)
	if err != nil {
		return nil, err
	}
	if s.disabled.Load() {
		return nil, fail(CodeEndpointDisabled, "endpoint %q is disabled", s.Name)
	}
	headers, err := input.Headers(p.Headers)
	if err != nil {
		return nil, named(p.Endpoint, err)
	}
	query, err := input.Query(p.Query)
	if err != nil {
		return nil, named(p.Endpoint, err)
	}
	if err := refuseConsumed(p, headers); err != nil {
		return nil, err
	}
	r := &receipt{endpoint: s, now: e.now(), method: p.Method, queue: p.QueueName, attempts: p.MaxAttempts, bodyBytes: int64(len(p.Body))}
	orDefault(&r.method, "POST")
	orDefault(&r.queue, e.options.QueueName)
	orDefault(&r.attempts, s.retry.MaxAttempts)
	if r.attempts < 1 {
		return nil, fail(CodeInvalidArgument, "max_attempts is %d: it must be at least 1", p.MaxAttempts)
	}
	redact := s.redact
	if !p.Ingest {
		v, err := s.verifierFor(p)
		if err != nil {
			return nil, err
		}
		if v != s.verifier {
			redact = newRedaction(e.options.RedactHeaders, v)
		}
		if r.bodyBytes <= s.maxBodyBytes {
			r.verify(v, s, p, headers, query)
		}
	}
	budget := maxFieldBytes
	r.headers = input.HeadersJSON(apply(headers, redact.headers, &budget))
	r.query = input.QueryJSON(apply(query, redact.query, &budget))
	e.judge(r, p, headers)
	return r, nil
}

// refuseConsumed notices a framework that has read the body away: it would be
// refused as a forgery, and the sender would give up.
func refuseConsumed(p *ReceiveParams, headers []provider.Field) error {
	if !p.BodyConsumed && len(p.Body) == 0 {
		for _, f := range headers {
			if f.Name == "content-length" {
				n, err := strconv.ParseInt(f.Value, 10, 64)
				p.BodyConsumed = err == nil && n > 0
			}
		}
	}
	if p.BodyConsumed {
		return fail(CodeBodyConsumed, "")
	}
	return nil
}

// verifierFor chooses the verifier: what the call gives wins over the endpoint's.
func (s *endpointState) verifierFor(p *ReceiveParams) (provider.Verifier, error) {
	if p.Provider != "" {
		def, ok := provider.Lookup(p.Provider)
		if !ok {
			return nil, unknownProvider(s.Name, p.Provider)
		}
		if s.Provider != "" && def.Name != s.Provider {
			return nil, fail(CodeProviderMismatch, "endpoint %q is stored with provider %q, the call names %q", s.Name, s.Provider, p.Provider)
		}
	}
	name := p.Provider
	orDefault(&name, s.Provider)
	switch {
	case p.Secrets != nil || p.ProviderOptions != nil || (p.Provider != "" && s.verifier == nil):
		if name == "" {
			return nil, fail(CodeNoVerifier, "endpoint %q: secrets or provider_options without a provider: name the provider", s.Name)
		}
		url := p.URL
		orDefault(&url, s.url)
		return configure(s.Name, name, p.Secrets, p.ProviderOptions, url)
	case s.verifier == nil:
		return nil, fail(CodeNoVerifier, "endpoint %q has no provider and secrets in this process, so nothing can verify the request: give them to add_endpoint or to the call (secrets are never stored)", s.Name)
	}
	return s.verifier, nil
}

// verify asks the provider. A crash of ours must reach neither the host nor the
// sender's patience: it is stored, and 500 makes the sender try again.
func (r *receipt) verify(v provider.Verifier, s *endpointState, p *ReceiveParams, headers, query []provider.Field) {
	request := &provider.Request{Method: r.method, URL: p.URL, Headers: headers, Query: query, Body: p.Body, Now: r.now}
	orDefault(&request.URL, s.url)
	defer func() {
		if v := recover(); v != nil {
			r.verdict = provider.Verdict{Reason: provider.VerifierError, Detail: "the verification itself failed; the sender is asked to try again"}
		}
	}()
	r.verdict = v.Verify(request)
}

// judge turns the verdict into what is stored and answered.
func (e *engine) judge(r *receipt, p *ReceiveParams, headers []provider.Field) {
	s, v := r.endpoint, &r.verdict
	r.body = mask(p.Body, v.Mask)
	r.reason, r.sigError = string(v.Reason), v.Detail
	r.kind, r.statusCode = KindEvent, 204
	if v.SuccessStatus != 0 {
		r.statusCode = v.SuccessStatus
	}
	if p.Ingest {
		v.Valid = p.SignatureValid == nil || *p.SignatureValid
		if !v.Valid {
			r.reason = "ingest"
		}
		r.sigError = p.SignatureError
	}
	r.signature = 0
	if v.Valid {
		r.signature = 1
	}
	if p.Ingest && p.SignatureValid == nil {
		r.signature = nil
	}
	switch {
	case r.bodyBytes > s.maxBodyBytes:
		r.kind, r.statusCode, r.body, r.reason, r.signature = KindTooLarge, 413, nil, "too_large", nil
		r.sigError = "the body has " + strconv.FormatInt(r.bodyBytes, 10) + " bytes, the limit is " + strconv.FormatInt(s.maxBodyBytes, 10)
	case v.Handshake:
		r.kind = KindHandshake
	case !v.Valid:
		r.reject(e)
	case v.Events != nil && len(v.Events) == 0:
		r.kind = KindEmptyBatch
	default:
		r.chooseItems(p, headers)
	}
	r.overrideIDs(p)
	if v.Response != nil {
		r.response = providerResponse(v.Response)
		r.statusCode = v.Response.StatusCode
	} else {
		r.response = Response{StatusCode: r.statusCode, Headers: map[string]string{}}
	}
}

func (r *receipt) reject(e *engine) {
	r.kind, r.statusCode = KindRejected, 401
	if r.verdict.Reason == provider.VerifierError {
		r.statusCode = 500
	}
	if int64(len(r.body)) > e.options.MaxOrphanBodyBytes {
		r.body = r.body[:e.options.MaxOrphanBodyBytes]
	}
}

// chooseItems decides the events and their identities: the call's own key wins,
// then the endpoint's event_key, then what the provider says.
func (r *receipt) chooseItems(p *ReceiveParams, headers []provider.Field) {
	v, s := &r.verdict, r.endpoint
	if len(v.Events) > 0 && s.splitBatches && p.DedupeKey == "" {
		r.items, r.linked = v.Events, true
		return
	}
	item := provider.Item{EventType: v.EventType, Identity: v.Identity, ProviderEventID: v.ProviderEventID}
	if key := s.eventKey.find(headers, p.Body); key != "" {
		item.Identity = key
	}
	if p.DedupeKey != "" {
		item.Identity = p.DedupeKey
	}
	if p.EventType != "" {
		item.EventType = p.EventType
	}
	if p.ProviderEventID != "" {
		item.ProviderEventID = p.ProviderEventID
	}
	r.items = []provider.Item{item}
	if v.Identity != "" && !v.IdentitySigned {
		// An unsigned id can be changed by whoever replays a captured request:
		// the digest lets an operator see the same body under another id.
		sum := sha256.Sum256(p.Body)
		r.digest = sum[:]
	}
}

// overrideIDs lets the call's own values win in what the delivery shows.
func (r *receipt) overrideIDs(p *ReceiveParams) {
	v := &r.verdict
	if p.ProviderEventID != "" {
		v.ProviderEventID = p.ProviderEventID
	}
	if p.ProviderDeliveryID != "" {
		v.ProviderDeliveryID = p.ProviderDeliveryID
	}
	if p.EventType != "" {
		v.EventType = p.EventType
	}
}

func (r *receipt) answer(delivery int64, events []int64, duplicate bool) Result {
	out := Result{DeliveryID: delivery, EventIDs: events, Duplicate: duplicate, StatusCode: r.statusCode, Response: r.response,
		HandshakeSecret: r.verdict.HandshakeSecret}
	if out.EventIDs == nil {
		out.EventIDs = []int64{}
	}
	if len(events) > 0 {
		out.EventID = events[0]
	}
	if r.kind != KindEvent || !r.verdict.Valid {
		out.Reason = r.reason
	}
	return out
}
