package core

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/core/input"
	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// ExplainParams says which delivery to check again. What is left out comes from
// the endpoint in this process.
type ExplainParams struct {
	DeliveryID      int64
	Provider        string
	Secrets         any
	ProviderOptions map[string]any
	URL             string
	NowS            int64 // clock of the check, Unix seconds. Defaults to the time of receipt.
}

// Explanation is why a delivery's signature is valid or not, as far as what was
// stored allows to say. It never shows a secret or an expected signature.
type Explanation struct {
	Valid    bool   // now, with what was given
	Reason   string // why not; "" when valid
	Clock    int64  // the clock of the check, Unix seconds
	BodyCut  bool   // the stored body is not the one that was signed
	Redacted []string
	Steps    []ExplainStep
}

// ExplainStep is one step of a verification.
type ExplainStep struct {
	Name   string
	OK     *bool // nil: not known, or not reached
	Detail string
}

// ExplainDelivery verifies a stored delivery once more, step by step, and writes
// nothing. Errors: not_found, no_verifier (give provider and secrets),
// unknown_provider, provider_mismatch, invalid_secret, invalid_argument.
func (i *Inbox) ExplainDelivery(_ context.Context, p ExplainParams) (out Explanation, err error) {
	if err := i.usable(); err != nil {
		return out, err
	}
	var d *stored
	err = i.e.read(func(c *sqlite.Conn) error {
		d, err = i.e.storedDelivery(c, p.DeliveryID)
		return err
	})
	if err != nil {
		return out, err
	}
	x := explainer{d: d, name: p.Provider}
	orDefault(&x.name, d.endpoint.Provider)
	asked := &ReceiveParams{Provider: p.Provider, Secrets: p.Secrets, ProviderOptions: p.ProviderOptions, URL: p.URL}
	v, err := d.endpoint.verifierFor(asked)
	if err != nil {
		return out, err
	}
	orDefault(&p.NowS, d.ReceivedAt)
	x.verdict = again(func() provider.Verdict { return v.Verify(d.request(p.URL, time.Unix(p.NowS, 0))) })
	if def, ok := provider.Lookup(x.name); ok {
		x.def = *def
	}
	out = Explanation{Valid: x.verdict.Valid, Reason: string(x.verdict.Reason), Clock: p.NowS, BodyCut: d.bodyCut() || d.masked(x.verdict.Mask), Redacted: d.redacted()}
	x.arrival()
	x.body(d.masked(x.verdict.Mask))
	x.configuration(p.Secrets)
	x.headers(out.Redacted)
	x.checks(p.NowS)
	out.Steps = x.steps
	return out, nil
}

// redacted are the headers and query parameters that were stored without their
// values.
func (d *stored) redacted() []string {
	names := []string{}
	for _, f := range append(d.headers[:len(d.headers):len(d.headers)], d.query...) {
		if f.Value == redacted {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

type explainer struct {
	d       *stored
	name    string // of the provider
	def     provider.Definition
	verdict provider.Verdict
	steps   []ExplainStep
}

func (x *explainer) step(name string, ok *bool, format string, args ...any) {
	x.steps = append(x.steps, ExplainStep{name, ok, fmt.Sprintf(format, args...)})
}

func truth(b bool) *bool { return &b }

// arrival is the verdict that was given when the request came.
func (x *explainer) arrival() {
	switch d := x.d; {
	case d.SignatureValid == nil:
		x.step("arrival", nil, "stored as %s without a verdict%s", d.Kind, because(d.SignatureError))
	case *d.SignatureValid:
		x.step("arrival", truth(true), "found valid when it arrived")
	default:
		x.step("arrival", truth(false), "refused when it arrived: %s%s", d.Reason, because(d.SignatureError))
	}
}

func because(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

func (x *explainer) body(masked bool) {
	switch d := x.d; {
	case d.ExpungedAt != 0:
		x.step("body", truth(false), "the body was expunged: nothing can be checked any more")
	case d.BodyBytes > int64(len(d.Body)):
		x.step("body", truth(false), "the body had %d bytes, of which %d were stored: a signature over all of it can't match", d.BodyBytes, len(d.Body))
	case masked:
		x.step("body", truth(false), "bytes that held the sender's secret were masked with * when the body was stored, so they can't be compared")
	default:
		x.step("body", truth(true), "all %d bytes were stored", d.BodyBytes)
	}
}

func (x *explainer) configuration(secrets any) {
	if secrets == nil {
		x.step("configuration", truth(true), "provider %s, with what the endpoint has in this process", x.name)
		return
	}
	list, err := input.Secrets(secrets)
	if err != nil {
		list = nil // configured already, so it can be read
	}
	x.step("configuration", truth(true), "provider %s, with %d given secrets", x.name, len(list))
}

// headers tells which of the headers that the provider's verification reads are
// there. One that is missing need not be wrong: some have another one's place.
func (x *explainer) headers(redactedNames []string) {
	for _, name := range x.def.Headers {
		lower := strings.ToLower(name)
		present := false
		for _, f := range x.d.headers {
			present = present || f.Name == lower && f.Value != ""
		}
		blamed := strings.Contains(x.verdict.Detail, lower)
		switch {
		case present && slices.Contains(redactedNames, lower):
			x.step("header "+lower, nil, "present, but stored as %s: its value can't be compared any more", redacted)
		case present:
			x.step("header "+lower, truth(!blamed), "present%s", x.blame(blamed))
		case blamed:
			x.step("header "+lower, truth(false), "missing")
		default:
			x.step("header "+lower, nil, "not present")
		}
	}
}

func (x *explainer) blame(blamed bool) string {
	if !blamed {
		return ""
	}
	return ", but: " + x.verdict.Reason.Sentence()
}

// checks are the form of the request, the signature or credential, and the time,
// in the order in which providers check them: the first that fails is the last.
func (x *explainer) checks(now int64) {
	reason := x.verdict.Reason
	at := 3
	switch reason {
	case "":
	case provider.TimestampTooOld, provider.TimestampTooNew:
		at = 2
	case provider.SignatureMismatch, provider.BadCredentials, provider.BadVerifyToken, provider.BodyHashMismatch, provider.UnsignedBody, provider.UnknownKey,
		provider.UntrustedCertURL, provider.UnknownTopic, provider.SecretExpired, provider.NoSecret:
		at = 1
	default:
		at = 0
	}
	sentence := reason.Sentence()
	if sentence == "" {
		sentence = string(reason)
	}
	if x.verdict.Detail != "" && x.verdict.Detail != sentence {
		sentence += " (" + x.verdict.Detail + ")"
	}
	for n, check := range []struct{ name, passed string }{
		{"form", "the request has the form that the provider sends"},
		{"signature", "made with one of the secrets over exactly these bytes"},
		{"timestamp", fmt.Sprintf("the signed time is within the tolerance at %s", time.Unix(now, 0).UTC().Format(time.RFC3339))},
	} {
		switch {
		case n == at:
			x.step(check.name, truth(false), "%s", sentence)
		case n > at:
			x.step(check.name, nil, "not reached")
		case check.name == "timestamp" && x.def.Tolerance == nil:
			x.step(check.name, nil, "this provider signs no time")
		default:
			x.step(check.name, truth(true), "%s", check.passed)
		}
	}
}
