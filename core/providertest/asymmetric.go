package providertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
	"time"
)

func init() {
	signers["discord"] = func(s *signing) error {
		key, err := discordKey(s.secret)
		if err != nil {
			return err
		}
		s.header("X-Signature-Timestamp", s.seconds())
		s.header("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(key, append([]byte(s.seconds()), s.Body...))))
		return nil
	}
	signers["sendgrid"] = func(s *signing) error {
		key, err := ecdsaKey(s.secret)
		if err != nil {
			return err
		}
		digest := sha256.Sum256(append([]byte(s.seconds()), s.Body...))
		signature, err := signECDSA(key, digest[:])
		s.header("X-Twilio-Email-Event-Webhook-Timestamp", s.seconds())
		s.header("X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature))
		return err
	}
	signers["plaid"] = signPlaid
	signers["paypal"] = signPayPal
}

// PublicSecret returns what an endpoint is configured with when the signer has
// the private key: the public key of discord, sendgrid and of Standard
// Webhooks v1a. For every other secret it returns the secret itself.
func PublicSecret(provider, private string) (string, error) {
	switch canonical(provider) {
	case "discord":
		key, err := discordKey(private)
		if err != nil {
			return "", err
		}
		return hex.EncodeToString(key.Public().(ed25519.PublicKey)), nil
	case "sendgrid":
		key, err := ecdsaKey(private)
		if err != nil {
			return "", err
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		return base64.StdEncoding.EncodeToString(der), err
	}
	if encoded, ok := strings.CutPrefix(private, "whsk_"); ok {
		key, err := privateKey(encoded)
		if err != nil {
			return "", err
		}
		return "whpk_" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), nil
	}
	return private, nil
}

func discordKey(secret string) (ed25519.PrivateKey, error) {
	seed, err := hex.DecodeString(secret)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("the secret is not the 64 hex digits of an Ed25519 seed")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// ecdsaKey reads the base64 of a PKCS #8 or SEC 1 private key on P-256.
func ecdsaKey(secret string) (*ecdsa.PrivateKey, error) {
	der, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return nil, errors.New("the secret is not the base64 of a private key")
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil && key.Curve == elliptic.P256() {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if key, ok := parsed.(*ecdsa.PrivateKey); err == nil && ok && key.Curve == elliptic.P256() {
		return key, nil
	}
	return nil, errors.New("the secret is not an ECDSA P-256 private key")
}

// signECDSA signs deterministically (RFC 6979), so that the same request is
// signed the same way each time.
func signECDSA(key *ecdsa.PrivateKey, digest []byte) ([]byte, error) {
	return key.Sign(nil, digest, crypto.SHA256)
}

// signPlaid takes "key id:base64 of the private key" as secret.
func signPlaid(s *signing) error {
	id, encoded, _ := strings.Cut(s.secret, ":")
	key, err := ecdsaKey(encoded)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(s.Body)
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	content := part(`{"alg":"ES256","kid":"`+id+`","typ":"JWT"}`) + "." +
		part(fmt.Sprintf(`{"iat":%d,"request_body_sha256":"%x"}`, s.at.Unix(), sum))
	digest := sha256.Sum256([]byte(content))
	der, err := signECDSA(key, digest[:])
	if err != nil {
		return err
	}
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &parts); err != nil {
		return err
	}
	signature := append(parts.R.FillBytes(make([]byte, 32)), parts.S.FillBytes(make([]byte, 32))...)
	s.header("Plaid-Verification", content+"."+base64.RawURLEncoding.EncodeToString(signature))
	return nil
}

// rsaKey reads an RSA private key in PEM.
func rsaKey(secret string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(secret))
	if block == nil {
		return nil, errors.New("the secret is not an RSA private key in PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := parsed.(*rsa.PrivateKey); err == nil && ok {
		return key, nil
	}
	return nil, errors.New("the secret is not an RSA private key in PEM")
}

func signRSA(key *rsa.PrivateKey, content string) (string, error) {
	digest := sha256.Sum256([]byte(content))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

func signPayPal(s *signing) error {
	key, err := rsaKey(s.secret)
	if err != nil {
		return err
	}
	stamp := s.at.UTC().Format(time.RFC3339)
	signature, err := signRSA(key, fmt.Sprintf("%s|%s|%s|%d", s.id, stamp, s.option("webhook_id", ""), crc32.ChecksumIEEE(s.Body)))
	s.header("PAYPAL-TRANSMISSION-ID", s.id)
	s.header("PAYPAL-TRANSMISSION-TIME", stamp)
	s.header("PAYPAL-TRANSMISSION-SIG", signature)
	s.header("PAYPAL-CERT-URL", "https://api.paypal.com/v1/notifications/certs/CERT-test")
	s.header("PAYPAL-AUTH-ALGO", "SHA256withRSA")
	return err
}
