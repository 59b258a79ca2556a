package provider

import (
	"github.com/tidwall/gjson"
)

// Adyen's payment webhooks carry a signature in each item, over eight fields
// joined with colons; the rest of the item is not authenticated. Platform
// webhooks sign the body in a header. The key is hex. Source:
// @adyen/api-library 32.1.0, hmacValidator; its published digest is reproduced.
func init() {
	register(Definition{
		Name: "adyen", Title: "Adyen",
		Options: []Option{alsoSpelled(Option{Name: "mode", Type: Text, Default: "payments", Allowed: []string{"payments", "platform"},
			Doc: "payments checks the signature in each item; platform the HmacSignature header."},
			"platform", "platforms", "balance_platform", "balance-platform", "banking", "management")},
		Headers:        []string{"HmacSignature"},
		Signature:      "HMAC-SHA256, base64; payments: in each item, over eight fields; platform: over the body",
		Secret:         "HMAC key, as hex",
		Identity:       "payments: pspReference+eventCode+success per item; platform: body_hash",
		IdentitySigned: true,
		EventType:      "payments: eventCode per item; platform: body:type",
		Batch:          true,
		SuccessStatus:  200,
		Docs:           "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures/",
		Notes:          []string{"Of a payment item only the eight fields are signed.", "Payment webhooks are answered with [accepted], which older integrations require."},
		key:            func(secret []byte) error { _, err := hexKey(secret); return err },
		build:          buildAdyen,
	})
}

type adyenVerifier struct{ keys []*macKey }

func buildAdyen(s *Settings) (Verifier, error) {
	if s.Text("mode") == "platform" {
		return hmacScheme{header: "hmacsignature", algo: useSHA256, enc: stdBase64, derive: hexKey}.
			configure(s, describeAs("body:type", bodyHash))
	}
	keys, err := macKeys(s.Secrets, useSHA256, hexKey)
	return &adyenVerifier{keys}, err
}

func (v *adyenVerifier) Redact() (headers, query []string) { return nil, nil }

// Verify accepts the request only if every item is signed: what is stored must
// not depend on which items a forger added to genuine ones.
func (v *adyenVerifier) Verify(r *Request) Verdict {
	b := newBatch(r.Body)
	list := b.root(r.Body).Get("notificationItems")
	if !list.IsArray() {
		return refuse(MissingSignature)
	}
	var reason Reason
	if !strictJSON(r.Body) || !distinctKeys(b.root(r.Body)) {
		reason = MalformedBody
	}
	b.each(list, func(wrapper gjson.Result) {
		item := wrapper.Get("NotificationRequestItem")
		if reason == "" && !distinctKeys(wrapper) {
			reason = MalformedBody
		}
		if reason == "" {
			reason = v.item(r, item)
		}
		code := text(item.Get("eventCode"))
		if reason == "" {
			b.add(item, code, joined(scalar(item.Get("pspReference")), code, truth(item.Get("success"))), "body:pspReference+eventCode+success")
		}
	})
	if reason == "" && len(b.items) == 0 {
		reason = MissingSignature
	}
	if reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	b.into(&verdict)
	verdict.collapse(true)
	verdict.Response = answer(200, "text/plain", "[accepted]")
	return verdict
}

func (v *adyenVerifier) item(r *Request, item gjson.Result) Reason {
	given := text(item.Get("additionalData.hmacSignature"))
	if given == "" {
		return MissingSignature
	}
	if !stdBase64.wellFormed(given, useSHA256.size) || !distinctKeys(item) || !distinctKeys(item.Get("amount")) {
		return MalformedBody
	}
	var signed []byte
	for i, path := range []string{"pspReference", "originalReference", "merchantAccountCode", "merchantReference",
		"amount.value", "amount.currency", "eventCode", "success"} {
		if i > 0 {
			signed = append(signed, ':')
		}
		signed = append(signed, truth(item.Get(path))...)
	}
	if anyMatches(v.keys, r.Now, &message{prefix: signed}, stdBase64, given) {
		return ""
	}
	if !liveKeys(v.keys, r.Now) {
		return SecretExpired
	}
	return SignatureMismatch
}

// truth is scalar, with true and false as texts.
func truth(value gjson.Result) string {
	if value.IsBool() {
		return value.Raw
	}
	return scalar(value)
}
