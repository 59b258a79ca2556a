// Package providertest makes the requests that webhook senders make, so that a
// test or a demonstration can post them without the sender. It shares no code
// with the verification in package provider: the two check each other.
package providertest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"sort"
	"strconv"
	"time"
)

// Option changes how a request is signed.
type Option func(*signing)

// WithID sets the id of the delivery or event that goes into a header.
// Defaults to a text made of provider, time and body.
func WithID(id string) Option { return func(s *signing) { s.id = id } }

// WithEventType sets the event type, for providers that send it in a header.
func WithEventType(eventType string) Option { return func(s *signing) { s.eventType = eventType } }

// WithURL sets the public URL, for providers that sign it.
func WithURL(url string) Option { return func(s *signing) { s.url = url } }

// WithMethod sets the HTTP method, for providers that sign it. Defaults to
// POST.
func WithMethod(method string) Option { return func(s *signing) { s.method = method } }

// WithProviderOptions passes the endpoint's provider_options, such as the mode
// of gitlab, the version of hubspot or the header of token-header.
func WithProviderOptions(options map[string]any) Option {
	return func(s *signing) { s.options = options }
}

// Request is a signed request. Body and URL differ from what was given where
// the provider puts its signature there.
type Request struct {
	Method  string
	URL     string
	Headers map[string]string
	Body    []byte
}

// signing is one request being signed.
type signing struct {
	Request
	provider  string
	secret    string
	at        time.Time
	id        string
	eventType string
	url       string
	method    string
	options   map[string]any
}

// Sign returns the headers that the provider would send with this body at this
// time. secret is what the endpoint is configured with; for a provider with an
// asymmetric key it is the private key, and PublicSecret gives the configured
// one. The error names a provider that signs inside the body: use SignRequest.
func Sign(provider, secret string, body []byte, at time.Time, options ...Option) (map[string]string, error) {
	signed, err := SignRequest(provider, secret, body, at, options...)
	if err != nil {
		return nil, err
	}
	if string(signed.Body) != string(body) {
		return nil, fmt.Errorf("provider %s signs inside the body: use SignRequest", provider)
	}
	return signed.Headers, nil
}

// SignRequest is Sign for every provider: it returns the whole request.
func SignRequest(provider, secret string, body []byte, at time.Time, options ...Option) (Request, error) {
	s := &signing{provider: canonical(provider), secret: secret, at: at, method: "POST"}
	for _, option := range options {
		option(s)
	}
	sign, ok := signers[s.provider]
	if !ok {
		return Request{}, fmt.Errorf("there is no signer for provider %q", provider)
	}
	if s.id == "" {
		sum := sha256.Sum256(append([]byte(s.provider+at.UTC().String()), body...))
		s.id = "test_" + hex.EncodeToString(sum[:8])
	}
	s.Request = Request{Method: s.method, URL: s.url, Body: body,
		Headers: map[string]string{"Content-Type": "application/json"}}
	if err := sign(s); err != nil {
		return Request{}, fmt.Errorf("provider %s: %w", s.provider, err)
	}
	return s.Request, nil
}

// Providers lists the providers that Sign and SignRequest know.
func Providers() []string {
	names := make([]string, 0, len(signers))
	for name := range signers {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func canonical(name string) string {
	if main, ok := aliases[name]; ok {
		return main
	}
	return name
}

var aliases = map[string]string{
	"lemonsqueezy": "lemon-squeezy", "standardwebhooks": "standard-webhooks", "x-twitter": "x", "twitter": "x",
	"msgraph": "microsoft-graph", "ms-graph": "microsoft-graph", "sns": "aws-sns", "facebook": "meta",
	"instagram": "meta", "whatsapp": "meta", "messenger": "meta",
}

func (s *signing) header(name, value string) { s.Headers[name] = value }

// typeHeader sends the event type, if one was given.
func (s *signing) typeHeader(name string) {
	if s.eventType != "" {
		s.header(name, s.eventType)
	}
}

func (s *signing) option(name, fallback string) string {
	if value, ok := s.options[name].(string); ok {
		return value
	}
	return fallback
}

func (s *signing) seconds() string { return strconv.FormatInt(s.at.Unix(), 10) }
func (s *signing) millis() string  { return strconv.FormatInt(s.at.UnixMilli(), 10) }

func mac(newHash func() hash.Hash, key []byte, parts ...string) []byte {
	m := hmac.New(newHash, key)
	for _, part := range parts {
		m.Write([]byte(part))
	}
	return m.Sum(nil)
}

func (s *signing) hex256(parts ...string) string {
	return hex.EncodeToString(mac(sha256.New, []byte(s.secret), parts...))
}

func (s *signing) base64256(parts ...string) string {
	return base64.StdEncoding.EncodeToString(mac(sha256.New, []byte(s.secret), parts...))
}

func (s *signing) hex1(parts ...string) string {
	return hex.EncodeToString(mac(sha1.New, []byte(s.secret), parts...))
}

func (s *signing) base641(parts ...string) string {
	return base64.StdEncoding.EncodeToString(mac(sha1.New, []byte(s.secret), parts...))
}
