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

// receiveElixir runs 64 Elixir processes through the binding and the library,
// beside 64 callers in Go.
func receiveElixir(b *bench) (outcome, error) {
	if why := b.withoutElixir(); why != "" {
		return outcome{skipped: why}, nil
	}
	s := series{}
	inElixir := func() error {
		path := b.file()
		defer remove(path)
		var run load.Run
		maximum := strconv.Itoa(int(15000 * b.runLength().Seconds()))
		if err := b.elixir(&run, "receive", path, "64", seconds(b.runLength()), maximum, strconv.Itoa(load.Warmup)); err != nil {
			return err
		}
		s.add("elixir", run.Rate())
		return checkReceived(path, load.Warmup+run.Rows)
	}
	if err := b.alternate(inElixir, b.ourRun(s, 64, 20000)); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["elixir"], s["ours"])), runs: s,
		detail: fmt.Sprintf("elixir=%.0f/s go=%.0f/s", s.median("elixir"), s.median("ours"))}, nil
}

// elixirLatency asks how late processes of the VM get a scheduler while 64
// others receive: the 99th percentile of a message there and back.
func elixirLatency(b *bench) (outcome, error) {
	if why := b.withoutElixir(); why != "" {
		return outcome{skipped: why}, nil
	}
	path := b.file()
	defer remove(path)
	var got struct {
		Idle, Busy struct {
			P50 float64 `json:"p50_us"`
			P99 float64 `json:"p99_us"`
			Max float64 `json:"max_us"`
		}
		Rows int
	}
	if err := b.elixir(&got, "latency", path, "64", seconds(b.runLength()), strconv.Itoa(load.Warmup)); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: got.Busy.P99 / 1000, runs: series{},
		detail: fmt.Sprintf("p50=%.2f ms p99=%.2f ms max=%.1f ms, without receives p99=%.2f ms, %d receives",
			got.Busy.P50/1000, got.Busy.P99/1000, got.Busy.Max/1000, got.Idle.P99/1000, got.Rows)}, nil
}

func (b *bench) elixirBeams() string {
	return filepath.Join(b.root, "bindings", "elixir", "_build", "prod", "lib", "knocker_sqlite", "ebin")
}

// withoutElixir says what is missing for the figures of Elixir, "" for nothing.
func (b *bench) withoutElixir() string {
	library := filepath.Join(b.root, "build", libraryName())
	for _, path := range []string{library, filepath.Join(b.elixirBeams(), "knocker_sqlite.app")} {
		if _, err := os.Stat(path); err != nil {
			return path + " is not built: make bench-elixir builds it"
		}
	}
	if _, err := exec.LookPath("elixir"); err != nil {
		return "elixir is not installed"
	}
	return ""
}

// elixir runs drive.exs and reads what it prints.
func (b *bench) elixir(answer any, arguments ...string) error {
	script := filepath.Join(b.root, "bench", "elixir", "drive.exs")
	command := exec.Command("elixir", append([]string{"-pa", b.elixirBeams(), script}, arguments...)...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("drive.exs: %w", err)
	}
	var errors struct {
		Errors int    `json:"errors"`
		Error  string `json:"error"`
	}
	if err := json.Unmarshal(out, &errors); err != nil {
		return fmt.Errorf("drive.exs: %w", err)
	}
	if errors.Errors > 0 {
		return fmt.Errorf("%d calls failed, the first with %s", errors.Errors, errors.Error)
	}
	return json.Unmarshal(out, answer)
}
