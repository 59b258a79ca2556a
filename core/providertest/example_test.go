package providertest_test

import (
	"fmt"
	"time"

	"github.com/knocker-dev/knocker/core/input"
	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/providertest"
)

// A test posts what Stripe would post, and the provider takes it.
func ExampleSign() {
	body := []byte(`{"id":"evt_1","type":"invoice.paid"}`)
	now := time.Now()
	headers, err := providertest.Sign("stripe", "whsec_test", body, now)
	if err != nil {
		panic(err)
	}

	fields, err := input.Headers(headers)
	if err != nil {
		panic(err)
	}
	verifier, err := provider.Configure("stripe", []provider.Secret{{Value: []byte("whsec_test")}}, nil)
	if err != nil {
		panic(err)
	}
	verdict := verifier.Verify(&provider.Request{Method: "POST", Headers: fields, Body: body, Now: now})
	fmt.Println(verdict.Valid, verdict.EventType, verdict.Identity)
	// Output: true invoice.paid evt_1
}
