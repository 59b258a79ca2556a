package provider

// Shopify signs the raw body with the app's client secret. Two families of
// headers exist: X-Shopify-…, and without X- for "Events" deliveries, which
// counts when its digest is there. The event id names the happening, and one
// happening makes several topics, so the webhook id is the identity. Source:
// @shopify/shopify-api 13.1.0, webhooks/validate.js.
func init() {
	register(Definition{
		Name:      "shopify",
		Title:     "Shopify",
		Headers:   []string{"X-Shopify-Hmac-Sha256", "X-Shopify-Webhook-Id", "X-Shopify-Topic", "Shopify-Hmac-Sha256", "Shopify-Webhook-Id", "Shopify-Topic"},
		Signature: "HMAC-SHA256, base64, over the body",
		Secret:    "client secret of the app (or the shop's webhook signing key), as text",
		Identity:  "header:X-Shopify-Webhook-Id",
		EventType: "header:X-Shopify-Topic",
		Docs:      "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
		Notes: []string{
			"X-Shopify-Event-Id is shared by all topics of one happening; the body's id is the order or product.",
			"After a rotation the old secret can sign for another hour: keep both.",
			"The webhook id is not signed, so the body's digest is stored beside it.",
		},
		build: buildShopify,
	})
}

type shopifyVerifier struct{ classic, events *hmacVerifier }

func buildShopify(s *Settings) (Verifier, error) {
	scheme := hmacScheme{header: "x-shopify-hmac-sha256", algo: useSHA256, enc: stdBase64}
	classic, err := scheme.configure(s, describeAs("header:X-Shopify-Topic", "header:X-Shopify-Webhook-Id"))
	if err != nil {
		return nil, err
	}
	scheme.header = "shopify-hmac-sha256"
	events, err := scheme.configure(s, describeAs("header:Shopify-Topic", "header:Shopify-Webhook-Id"))
	if err != nil {
		return nil, err
	}
	return &shopifyVerifier{classic, events}, nil
}

func (v *shopifyVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *shopifyVerifier) Verify(r *Request) Verdict {
	if r.anyHeader(v.events.header) != "" {
		return v.events.Verify(r)
	}
	return v.classic.Verify(r)
}
