package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/knocker-dev/knocker/core/provider"
)

const introduction = `# Providers

<!-- Generated from core/provider by: go run ./conformance/providers write -->

A provider is how one sender signs, identifies and types its requests. Name it when you add an endpoint, with the
secret that the sender gave you:

- **secrets** is a text or a list. With a list, any of them verifies, so that a secret can be rotated without losing a
  webhook. Each may carry an expiry: ` + "`{\"value\": \"…\", \"expires_at\": 1767225600}`" + `.
- **provider_options** are the options below. An unknown one is an error with a suggestion.
- **url** is needed where the sender signs the URL: the public URL of your route, exactly as the sender was given it.
  Behind a proxy that ends TLS it still begins with https.

Verification reads the raw bytes of the body. A framework that parses the body first has to give you the raw one.

## What dedupe goes by

The identity is the value that is equal across the retries of one event and different for every other event of the
endpoint. Where it is in a header that the signature does not cover ("not signed"), someone who has captured one
request can send it again under another id: the body's digest is stored beside the id, and your handler should
tolerate a second run. Where a sender gives no identity, nothing is folded: every delivery is its own event, because
losing one is worse than seeing one twice. ` + "`body_hash`" + ` is the digest of the body.

A batch is one request with several events. Each becomes an event of its own, with its own identity and type, and its
exact slice of the body.

`

// document is the whole page.
func document() []byte {
	var out bytes.Buffer
	out.WriteString(introduction)
	overview(&out)
	for _, d := range provider.All() {
		section(&out, d)
	}
	out.WriteString(unsupported)
	out.WriteString("## Reasons\n\nA refused request is stored with one of these reasons. None of them carries a secret.\n\n| reason | meaning |\n| --- | --- |\n")
	for _, row := range reasons() {
		fmt.Fprintf(&out, "| `%s` | %s |\n", row.Code, cell(row.Sentence))
	}
	return out.Bytes()
}

const unsupported = `## What needs your help

Verification makes no outbound call, because a receiver that waits for another server stops receiving. Three senders
need one, so your application makes it and passes the result as an option:

- **plaid**: fetch the key that the token names and set ` + "`jwks`" + `. Until then its requests are refused with
  ` + "`unknown_key`" + `, and Plaid retries.
- **paypal**: fetch the certificate from the address in PAYPAL-CERT-URL (https, paypal.com, chain checked) and set
  ` + "`cert_pem`" + `.
- **aws-sns**: fetch the certificate from SigningCertURL and set ` + "`cert_pem`" + `; confirm a subscription from your handler.

Not supported: Paddle Classic, Jira Connect apps (JWT), SNS raw message delivery, Supabase database webhooks (unsigned).

## A sender that is not listed

Use ` + "`hmac-sha256`" + ` with a template, or in Go a verifier of your own: ` + "`provider.Custom`" + `. For example, a sender that signs
` + "`id.time.body`" + ` and sends ` + "`X-Acme-Signature: t=…,v1=…`" + `:

` + "```json" + `
{
  "header": "X-Acme-Signature",
  "signature_key": "v1",
  "timestamp_key": "t",
  "id_header": "X-Acme-Id",
  "signed_content": "{id}.{timestamp}.{body}",
  "event_id_header": "X-Acme-Id",
  "event_type_path": "kind"
}
` + "```" + `

`

func overview(out *bytes.Buffer) {
	out.WriteString("## Overview\n\n| provider | signature | tolerance | identity | signed | batch |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, d := range provider.All() {
		fmt.Fprintf(out, "| [%s](#%s) | %s | %s | %s | %s | %s |\n", d.Name, anchor(d), cell(d.Signature), cell(tolerance(d.Tolerance)), cell(d.Identity), yes(d.IdentitySigned), yes(d.Batch))
	}
	out.WriteString("\n")
}

func section(out *bytes.Buffer, d provider.Definition) {
	fmt.Fprintf(out, "## %s\n\n", d.Name)
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(out, "- %s: %s\n", label, text)
		}
	}
	line("Sender", link(d.Title, d.Docs))
	line("Also known as", code(d.Aliases))
	line("Headers", code(d.Headers))
	line("Signature", d.Signature)
	line("Secret", d.Secret)
	line("Tolerance", tolerance(d.Tolerance))
	if d.ProviderTolerance != nil {
		line("Tolerance of the sender's own library", tolerance(d.ProviderTolerance))
	}
	line("Identity", d.Identity+signedNote(d))
	line("Event type", d.EventType)
	line("Handshake", d.Handshake)
	line("Answer to a valid request", fmt.Sprint(d.SuccessStatus))
	line("Redacted headers", code(d.CredentialHeaders))
	line("Redacted query parameters", code(d.CredentialQuery))
	line("Masked in the body", code(d.CredentialBody))
	for _, note := range d.Notes {
		fmt.Fprintf(out, "- %s\n", note)
	}
	out.WriteString("\n| option | type | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, o := range d.Options {
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", o.Name, optionType(o), fallback(o), cell(o.Doc))
	}
	out.WriteString("\n")
}

func anchor(d provider.Definition) string { return d.Name }

func link(title, address string) string {
	if address == "" {
		return title
	}
	return "[" + title + "](" + address + ")"
}

func code(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

func yes(truth bool) string {
	if truth {
		return "yes"
	}
	return "no"
}

func signedNote(d provider.Definition) string {
	if d.IdentitySigned || strings.HasPrefix(d.Identity, "none") {
		return ""
	}
	return " (not signed)"
}

func tolerance(t *provider.Tolerance) string {
	if t == nil {
		return "no signed time"
	}
	side := func(seconds int) string {
		if seconds == provider.Unchecked {
			return "unchecked"
		}
		return fmt.Sprintf("%d s", seconds)
	}
	if t.PastS == t.FutureS {
		if t.PastS == provider.Unchecked {
			return "unchecked by default"
		}
		return side(t.PastS) + " on both sides"
	}
	return side(t.PastS) + " old, future " + side(t.FutureS)
}

func optionType(o provider.Option) string {
	if len(o.Allowed) > 0 {
		return "one of " + code(o.Allowed)
	}
	return string(o.Type)
}

func fallback(o provider.Option) string {
	if o.Default == nil || o.Default == "" {
		return ""
	}
	encoded, err := json.Marshal(o.Default)
	if err != nil {
		return ""
	}
	return "`" + strings.Trim(string(encoded), `"`) + "`"
}
