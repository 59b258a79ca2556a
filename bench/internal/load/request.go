// Package load makes the webhooks that the benchmarks send and drives an inbox
// with them.
package load

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// Endpoint is the endpoint's name in every benchmark.
	Endpoint = "stripe"
	// Provider verifies the requests.
	Provider = "stripe"
	// Secret signs them.
	Secret = "whsec_benchmarks_0123456789abcdef"
	// BodyBytes is the size of a body.
	BodyBytes = 2048

	eventType   = "invoice.paid"
	identityLen = 24
)

// Request is one webhook, signed and ready to be received.
type Request struct {
	Body    []byte
	Headers http.Header
}

var bodyParts = func() [2]string {
	head := `{"id":"evt_`
	tail := fmt.Sprintf(`","object":"event","type":%q,"api_version":"2024-06-20","created":1700000000,"livemode":true,"data":{"object":{"id":"in_1PabcdEFGHijklMNOP","object":"invoice","amount_paid":4900,"currency":"eur","lines":[`, eventType)
	item := `{"id":"il_1Pabcd","amount":490,"description":"one seat of the yearly plan","period":{"start":1700000000,"end":1731622400}}`
	end := `],"note":"`
	closing := `"}},"pending_webhooks":1,"request":{"id":null}}`
	tail += strings.TrimSuffix(strings.Repeat(item+",", 10), ",") + end
	fill := BodyBytes - len(head) - identityLen - len(tail) - len(closing)
	return [2]string{head, tail + strings.Repeat("n", fill) + closing}
}()

// body makes a body of exactly BodyBytes with this identity.
func body(identity string) []byte {
	out := make([]byte, 0, BodyBytes)
	out = append(append(append(out, bodyParts[0]...), identity...), bodyParts[1]...)
	return out
}

func headers(signature string) http.Header {
	return http.Header{
		"Accept":            {"*/*; q=0.5, application/xml"},
		"Accept-Encoding":   {"gzip;q=1.0,deflate;q=0.6,identity;q=0.3"},
		"Cache-Control":     {"no-cache"},
		"Connection":        {"keep-alive"},
		"Content-Length":    {strconv.Itoa(BodyBytes)},
		"Content-Type":      {"application/json; charset=utf-8"},
		"Host":              {"shop.example.com"},
		"Stripe-Signature":  {signature},
		"User-Agent":        {"Stripe/1.0 (+https://stripe.com/docs/webhooks)"},
		"X-Forwarded-For":   {"203.0.113.7"},
		"X-Forwarded-Proto": {"https"},
		"X-Request-Id":      {"5f0c2d6e-8a9b-4d8e-9f27-0d1c2b3a4e5f"},
	}
}

func identity() string {
	var raw [identityLen * 3 / 4]byte
	_, _ = rand.Read(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

func sign(body []byte, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(Secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Requests makes n valid requests with random identities.
func Requests(n int) []Request {
	out := make([]Request, n)
	now := time.Now()
	for i := range out {
		b := body(identity())
		out[i] = Request{Body: b, Headers: headers(sign(b, now))}
	}
	return out
}

// Forged makes n requests whose signature fits nothing.
func Forged(n int) []Request {
	out := Requests(n)
	for i := range out {
		signature := out[i].Headers.Get("Stripe-Signature")
		out[i].Headers.Set("Stripe-Signature", signature[:len(signature)-64]+strings.Repeat("0", 64))
	}
	return out
}

// SampleBody is a body for the limit program: '@' where characters are random.
func SampleBody() []byte { return body(strings.Repeat("@", identityLen)) }

// SampleSignature is the signature header of such a sample.
func SampleSignature() string {
	return "t=" + strconv.FormatInt(time.Now().Unix(), 10) + ",v1=" + strings.Repeat("@", 64)
}
