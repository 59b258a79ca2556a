package main

import (
	"fmt"
	"time"

	"github.com/knocker-dev/knocker/bench/internal/load"
)

// runLength is how long one run of a pair lasts.
func (b *bench) runLength() time.Duration {
	if b.quick {
		return 450 * time.Millisecond
	}
	return 2 * time.Second
}

// series collects single values by name.
type series map[string][]float64

func (s series) add(name string, value float64) { s[name] = append(s[name], value) }

func (s series) median(name string) float64 { return load.Median(s[name]) }

// alternate runs the sides of each pair one after the other, every other pair in
// the opposite order, so that a drift of the machine hits all alike.
func (b *bench) alternate(sides ...func() error) error {
	for pair := range b.pairs {
		for n := range sides {
			if pair%2 == 1 {
				n = len(sides) - 1 - n
			}
			if err := sides[n](); err != nil {
				return err
			}
		}
	}
	return nil
}

// beside measures what is only printed beside a ratio: each side as often as a
// full run has pairs, once in a quick one.
func (b *bench) beside(sides ...func() error) error {
	rounds := b.pairs
	if b.quick {
		rounds = 1
	}
	for range rounds {
		for _, side := range sides {
			if err := side(); err != nil {
				return err
			}
		}
	}
	return nil
}

// ratios divides the values of two series pair by pair.
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

// requestsFor makes as many requests as a run of this length can need.
func (b *bench) requestsFor(perSecond int) []load.Request {
	return load.Requests(int(float64(perSecond) * b.runLength().Seconds()))
}

// limitRun is the limit's rate on a fresh file.
func (b *bench) limitRun(s series, name string, batch int) func() error {
	return func() error {
		path, err := b.fresh()
		if err != nil {
			return err
		}
		defer remove(path)
		run, err := b.limitReceive(path, "FULL", batch, b.runLength(), 1<<30, load.Warmup)
		s.add(name, run.Rate())
		return err
	}
}

func (b *bench) ourRun(s series, callers, atMost int) func() error {
	return func() error {
		run, batch, err := b.receive(callers, b.requestsFor(atMost), b.runLength())
		s.add("ours", run.Rate())
		s.add("batch", batch)
		return err
	}
}

func receive64(b *bench) (outcome, error) {
	s := series{}
	err := b.alternate(b.ourRun(s, 64, 20000), b.limitRun(s, "limit_32", 32))
	if err == nil {
		err = b.beside(b.limitRun(s, "limit_256", 256))
	}
	if err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["ours"], s["limit_32"])), runs: s,
		detail: fmt.Sprintf("ours=%.0f/s limit_32=%.0f/s limit_256=%.0f/s mean_batch=%.1f", s.median("ours"), s.median("limit_32"),
			s.median("limit_256"), s.median("batch"))}, nil
}

func receive1(b *bench) (outcome, error) {
	s := series{}
	if err := b.alternate(b.ourRun(s, 1, 10000), b.limitRun(s, "limit_1", 1)); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["ours"], s["limit_1"])), runs: s,
		detail: fmt.Sprintf("ours=%.0f/s limit_1=%.0f/s ours_ms=%.3f limit_ms=%.3f fsync_ms=%.3f", s.median("ours"), s.median("limit_1"),
			1000/s.median("ours"), 1000/s.median("limit_1"), b.fsync.Seconds()*1000)}, nil
}
