package provider

// The providers that are nothing but an HMAC of the raw body in one header,
// with type and identity at fixed places. Each entry names the source of its
// rules.

func init() {
	for _, d := range simpleProviders() {
		register(d)
	}
}

// simple completes the definition of one of them.
func simple(d Definition, scheme hmacScheme, eventType, identity place) Definition {
	if d.Signature == "" {
		d.Signature = describeScheme(scheme)
	}
	d.EventType, d.Identity = string(eventType), string(identity)
	if eventType == "" {
		d.EventType = "none"
	}
	if identity == "" {
		d.Identity = "none"
	}
	d.IdentitySigned = identity == bodyHash || len(identity) > 5 && identity[:5] == "body:"
	d.build = buildHMAC(scheme, describeAs(eventType, identity))
	return d
}

func describeScheme(scheme hmacScheme) string {
	name, written := "HMAC-SHA256", "hex"
	if scheme.algo.size == useSHA1.size {
		name = "HMAC-SHA1"
	}
	if scheme.enc == stdBase64 {
		written = "base64"
	}
	if scheme.prefix != "" {
		written += " after \"" + scheme.prefix + "\""
	}
	return name + ", " + written + ", over the body"
}

func simpleProviders() []Definition {
	return []Definition{
		// Source: Atlassian's "Manage webhooks"; its published digest is reproduced.
		simple(Definition{Name: "bitbucket", Title: "Bitbucket Cloud", Headers: []string{"X-Hub-Signature", "X-Request-UUID", "X-Event-Key"},
			Secret: "secret of the webhook, as text", Docs: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
			Notes: []string{"X-Hook-UUID is the configuration. Whether X-Request-UUID survives a retry is unproven; if not, a retry is processed again.", "The id is not signed, so the body's digest is stored beside it."}},
			hmacScheme{header: "x-hub-signature", algo: useSHA256, prefix: "sha256="}, "header:X-Event-Key", "header:X-Request-UUID"),
		// Source: Typeform's "Secure your webhooks".
		simple(Definition{Name: "typeform", Title: "Typeform", Headers: []string{"Typeform-Signature"},
			Secret: "secret of the webhook, as text", Docs: "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
			Notes: []string{"form_response.token names the response."}},
			hmacScheme{header: "typeform-signature", algo: useSHA256, enc: stdBase64, prefix: "sha256="}, "body:event_type", "body:event_id"),
		// Source: Atlassian's "Webhooks" for Jira Cloud.
		simple(Definition{Name: "jira", Title: "Jira Cloud", Headers: []string{"X-Hub-Signature", "X-Atlassian-Webhook-Identifier"},
			Secret: "secret of the webhook, as text", Docs: "https://developer.atlassian.com/cloud/jira/platform/webhooks/",
			Notes: []string{"X-Atlassian-Webhook-Retry counts the attempts. Connect apps sign with a JWT instead and are not covered.", "The id is not signed, so the body's digest is stored beside it."}},
			hmacScheme{header: "x-hub-signature", algo: useSHA256, prefix: "sha256="}, "body:webhookEvent", "header:X-Atlassian-Webhook-Identifier"),
		// Source: coinbase-commerce-node 1.0.4.
		simple(Definition{Name: "coinbase-commerce", Title: "Coinbase Commerce", Headers: []string{"X-CC-Webhook-Signature"},
			Secret: "shared secret of the webhook, as text", SuccessStatus: 200, Docs: "https://docs.cdp.coinbase.com/commerce/introduction/webhooks",
			Notes: []string{"The outer id and attempt_number belong to the attempt."}},
			hmacScheme{header: "x-cc-webhook-signature", algo: useSHA256}, "body:event.type", "body:event.id"),
		// Source: Vercel's "Webhooks API".
		simple(Definition{Name: "vercel", Title: "Vercel", Headers: []string{"x-vercel-signature"},
			Secret: "client secret of the integration or secret of the webhook, as text", Docs: "https://vercel.com/docs/webhooks/webhooks-api"},
			hmacScheme{header: "x-vercel-signature", algo: useSHA1}, "body:type", "body:id"),
		// Source: CircleCI's "Outbound webhooks"; its published digest is reproduced.
		simple(Definition{Name: "circleci", Title: "CircleCI", Headers: []string{"circleci-signature", "circleci-event-type"},
			Signature: "HMAC-SHA256, hex, over the body; v1 entries of the list",
			Secret:    "secret of the webhook, as text", Docs: "https://circleci.com/docs/guides/integration/outbound-webhooks/",
			Notes: []string{"webhook.id is the configuration."}},
			hmacScheme{header: "circleci-signature", algo: useSHA256, list: &pairList{separator: ",", digestKey: "v1", trimSpaces: true}},
			"header:circleci-event-type", "body:id"),
		// Source: PagerDuty's "Verifying signatures" and go-pagerduty's webhookv3.
		simple(Definition{Name: "pagerduty", Title: "PagerDuty v3", Headers: []string{"X-PagerDuty-Signature"},
			Signature: "HMAC-SHA256, hex, over the body; v1 entries of the list",
			Secret:    "secret of the subscription, as text", Docs: "https://developer.pagerduty.com/docs/verifying-webhook-signatures",
			Notes: []string{"event.data.id is the incident."}},
			hmacScheme{header: "x-pagerduty-signature", algo: useSHA256, list: &pairList{separator: ",", digestKey: "v1", trimSpaces: true}},
			"body:event.event_type", "body:event.id"),
		// Source: Calendly's "Webhook signatures"; how old a time may be is the
		// receiver's choice there.
		simple(Definition{Name: "calendly", Title: "Calendly", Headers: []string{"Calendly-Webhook-Signature"},
			Signature: "HMAC-SHA256, hex, over time + \".\" + body; v1 entries of the list",
			Secret:    "signing key of the subscription, as text", Tolerance: &Tolerance{PastS: 300, FutureS: Unchecked},
			Docs:  "https://developer.calendly.com/api-docs/ZG9jOjM2MzE2MDM4-webhook-signatures",
			Notes: []string{"payload.uri names the invitee: created and canceled share it."}},
			hmacScheme{header: "calendly-webhook-signature", algo: useSHA256, list: &pairList{separator: ",", timeKey: "t", digestKey: "v1"}, sign: stampThen(".")},
			"body:event", bodyHash),
		// Source: @mux/mux-node 15.3.0, webhooks.
		simple(Definition{Name: "mux", Title: "Mux", Headers: []string{"Mux-Signature"},
			Signature: "HMAC-SHA256, hex, over time + \".\" + body; v1 entries of the list",
			Secret:    "signing secret of the webhook, as text", Tolerance: &Tolerance{PastS: 300, FutureS: Unchecked},
			Docs:  "https://www.mux.com/docs/core/verify-webhook-signatures",
			Notes: []string{"data.id is the asset; attempts changes at each attempt."}},
			hmacScheme{header: "mux-signature", algo: useSHA256, list: &pairList{separator: ",", timeKey: "t", digestKey: "v1"}, sign: stampThen(".")},
			"body:type", "body:id"),
		// Source: @workos-inc/node 8.13.0. The time is in milliseconds.
		simple(Definition{Name: "workos", Title: "WorkOS", Headers: []string{"WorkOS-Signature"},
			Signature: "HMAC-SHA256, hex, over time + \".\" + body; v1 entries of the list",
			Secret:    "secret of the endpoint, as text", Tolerance: &Tolerance{PastS: 180, FutureS: Unchecked},
			Docs: "https://workos.com/docs/events/data-syncing/webhooks"},
			hmacScheme{header: "workos-signature", algo: useSHA256, unit: milliseconds, list: &pairList{separator: ",", timeKey: "t", digestKey: "v1", trimSpaces: true}, sign: stampThen(".")},
			"body:event", "body:id"),
	}
}
