package main

import (
	"fmt"

	"github.com/knocker-dev/knocker/bench/internal/load"
	"github.com/knocker-dev/knocker/core"
)

func drainEmpty(b *bench) (outcome, error) {
	return b.drain(false, func(*core.Event, *core.Tx) error { return nil })
}

func drainWrite(b *bench) (outcome, error) { return b.drain(true, load.Write) }

// manyHandlers is the concurrency that is printed beside the default of 1.
const manyHandlers = 8

func (b *bench) drain(writes bool, handle func(*core.Event, *core.Tx) error) (outcome, error) {
	n := int(25000 * b.runLength().Seconds()) // more than can be drained in a run
	full, err := b.fill(n)
	if err != nil {
		return outcome{}, err
	}
	defer remove(full)
	s := series{}
	ours := func(name string, concurrency int) func() error {
		return func() error {
			path, err := b.copyOf(full)
			if err != nil {
				return err
			}
			defer remove(path)
			run, err := b.drainOnce(path, n, concurrency, writes, handle)
			s.add(name, run.Rate())
			return err
		}
	}
	limit := func(name, synchronous string) func() error {
		return func() error {
			path, err := b.copyOf(full)
			if err != nil {
				return err
			}
			defer remove(path)
			run, err := b.limitDrain(path, synchronous, 32)
			s.add(name, run.Rate())
			return err
		}
	}
	err = b.alternate(ours("ours", 1), limit("limit", "FULL"))
	if err == nil {
		err = b.beside(limit("limit_normal", "NORMAL"), ours("ours_many", manyHandlers))
	}
	if err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["ours"], s["limit"])), runs: s,
		detail: fmt.Sprintf("ours=%.0f/s limit=%.0f/s ours_8_handlers=%.0f/s limit_normal=%.0f/s ratio_to_normal=%.2f", s.median("ours"), s.median("limit"),
			s.median("ours_many"), s.median("limit_normal"), s.median("ours")/s.median("limit_normal"))}, nil
}

func (b *bench) drainOnce(path string, n, concurrency int, writes bool, handle func(*core.Event, *core.Tx) error) (load.Run, error) {
	inbox, err := load.Open(path)
	if err != nil {
		return load.Run{}, err
	}
	run, err := load.Drain(inbox, n, concurrency, b.runLength(), handle)
	if closing := inbox.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = checkDrained(path, run.Rows)
	}
	if err == nil && writes {
		err = checkCounts(path, run.Rows, map[string]string{"rows of the handlers": "SELECT count(*) FROM app_rows"})
	}
	return run, err
}
