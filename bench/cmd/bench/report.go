package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// report collects the outcomes: a table for people, a file for programs, and
// one line a figure.
type report struct {
	Time    string   `json:"time"`
	Quick   bool     `json:"quick"`
	Pairs   int      `json:"pairs"`
	System  system   `json:"system"`
	Figures []result `json:"figures"`

	start time.Time
}

type system struct {
	OS        string  `json:"os"`
	CPUs      int     `json:"cpus"`
	Go        string  `json:"go"`
	SQLite    string  `json:"sqlite"`
	FsyncMS   float64 `json:"fsync_ms"`
	Knocker   string  `json:"knocker"`
	BodyBytes int     `json:"body_bytes"`
}

type result struct {
	Name    string               `json:"name"`
	What    string               `json:"what"`
	Ratio   *float64             `json:"ratio"`
	Target  float64              `json:"target"`
	AtMost  bool                 `json:"at_most"`
	Met     bool                 `json:"met"`
	Detail  string               `json:"detail"`
	Skipped string               `json:"skipped,omitempty"`
	Error   string               `json:"error,omitempty"`
	Seconds float64              `json:"seconds"`
	Runs    map[string][]float64 `json:"runs,omitempty"`
}

func newReport(b *bench) *report {
	return &report{Time: time.Now().UTC().Format(time.RFC3339), Quick: b.quick, Pairs: b.pairs, start: time.Now(), System: system{
		OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(), SQLite: core.SQLiteVersion(),
		FsyncMS: round(b.fsync.Seconds()*1000, 3), Knocker: core.Version, BodyBytes: 2048}}
}

func (r *report) add(f figure, o outcome, err error, spent time.Duration) {
	out := result{Name: f.name, What: f.what, Target: f.target, AtMost: f.atMost, Detail: o.detail, Skipped: o.skipped,
		Seconds: round(spent.Seconds(), 1), Runs: o.runs}
	switch {
	case err != nil:
		out.Error = err.Error()
	case o.skipped == "":
		ratio := round(o.ratio, 3)
		out.Ratio = &ratio
		out.Met = ratio >= f.target
		if f.atMost {
			out.Met = ratio <= f.target
		}
		if o.met != nil {
			out.Met = *o.met
		}
	}
	r.Figures = append(r.Figures, out)
}

func (r *result) verdict() string {
	switch {
	case r.Error != "":
		return "FAILED"
	case r.Skipped != "":
		return "skipped"
	case r.Met:
		return "met"
	}
	return "MISSED"
}

func (r *result) shown() string {
	if r.Ratio == nil {
		return "-"
	}
	return fmt.Sprintf("%.3g", *r.Ratio)
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s, %d CPUs, %s, SQLite %s, fdatasync %.3f ms, %d pairs, %.0f s\n\n", r.System.OS, r.System.CPUs, r.System.Go, r.System.SQLite,
		r.System.FsyncMS, r.Pairs, time.Since(r.start).Seconds())
	for i := range r.Figures {
		f := &r.Figures[i]
		sign := "≥"
		if f.AtMost {
			sign = "≤"
		}
		fmt.Fprintf(w, "%-18s %7s  %s %-5g %-8s %5.1f s  %s\n", f.Name, f.shown(), sign, f.Target, f.verdict(), f.Seconds, f.What)
	}
	fmt.Fprintln(w)
	for i := range r.Figures {
		f := &r.Figures[i]
		detail := f.Detail
		switch {
		case f.Error != "":
			detail = "error: " + f.Error
		case f.Skipped != "":
			detail = "skipped: " + f.Skipped
		}
		fmt.Fprintf(w, "%s ratio=%s %s\n", f.Name, f.shown(), detail)
	}
}

// write keeps the last results of each kind.
func (r *report) write(root string) error {
	name := "bench.json"
	if r.Quick {
		name = "quick.json"
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(root, "bench", "results", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}
