package main

import "strings"

// spec says how one provider's requests look: three different events about the
// same object, and how a retry of the first one differs from it. The expected
// types and identities are written by hand, from the providers'
// documentation, not taken from the code under test.
type spec struct {
	provider string
	secret   string // what signs
	wrong    string // another secret of the same form
	options  map[string]any
	url      string
	source   string // dedupe_source
	events   []event
	// retry returns the body of the given attempt (2, 3, …); nil: same bytes.
	retry func(body string, attempt int) string
	// regrouped are bodies with the items of the first event's batch, grouped
	// as a retry may group them.
	regrouped []string
	// fresh: every attempt is signed anew, later.
	fresh bool
	// credential: the secret itself is sent; nothing else is authenticated.
	credential bool
	// inBody: signature or credential is inside the body.
	inBody bool
	// header that carries the signature or credential.
	header string
	// signed: another header or option that the signature covers.
	signed string
	// past and future are the provider's tolerance in seconds; 0: none.
	past, future int
}

type event struct {
	id, kind, body string // delivery id and type header, where the provider has them
	want           expectation
}

// expectation of one event; hash stands for the digest of the body.
type expectation struct {
	kind, identity string
	items          [][2]string // type and identity of each item of a batch
}

const hash = "(body)"

// count replaces a counter in the body by the attempt's number.
func count(from string, to func(attempt int) string) func(string, int) string {
	return func(body string, attempt int) string { return strings.Replace(body, from, to(attempt), 1) }
}

func digit(prefix string, plus int, suffix string) func(int) string {
	return func(attempt int) string { return prefix + string(rune('0'+attempt+plus)) + suffix }
}

func all() []spec {
	var list []spec
	for _, group := range [][]spec{coreSpecs(), standardSpecs(), credentialSpecs(), hmacSpecs(), timedSpecs(), listSpecs(), bodySpecs()} {
		list = append(list, group...)
	}
	return list
}
