package provider

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/url"
)

// certificateOption is for the senders whose certificate has to be fetched:
// verification makes no outbound call, so the caller supplies it.
var certificateOption = Option{Name: "cert_pem", Type: Text,
	Doc: "Certificate (or several) in PEM, fetched by the application from the address that the provider names, its chain checked. Set anew when the provider changes it."}

// certificateKeys reads the RSA keys of the configured certificates. Their
// validity dates are the caller's to check when fetching: a stored request can
// be verified again years later.
func certificateKeys(s *Settings) ([]*rsa.PublicKey, error) {
	wrong := invalidArgument("option cert_pem of provider %s must hold at least one certificate with an RSA key, in PEM", s.Definition.Name)
	var keys []*rsa.PublicKey
	for rest := []byte(s.Text("cert_pem")); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, wrong
		}
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && key.Size() >= 256 {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, wrong
	}
	return keys, nil
}

// httpsHost is the host of an https address without port and user.
func httpsHost(address string) (host, path string, ok bool) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.User != nil || parsed.Port() != "" {
		return "", "", false
	}
	return parsed.Hostname(), parsed.Path, true
}
