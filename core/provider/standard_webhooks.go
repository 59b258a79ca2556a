package provider

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
)

// Standard Webhooks signs "id.timestamp.body" and sends a list of
// "version,signature" separated by spaces: v1 is HMAC-SHA256, v1a Ed25519. The
// kind of the configured key decides which version counts, never the label
// that the sender chose. Sources: the specification and libraries of
// standard-webhooks/standard-webhooks (npm 1.1.1).
func init() {
	register(Definition{
		Name:      "standard-webhooks",
		Title:     "Standard Webhooks",
		Aliases:   []string{"standardwebhooks"},
		Headers:   []string{"webhook-id", "webhook-timestamp", "webhook-signature"},
		Signature: "HMAC-SHA256 (v1) or Ed25519 (v1a), base64, over id + \".\" + time + \".\" + body",
		Secret:    "whsec_ + base64 for v1, whpk_ + base64 of the public key for v1a",
		Tolerance: &Tolerance{PastS: 300, FutureS: 300},
		Identity:  "header:webhook-id", IdentitySigned: true,
		EventType: "body:type",
		Docs:      "https://www.standardwebhooks.com",
		key:       standardKeyCheck,
		build:     standardFamilies{"webhook-"}.build,
	})
}

// standardFamilies are the header prefixes a Standard Webhooks receiver reads,
// the preferred one first.
type standardFamilies []string

type standardVerifier struct {
	families standardFamilies
	keys     []*macKey
	public   []publicKey
	clock    clock
	// bare: a signature without version counts as v1, as OpenAI's library does.
	bare     bool
	describe func(*Request, *Verdict)
}

type publicKey struct {
	key    ed25519.PublicKey
	secret Secret
}

func (f standardFamilies) build(s *Settings) (Verifier, error) {
	return f.configure(s, standardKey)
}

func (f standardFamilies) configure(s *Settings, decode func([]byte) ([]byte, bool, error)) (*standardVerifier, error) {
	v := &standardVerifier{families: f, clock: s.clock(), describe: func(r *Request, v *Verdict) {
		v.EventType = text(get(r.Body, "type"))
	}}
	for i, secret := range s.Secrets {
		key, asymmetric, err := decode(secret.Value)
		if err != nil {
			return nil, InvalidSecret(i+1, len(s.Secrets), err.Error())
		}
		if asymmetric {
			v.public = append(v.public, publicKey{key, secret})
		} else {
			v.keys = append(v.keys, newMACKey(useSHA256.new, key, secret))
		}
	}
	return v, nil
}

func standardKeyCheck(secret []byte) error {
	_, _, err := standardKey(secret)
	return err
}

// standardKey decodes a secret and tells symmetric from asymmetric by prefix.
func standardKey(secret []byte) (key []byte, asymmetric bool, err error) {
	encoded := string(secret)
	if rest, ok := strings.CutPrefix(encoded, "whpk_"); ok {
		key, err := decodeBase64(rest)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, true, errors.New("is not whpk_ followed by the base64 of a 32-byte public key")
		}
		return key, true, nil
	}
	if strings.HasPrefix(encoded, "whsk_") {
		return nil, true, errors.New("is a private signing key (whsk_); a receiver needs the public one (whpk_)")
	}
	key, err = decodeBase64(strings.TrimPrefix(encoded, "whsec_"))
	if err != nil || len(key) == 0 {
		return nil, false, errors.New("is not whsec_ followed by base64")
	}
	return key, false, nil
}

// decodeBase64 takes padding as optional, as people lose it when copying.
func decodeBase64(encoded string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
}

func (v *standardVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *standardVerifier) Verify(r *Request) Verdict {
	family := v.family(r)
	id, reason := r.header(family + "id")
	if reason != "" {
		return refuseHeader(reason, family+"id")
	}
	stamp, reason := r.header(family + "timestamp")
	if reason != "" {
		return refuseHeader(reason, family+"timestamp")
	}
	given, reason := r.header(family + "signature")
	if reason != "" {
		return refuseHeader(reason, family+"signature")
	}
	signedAt, ok := parseTime(stamp, seconds)
	if !ok {
		return refuseHeader(MalformedHeader, family+"timestamp")
	}
	// A dot in the id would let the parts of the signed text shift.
	if strings.Contains(id, ".") {
		return refuseHeader(MalformedHeader, family+"id")
	}
	if reason := v.checkList(r, id, stamp, given); reason != "" {
		return refuseHeader(reason, family+"signature")
	}
	if reason := v.clock.check(signedAt, r.Now, seconds); reason != "" {
		return refuse(reason)
	}
	return v.read(r, family, id)
}

// read tells id, type and identity.
func (v *standardVerifier) read(r *Request, family, id string) Verdict {
	verdict := accept()
	verdict.ProviderDeliveryID = id
	verdict.setIdentity(id, "header:"+family+"id", true)
	v.describe(r, &verdict)
	return verdict
}

// family is the first prefix whose id header is there, else the preferred one.
func (v *standardVerifier) family(r *Request) string {
	for _, prefix := range v.families {
		if r.anyHeader(prefix+"id") != "" {
			return prefix
		}
	}
	return v.families[0]
}

func (v *standardVerifier) checkList(r *Request, id, stamp, given string) Reason {
	list := v.parseList(given)
	if !list.formed {
		return MalformedHeader
	}
	prefix := make([]byte, 0, len(id)+len(stamp)+2)
	prefix = append(append(append(append(prefix, id...), '.'), stamp...), '.')
	m := message{prefix: prefix, body: r.Body}
	switch {
	case len(list.symmetric) > 0 && anyMatches(v.keys, r.Now, &m, stdBase64, list.symmetric...):
		return ""
	case len(list.asymmetric) > 0 && v.publicMatches(r, &m, list.asymmetric):
		return ""
	case !v.live(r):
		return SecretExpired
	}
	return SignatureMismatch
}

// signatureList is a webhook-signature header, sorted by version. An entry of
// another version is well formed, and never accepted.
type signatureList struct {
	symmetric, asymmetric []string
	formed                bool
}

func (v *standardVerifier) parseList(given string) signatureList {
	var list signatureList
	entries := 0
	for rest, more := given, true; more && entries < maxDigests; entries++ {
		var entry string
		entry, rest, more = strings.Cut(rest, " ")
		version, signature, ok := strings.Cut(entry, ",")
		if !ok && v.bare {
			version, signature, ok = "v1", entry, true
		}
		switch {
		case !ok:
		case version == "v1" && stdBase64.wellFormed(signature, useSHA256.size):
			list.symmetric, list.formed = append(list.symmetric, signature), true
		case version == "v1a" && stdBase64.wellFormed(signature, ed25519.SignatureSize):
			list.asymmetric, list.formed = append(list.asymmetric, signature), true
		case version != "v1" && version != "v1a":
			list.formed = true
		}
	}
	return list
}

func (v *standardVerifier) publicMatches(r *Request, m *message, given []string) bool {
	if len(v.public) == 0 {
		return false
	}
	signed := append(append(make([]byte, 0, len(m.prefix)+len(m.body)), m.prefix...), m.body...)
	for _, candidate := range given {
		signature, err := base64.StdEncoding.Strict().DecodeString(candidate)
		if err != nil {
			continue
		}
		for _, public := range v.public {
			if public.secret.live(r.Now) && ed25519.Verify(public.key, signed, signature) {
				return true
			}
		}
	}
	return false
}

func (v *standardVerifier) live(r *Request) bool {
	for _, public := range v.public {
		if public.secret.live(r.Now) {
			return true
		}
	}
	return liveKeys(v.keys, r.Now)
}

// standardSender is the definition of a sender that follows Standard Webhooks.
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
