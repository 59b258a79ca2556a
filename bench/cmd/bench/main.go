// Command bench measures the engine beside its limits, in alternating pairs, and
// prints one line a figure: NAME ratio=R detail…
//
//	go run ./cmd/bench [-quick] [-only NAME,NAME] [-dir DIR] [-cpuprofile FILE]
//
// README.md says how to read the figures.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// figure is one row of the table. Its ratio must be at least, or where atMost is
// set at most, the target.
type figure struct {
	name   string
	what   string
	target float64
	atMost bool
	// aside figures cost no processor time: they run beside the others.
	aside bool
	// binding figures are left out of a quick run that does not name them.
	binding bool
	run     func(*bench) (outcome, error)
}

var figures = []figure{
	{name: "idle", what: "CPU of an idle worker process, per cent of a core", target: 0.3, atMost: true, aside: true, run: idle},
	{name: "receive_64", what: "64 callers / the limit with batches of 32", target: 0.70, run: receive64},
	{name: "receive_1", what: "one caller / the limit with batches of 1", target: 0.85, run: receive1},
	{name: "extension_call", what: "a trivial SQL function of the extension, µs a call", target: 10, atMost: true, binding: true, run: extensionCall},
	{name: "extension_receive", what: "time of a receipt through SQL / of one caller of an open inbox", target: 2.5, atMost: true, binding: true, run: extensionReceive},
	{name: "receive_python_64", what: "64 Python threads / receive_64", target: 0.50, run: receivePython},
	{name: "receive_elixir_64", what: "64 Elixir processes / receive_64", target: 0.40, binding: true, run: receiveElixir},
	{name: "receive_ruby_32", what: "32 Ruby threads / 32 callers in Go", target: 0.40, binding: true, run: receiveRuby},
	{name: "latency_elixir", what: "p99 of a message between Elixir processes while 64 receive, ms", target: 5, atMost: true, binding: true, run: elixirLatency},
	{name: "receive_node_64", what: "64 receiveAsync of Node in flight / receive_64", target: 0.50, binding: true, run: receiveNode},
	{name: "receive_node_1", what: "the synchronous receive of Node / one caller in Go", target: 0.50, binding: true, run: receiveNode1},
	{name: "receive_bun_64", what: "64 receiveAsync of Bun in flight / receive_64", target: 0.50, binding: true, run: receiveBun},
	{name: "receive_bun_1", what: "the synchronous receive of Bun / one caller in Go", target: 0.50, binding: true, run: receiveBun1},
	{name: "latency_node", what: "p99 delay of Node's event loop while 64 receive and a worker runs, ms", target: 5, atMost: true, binding: true, run: latencyNode},
	{name: "memory_node", what: "growth of a Node process over a million calls, MiB", target: 32, atMost: true, binding: true, run: memoryNode},
	{name: "drain", what: "no-op handlers / the limit's same writes, batches of 32", target: 0.60, run: drainEmpty},
	{name: "drain_write", what: "handlers that write one row / the same limit", target: 0.40, run: drainWrite},
	{name: "slow_handlers", what: "p99 of receive beside 8 slow handlers / without them", target: 1.5, atMost: true, run: slowHandlers},
	{name: "flood", what: "valid receipts/s during 1,000 forged ones a second / without", target: 0.70, run: flood},
	{name: "wake", what: "commit in one process to handler start in another, median ms", target: 1, atMost: true, run: wake},
	{name: "deep", what: "worst of the operations on a deep file / on 10,000 events", target: 1.5, atMost: true, run: deep},
	{name: "memory", what: "growth of RSS over receives and drains, MB", target: 10, atMost: true, run: memory},
	{name: "disk", what: "file / stored bodies, headers, queries and ids", target: 1.6, atMost: true, run: disk},
}

// bench is one run of the program.
type bench struct {
	quick  bool
	pairs  int
	root   string // the repository
	dir    string // where the databases of this run are
	limit  string // the limit program
	sqlite amalgam
	files  int
	fsync  time.Duration // median time of one fdatasync of the disk
}

// outcome is what a figure has measured.
type outcome struct {
	ratio   float64
	detail  string
	skipped string               // why it could not be measured; the ratio means nothing
	runs    map[string][]float64 // every single value by what it is
	met     *bool                // where the target is more than the ratio
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		if err := child(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	quick := flag.Bool("quick", false, "three pairs of short runs: under 55 s")
	only := flag.String("only", "", "names of figures, separated by commas; all if empty")
	dir := flag.String("dir", "", "directory on the disk to measure; build/bench in the repository if empty")
	profile := flag.String("cpuprofile", "", "write a CPU profile of this process, all the figures' own work, to a file")
	results := flag.Bool("results", true, "write bench/results when every figure was asked for")
	flag.Parse()
	chosen, err := choose(*only, *quick)
	if err != nil {
		return err
	}
	b := &bench{quick: *quick, pairs: 5}
	if b.quick {
		b.pairs = 3
	}
	if b.root, err = repository(); err != nil {
		return err
	}
	if b.sqlite, err = buildSQLite(b.root); err != nil {
		return err
	}
	if b.limit, err = b.sqlite.program(b.root, "limit", filepath.Join("bench", "limit", "limit.c")); err != nil {
		return err
	}
	if *dir == "" {
		*dir = filepath.Join(b.root, "build", "bench")
	}
	if b.dir, err = os.MkdirTemp(*dir, "run-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.fsync, err = measureFsync(b.dir); err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	report := newReport(b)
	err = b.measure(chosen, report)
	report.print(os.Stdout)
	if *results && *only == "" {
		err = errors.Join(err, report.write(b.root))
	}
	return err
}

func choose(only string, quick bool) ([]figure, error) {
	if only == "" {
		return slices.DeleteFunc(slices.Clone(figures), func(f figure) bool { return quick && f.binding }), nil
	}
	names := strings.Split(only, ",")
	var chosen []figure
	for _, f := range figures {
		if n := slices.Index(names, f.name); n >= 0 {
			chosen = append(chosen, f)
			names = slices.Delete(names, n, n+1)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no figure is named %q", names)
	}
	return chosen, nil
}

// measure runs the figures. What fails to run is told at the end; the other
// figures are still measured.
func (b *bench) measure(chosen []figure, report *report) error {
	type answer struct {
		outcome
		err   error
		spent time.Duration
	}
	run := func(f figure) answer {
		start := time.Now()
		out, err := f.run(b)
		return answer{out, err, time.Since(start)}
	}
	aside := map[string]chan answer{}
	for _, f := range chosen {
		if f.aside {
			waiting := make(chan answer, 1)
			aside[f.name] = waiting
			go func() { waiting <- run(f) }()
		}
	}
	var failed error
	add := func(f figure, a answer) {
		report.add(f, a.outcome, a.err, a.spent)
		if a.err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", f.name, a.err))
		}
	}
	for _, f := range chosen {
		if !f.aside {
			fmt.Fprintf(os.Stderr, "%s …\n", f.name)
			add(f, run(f))
		}
	}
	for _, f := range chosen {
		if f.aside {
			add(f, <-aside[f.name])
		}
	}
	return failed
}
