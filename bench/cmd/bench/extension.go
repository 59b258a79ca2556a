package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/knocker-dev/knocker/bench/internal/load"
)

// Receipts of the extension before the clock starts, a multiple of their batch.
const extensionWarmup = 1500

// extensionCall is what it costs to come from an SQL statement into Go and back.
func extensionCall(b *bench) (outcome, error) {
	library, missing := b.library()
	if missing != nil {
		return *missing, nil
	}
	s := series{}
	rounds := 51
	if b.quick {
		rounds = 21
	}
	for range b.pairs {
		var took struct{ Function, Builtin float64 }
		if err := b.driveExtension(&took, "call", library, strconv.Itoa(rounds)); err != nil {
			return outcome{}, err
		}
		s.add("function_us", took.Function*1e6)
		s.add("builtin_us", took.Builtin*1e6)
	}
	return outcome{ratio: s.median("function_us"), runs: s,
		detail: fmt.Sprintf("knocker_version=%.2fus sqlite_version=%.2fus", s.median("function_us"), s.median("builtin_us"))}, nil
}

// extensionReceive compares a receipt through SQL with one of an open inbox, each
// with one caller; times are of one receipt.
func extensionReceive(b *bench) (outcome, error) {
	library, missing := b.library()
	if missing != nil {
		return *missing, nil
	}
	s := series{}
	err := b.alternate(b.extensionRun(s, library, "sql", 1), b.embeddedRun(s))
	if err == nil {
		err = b.beside(b.extensionRun(s, library, "sql_100", 100))
	}
	if err != nil {
		return outcome{}, err
	}
	return outcome{ratio: load.Median(ratios(s["sql_us"], s["embedded_us"])), runs: s,
		detail: fmt.Sprintf("sql=%.0fus sql_100=%.0fus embedded=%.0fus cpu: sql=%.0fus sql_100=%.0fus embedded=%.0fus", s.median("sql_us"), s.median("sql_100_us"),
			s.median("embedded_us"), s.median("sql_cpu_us"), s.median("sql_100_cpu_us"), s.median("embedded_cpu_us"))}, nil
}

// embeddedRun is one caller of an open inbox.
func (b *bench) embeddedRun(s series) func() error {
	return func() error {
		path := b.file()
		defer remove(path)
		requests := b.requestsFor(10000)
		inbox, err := load.Open(path)
		if err != nil {
			return err
		}
		defer inbox.Close()
		if err := load.Warm(inbox); err != nil {
			return err
		}
		before := cpuTime()
		run, err := load.Closed(inbox, 1, requests, b.runLength())
		s.add("embedded_us", 1e6/run.Rate())
		s.add("embedded_cpu_us", (cpuTime()-before).Seconds()*1e6/float64(run.Rows))
		if err != nil {
			return err
		}
		return checkReceived(path, load.Warmup+run.Rows)
	}
}

func (b *bench) extensionRun(s series, library, name string, batch int) func() error {
	return func() error {
		path, err := b.fresh()
		if err != nil {
			return err
		}
		defer remove(path)
		requests := filepath.Join(b.dir, "requests")
		if err := writeRequests(requests, append(load.Requests(extensionWarmup), b.requestsFor(20000)...)); err != nil {
			return err
		}
		defer os.Remove(requests)
		var took struct {
			Rows         int
			Seconds, CPU float64
		}
		if err := b.driveExtension(&took, "receive", library, path, load.Endpoint, load.Provider, load.Secret, requests, strconv.Itoa(batch),
			seconds(b.runLength()), strconv.Itoa(extensionWarmup)); err != nil {
			return err
		}
		s.add(name+"_us", 1e6*took.Seconds/float64(took.Rows))
		s.add(name+"_cpu_us", 1e6*took.CPU/float64(took.Rows))
		return checkReceived(path, extensionWarmup+took.Rows)
	}
}

// writeRequests writes them as bench/extension/drive.c reads them.
func writeRequests(path string, list []load.Request) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	for _, r := range list {
		headers, err := json.Marshal(r.Headers)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d %d\n", len(headers), len(r.Body))
		_, _ = out.Write(headers)
		_, _ = out.Write(r.Body)
	}
	return out.Flush()
}

// library is the C library; an outcome where it is not built.
func (b *bench) library() (path string, missing *outcome) {
	path = filepath.Join(b.root, "build", libraryName())
	if _, err := os.Stat(path); err != nil {
		return "", &outcome{skipped: "build/" + libraryName() + " is not built"}
	}
	return path, nil
}

// driveExtension runs bench/extension/drive.c, whose one line becomes out.
func (b *bench) driveExtension(out any, args ...string) error {
	program, err := b.sqlite.program(b.root, "drive", filepath.Join("bench", "extension", "drive.c"))
	if err != nil {
		return err
	}
	command := exec.Command(program, args...)
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return fmt.Errorf("drive %s: %w", args[0], err)
	}
	return json.Unmarshal(text, out)
}
