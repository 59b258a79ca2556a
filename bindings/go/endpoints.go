package knockersqlite

import (
	"context"
	"iter"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/provider"
)

// Endpoint is a named place that receives webhooks of one provider.
type Endpoint = core.Endpoint

// Provider describes a sender that endpoints can be configured for: how it
// signs, what its identity is, its options.
type Provider = provider.Definition

// Providers lists all providers; docs/providers.md has the same.
func Providers() []Provider { return provider.All() }

// AddEndpointParams describes an endpoint. It is enabled unless Disabled.
// Secrets and options stay in this process's memory; the file keeps name, path,
// provider and whether it is enabled.
type AddEndpointParams struct {
	Name            string
	Path            string         // a label for people. Defaults to "/webhooks/<name>".
	Provider        string         // such as "stripe"; see docs/providers.md
	Secrets         any            // text, []string or [][]byte; any of them verifies
	ProviderOptions map[string]any // the provider's own options
	// Verifier is your own way to verify, for a sender that no built-in provider
	// knows; Provider then only names it.
	Verifier provider.Verifier

	URL            string // public URL, for providers that sign it
	Disabled       bool
	Unhandled      string // what becomes of events without a handler: "dead" (default), "ignore" or "leave"
	NoSplitBatches bool   // keeps a request with several items one event
	EventKey       string // where the identity is: "header:<name>" or "body:<json path>"
	MaxBodyBytes   int64  // Defaults to the inbox's.
	Retry          RetryPolicy
}

func (p AddEndpointParams) core() core.EndpointParams {
	params := core.EndpointParams{Name: p.Name, Path: p.Path, Provider: p.Provider, Secrets: p.Secrets, ProviderOptions: p.ProviderOptions,
		Verifier: p.Verifier, URL: p.URL, Disabled: p.Disabled, Unhandled: p.Unhandled, EventKey: p.EventKey,
		MaxBodyBytes: p.MaxBodyBytes, Retry: p.Retry.core()}
	if p.NoSplitBatches {
		params.SplitBatches = new(bool)
	}
	return params
}

// AddEndpoint adds an endpoint, or brings the one of this name up to date.
// Errors: invalid_argument, invalid_secret, unknown_provider, path_taken.
func (i *Inbox) AddEndpoint(p AddEndpointParams) (Endpoint, error) {
	return i.AddEndpointContext(context.Background(), p)
}

// AddEndpointContext is AddEndpoint with a context.
func (i *Inbox) AddEndpointContext(ctx context.Context, p AddEndpointParams) (Endpoint, error) {
	return value(ctx, i, func(c *core.Inbox) (Endpoint, error) { return c.AddEndpoint(ctx, p.core()) })
}

// GetEndpoint returns an endpoint by name. Errors: unknown_endpoint.
func (i *Inbox) GetEndpoint(ctx context.Context, name string) (Endpoint, error) {
	return value(ctx, i, func(c *core.Inbox) (Endpoint, error) { return c.GetEndpoint(ctx, name) })
}

// ListEndpoints returns a page of up to limit (1..1000, 0: 100) endpoints, and
// the cursor of the next page, "" after the last.
func (i *Inbox) ListEndpoints(ctx context.Context, limit int, cursor string) (page []Endpoint, next string, err error) {
	return paged(ctx, i, func(c *core.Inbox) ([]Endpoint, string, error) { return c.ListEndpoints(ctx, limit, cursor) })
}

// Endpoints yields all endpoints. An error ends it.
func (i *Inbox) Endpoints(ctx context.Context) iter.Seq2[Endpoint, error] {
	return pages("", func(cursor string) ([]Endpoint, string, error) {
		return i.ListEndpoints(ctx, wholePage, cursor)
	})
}

// EnableEndpoint lets an endpoint receive again. Errors: unknown_endpoint.
func (i *Inbox) EnableEndpoint(ctx context.Context, name string) (Endpoint, error) {
	return value(ctx, i, func(c *core.Inbox) (Endpoint, error) { return c.SetEndpointEnabled(ctx, name, true) })
}

// DisableEndpoint makes Receive refuse an endpoint's requests with
// endpoint_disabled (404). Errors: unknown_endpoint.
func (i *Inbox) DisableEndpoint(ctx context.Context, name string) (Endpoint, error) {
	return value(ctx, i, func(c *core.Inbox) (Endpoint, error) { return c.SetEndpointEnabled(ctx, name, false) })
}

// PauseEndpoint stops the processing of an endpoint's events in all processes;
// they are received and queued as ever. A handler that is running ends its run.
// Errors: unknown_endpoint.
func (i *Inbox) PauseEndpoint(ctx context.Context, name string) (Endpoint, error) {
	return value(ctx, i, func(c *core.Inbox) (Endpoint, error) { return c.SetEndpointPaused(ctx, name, true) })
}

// ResumeEndpoint lets a paused endpoint's events be processed again. Errors:
// unknown_endpoint.
func (i *Inbox) ResumeEndpoint(ctx context.Context, name string) (Endpoint, error) {
	return value(ctx, i, func(c *core.Inbox) (Endpoint, error) { return c.SetEndpointPaused(ctx, name, false) })
}

// RemoveEndpoint removes an endpoint; one that has events only with prune, which
// removes them too. Errors: unknown_endpoint, not_empty.
func (i *Inbox) RemoveEndpoint(ctx context.Context, name string, prune bool) error {
	return i.target.use(ctx, func(c *core.Inbox) error { return c.RemoveEndpoint(ctx, name, prune) })
}
