package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/bench/internal/load"
	"github.com/knocker-dev/knocker/core/input"
)

const amalgamation = "github.com/mattn/go-sqlite3"

// optionFiles of the driver's module hold the compile options of our builds:
// the driver's own, and those of our build tags.
var optionFiles = []string{"sqlite3.go", "sqlite3_opt_fts5.go", "sqlite3_opt_math_functions.go", "sqlite3_opt_dbstat.go"}

var optionLine = regexp.MustCompile(`(?m)^#cgo CFLAGS: (.*)$`)

// repository finds the checkout from the working directory upwards.
func repository() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "bench", "limit", "limit.c")); missing == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			err = fmt.Errorf("run this inside the repository: no bench/limit above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// amalgam is SQLite as an object file that C programs are linked with, and what
// it takes to compile them.
type amalgam struct{ compiler, module, object string }

// program compiles a C program of ours with the amalgamation.
func (a amalgam) program(root, name, source string) (string, error) {
	out := filepath.Join(root, "build", "bench", name)
	return out, compile(a.compiler, []string{"-O2", "-Wall", "-I" + a.module, filepath.Join(root, source), a.object, "-o", out, "-lm", "-ldl", "-lpthread"})
}

// buildSQLite compiles the amalgamation with the options that our own build
// uses. The object is kept.
func buildSQLite(root string) (amalgam, error) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", amalgamation)
	list.Dir = filepath.Join(root, "bench")
	out, err := list.Output()
	if err != nil {
		return amalgam{}, fmt.Errorf("go list -m %s: %w", amalgamation, err)
	}
	module := strings.TrimSpace(string(out))
	options := []string{"-O2", "-g"} // what the go command adds
	for _, name := range optionFiles {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return amalgam{}, err
		}
		for _, line := range optionLine.FindAllStringSubmatch(string(text), -1) {
			options = append(options, strings.Fields(line[1])...)
		}
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	key := sha256.Sum256([]byte(compiler + module + strings.Join(options, " ")))
	dir := filepath.Join(root, "build", "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return amalgam{}, err
	}
	object := filepath.Join(dir, "sqlite3-"+hex.EncodeToString(key[:6])+".o")
	if _, err := os.Stat(object); err != nil {
		fmt.Fprintln(os.Stderr, "compiling SQLite for the programs in C, once …")
		args := append(options, "-c", filepath.Join(module, "sqlite3-binding.c"), "-o", object+".tmp")
		if err := compile(compiler, args); err != nil {
			return amalgam{}, err
		}
		if err := os.Rename(object+".tmp", object); err != nil {
			return amalgam{}, err
		}
	}
	return amalgam{compiler, module, object}, nil
}

func compile(compiler string, args []string) error {
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", compiler, err, out)
	}
	return nil
}

// limitReceive stores receipts in perfect batches, after some that don't count,
// and checks the row counts.
func (b *bench) limitReceive(path, synchronous string, batch int, length time.Duration, maximum, warmup int) (load.Run, error) {
	body, headers, err := b.samples()
	if err != nil {
		return load.Run{}, err
	}
	before, err := count(path, "SELECT count(*) FROM knocker_deliveries")
	if err != nil {
		return load.Run{}, err
	}
	run, err := b.runLimit("receive", path, body, headers, synchronous, strconv.Itoa(batch), seconds(length), strconv.Itoa(maximum), strconv.Itoa(warmup))
	if err == nil {
		err = checkCounts(path, before+warmup+run.Rows, map[string]string{
			"deliveries": "SELECT count(*) FROM knocker_deliveries WHERE length(body_blob) = 2048",
			"events":     "SELECT count(DISTINCT dedupe_key) FROM knocker_events",
			"jobs":       "SELECT count(*) FROM _honker_live WHERE state = 'pending'",
		})
	}
	return run, err
}

// limitDrain does the writes of a claim and of "handled" job by job.
func (b *bench) limitDrain(path, synchronous string, batch int) (load.Run, error) {
	run, err := b.runLimit("drain", path, synchronous, strconv.Itoa(batch), seconds(b.runLength()))
	if err == nil {
		err = checkDrained(path, run.Rows)
	}
	return run, err
}

func (b *bench) runLimit(args ...string) (load.Run, error) {
	command := exec.Command(b.limit, args...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return load.Run{}, fmt.Errorf("limit %s: %w", args[0], err)
	}
	var run struct {
		Rows    int     `json:"rows"`
		Seconds float64 `json:"seconds"`
	}
	err = json.Unmarshal(out, &run)
	return load.Run{Rows: run.Rows, Seconds: run.Seconds}, err
}

// samples are the bytes of one receipt as ours stores it.
func (b *bench) samples() (body, headers string, err error) {
	body, headers = filepath.Join(b.dir, "body.sample"), filepath.Join(b.dir, "headers.sample")
	if _, err := os.Stat(headers); err == nil {
		return body, headers, nil
	}
	request := load.Requests(1)[0]
	request.Headers.Set("Stripe-Signature", load.SampleSignature())
	fields, err := input.Headers(request.Headers)
	if err == nil {
		err = os.WriteFile(body, load.SampleBody(), 0o644)
	}
	if err == nil {
		err = os.WriteFile(headers, []byte(input.HeadersJSON(fields)), 0o644)
	}
	return body, headers, err
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
