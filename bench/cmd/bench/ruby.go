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

// receiveRuby runs 32 Ruby threads through the binding and the library, beside
// 32 callers in Go.
func receiveRuby(b *bench) (outcome, error) {
	if _, err := os.Stat(filepath.Join(b.root, "build", libraryName())); err != nil {
		return outcome{skipped: "build/" + libraryName() + " is not built"}, nil
	}
	if err := exec.Command("ruby", "-e", `require "ffi"`).Run(); err != nil {
		return outcome{skipped: "ruby with the gem ffi is not installed"}, nil
	}
	s := series{}
	inRuby := func() error {
		run, err := b.rubyRun(32)
		s.add("ruby", run.Rate())
		return err
	}
	if err := b.alternate(inRuby, b.ourRun(s, 32, 20000)); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["ruby"], s["ours"])), runs: s,
		detail: fmt.Sprintf("ruby=%.0f/s go=%.0f/s", s.median("ruby"), s.median("ours"))}, nil
}

func (b *bench) rubyRun(threads int) (load.Run, error) {
	path := b.file()
	defer remove(path)
	command := exec.Command("ruby", filepath.Join(b.root, "bench", "ruby", "drive.rb"), "receive", path, strconv.Itoa(threads),
		seconds(b.runLength()), strconv.Itoa(int(15000*b.runLength().Seconds())), strconv.Itoa(load.Warmup))
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return load.Run{}, fmt.Errorf("drive.rb: %w", err)
	}
	var run struct {
		Rows    int     `json:"rows"`
		Seconds float64 `json:"seconds"`
		Errors  int     `json:"errors"`
		Error   string  `json:"error"`
	}
	if err := json.Unmarshal(out, &run); err != nil {
		return load.Run{}, fmt.Errorf("drive.rb: %w", err)
	}
	if run.Errors > 0 {
		return load.Run{}, fmt.Errorf("%d calls failed, the first with %s", run.Errors, run.Error)
	}
	return load.Run{Rows: run.Rows, Seconds: run.Seconds}, checkReceived(path, load.Warmup+run.Rows)
}
