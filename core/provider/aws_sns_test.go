package provider

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"
)

// SignatureVersion 1 (RSA-SHA1) is still the default of a topic: it is accepted
// as documented, and not under the name of version 2.
func TestSNSVersionOne(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	const topic = "arn:aws:sns:us-east-1:1:T"
	v, err := Configure("aws-sns", nil, map[string]any{"topic_arns": []any{topic}, "cert_pem": certificate})
	if err != nil {
		t.Fatal(err)
	}
	signed := "Message\nhello\nMessageId\nm-1\nTimestamp\n2026-01-01T00:00:00.000Z\nTopicArn\n" + topic + "\nType\nNotification\n"
	digest := sha1.Sum([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA1, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	body := func(version, message string) []byte {
		return fmt.Appendf(nil, `{"Type":"Notification","MessageId":"m-1","TopicArn":%q,"Message":%q,"Timestamp":"2026-01-01T00:00:00.000Z","SignatureVersion":%q,"Signature":%q,"SigningCertURL":"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-x.pem"}`,
			topic, message, version, base64.StdEncoding.EncodeToString(signature))
	}
	for name, c := range map[string]struct {
		body  []byte
		valid bool
	}{
		"version 1":            {body("1", "hello"), true},
		"called version 2":     {body("2", "hello"), false},
		"called version 3":     {body("3", "hello"), false},
		"with another message": {body("1", "bye"), false},
	} {
		verdict := v.Verify(&Request{Method: "POST", Body: c.body, Now: time.Unix(1767225600, 0)})
		if verdict.Valid != c.valid || c.valid && verdict.Identity != "m-1" {
			t.Errorf("%s: %+v", name, verdict)
		}
	}
}
