package provider

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/tidwall/gjson"
)

// Meta (Facebook, Instagram, WhatsApp Cloud) signs the body with the app
// secret, escapes and all. There is no id of an event; the items inside have
// their own, and may be grouped otherwise in a retry. Subscribing is confirmed
// by a GET with a verify token. Source: Meta's "Webhooks: getting started".
func init() {
	register(Definition{
		Name:    "meta",
		Title:   "Meta (Facebook, Instagram, WhatsApp)",
		Aliases: []string{"facebook", "instagram", "whatsapp", "messenger"},
		Options: []Option{{Name: "verify_token", Type: Text,
			Doc: "Verify token entered in the app dashboard. Without it every subscription challenge is refused."}},
		Headers:         []string{"X-Hub-Signature-256"},
		Signature:       "HMAC-SHA256, hex after \"sha256=\", over the body",
		Secret:          "app secret, as text",
		Identity:        "per item: message id (with the status for WhatsApp statuses); none for page changes",
		IdentitySigned:  true,
		EventType:       "body:object + \".\" + field; items have their own",
		Batch:           true,
		Handshake:       "GET with hub.mode=subscribe",
		SuccessStatus:   200,
		CredentialQuery: []string{"hub.verify_token"},
		Docs:            "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
		Notes:           []string{"entry.id is the page or account, never an event."},
		build:           buildMeta,
	})
}

type metaVerifier struct {
	*hmacVerifier
	token string
}

func buildMeta(s *Settings) (Verifier, error) {
	inner, err := hmacScheme{header: "x-hub-signature-256", algo: useSHA256, prefix: "sha256="}.configure(s, describeMeta)
	if err != nil {
		return nil, err
	}
	return metaVerifier{inner, s.Text("verify_token")}, nil
}

func (v metaVerifier) Redact() (headers, query []string) { return nil, []string{"hub.verify_token"} }

func (v metaVerifier) Verify(r *Request) Verdict {
	if r.isRead() {
		return v.challenge(r)
	}
	return v.hmacVerifier.Verify(r)
}

func (v metaVerifier) challenge(r *Request) Verdict {
	mode, _ := r.queryValue("hub.mode")
	given, _ := r.queryValue("hub.verify_token")
	challenge, _ := r.queryValue("hub.challenge")
	if mode != "subscribe" || v.token == "" || !equalSecretText(v.token, given) {
		refusal := refuse(BadVerifyToken)
		refusal.Response = &Response{StatusCode: 403}
		return refusal
	}
	return unsignedHandshake(answer(200, "text/plain", challenge))
}

func equalSecretText(want, given string) bool {
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(given))
	return want != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// describeMeta walks entry × changes and entry × messaging.
func describeMeta(r *Request, v *Verdict) {
	b := newBatch(r.Body)
	root := b.root(r.Body)
	entries := root.Get("entry")
	object := text(root.Get("object"))
	v.EventType = object
	if !entries.IsArray() {
		return
	}
	field := ""
	b.each(entries, func(entry gjson.Result) {
		b.each(entry.Get("changes"), func(change gjson.Result) {
			name := text(change.Get("field"))
			if field == "" {
				field = name
			}
			b.addMetaChange(change, name)
		})
		for _, list := range []string{"messaging", "standby"} {
			b.each(entry.Get(list), func(event gjson.Result) {
				if field == "" {
					field = list
				}
				kind, identity := metaMessaging(event)
				b.add(event, list+"."+kind, identity, "body:entry[]."+list+"[].message.mid")
			})
		}
	})
	if field != "" {
		v.EventType = object + "." + field
	}
	b.into(v)
}

// addMetaChange adds the messages and statuses of a WhatsApp change, or the
// change itself, which has no identity.
func (b *batch) addMetaChange(change gjson.Result, field string) {
	before := len(b.items)
	value := change.Get("value")
	b.each(value.Get("messages"), func(message gjson.Result) {
		b.add(message, "messages."+text(message.Get("type")), text(message.Get("id")), "body:entry[].changes[].value.messages[].id")
	})
	b.each(value.Get("statuses"), func(status gjson.Result) {
		state := text(status.Get("status"))
		b.add(status, "statuses."+state, joined(text(status.Get("id")), state), "body:entry[].changes[].value.statuses[].id+status")
	})
	if len(b.items) == before {
		b.add(change, field, "", "none")
	}
}

// metaMessaging is the kind and identity of one Messenger or Instagram event.
// Only messages have an id of their own; others that carry a mid are about a
// message, and get their kind into the identity.
func metaMessaging(event gjson.Result) (kind, identity string) {
	if message := event.Get("message"); message.Exists() {
		mid := text(message.Get("mid"))
		switch {
		case message.Get("is_echo").Bool():
			return "echo", joined(mid, "echo")
		case message.Get("is_deleted").Bool():
			return "deleted", joined(mid, "deleted")
		}
		return "message", mid
	}
	if edit := event.Get("message_edit"); edit.Exists() {
		return "message_edit", joined(text(edit.Get("mid")), "edit", scalar(edit.Get("num_edit")))
	}
	if postback := event.Get("postback"); postback.Exists() {
		return "postback", joined(text(postback.Get("mid")), "postback")
	}
	for _, name := range []string{"reaction", "delivery", "read", "optin", "referral", "account_linking", "pass_thread_control", "take_thread_control", "request_thread_control", "app_roles", "policy_enforcement", "order"} {
		if event.Get(name).Exists() {
			return name, ""
		}
	}
	return "other", ""
}
