package provider

import "strings"

// Supabase auth hooks follow Standard Webhooks; the secret is shown with the
// version in front. Source: Supabase's "Auth hooks".
func init() {
	supabase := standardSender("supabase", "Supabase auth hooks", "webhook-", "https://supabase.com/docs/guides/auth/auth-hooks", buildSupabase,
		"The secret is copied with its whole prefix v1,whsec_. Database webhooks are unsigned and not covered.")
	supabase.key = supabaseKeyCheck
	supabase.EventType = "none"
	register(supabase)
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
