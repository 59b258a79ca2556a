package provider

// basic-auth compares the Authorization header with user and password. The
// user name ends at the first colon; the scheme's case does not matter, the
// rest's does. Source: RFC 7617.
func init() {
	register(Definition{
		Name: "basic-auth", Title: "HTTP basic authentication",
		Options:           genericOptions,
		Headers:           []string{"Authorization"},
		Signature:         "none; user name and password",
		Secret:            "user:password, as UTF-8 text",
		Identity:          "none unless configured",
		EventType:         "body:type unless configured",
		CredentialHeaders: []string{"Authorization"},
		Notes:             []string{"Nothing but the credential is authenticated."},
		Docs:              "https://www.rfc-editor.org/rfc/rfc7617",
		key:               basicKeyCheck,
		build:             buildGenericCredential(basicCredential),
	})
}
