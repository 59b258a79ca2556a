package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/knocker-dev/knocker/bench/internal/load"
)

// receiveNode keeps 64 receiveAsync in flight on Node's one event loop, beside
// 64 callers in Go.
func receiveNode(b *bench) (outcome, error) { return b.receiveJavaScript("node", 64, 64, 20000) }

// receiveNode1 calls the synchronous receive of Node, beside one caller in Go.
func receiveNode1(b *bench) (outcome, error) { return b.receiveJavaScript("node", 0, 1, 10000) }

// receiveBun and receiveBun1 are the same in Bun.
func receiveBun(b *bench) (outcome, error)  { return b.receiveJavaScript("bun", 64, 64, 20000) }
func receiveBun1(b *bench) (outcome, error) { return b.receiveJavaScript("bun", 0, 1, 10000) }

// receiveJavaScript compares callers in Node or Bun (0: the synchronous receive)
// with callers in Go.
func (b *bench) receiveJavaScript(runtime string, inScript, inGo, atMost int) (outcome, error) {
	if why := b.without(runtime); why != "" {
		return outcome{skipped: why}, nil
	}
	s := series{}
	maximum := strconv.Itoa(int(15000 * b.runLength().Seconds()))
	script := func() error {
		path := b.file()
		defer remove(path)
		var run load.Run
		if err := b.script(runtime, &run, "receive", path, strconv.Itoa(inScript), seconds(b.runLength()), maximum, strconv.Itoa(load.Warmup)); err != nil {
			return err
		}
		s.add(runtime, run.Rate())
		return checkReceived(path, load.Warmup+run.Rows)
	}
	if err := b.alternate(script, b.ourRun(s, inGo, atMost)); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s[runtime], s["ours"])), runs: s,
		detail: fmt.Sprintf("%s=%.0f/s go=%.0f/s", runtime, s.median(runtime), s.median("ours"))}, nil
}

// latencyNode asks how late Node's event loop is while 64 receives are in
// flight and a worker runs, with handlers that await tx.begin() and, printed
// beside it, with handlers that write at once.
func latencyNode(b *bench) (outcome, error) {
	if why := b.without("node"); why != "" {
		return outcome{skipped: why}, nil
	}
	s := series{}
	side := func(name, ahead string) func() error {
		return func() error {
			path := b.file()
			defer remove(path)
			var got struct {
				P99 float64 `json:"p99_ms"`
			}
			err := b.script("node", &got, "latency", path, "64", seconds(b.runLength()), ahead)
			s.add(name, got.P99)
			return err
		}
	}
	if err := b.alternate(side("ahead", "1"), side("at_once", "0")); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: s.median("ahead"), runs: s,
		detail: fmt.Sprintf("p99 with await tx.begin() %.2f ms, with synchronous handlers %.2f ms", s.median("ahead"), s.median("at_once"))}, nil
}

// memoryNode makes many calls, a million in a full run, and looks at the
// process before and after.
func memoryNode(b *bench) (outcome, error) {
	if why := b.without("node"); why != "" {
		return outcome{skipped: why}, nil
	}
	path := b.file()
	defer remove(path)
	calls := "1000000"
	if b.quick {
		calls = "20000"
	}
	var got struct {
		Before float64 `json:"before_mib"`
		After  float64 `json:"after_mib"`
	}
	if err := b.script("node", &got, "memory", path, calls); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: got.After - got.Before, runs: series{},
		detail: fmt.Sprintf("%s calls: %.0f -> %.0f MiB", calls, got.Before, got.After)}, nil
}

// bunProgram is where make bun puts it.
const bunProgram = "bindings/bun/node_modules/.bin/bun"

// without says what is missing for the figures of Node or Bun, "" for nothing.
func (b *bench) without(runtime string) string {
	needed := []string{"build/" + libraryName(), "build/node/knocker.node", "bindings/node/dist/esm/index.js"}
	if runtime == "bun" {
		needed = append(needed, bunProgram)
	}
	for _, path := range needed {
		if _, err := os.Stat(filepath.Join(b.root, path)); err != nil {
			return path + " is not built: make " + runtime
		}
	}
	if _, err := exec.LookPath("node"); err != nil {
		return "node is not installed"
	}
	return ""
}

// script runs drive.mjs in Node or Bun and reads what it prints.
func (b *bench) script(runtime string, answer any, arguments ...string) error {
	program, module := "node", "bindings/node/dist/esm/index.js"
	if runtime == "bun" {
		program, module = filepath.Join(b.root, bunProgram), "bindings/bun/src/index.ts"
	}
	command := exec.Command(program, append([]string{filepath.Join(b.root, "bench", "node", "drive.mjs")}, arguments...)...)
	command.Env = append(os.Environ(), "KNOCKER_MODULE="+filepath.Join(b.root, module))
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("drive.mjs in %s: %w", runtime, err)
	}
	return json.Unmarshal(out, answer)
}
