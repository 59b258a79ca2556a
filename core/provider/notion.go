package provider

import (
	"strings"
	"unsafe"
)

// Notion posts its verification token once, unsigned; an operator pastes it
// back, and it becomes the key. The token is masked in the stored body.
// Source: @notionhq/client 5.26.0, webhooks (hex in either case).
func init() {
	register(Definition{
		Name: "notion", Title: "Notion",
		Options:        []Option{acceptHandshakeOption},
		Headers:        []string{"X-Notion-Signature"},
		Signature:      "HMAC-SHA256, hex after \"sha256=\", over the body",
		Secret:         "verification token of the subscription; may be missing until it arrives",
		Identity:       "body:id",
		IdentitySigned: true,
		EventType:      "body:type",
		Handshake:      "POST of verification_token (unsigned); the token comes back as handshake_secret",
		SuccessStatus:  200,
		CredentialBody: []string{"verification_token"},
		Docs:           "https://developers.notion.com/reference/webhooks",
		Notes:          []string{"entity.id names the page; attempt_number changes at each attempt."},
		secrets:        secretOptional,
		build:          buildNotion,
	})
}

type notionVerifier struct {
	*hmacVerifier
	accept bool
}

func buildNotion(s *Settings) (Verifier, error) {
	inner, err := hmacScheme{header: "x-notion-signature", algo: useSHA256, prefix: "sha256=", anyCase: true}.
		configure(s, describeAs("body:type", "body:id"))
	if err != nil {
		return nil, err
	}
	return notionVerifier{inner, len(s.Secrets) == 0 || s.Boolean("accept_handshake")}, nil
}

func (v notionVerifier) Verify(r *Request) Verdict {
	if r.anyHeader(v.header) == "" {
		if token := get(r.Body, "verification_token"); text(token) != "" {
			return v.handshake(r)
		}
	}
	if len(v.keys) == 0 {
		return refuse(NoSecret)
	}
	return v.hmacVerifier.Verify(r)
}

func (v notionVerifier) handshake(r *Request) Verdict {
	b := newBatch(r.Body)
	token := b.root(r.Body).Get("verification_token")
	mask := []Span{b.inner(token.Raw)}
	if !v.accept {
		refusal := refuse(HandshakeUnexpected)
		refusal.Mask = mask
		return refusal
	}
	verdict := unsignedHandshake(answer(200, "text/plain", ""))
	verdict.HandshakeSecret = strings.Clone(token.Str)
	verdict.Mask = mask
	return verdict
}

// inner is the span of a JSON text without its quotes.
func (b *batch) inner(raw string) Span {
	offset := int(uintptr(unsafe.Pointer(unsafe.StringData(raw))) - uintptr(unsafe.Pointer(unsafe.StringData(b.whole))))
	if len(raw) >= 2 && raw[0] == '"' {
		return Span{offset + 1, len(raw) - 2}
	}
	return Span{offset, len(raw)}
}
