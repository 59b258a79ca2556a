package provider

import (
	"net/textproto"
	"strings"
)

// token-header compares one header with the configured token. The value is
// case-sensitive, the header's name is not. A body's id usually names a
// resource, so there is no identity unless the operator says where it is.
func init() {
	register(Definition{
		Name:  "token-header",
		Title: "Token in a header",
		Options: append([]Option{{Name: "header", Type: Text, Default: "X-Knocker-Token",
			Doc: "Header that carries the token."}}, genericOptions...),
		Headers:           []string{"X-Knocker-Token"},
		Signature:         "none; the header equals the token",
		Secret:            "the token, as text",
		Identity:          "none unless configured",
		EventType:         "body:type unless configured",
		CredentialHeaders: []string{"X-Knocker-Token"},
		Docs:              "",
		Notes:             []string{"Nothing but the token is authenticated: whoever knows it can send any body."},
		build:             buildTokenHeader,
	})
}

// tokenVerifier compares a header with the secrets by equality.
type tokenVerifier struct {
	header   string // lower case
	secrets  []Secret
	describe func(*Request, *Verdict)
}

func buildTokenHeader(s *Settings) (Verifier, error) {
	header, err := headerOption(s, "header")
	if err != nil {
		return nil, err
	}
	describe, err := genericDescribe(s, false)
	if err != nil {
		return nil, err
	}
	return &tokenVerifier{header, s.Secrets, describe}, nil
}

func (v *tokenVerifier) Redact() (headers, query []string) { return []string{v.header}, nil }

func (v *tokenVerifier) Verify(r *Request) Verdict {
	given, reason := r.header(v.header)
	if reason != "" {
		return refuseHeader(reason, v.header)
	}
	if reason := matchCredential(v.secrets, given, r); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	v.describe(r, &verdict)
	return verdict
}

// matchCredential compares a credential with every live secret, in constant
// time and without stopping at the first match.
func matchCredential(secrets []Secret, given string, r *Request) Reason {
	matched, live := false, false
	for i := range secrets {
		if !secrets[i].live(r.Now) {
			continue
		}
		live = true
		if sameSecret(secrets[i].Value, given) {
			matched = true
		}
	}
	switch {
	case matched:
		return ""
	case !live && len(secrets) > 0:
		return SecretExpired
	}
	return BadCredentials
}

// headerOption reads an option that names a header.
func headerOption(s *Settings, name string) (string, error) {
	value := s.Text(name)
	if value == "" {
		return "", invalidArgument("option %s of provider %s is empty; it names a header", name, s.Definition.Name)
	}
	return strings.ToLower(textproto.TrimString(value)), nil
}
