package provider

// bearer-token compares the token of the Authorization header. Source: RFC 6750.
func init() {
	register(Definition{
		Name: "bearer-token", Title: "Bearer token",
		Options:           genericOptions,
		Headers:           []string{"Authorization"},
		Signature:         "none; the token of the Authorization header",
		Secret:            "the token, without \"Bearer\"",
		Identity:          "none unless configured",
		EventType:         "body:type unless configured",
		CredentialHeaders: []string{"Authorization"},
		Notes:             []string{"Nothing but the token is authenticated."},
		Docs:              "https://www.rfc-editor.org/rfc/rfc6750",
		build:             buildGenericCredential(bearerCredential),
	})
}
