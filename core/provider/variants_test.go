package provider

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core/providertest"
)

// Refusing too much loses webhooks as surely as accepting too much lets
// forgeries in: these are spellings that senders use or their documentation
// allows.
func TestAllowedVariants(t *testing.T) {
	now := time.Unix(1767225600, 0)
	body := []byte(`{"id":"1","type":"t"}`)
	const standard = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for name, test := range map[string]struct {
		provider, secret string
		header           string
		change           func(value string) string
		rename           map[string]string
	}{
		"stripe, digest before time": {provider: "stripe", secret: "s", header: "Stripe-Signature", change: func(v string) string {
			stamp, digest, _ := strings.Cut(v, ",")
			return digest + "," + stamp
		}},
		"stripe, other scheme and other digest beside": {provider: "stripe", secret: "s", header: "Stripe-Signature", change: func(v string) string {
			return v + ",v1=" + strings.Repeat("0", 64) + ",v0=abc"
		}},
		"stripe, other digest first": {provider: "stripe", secret: "s", header: "Stripe-Signature", change: func(v string) string {
			stamp, digest, _ := strings.Cut(v, ",")
			return stamp + ",v1=" + strings.Repeat("0", 64) + "," + digest
		}},
		"paddle, two digests": {provider: "paddle", secret: "s", header: "Paddle-Signature", change: func(v string) string {
			return v + ";h1=" + strings.Repeat("0", 64)
		}},
		"pagerduty, list with spaces": {provider: "pagerduty", secret: "s", header: "X-PagerDuty-Signature", change: func(v string) string {
			return "v1=" + strings.Repeat("0", 64) + ", " + v
		}},
		"workos, no space": {provider: "workos", secret: "s", header: "WorkOS-Signature", change: func(v string) string { return strings.ReplaceAll(v, " ", "") }},
		"standard, unknown version and other signature first": {provider: "standard-webhooks", secret: standard, header: "webhook-signature", change: func(v string) string {
			return "v9,zzz v1," + base64.StdEncoding.EncodeToString(make([]byte, 32)) + " " + v
		}},
		"svix under the standard names": {provider: "svix", secret: standard, rename: map[string]string{
			"svix-id": "webhook-id", "svix-timestamp": "webhook-timestamp", "svix-signature": "webhook-signature"}},
		"openai, no version":             {provider: "openai", secret: standard, header: "webhook-signature", change: func(v string) string { return strings.TrimPrefix(v, "v1,") }},
		"openai, plain secret":           {provider: "openai", secret: "a plain secret"},
		"secret without whsec_":          {provider: "standard-webhooks", secret: strings.TrimPrefix(standard, "whsec_")},
		"notion, hex in upper case":      {provider: "notion", secret: "s", header: "X-Notion-Signature", change: func(v string) string { return "sha256=" + strings.ToUpper(v[7:]) }},
		"discord, hex in upper case":     {provider: "discord", secret: strings.Repeat("1f", 32), header: "X-Signature-Ed25519", change: strings.ToUpper},
		"basic, scheme in upper case":    {provider: "basic-auth", secret: "u:p", header: "Authorization", change: func(v string) string { return "BASIC" + v[5:] }},
		"bearer, scheme in lower case":   {provider: "bearer-token", secret: "tok", header: "Authorization", change: func(v string) string { return "bearer" + v[6:] }},
		"box, secondary header":          {provider: "box", secret: "s", rename: map[string]string{"Box-Signature-Primary": "Box-Signature-Secondary"}},
		"docusign, a later header":       {provider: "docusign", secret: "s", rename: map[string]string{"X-DocuSign-Signature-1": "X-DocuSign-Signature-100"}},
		"shopify without X-":             {provider: "shopify", secret: "s", rename: map[string]string{"X-Shopify-Hmac-Sha256": "Shopify-Hmac-Sha256"}},
		"supabase without its v1 prefix": {provider: "supabase", secret: standard},
	} {
		signed, err := providertest.SignRequest(test.provider, test.secret, body, now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		public, err := providertest.PublicSecret(test.provider, test.secret)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Configure(test.provider, secretsOf(public), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := &Request{Method: "POST", Body: body, Now: now}
		for header, value := range signed.Headers {
			if header == test.header && test.change != nil {
				value = test.change(value)
			}
			if other := test.rename[header]; other != "" {
				header = other
			}
			r.Headers = append(r.Headers, Field{strings.ToLower(header), value})
		}
		if verdict := v.Verify(r); !verdict.Valid {
			t.Errorf("%s is refused: %s", name, verdict.Reason)
		}
	}
}
