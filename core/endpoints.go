package core

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/knocker-dev/knocker/core/input"
	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// endpointState is what this process knows of an endpoint: the stored row, and
// what lives in memory only.
type endpointState struct {
	Endpoint
	verifier     provider.Verifier // nil: no secrets in this process
	url          string
	unhandled    string
	splitBatches bool
	eventKey     eventKey
	maxBodyBytes int64
	retry        RetryPolicy
	redact       redaction

	// disabled is set when a receipt met a row that another process has
	// disabled: from then on the row is looked at before each receipt, so that
	// requests to a disabled endpoint don't break up other endpoints' batches.
	disabled atomic.Bool
}

// endpoints caches endpoints by name. What other processes change is noticed in
// the receive transaction: the insert asks for an enabled row of this id.
type endpoints struct {
	mu     sync.RWMutex
	byName map[string]*endpointState
}

func (t *endpoints) init() { t.byName = map[string]*endpointState{} }

func (t *endpoints) get(name string) *endpointState {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byName[name]
}

func (t *endpoints) put(s *endpointState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName[s.Name] = s
}

func (t *endpoints) drop(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byName, name)
}

// byID finds a known endpoint's settings for a worker; nil when this process
// has never seen it.
func (t *endpoints) byID(id int64) *endpointState {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, s := range t.byName {
		if s.ID == id {
			return s
		}
	}
	return nil
}

const endpointColumns = "id, name, path, coalesce(provider, ''), enabled, created_at, paused"

type row interface {
	Int(int) int64
	Text(int) string
}

func scanEndpoint(r row) Endpoint {
	return Endpoint{ID: r.Int(0), Name: r.Text(1), Path: r.Text(2), Provider: r.Text(3), Enabled: r.Int(4) != 0, CreatedAt: r.Int(5), Paused: r.Int(6) != 0}
}

// endpoint returns what is known of a name, from memory or from the file.
func (e *engine) endpoint(name string) (*endpointState, error) {
	s := e.endpoints.get(name)
	if s != nil && !s.disabled.Load() && e.host == nil {
		return s, nil
	}
	stored, err := e.storedEndpoint(name)
	if err != nil {
		return nil, err
	}
	// The host may have rolled back what the endpoint was added by: then its
	// secrets are not those of the row.
	if s != nil && s.ID == stored.ID && (e.host == nil || s.Provider == stored.Provider) {
		s.disabled.Store(!stored.Enabled)
		return s, nil
	}
	s = e.newEndpointState(stored)
	s.disabled.Store(!stored.Enabled)
	e.endpoints.put(s)
	return s, nil
}

func (e *engine) newEndpointState(stored Endpoint) *endpointState {
	return &endpointState{Endpoint: stored, unhandled: "dead", splitBatches: true, maxBodyBytes: e.options.MaxBodyBytes,
		retry: e.options.Retry, redact: newRedaction(e.options.RedactHeaders, nil)}
}

func (e *engine) storedEndpoint(name string) (found Endpoint, err error) {
	err = e.read(func(c *sqlite.Conn) error {
		rows, err := c.Query("SELECT "+endpointColumns+" FROM main.knocker_endpoints WHERE name = ?", name)
		if err != nil {
			return err
		}
		if !rows.Next() {
			return fail(CodeUnknownEndpoint, "no endpoint is named %q: add it before receiving", name)
		}
		found = scanEndpoint(rows)
		return nil
	})
	return found, err
}

// AddEndpoint adds an endpoint or brings the one of this name up to date; the
// same values again change nothing. Secrets and options stay in this process.
func (i *Inbox) AddEndpoint(ctx context.Context, p EndpointParams) (Endpoint, error) {
	if err := i.usable(); err != nil {
		return Endpoint{}, err
	}
	s, err := i.e.prepareEndpoint(p)
	if err != nil {
		return Endpoint{}, err
	}
	if err := i.e.saveEndpoint(ctx, s, s.Provider == ""); err != nil {
		return Endpoint{}, err
	}
	i.e.endpoints.put(s)
	return s.Endpoint, nil
}

func (e *engine) prepareEndpoint(p EndpointParams) (*endpointState, error) {
	if strings.TrimSpace(p.Name) == "" {
		return nil, fail(CodeInvalidArgument, "an endpoint needs a name")
	}
	orDefault(&p.Path, "/webhooks/"+p.Name)
	orDefault(&p.Unhandled, "dead")
	if err := oneOf("unhandled", p.Unhandled, "dead", "ignore", "leave"); err != nil {
		return nil, err
	}
	if err := p.Retry.check(); err != nil {
		return nil, err
	}
	s := e.newEndpointState(Endpoint{Name: p.Name, Path: p.Path, Provider: p.Provider, Enabled: !p.Disabled})
	s.url, s.unhandled, s.retry = p.URL, p.Unhandled, p.Retry.over(e.options.Retry)
	if p.SplitBatches != nil {
		s.splitBatches = *p.SplitBatches
	}
	if p.MaxBodyBytes < 0 {
		return nil, fail(CodeInvalidArgument, "max_body_bytes must be above 0")
	} else if p.MaxBodyBytes > 0 {
		s.maxBodyBytes = p.MaxBodyBytes
	}
	var err error
	if s.eventKey, err = parseEventKey(p.EventKey); err != nil {
		return nil, err
	}
	if p.Verifier != nil {
		return s, s.useVerifier(e, p)
	}
	if p.Provider != "" {
		def, ok := provider.Lookup(p.Provider)
		if !ok {
			return nil, unknownProvider(p.Name, p.Provider)
		}
		s.Provider = def.Name
		if s.verifier, err = configure(p.Name, p.Provider, p.Secrets, p.ProviderOptions, p.URL); err != nil {
			return nil, err
		}
		s.redact = newRedaction(e.options.RedactHeaders, s.verifier)
	} else if known := e.known(p.Name); known != nil && p.Secrets == nil && len(p.ProviderOptions) == 0 {
		// Named again without a provider: what verifies it stays as it is.
		s.Provider, s.verifier, s.redact = known.Provider, known.verifier, known.redact
		orDefault(&s.url, known.url)
	} else if p.Secrets != nil || len(p.ProviderOptions) > 0 {
		return nil, fail(CodeInvalidArgument, "endpoint %q has secrets or provider_options but no provider: name the provider", p.Name)
	}
	return s, nil
}

// useVerifier takes an application's own verifier.
func (s *endpointState) useVerifier(e *engine, p EndpointParams) error {
	if _, builtIn := provider.Lookup(p.Provider); builtIn {
		return fail(CodeInvalidArgument, "endpoint %q: %q is a built-in provider; an endpoint with a verifier of its own needs another name for it, or none", p.Name, p.Provider)
	}
	if p.Secrets != nil || len(p.ProviderOptions) > 0 {
		return fail(CodeInvalidArgument, "endpoint %q: secrets and provider_options belong to built-in providers; a verifier keeps its own", p.Name)
	}
	orDefault(&s.Provider, "custom")
	s.verifier, s.redact = p.Verifier, newRedaction(e.options.RedactHeaders, p.Verifier)
	return nil
}

func unknownProvider(endpoint, name string) error {
	message := "endpoint \"" + endpoint + "\": no provider is named \"" + name + "\""
	if near := provider.Suggest(name); near != "" {
		message += "; did you mean \"" + near + "\"?"
	}
	return fail(CodeUnknownProvider, "%s", message)
}

// configure makes a verifier. Errors name the endpoint. The URL goes in as an
// option, where a provider that signs it demands one.
func configure(endpoint, name string, secrets any, options map[string]any, url string) (provider.Verifier, error) {
	if url != "" && options["url"] == nil {
		withURL := make(map[string]any, len(options)+1)
		maps.Copy(withURL, options)
		withURL["url"] = url
		options = withURL
	}
	list, err := input.Secrets(secrets)
	if err != nil {
		return nil, named(endpoint, err)
	}
	v, err := provider.Configure(name, list, options)
	if err != nil {
		return nil, named(endpoint, err)
	}
	return v, nil
}

func named(endpoint string, err error) error {
	if c, ok := err.(*provider.ConfigError); ok {
		return fail(Code(c.Code), "endpoint %q: %s", endpoint, c.Message)
	}
	if shape, ok := err.(*input.Error); ok {
		return fail(Code(shape.Code), "endpoint %q: %s", endpoint, shape.Message)
	}
	return err
}

// saveEndpoint writes what differs. A call without provider keeps the stored one.
func (e *engine) saveEndpoint(ctx context.Context, s *endpointState, keepProvider bool) error {
	return e.write(ctx, func(c *sqlite.Conn) error {
		rows, err := c.Query("SELECT "+endpointColumns+" FROM main.knocker_endpoints WHERE name = ?", s.Name)
		if err != nil {
			return err
		}
		taken, err := c.Query("SELECT name FROM main.knocker_endpoints WHERE path = ? AND name <> ?", s.Path, s.Name)
		if err != nil {
			return err
		}
		if taken.Next() {
			return fail(CodePathTaken, "endpoint %q: the path %q belongs to endpoint %q", s.Name, s.Path, taken.Text(0))
		}
		if !rows.Next() {
			s.CreatedAt = e.now().Unix()
			r, err := c.Exec("INSERT INTO main.knocker_endpoints (name, path, provider, enabled, created_at) VALUES (?, ?, ?, ?, ?)",
				s.Name, s.Path, orNull(s.Provider), s.Enabled, s.CreatedAt)
			s.ID = r.LastInsertID
			return err
		}
		old := scanEndpoint(rows)
		s.ID, s.CreatedAt, s.Paused = old.ID, old.CreatedAt, old.Paused
		if keepProvider {
			s.Provider = old.Provider
		}
		if old == s.Endpoint {
			return nil
		}
		_, err = c.Exec("UPDATE main.knocker_endpoints SET path = ?, provider = ?, enabled = ? WHERE id = ?", s.Path, orNull(s.Provider), s.Enabled, s.ID)
		return err
	})
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// GetEndpoint returns the stored endpoint of this name.
func (i *Inbox) GetEndpoint(_ context.Context, name string) (Endpoint, error) {
	if err := i.usable(); err != nil {
		return Endpoint{}, err
	}
	return i.e.storedEndpoint(name)
}

// ListEndpoints lists endpoints by name, up to limit (1..1000, defaults to
// 100), from after the cursor of the page before. The last page has cursor "".
func (i *Inbox) ListEndpoints(_ context.Context, limit int, cursor string) (list []Endpoint, next string, err error) {
	if err := i.usable(); err != nil {
		return nil, "", err
	}
	if limit, err = pageLimit(limit); err != nil {
		return nil, "", err
	}
	err = i.e.read(func(c *sqlite.Conn) (err error) {
		list, err = endpointPage(c, limit, cursor)
		return err
	})
	if len(list) == limit {
		next = list[limit-1].Name
	}
	return list, next, err
}

func endpointPage(c *sqlite.Conn, limit int, after string) (list []Endpoint, err error) {
	rows, err := c.Query("SELECT "+endpointColumns+" FROM main.knocker_endpoints WHERE name > ? ORDER BY name LIMIT ?", after, limit)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		list = append(list, scanEndpoint(rows))
	}
	return list, nil
}

// SetEndpointEnabled turns receiving on or off.
func (i *Inbox) SetEndpointEnabled(ctx context.Context, name string, enabled bool) (Endpoint, error) {
	if err := i.usable(); err != nil {
		return Endpoint{}, err
	}
	err := i.e.write(ctx, func(c *sqlite.Conn) error {
		r, err := c.Exec("UPDATE main.knocker_endpoints SET enabled = ? WHERE name = ?", enabled, name)
		if err == nil && r.Changes == 0 {
			return unknownEndpoint(c, name)
		}
		return err
	})
	if err != nil {
		return Endpoint{}, err
	}
	return i.e.storedEndpoint(name)
}

// RemoveEndpoint removes an endpoint. While it has deliveries it is refused
// with not_empty, unless prune asks to remove them, their events and jobs too.
func (i *Inbox) RemoveEndpoint(ctx context.Context, name string, prune bool) error {
	if err := i.usable(); err != nil {
		return err
	}
	err := i.e.write(ctx, func(c *sqlite.Conn) error { return removeEndpoint(c, name, prune) })
	if err == nil {
		i.e.endpoints.drop(name)
	}
	return err
}

func removeEndpoint(c *sqlite.Conn, name string, prune bool) error {
	rows, err := c.Query("SELECT id FROM main.knocker_endpoints WHERE name = ?", name)
	if err != nil {
		return err
	}
	if !rows.Next() {
		return fail(CodeUnknownEndpoint, "no endpoint is named %q", name)
	}
	id := rows.Int(0)
	used, err := c.Query("SELECT 1 WHERE EXISTS (SELECT 1 FROM main.knocker_events WHERE endpoint_id = ?1) OR EXISTS (SELECT 1 FROM main.knocker_deliveries WHERE endpoint_id = ?1)", id)
	if err != nil {
		return err
	}
	if used.Len() > 0 && !prune {
		return fail(CodeNotEmpty, "endpoint %q still has deliveries: prune them first, or remove it with prune", name)
	}
	for _, sql := range []string{
		"DELETE FROM main._honker_live WHERE id IN (SELECT job_id FROM main.knocker_events WHERE endpoint_id = ? AND job_id IS NOT NULL)",
		"DELETE FROM main.knocker_delivery_events WHERE event_id IN (SELECT id FROM main.knocker_events WHERE endpoint_id = ?)",
		"DELETE FROM main.knocker_deliveries WHERE endpoint_id = ?",
		"DELETE FROM main.knocker_attempts WHERE event_id IN (SELECT id FROM main.knocker_events WHERE endpoint_id = ?)",
		"DELETE FROM main.knocker_events WHERE endpoint_id = ?",
		"DELETE FROM main.knocker_endpoints WHERE id = ?",
	} {
		if _, err := c.Exec(sql, id); err != nil {
			return err
		}
	}
	return nil
}

func pageLimit(limit int) (int, error) {
	if limit == 0 {
		return 100, nil
	}
	if limit < 1 || limit > 1000 {
		return 0, fail(CodeInvalidArgument, "limit is %d: it must be 1 to 1000", limit)
	}
	return limit, nil
}
