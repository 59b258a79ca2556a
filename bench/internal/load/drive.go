package load

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// Open opens an inbox with the benchmarks' endpoint.
func Open(path string) (*core.Inbox, error) {
	inbox, err := core.Open(path, core.Options{})
	if err != nil {
		return nil, err
	}
	_, err = inbox.AddEndpoint(context.Background(), core.EndpointParams{Name: Endpoint, Provider: Provider, Secrets: Secret})
	return inbox, err
}

// patience keeps a disk that stalls from ending a benchmark; what it costs is
// in the figures.
const patience = 30_000

// Receive receives one request and fails unless it is stored as a new event.
func Receive(inbox *core.Inbox, r *Request) (core.Result, error) {
	result, err := inbox.Receive(context.Background(), core.ReceiveParams{Endpoint: Endpoint, Body: r.Body, Headers: r.Headers,
		TimeoutMilliseconds: patience})
	if err == nil && (result.StatusCode != 204 && result.StatusCode != 200 || result.Duplicate) {
		err = fmt.Errorf("a valid request was answered with %d (%s), duplicate %v", result.StatusCode, result.Reason, result.Duplicate)
	}
	return result, err
}

// Run is how many requests were received in which time.
type Run struct {
	Rows    int
	Seconds float64
}

// Rate is rows a second.
func (r Run) Rate() float64 { return float64(r.Rows) / r.Seconds }

// Warmup is how many receipts are stored before the clock of a rate starts: by
// then the WAL has grown to its size. A multiple of 32.
const Warmup = 1536

// Warm stores them.
func Warm(inbox *core.Inbox) error {
	run, err := Closed(inbox, 64, Requests(Warmup), time.Minute)
	if err == nil && run.Rows != Warmup {
		err = fmt.Errorf("%d of %d requests were received within a minute", run.Rows, Warmup)
	}
	return err
}

// Closed is a closed loop: callers that each send the next request when the one
// before is answered, for at most limit.
func Closed(inbox *core.Inbox, callers int, requests []Request, limit time.Duration) (Run, error) {
	var next, done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for time.Since(start) < limit && failed.Load() == nil {
				n := next.Add(1) - 1
				if n >= int64(len(requests)) {
					return
				}
				if _, err := Receive(inbox, &requests[n]); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				done.Add(1)
			}
		}()
	}
	wg.Wait()
	run := Run{Rows: int(done.Load()), Seconds: time.Since(start).Seconds()}
	if err := failed.Load(); err != nil {
		return run, *err
	}
	return run, nil
}

// OpenLoop sends the requests at a fixed rate, whatever the answers do, and
// returns how long each took from its scheduled moment.
func OpenLoop(requests []Request, perSecond float64, send func(*Request) error) ([]time.Duration, error) {
	took := make([]time.Duration, len(requests))
	errs := make([]error, len(requests))
	var wg sync.WaitGroup
	start := time.Now()
	for i := range requests {
		due := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = send(&requests[i])
			took[i] = time.Since(due)
		}()
	}
	wg.Wait()
	return took, errors.Join(errs...)
}

// Percentile is the p-th (0..1) of the values.
func Percentile[T int64 | float64 | time.Duration](values []T, p float64) T {
	sorted := append([]T(nil), values...)
	sort.Slice(sorted, func(a, b int) bool { return sorted[a] < sorted[b] })
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}

// Median is the middle of the values, the mean of two for an even count.
func Median(values []float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}
