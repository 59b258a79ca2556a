package providertest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

func init() {
	for name, prefix := range map[string]string{
		"standard-webhooks": "webhook-", "openai": "webhook-", "supabase": "webhook-", "render": "webhook-",
		"svix": "svix-", "clerk": "svix-", "resend": "svix-",
	} {
		signers[name] = func(s *signing) error { return signStandard(s, prefix) }
	}
	signers["gitlab"] = func(s *signing) error {
		s.typeHeader("X-Gitlab-Event")
		s.header("Idempotency-Key", s.id)
		if s.option("mode", "token") == "token" {
			s.header("X-Gitlab-Token", s.secret)
			return nil
		}
		return signStandard(s, "webhook-")
	}
}

// signStandard signs id.time.body: with v1, or with v1a for a whsk_ key.
func signStandard(s *signing, prefix string) error {
	s.header(prefix+"id", s.id)
	s.header(prefix+"timestamp", s.seconds())
	content := s.id + "." + s.seconds() + "." + string(s.Body)
	secret := strings.TrimPrefix(s.secret, "v1,")
	if encoded, ok := strings.CutPrefix(secret, "whsk_"); ok {
		key, err := privateKey(encoded)
		if err != nil {
			return err
		}
		s.header(prefix+"signature", "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(content))))
		return nil
	}
	encoded, prefixed := strings.CutPrefix(secret, "whsec_")
	key := []byte(secret)
	if prefixed || s.provider != "openai" && s.provider != "gitlab" {
		decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if err != nil {
			return errors.New("the secret is not whsec_ followed by base64")
		}
		key = decoded
	}
	s.header(prefix+"signature", "v1,"+base64.StdEncoding.EncodeToString(mac(sha256.New, key, content)))
	return nil
}

func privateKey(encoded string) (ed25519.PrivateKey, error) {
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err == nil && len(key) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(key), nil
	}
	if err == nil && len(key) == ed25519.PrivateKeySize {
		return ed25519.PrivateKey(key), nil
	}
	return nil, errors.New("the key is not whsk_ followed by the base64 of an Ed25519 key")
}
