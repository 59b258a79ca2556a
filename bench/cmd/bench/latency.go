package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/bench/internal/load"
	"github.com/knocker-dev/knocker/core"
)

// openLength is how long an open loop runs: p99 needs some thousand arrivals.
func (b *bench) openLength() time.Duration {
	if b.quick {
		return 600 * time.Millisecond
	}
	return 3 * time.Second
}

// slowHandlers sends at half the capacity, with and without handlers that think
// for 200 ms before they write.
func slowHandlers(b *bench) (outcome, error) {
	probe, _, err := b.receive(64, load.Requests(6000), 300*time.Millisecond)
	if err != nil {
		return outcome{}, err
	}
	rate := probe.Rate() / 2
	s := series{}
	side := func(name string, busy bool) func() error {
		return func() error {
			took, err := b.openReceive(rate, busy)
			s.add(name+"_p99_ms", milliseconds(load.Percentile(took, 0.99)))
			s.add(name+"_p50_ms", milliseconds(load.Percentile(took, 0.5)))
			return err
		}
	}
	if err := b.alternate(side("with", true), side("without", false)); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["with_p99_ms"], s["without_p99_ms"])), runs: s,
		detail: fmt.Sprintf("arrivals=%.0f/s with_p99_ms=%.2f without_p99_ms=%.2f with_p50_ms=%.2f without_p50_ms=%.2f", rate,
			s.median("with_p99_ms"), s.median("without_p99_ms"), s.median("with_p50_ms"), s.median("without_p50_ms"))}, nil
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func (b *bench) openReceive(rate float64, busy bool) ([]time.Duration, error) {
	path, err := b.fresh()
	if err != nil {
		return nil, err
	}
	defer remove(path)
	if err := script(path, load.AppTable); err != nil {
		return nil, err
	}
	inbox, err := load.Open(path)
	if err != nil {
		return nil, err
	}
	defer inbox.Close()
	if err := load.Warm(inbox); err != nil {
		return nil, err
	}
	requests := load.Requests(int(rate * b.openLength().Seconds()))
	stop := func() (int, error) { return 0, nil }
	if busy {
		if stop, err = startSlow(inbox); err != nil {
			return nil, err
		}
	}
	took, err := load.OpenLoop(requests, rate, func(r *load.Request) error {
		_, err := load.Receive(inbox, r)
		return err
	})
	handled, stopErr := stop()
	if err == nil {
		err = stopErr
	}
	if err == nil {
		err = checkReceived(path, len(requests)+load.Warmup)
	}
	if err == nil && busy {
		err = checkCounts(path, handled, map[string]string{"rows of the slow handlers": "SELECT count(*) FROM app_rows"})
	}
	return took, err
}

// startSlow runs eight handlers that sleep before they write, and waits until
// all of them sleep. stop returns how many were handled.
func startSlow(inbox *core.Inbox) (stop func() (int, error), err error) {
	var running, handled atomic.Int64
	err = inbox.Handle(core.HandlerParams{Endpoint: load.Endpoint}, func(_ context.Context, event *core.Event, tx *core.Tx) error {
		running.Add(1)
		time.Sleep(200 * time.Millisecond)
		err := load.Write(event, tx)
		if err == nil {
			handled.Add(1)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- inbox.RunWorker(ctx, core.WorkerOptions{Concurrency: 8}) }()
	for deadline := time.Now().Add(5 * time.Second); running.Load() < 8; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			err = fmt.Errorf("only %d of 8 slow handlers started", running.Load())
			break
		}
	}
	return func() (int, error) {
		cancel()
		if ended := <-ended; err == nil {
			err = ended
		}
		if err == nil && handled.Load() == 0 {
			err = fmt.Errorf("no slow handler ended while requests arrived")
		}
		return int(handled.Load()), err
	}, err
}

// forgedRate is how many forged requests a second a flood has.
const forgedRate = 1000

func flood(b *bench) (outcome, error) {
	s := series{}
	side := func(name string, forged bool) func() error {
		return func() error {
			run, sent, err := b.flooded(forged)
			s.add(name, run.Rate())
			s.add(name+"_forged", sent/run.Seconds)
			return err
		}
	}
	if err := b.alternate(side("with", true), side("without", false)); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["with"], s["without"])), runs: s,
		detail: fmt.Sprintf("with=%.0f/s without=%.0f/s forged=%.0f/s", s.median("with"), s.median("without"), s.median("with_forged"))}, nil
}

// flooded is a closed loop of 64 valid callers, beside forged requests or not.
func (b *bench) flooded(forged bool) (run load.Run, sent float64, err error) {
	path := b.file()
	defer remove(path)
	inbox, err := load.Open(path)
	if err != nil {
		return run, 0, err
	}
	defer inbox.Close()
	length := b.openLength()
	valid := load.Requests(int(15000 * length.Seconds()))
	var invalid []load.Request
	if forged {
		invalid = load.Forged(int(forgedRate * length.Seconds()))
	}
	answered := make(chan error, 1)
	go func() {
		_, err := load.OpenLoop(invalid, forgedRate, func(r *load.Request) error {
			result, err := inbox.Receive(context.Background(), core.ReceiveParams{Endpoint: load.Endpoint, Body: r.Body, Headers: r.Headers})
			if err == nil && result.StatusCode != 401 {
				err = fmt.Errorf("a forged request was answered with %d", result.StatusCode)
			}
			return err
		})
		answered <- err
	}()
	run, err = load.Closed(inbox, 64, valid, length)
	if forgedErr := <-answered; err == nil {
		err = forgedErr
	}
	if err == nil {
		err = checkReceived(path, run.Rows)
	}
	return run, float64(len(invalid)), err
}
