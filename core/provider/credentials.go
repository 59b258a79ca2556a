package provider

import (
	"encoding/base64"
	"strings"
)

// credentialVerifier compares what extract finds in one header.
type credentialVerifier struct {
	header   string // lower case
	secrets  []Secret
	extract  func(header string) (string, Reason)
	describe func(*Request, *Verdict)
}

func buildGenericCredential(extract func(string) (string, Reason)) func(*Settings) (Verifier, error) {
	return func(s *Settings) (Verifier, error) {
		describe, err := genericDescribe(s, false)
		if err != nil {
			return nil, err
		}
		return &credentialVerifier{"authorization", s.Secrets, extract, describe}, nil
	}
}

func (v *credentialVerifier) Redact() (headers, query []string) { return []string{v.header}, nil }

func (v *credentialVerifier) Verify(r *Request) Verdict {
	given, reason := r.header(v.header)
	if reason != "" {
		return refuseHeader(reason, v.header)
	}
	credential, reason := v.extract(given)
	if reason != "" {
		return refuseHeader(reason, v.header)
	}
	if reason := matchCredential(v.secrets, credential, r); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	v.describe(r, &verdict)
	return verdict
}

// afterScheme returns what follows "Scheme " in an Authorization header.
func afterScheme(header, scheme string) (string, Reason) {
	name, rest, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(name, scheme) || rest == "" {
		return "", MalformedHeader
	}
	return rest, ""
}

func basicCredential(header string) (string, Reason) {
	encoded, reason := afterScheme(header, "basic")
	if reason != "" {
		return "", reason
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || !strings.Contains(string(decoded), ":") {
		return "", MalformedHeader
	}
	return string(decoded), ""
}

func bearerCredential(header string) (string, Reason) { return afterScheme(header, "bearer") }

func basicKeyCheck(secret []byte) error {
	if !strings.Contains(string(secret), ":") {
		return errNoColon
	}
	return nil
}
