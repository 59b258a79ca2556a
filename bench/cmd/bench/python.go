package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/knocker-dev/knocker/bench/internal/load"
)

// libraryName is the file of the C library on this system.
func libraryName() string {
	switch runtime.GOOS {
	case "darwin":
		return "libknocker.dylib"
	case "windows":
		return "libknocker.dll"
	}
	return "libknocker.so"
}

// receivePython runs 64 Python threads through the binding and the library,
// beside 64 callers in Go.
func receivePython(b *bench) (outcome, error) {
	library := filepath.Join(b.root, "build", libraryName())
	if _, err := os.Stat(library); err != nil {
		return outcome{skipped: "build/" + libraryName() + " is not built"}, nil
	}
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	s := series{}
	inPython := func() error {
		run, err := b.pythonRun(python)
		s.add("python", run.Rate())
		return err
	}
	if err := b.alternate(inPython, b.ourRun(s, 64, 20000)); err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["python"], s["ours"])), runs: s,
		detail: fmt.Sprintf("python=%.0f/s go=%.0f/s", s.median("python"), s.median("ours"))}, nil
}

func (b *bench) pythonRun(python string) (load.Run, error) {
	path := b.file()
	defer remove(path)
	command := exec.Command(python, filepath.Join(b.root, "bench", "python", "drive.py"), "receive", path, "64", seconds(b.runLength()),
		strconv.Itoa(int(15000*b.runLength().Seconds())), strconv.Itoa(load.Warmup))
	command.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(b.root, "bindings", "python", "src"))
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return load.Run{}, fmt.Errorf("drive.py: %w", err)
	}
	var run struct {
		Rows    int     `json:"rows"`
		Seconds float64 `json:"seconds"`
		Errors  int     `json:"errors"`
		Error   string  `json:"error"`
	}
	if err := json.Unmarshal(out, &run); err != nil {
		return load.Run{}, err
	}
	if run.Errors > 0 {
		return load.Run{}, fmt.Errorf("%d calls failed, the first with %s", run.Errors, run.Error)
	}
	return load.Run{Rows: run.Rows, Seconds: run.Seconds}, checkReceived(path, load.Warmup+run.Rows)
}
