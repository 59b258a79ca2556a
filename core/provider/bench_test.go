package provider

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// BenchmarkVerify is one receipt of two kilobytes, for the profile; the
// comparison with official libraries is in bench/verify.
func BenchmarkVerify(b *testing.B) {
	body := []byte(`{"destination":"U","events":[{"type":"message","webhookEventId":"1","text":"` + strings.Repeat("lorem ipsum ", 160) + `"}]}`)
	v, err := Configure("line", secretsOf("s"), nil)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := macKeys(secretsOf("s"), useSHA256, nil)
	if err != nil {
		b.Fatal(err)
	}
	state := keys[0].states.Get().(*macState)
	signature := base64.StdEncoding.EncodeToString(state.digest(&message{body: body}))
	r := &Request{Method: "POST", Headers: []Field{{"host", "h"}, {"content-type", "application/json"}, {"x-line-signature", signature}}, Body: body, Now: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		if verdict := v.Verify(r); !verdict.Valid || len(verdict.Events) != 1 {
			b.Fatal(verdict.Reason)
		}
	}
}
