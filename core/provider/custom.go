package provider

// Custom makes a verifier of a Go function, for senders that no provider here
// describes. verify must be safe for concurrent use and must not keep the
// request. credentialHeaders (any case) are redacted in the store.
func Custom(verify func(*Request) Verdict, credentialHeaders ...string) Verifier {
	return &customVerifier{verify, lowerAll(credentialHeaders)}
}

type customVerifier struct {
	verify  func(*Request) Verdict
	headers []string
}

func (c *customVerifier) Verify(r *Request) Verdict { return c.verify(r) }

func (c *customVerifier) Redact() (headers, query []string) { return c.headers, nil }
