package provider

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// A secret that reaches a log line or an error text by accident must not be
// readable there.
func TestSecretIsNotPrinted(t *testing.T) {
	secret := Secret{Value: []byte("very-secret")}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret)
	encoded, err := json.Marshal(map[string]any{"secret": secret})
	if err != nil {
		t.Fatal(err)
	}
	inHex := hex.EncodeToString(secret.Value)
	for _, text := range []string{log.String(), string(encoded), fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s %q %x", secret, secret, secret, secret, secret, secret), fmt.Sprintf("%v", []Secret{secret})} {
		if strings.Contains(text, "very") || strings.Contains(text, inHex) || strings.Contains(text, "118 101 114") {
			t.Errorf("printed: %s", text)
		}
	}
}

// One verifier serves all requests of an endpoint at once: its pooled hash
// states must not mix them up.
func TestVerifyConcurrently(t *testing.T) {
	v, err := Configure("github", secretsOf("It's a Secret to Everybody"), nil)
	if err != nil {
		t.Fatal(err)
	}
	const good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	var group sync.WaitGroup
	for worker := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range 500 {
				body := "Hello, World!"
				if (worker+i)%2 == 0 {
					body = "Hello, World?"
				}
				verdict := v.Verify(&Request{Headers: []Field{{"x-hub-signature-256", good}}, Body: []byte(body), Now: time.Now()})
				if verdict.Valid != (body == "Hello, World!") {
					t.Errorf("%q: %v %s", body, verdict.Valid, verdict.Reason)
					return
				}
			}
		}()
	}
	group.Wait()
}
