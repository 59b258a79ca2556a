package provider

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
)

// Discord signs time + body with Ed25519. Two products use two URLs: for
// interactions type 1 is a PING, for webhook events it is an event and 0 the
// PING, so the mode has to be configured. A bad signature must be answered
// with 401: Discord probes with them. Sources: discord-interactions 4.4.0,
// discord/discord-api-docs.
func init() {
	register(Definition{
		Name:  "discord",
		Title: "Discord",
		Options: []Option{{Name: "mode", Type: Text, Default: "interactions", Allowed: []string{"interactions", "webhook_events"},
			Doc: "Which of Discord's two products posts to this endpoint."}},
		Headers:        []string{"X-Signature-Ed25519", "X-Signature-Timestamp"},
		Signature:      "Ed25519, hex, over time + body",
		Secret:         "public key of the application, 64 hex digits",
		Tolerance:      &noTolerance,
		Identity:       "body:id for interactions, body_hash for webhook events",
		IdentitySigned: true,
		EventType:      "name of the interaction's type, or body:event.type",
		Handshake:      "PING of either product (signed)",
		Docs:           "https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint",
		Notes: []string{
			"Interactions want an answer within 3 s and are not retried: an inbox can only defer them.",
			"event.data.id names the entitlement, not the event.",
		},
		key:   func(secret []byte) error { _, err := discordKey(secret); return err },
		build: buildDiscord,
	})
}

type discordVerifier struct {
	keys   []publicKey
	clock  clock
	events bool
}

func discordKey(secret []byte) (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(string(secret))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("is not the 64 hex digits of a public key")
	}
	return key, nil
}

func buildDiscord(s *Settings) (Verifier, error) {
	v := &discordVerifier{clock: s.clock(), events: s.Text("mode") == "webhook_events"}
	for _, secret := range s.Secrets {
		key, err := discordKey(secret.Value)
		if err != nil {
			return nil, err
		}
		v.keys = append(v.keys, publicKey{key, secret})
	}
	return v, nil
}

func (v *discordVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *discordVerifier) Verify(r *Request) Verdict {
	const signatureHeader, timeHeader = "x-signature-ed25519", "x-signature-timestamp"
	given, reason := r.header(signatureHeader)
	if reason != "" {
		return refuseHeader(reason, signatureHeader)
	}
	stamp, reason := r.header(timeHeader)
	if reason != "" {
		return refuseHeader(reason, timeHeader)
	}
	if !lowerHex.wellFormed(given, ed25519.SignatureSize) {
		return refuseHeader(MalformedHeader, signatureHeader)
	}
	signedAt, ok := parseTime(stamp, seconds)
	if !ok {
		return refuseHeader(MalformedHeader, timeHeader)
	}
	if reason := v.signature(r, stamp, given); reason != "" {
		return refuse(reason)
	}
	if reason := v.clock.check(signedAt, r.Now, seconds); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	v.describe(r, &verdict)
	return verdict
}

func (v *discordVerifier) signature(r *Request, stamp, given string) Reason {
	signature, err := hex.DecodeString(given)
	if err != nil {
		return MalformedHeader
	}
	signed := append(append(make([]byte, 0, len(stamp)+len(r.Body)), stamp...), r.Body...)
	live := false
	for _, public := range v.keys {
		if !public.secret.live(r.Now) {
			continue
		}
		live = true
		if ed25519.Verify(public.key, signed, signature) {
			return ""
		}
	}
	if !live {
		return SecretExpired
	}
	return SignatureMismatch
}

var discordInteractions = map[string]string{
	"1": "PING", "2": "APPLICATION_COMMAND", "3": "MESSAGE_COMPONENT",
	"4": "APPLICATION_COMMAND_AUTOCOMPLETE", "5": "MODAL_SUBMIT",
}

func (v *discordVerifier) describe(r *Request, verdict *Verdict) {
	kind := scalar(get(r.Body, "type"))
	if v.events {
		if kind == "0" {
			verdict.EventType, verdict.Handshake = "PING", true
			verdict.Response = &Response{StatusCode: 204, Headers: []Field{{"content-type", "application/json"}}}
			return
		}
		verdict.EventType = text(get(r.Body, "event.type"))
		verdict.setIdentity(hashIdentity(r.Body), string(bodyHash), true)
		return
	}
	verdict.EventType = discordInteractions[kind]
	if kind == "1" {
		verdict.Handshake = true
		verdict.Response = answer(200, "application/json", `{"type":1}`)
		return
	}
	verdict.ProviderEventID = scalar(get(r.Body, "id"))
	verdict.setIdentity(verdict.ProviderEventID, "body:id", true)
}
