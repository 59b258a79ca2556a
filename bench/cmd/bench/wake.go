package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/knocker-dev/knocker/bench/internal/load"
	"github.com/knocker-dev/knocker/core"
)

// wake measures from the answered receipt in this process to the start of the
// handler in another, beside one byte through a pipe to a third.
func wake(b *bench) (outcome, error) {
	rounds := 100
	if b.quick {
		rounds = 30
	}
	s := series{}
	var wakes, pipes []float64
	for range b.pairs {
		w, p, err := b.wakeRound(rounds)
		if err != nil {
			return outcome{}, err
		}
		s.add("wake_ms", load.Median(w))
		s.add("pipe_ms", load.Median(p))
		wakes, pipes = append(wakes, w...), append(pipes, p...)
	}
	median, p99 := s.median("wake_ms"), load.Percentile(wakes, 0.99)
	met := (median <= 1 || median <= 2*s.median("pipe_ms")) && p99 <= 10
	return outcome{ratio: median, met: &met, runs: s, detail: fmt.Sprintf("median_ms=%.3f p99_ms=%.2f (p99 must be ≤ 10) pipe_ms=%.3f pipe_p99_ms=%.2f wakes=%d", median, p99,
		s.median("pipe_ms"), load.Percentile(pipes, 0.99), len(wakes))}, nil
}

func (b *bench) wakeRound(n int) (wakes, pipes []float64, err error) {
	path := b.file()
	defer remove(path)
	inbox, err := load.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer inbox.Close()
	if err := load.Warm(inbox); err != nil {
		return nil, nil, err
	}
	if err := load.DrainAll(inbox, load.Warmup, 8); err != nil {
		return nil, nil, err
	}
	worker, err := startReady("worker", path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = firstError(err, worker.stop()) }()
	pipe, err := startReady("pipe")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = firstError(err, pipe.stop()) }()
	for _, request := range load.Requests(n) {
		pause()
		took, err := wakeOnce(inbox, worker, &request)
		if err != nil {
			return nil, nil, err
		}
		wakes = append(wakes, took)
		pause()
		start := time.Now().UnixNano()
		if _, err := pipe.input.Write([]byte{1}); err != nil {
			return nil, nil, err
		}
		_, at, err := pipe.stamp()
		if err != nil {
			return nil, nil, err
		}
		pipes = append(pipes, float64(at-start)/1e6)
	}
	return wakes, pipes, nil
}

// pause is long enough that both processes sleep, and hits no rhythm of theirs.
func pause() { time.Sleep(5*time.Millisecond + rand.N(15*time.Millisecond)) }

func wakeOnce(inbox *core.Inbox, worker *process, request *load.Request) (float64, error) {
	result, err := load.Receive(inbox, request)
	if err != nil {
		return 0, err
	}
	answered := time.Now().UnixNano()
	event, at, err := worker.stamp()
	if err == nil && event != result.EventID {
		err = fmt.Errorf("event %d started where %d was received", event, result.EventID)
	}
	return float64(at-answered) / 1e6, err
}

func (p *process) stamp() (id, at int64, err error) {
	fields, err := p.line(5 * time.Second)
	if err != nil {
		return 0, 0, err
	}
	if len(fields) != 2 {
		return 0, 0, fmt.Errorf("the child said %q", fields)
	}
	if id, err = strconv.ParseInt(fields[0], 10, 64); err == nil {
		at, err = strconv.ParseInt(fields[1], 10, 64)
	}
	return id, at, err
}

// startReady starts a child and waits for its first line.
func startReady(args ...string) (*process, error) {
	p, err := startChild(args...)
	if err != nil {
		return nil, err
	}
	if _, err := p.line(10 * time.Second); err != nil {
		return nil, firstError(err, p.stop())
	}
	return p, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// idle is the processor time of a worker process that has nothing to do.
func idle(b *bench) (outcome, error) {
	length := 20 * time.Second
	if b.quick {
		length = 5 * time.Second
	}
	// It runs beside the other figures, so its file has a directory of its own:
	// what they write to theirs would be its notifications.
	dir := b.dir + "-idle"
	if err := os.Mkdir(dir, 0o755); err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(dir)
	path := dir + "/idle.db"
	inbox, err := load.Open(path)
	if err != nil {
		return outcome{}, err
	}
	inbox.Close()
	p, err := startChild("idle", path, length.String())
	if err != nil {
		return outcome{}, err
	}
	fields, err := p.line(length + 10*time.Second)
	if err = firstError(err, p.stop()); err != nil {
		return outcome{}, err
	}
	cpu, _ := strconv.ParseFloat(fields[0], 64)
	wall, _ := strconv.ParseFloat(fields[1], 64)
	if wall < length.Seconds()/2 || cpu <= 0 {
		return outcome{}, fmt.Errorf("the idle worker said %q", fields)
	}
	return outcome{ratio: cpu / wall * 100, detail: fmt.Sprintf("cpu_ms=%.2f over_s=%.1f", cpu*1000, wall)}, nil
}
