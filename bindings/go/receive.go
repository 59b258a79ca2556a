package knockersqlite

import (
	"context"
	"net/http"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// Result is what Receive answers once the receipt is on disk: EventID is 0 where
// there is no event, Reason says why a request was refused.
type Result = core.Result

// Response is the HTTP answer for the sender: some senders want more than a
// status.
type Response = core.Response

// ReceiveParams is one HTTP request. Of Headers and Header, and of Query and
// RawQuery, give one.
type ReceiveParams struct {
	Endpoint string
	Method   string         // Defaults to "POST".
	Body     []byte         // the raw bytes as they arrived; not changed, not kept
	Headers  map[string]any // name -> text or list of texts
	Header   http.Header
	Query    map[string]any // name -> text or list of texts
	RawQuery string
	URL      string // public URL of this request; overrides the endpoint's

	// BodyConsumed says that something has parsed the body already, so that its
	// bytes are gone: the error body_consumed.
	BodyConsumed bool

	// Per call these win over the endpoint's.
	Provider        string
	Secrets         any // text, []string or [][]byte
	ProviderOptions map[string]any

	ProviderEventID    string
	ProviderDeliveryID string
	EventType          string
	DedupeKey          string // wins over the endpoint's event key and the provider's identity
	QueueName          string
	MaxAttempts        int

	Timeout time.Duration // bound on the wait for the writer. Defaults to the inbox's ReceiveTimeout.
}

// Receive verifies one request, stores it, and answers once it is on disk. A
// request that fails verification is stored too and answered with 401: only
// problems on our side are errors, and HTTPStatus says what to answer then.
func (i *Inbox) Receive(p ReceiveParams) (Result, error) {
	return i.ReceiveContext(context.Background(), p)
}

// ReceiveContext is Receive with a context. One that ends before the receipt is
// being written is the error "cancelled"; later it has no effect.
func (i *Inbox) ReceiveContext(ctx context.Context, p ReceiveParams) (Result, error) {
	result, _, err := i.ReceiveDurable(ctx, p)
	return result, err
}

// ReceiveDurable is ReceiveContext that also tells whether the receipt is on
// disk. That of an attached inbox is where the application's connection syncs
// its commits (PRAGMA synchronous = FULL) and has no transaction open.
func (i *Inbox) ReceiveDurable(ctx context.Context, p ReceiveParams) (result Result, durable bool, err error) {
	headers, query, err := request(p.Headers, p.Header, p.Query, p.RawQuery)
	if err != nil {
		return Result{}, false, err
	}
	return i.target.receive(ctx, core.ReceiveParams{
		Endpoint: p.Endpoint, Method: p.Method, Body: p.Body, Headers: headers, Query: query, URL: p.URL, BodyConsumed: p.BodyConsumed,
		Provider: p.Provider, Secrets: p.Secrets, ProviderOptions: p.ProviderOptions,
		ProviderEventID: p.ProviderEventID, ProviderDeliveryID: p.ProviderDeliveryID, EventType: p.EventType,
		DedupeKey: p.DedupeKey, QueueName: p.QueueName, MaxAttempts: p.MaxAttempts, TimeoutMilliseconds: milliseconds(p.Timeout),
	})
}

// IngestParams is one request that another trusted layer has verified already.
type IngestParams struct {
	Endpoint string
	Method   string         // Defaults to "POST".
	Body     []byte         // the raw bytes as they arrived; not changed, not kept
	Headers  map[string]any // name -> text or list of texts
	Header   http.Header
	Query    map[string]any // name -> text or list of texts
	RawQuery string

	SignatureValid *bool  // what that layer found; nil: unknown. False stores a rejected delivery.
	SignatureError string // why it found it invalid

	ProviderEventID    string
	ProviderDeliveryID string
	EventType          string
	DedupeKey          string // wins over the endpoint's event key
	QueueName          string
	MaxAttempts        int

	Timeout time.Duration // bound on the wait for the writer. Defaults to the inbox's ReceiveTimeout.
}

// Ingest stores a request without verifying it: the trusted door, never for
// what comes from the network as it is. Errors as for Receive.
func (i *Inbox) Ingest(ctx context.Context, p IngestParams) (Result, error) {
	headers, query, err := request(p.Headers, p.Header, p.Query, p.RawQuery)
	if err != nil {
		return Result{}, err
	}
	result, _, err := i.target.receive(ctx, core.ReceiveParams{
		Ingest: true, SignatureValid: p.SignatureValid, SignatureError: p.SignatureError,
		Endpoint: p.Endpoint, Method: p.Method, Body: p.Body, Headers: headers, Query: query,
		ProviderEventID: p.ProviderEventID, ProviderDeliveryID: p.ProviderDeliveryID, EventType: p.EventType,
		DedupeKey: p.DedupeKey, QueueName: p.QueueName, MaxAttempts: p.MaxAttempts, TimeoutMilliseconds: milliseconds(p.Timeout),
	})
	return result, err
}

// milliseconds rounds away from 0, which is the default.
func milliseconds(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// request chooses whichever form of the headers and of the query was given.
func request(headers map[string]any, header http.Header, query map[string]any, rawQuery string) (chosenHeaders, chosenQuery any, err error) {
	if chosenHeaders, err = oneOf("Headers", headers, "Header", header, header != nil); err != nil {
		return nil, nil, err
	}
	chosenQuery, err = oneOf("Query", query, "RawQuery", rawQuery, rawQuery != "")
	return chosenHeaders, chosenQuery, err
}

// oneOf returns whichever of two forms of the same thing was given.
func oneOf(firstName string, first map[string]any, secondName string, second any, hasSecond bool) (any, error) {
	switch {
	case first != nil && hasSecond:
		return nil, &Error{Code: core.CodeInvalidArgument, Message: firstName + " and " + secondName + " are both given: give one"}
	case first != nil:
		return first, nil
	case hasSecond:
		return second, nil
	}
	return nil, nil
}
