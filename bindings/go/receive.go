package knockersqlite

import (
	"context"
	"net/http"

	"github.com/knocker-dev/knocker/core"
)

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
}

// Receive verifies one request, stores it, and answers once it is on disk. A
// request that fails verification is stored too and answered with 401: only
// problems on our side are errors.
func (i *Inbox) Receive(p ReceiveParams) (Result, error) {
	return i.ReceiveContext(context.Background(), p)
}

// ReceiveContext is Receive with a context. A context that ends before the
// receipt is being written is the error "cancelled"; later it has no effect.
func (i *Inbox) ReceiveContext(ctx context.Context, p ReceiveParams) (Result, error) {
	headers, err := oneOf("Headers", p.Headers, "Header", p.Header, p.Header != nil)
	if err != nil {
		return Result{}, err
	}
	query, err := oneOf("Query", p.Query, "RawQuery", p.RawQuery, p.RawQuery != "")
	if err != nil {
		return Result{}, err
	}
	return i.inbox.Receive(ctx, core.ReceiveParams{
		Endpoint: p.Endpoint, Method: p.Method, Body: p.Body, Headers: headers, Query: query, URL: p.URL,
		Provider: p.Provider, Secrets: p.Secrets, ProviderOptions: p.ProviderOptions,
		ProviderEventID: p.ProviderEventID, ProviderDeliveryID: p.ProviderDeliveryID, EventType: p.EventType,
		DedupeKey: p.DedupeKey, QueueName: p.QueueName, MaxAttempts: p.MaxAttempts,
	})
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
