package main

import (
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core/input"
	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/providertest"
	"github.com/tidwall/gjson"
)

const mutations = 200

// verifier configures the provider of a spec.
func (s *spec) verifier(t testing.TB) provider.Verifier {
	t.Helper()
	secrets, err := input.Secrets(s.configured(s.secret))
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]any{}
	for name, value := range s.options {
		options[name] = value
	}
	if s.url != "" {
		options["url"] = s.url
	}
	verifier, err := provider.Configure(s.provider, secrets, options)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func (s *spec) verify(t testing.TB, verifier provider.Verifier, signed providertest.Request) provider.Verdict {
	t.Helper()
	headers, err := input.Headers(signed.Headers)
	if err != nil {
		t.Fatal(err)
	}
	return verifier.Verify(&provider.Request{Method: signed.Method, URL: signed.URL, Headers: headers, Body: signed.Body, Now: start})
}

// A single flipped bit anywhere in what is signed, or in the signature itself,
// must be refused: a verifier that repairs its input, compares too little or
// takes several spellings of one signature fails here.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	for _, s := range all() {
		t.Run(s.key(0)[:len(s.key(0))-2], func(t *testing.T) {
			verifier := s.verifier(t)
			random := rand.New(rand.NewPCG(1, uint64(len(s.provider))))
			for _, e := range s.events {
				signed := s.sign(e, e.body, s.secret, start)
				if verdict := s.verify(t, verifier, signed); !verdict.Valid {
					t.Fatalf("the unchanged request is refused: %s", verdict.Reason)
				}
				for range mutations {
					s.flipBody(t, verifier, signed, random)
					for _, header := range []string{s.header, s.signed} {
						s.flipHeader(t, verifier, signed, header, random)
					}
				}
			}
		})
	}
}

func (s *spec) flipHeader(t *testing.T, verifier provider.Verifier, signed providertest.Request, header string, random *rand.Rand) {
	value := signed.Headers[header]
	if value == "" {
		return
	}
	changed := flipBit(value, random)
	if s.sameHeader(value, changed) {
		return
	}
	mutated := signed
	mutated.Headers = map[string]string{}
	for name, text := range signed.Headers {
		mutated.Headers[name] = text
	}
	mutated.Headers[header] = changed
	if verdict := s.verify(t, verifier, mutated); verdict.Valid {
		t.Errorf("accepted with %s: %q instead of %q", header, changed, value)
	}
}

// sameHeader are the variants that a provider allows: hex digits in either
// case where its own library reads them so, and the case of an authentication
// scheme.
func (s *spec) sameHeader(before, after string) bool {
	switch s.provider {
	case "discord", "notion":
		return strings.EqualFold(before, after)
	case "basic-auth", "bearer-token", "postmark":
		scheme, rest, _ := strings.Cut(before, " ")
		changedScheme, changedRest, _ := strings.Cut(after, " ")
		return rest == changedRest && strings.EqualFold(scheme, changedScheme)
	}
	return false
}

func (s *spec) flipBody(t *testing.T, verifier provider.Verifier, signed providertest.Request, random *rand.Rand) {
	if s.credential && !s.inBody {
		return // nothing but the credential is authenticated
	}
	from, to := s.covered(string(signed.Body), random)
	part := flipBit(string(signed.Body[from:to]), random)
	mutated := signed
	mutated.Body = []byte(string(signed.Body[:from]) + part + string(signed.Body[to:]))
	if sameForm(s.provider, signed.Body, mutated.Body) {
		return
	}
	if verdict := s.verify(t, verifier, mutated); verdict.Valid {
		t.Errorf("accepted body %q instead of %q", mutated.Body, signed.Body)
	}
}

// covered picks a part of the body that the signature covers.
func (s *spec) covered(body string, random *rand.Rand) (from, to int) {
	paths := map[string][]string{
		"mailgun":         {"signature.token", "signature.timestamp", "signature.signature"},
		"figma":           {"passcode"},
		"microsoft-graph": {"value.0.clientState"},
		"aws-sns":         {"Message", "MessageId", "TopicArn", "Timestamp", "Type", "Signature"},
		"adyen": {"pspReference", "merchantAccountCode", "merchantReference", "amount.value", "amount.currency",
			"eventCode", "success", "additionalData.hmacSignature"},
	}[s.provider]
	if paths == nil || s.header != "" {
		return 0, len(body)
	}
	path := paths[random.IntN(len(paths))]
	if s.provider == "adyen" {
		path = "notificationItems.0.NotificationRequestItem." + path
	}
	value := gjson.Get(body, path)
	from = strings.Index(body, value.Raw)
	if s.provider == "adyen" || s.provider == "mailgun" {
		from = value.Index
	}
	return from, from + len(value.Raw)
}

// sameForm: providers that sign decoded form parameters cannot tell %2B from
// %2b, and the application does not either.
func sameForm(provider string, before, after []byte) bool {
	if provider != "twilio" && provider != "mandrill" && provider != "braintree" {
		return false
	}
	a, errBefore := url.ParseQuery(string(before))
	b, errAfter := url.ParseQuery(string(after))
	return errBefore == nil && errAfter == nil && reflect.DeepEqual(a, b)
}

func flipBit(text string, random *rand.Rand) string {
	changed := []byte(text)
	changed[random.IntN(len(changed))] ^= 1 << random.IntN(8)
	return string(changed)
}

// The signer must make what the verifier takes for every provider, or a test
// that fakes a sender proves nothing.
func TestSignerKnowsEveryProvider(t *testing.T) {
	known := map[string]bool{}
	for _, name := range providertest.Providers() {
		known[name] = true
	}
	described := map[string]bool{}
	for _, s := range all() {
		described[s.provider] = true
	}
	for _, d := range provider.All() {
		if !known[d.Name] {
			t.Errorf("provider %s has no signer", d.Name)
		}
		if !described[d.Name] {
			t.Errorf("provider %s has no recorded fixtures", d.Name)
		}
	}
}
