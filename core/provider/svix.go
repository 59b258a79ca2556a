package provider

import (
	"errors"
	"strings"
)

// The senders that follow Standard Webhooks, some under Svix's header names.
// Sources: svix 1.99.1, @clerk/backend 3.25.0, resend 6.38.0, openai 6.49.0.
func init() {
	register(standardSender("svix", "Svix", "svix-", "https://docs.svix.com/receiving/verifying-payloads/how",
		standardFamilies{"svix-", "webhook-"}.build))
	register(standardSender("clerk", "Clerk", "svix-", "https://clerk.com/docs/webhooks/sync-data",
		standardFamilies{"svix-"}.build, "data.id is the user, session or organisation."))
	register(standardSender("resend", "Resend", "svix-", "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
		standardFamilies{"svix-"}.build, "data.email_id is the email: sent, delivered and opened share it."))
	register(standardSender("render", "Render", "webhook-", "https://render.com/docs/webhooks",
		standardFamilies{"webhook-"}.build))
	openai := standardSender("openai", "OpenAI", "webhook-", "https://platform.openai.com/docs/guides/webhooks", buildOpenAI,
		"A secret without whsec_ is used as plain text, and a signature may come without its version, as in OpenAI's library.")
	openai.key = nil
	register(openai)
	supabase := standardSender("supabase", "Supabase auth hooks", "webhook-", "https://supabase.com/docs/guides/auth/auth-hooks", buildSupabase,
		"The secret is copied with its whole prefix v1,whsec_. Database webhooks are unsigned and not covered.")
	supabase.key = supabaseKeyCheck
	supabase.EventType = "none"
	register(supabase)
}

func standardSender(name, title, prefix, docs string, build func(*Settings) (Verifier, error), notes ...string) Definition {
	return Definition{
		Name: name, Title: title,
		Headers:   []string{prefix + "id", prefix + "timestamp", prefix + "signature"},
		Signature: "HMAC-SHA256 (v1), base64, over id + \".\" + time + \".\" + body",
		Secret:    "whsec_ + base64",
		Tolerance: &Tolerance{PastS: 300, FutureS: 300},
		Identity:  "header:" + prefix + "id", IdentitySigned: true,
		EventType: "body:type",
		Docs:      docs, Notes: notes,
		key: standardKeyCheck, build: build,
	}
}

func buildOpenAI(s *Settings) (Verifier, error) {
	v, err := standardFamilies{"webhook-"}.configure(s, openAIKey)
	if err != nil {
		return nil, err
	}
	v.bare = true
	return v, nil
}

func openAIKey(secret []byte) ([]byte, bool, error) {
	encoded, ok := strings.CutPrefix(string(secret), "whsec_")
	if !ok {
		return secret, false, nil
	}
	key, err := decodeBase64(encoded)
	if err != nil || len(key) == 0 {
		return nil, false, errors.New("is not whsec_ followed by base64")
	}
	return key, false, nil
}

func buildSupabase(s *Settings) (Verifier, error) {
	v, err := standardFamilies{"webhook-"}.configure(s, supabaseKey)
	if err != nil {
		return nil, err
	}
	v.describe = func(*Request, *Verdict) {}
	return v, nil
}

func supabaseKey(secret []byte) ([]byte, bool, error) {
	return standardKey([]byte(strings.TrimPrefix(string(secret), "v1,")))
}

func supabaseKeyCheck(secret []byte) error {
	_, _, err := supabaseKey(secret)
	return err
}
