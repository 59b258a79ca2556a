// Command verify measures the verification of one webhook per provider beside
// the provider's official Go library:
//
//	GOWORK=off go -C bench/verify run .
//
// Ours is configured once and also reads event type and identity, as for a
// receipt; the library does what its documentation shows. The last line says
// whether any ratio is above 1.1 (ours slower). It is a module of its own, so
// that the libraries stay out of everybody else's dependencies.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/knocker-dev/knocker/core/input"
	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/providertest"
)

// pair is one provider with its library.
type pair struct {
	provider string
	library  string
	secret   string
	body     string
	url      string
	// official returns a function that verifies the signed request once.
	official func(p pair, signed providertest.Request) func() error
}

// noise is the ratio up to which two times count as equal: ours does more.
const noise = 1.1

func main() {
	fmt.Printf("%-18s %-38s %10s %10s %7s\n", "provider", "library", "ours ns", "theirs ns", "ratio")
	slower := 0
	for _, p := range pairs() {
		ours, theirs := measure(p)
		ratio := float64(ours) / float64(theirs)
		if ratio > noise {
			slower++
		}
		fmt.Printf("%-18s %-38s %10d %10d %7.2f\n", p.provider, p.library, ours, theirs, ratio)
	}
	fmt.Printf("%d of %d slower than the official library\n", slower, len(pairs()))
	if slower > 0 {
		os.Exit(1)
	}
}

func measure(p pair) (ours, theirs int64) {
	now := time.Now()
	var options []providertest.Option
	configured := map[string]any{}
	if p.url != "" {
		options, configured["url"] = append(options, providertest.WithURL(p.url)), p.url
	}
	signed, err := providertest.SignRequest(p.provider, p.secret, []byte(p.body), now, options...)
	check(err)
	public, err := providertest.PublicSecret(p.provider, p.secret)
	check(err)
	verifier, err := provider.Configure(p.provider, []provider.Secret{{Value: []byte(public)}}, configured)
	check(err)
	headers, err := input.Headers(signed.Headers)
	check(err)
	request := &provider.Request{Method: "POST", URL: signed.URL, Headers: headers, Body: signed.Body, Now: now}
	official := p.official(p, signed)
	return race(func() error {
		if verdict := verifier.Verify(request); !verdict.Valid {
			return fmt.Errorf("%s: %s", p.provider, verdict.Reason)
		}
		return nil
	}, func() error {
		if err := official(); err != nil {
			return fmt.Errorf("%s: %w", p.library, err)
		}
		return nil
	})
}

const rounds = 8

// race runs both in turn and keeps the best round of each.
func race(ours, theirs func() error) (best, bestTheirs int64) {
	for range rounds {
		best = smaller(best, measureOnce(ours))
		bestTheirs = smaller(bestTheirs, measureOnce(theirs))
	}
	return best, bestTheirs
}

func smaller(best, next int64) int64 {
	if best == 0 || next < best {
		return next
	}
	return best
}

// measureOnce is nanoseconds of processor time a call, garbage collection
// included: wall time would count other people's work.
func measureOnce(once func() error) int64 {
	const calls = 4000
	runtime.GC()
	began := processorTime()
	for range calls {
		check(once())
	}
	return (processorTime() - began) / calls
}

func processorTime() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func header(signed providertest.Request) http.Header {
	h := http.Header{}
	for name, value := range signed.Headers {
		h.Set(name, value)
	}
	return h
}

// payload is a JSON body of about two kilobytes with an id and a type.
func payload() string {
	return `{"id":"evt_1NKnocker000000000001","object":"event","created":1767225600,"type":"invoice.paid","data":{"object":{"id":"in_1","lines":"` +
		strings.Repeat("lorem ipsum ", 160) + `"}}}`
}
