package provider

// GitLab sends a token in a header, or, with a signing token, Standard
// Webhooks headers whose id equals Idempotency-Key. The mode is configured, so
// that a sender cannot choose the weaker one. A signing token has the form
// whsec_ + base64 of 32 bytes. Sources: gitlab-org/gitlab merge requests
// 230944 (headers) and 231325 (form of the signing token).
func init() {
	register(Definition{
		Name: "gitlab", Title: "GitLab",
		Options: []Option{alsoSpelled(Option{Name: "mode", Type: Text, Default: "token", Allowed: []string{"token", "signing_token"},
			Doc: "token compares X-Gitlab-Token; signing_token checks webhook-signature and nothing else."},
			"signing_token", "signing-token", "signing", "signature", "hmac", "webhook-signature", "standard-webhooks")},
		Headers:           []string{"X-Gitlab-Token", "webhook-signature", "webhook-timestamp", "webhook-id", "Idempotency-Key", "X-Gitlab-Event"},
		Signature:         "token: none, the header equals the token; signing_token: HMAC-SHA256 as in Standard Webhooks",
		Secret:            "the secret token, or the signing token (whsec_ + base64)",
		Tolerance:         &Tolerance{PastS: 300, FutureS: 300},
		Identity:          "header:Idempotency-Key",
		EventType:         "header:X-Gitlab-Event",
		CredentialHeaders: []string{"X-Gitlab-Token"},
		Docs:              "https://docs.gitlab.com/user/project/integrations/webhooks/",
		Notes: []string{
			"X-Gitlab-Event-UUID is shared by recursive hooks, X-Gitlab-Webhook-UUID names the hook, object_attributes.id the object.",
			"In token mode nothing else is authenticated, so the body's digest is stored beside the id.",
		},
		build: buildGitLab,
	})
}

func buildGitLab(s *Settings) (Verifier, error) {
	if s.Text("mode") == "token" {
		return &tokenVerifier{"x-gitlab-token", s.Secrets, describeAs("header:X-Gitlab-Event", "header:Idempotency-Key")}, nil
	}
	v, err := standardFamilies{"webhook-"}.configure(s, openAIKey)
	if err != nil {
		return nil, err
	}
	v.describe = func(r *Request, v *Verdict) { v.EventType = r.anyHeader("x-gitlab-event") }
	return v, nil
}
