package runner

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options choose what is run.
type Options struct {
	Folder  string // the folder conformance/
	Name    string // of the binding
	Results string // file for the results; empty: none
	Only    string // part of the ids to run; empty: all
	Verbose bool
}

// Flags registers the options that every runner takes.
func Flags(set *flag.FlagSet, o *Options) {
	set.StringVar(&o.Results, "results", "", "write the results to this file")
	set.StringVar(&o.Only, "only", "", "run what has this in its id")
	set.BoolVar(&o.Verbose, "verbose", false, "print each step and its reply")
}

// Result is what became of a fixture, a sequence or a scenario.
type Result struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	Difference string `json:"difference,omitempty"`
}

// Run runs the suite, prints what fails and the summary, and reports whether
// everything passed.
func Run(binding Binding, o Options) (bool, error) {
	s := &suite{binding: binding, options: o}
	for _, part := range []func() error{s.fixtures, s.sequences, s.scenarios} {
		if err := part(); err != nil {
			return false, err
		}
	}
	failed := 0
	for _, result := range s.results {
		if result.Status != "passed" {
			failed++
		}
	}
	if o.Results != "" {
		raw, err := json.MarshalIndent(map[string]any{"binding": o.Name, "results": s.results}, "", " ")
		if err == nil {
			err = os.WriteFile(o.Results, append(raw, '\n'), 0o600)
		}
		if err != nil {
			return false, err
		}
	}
	fmt.Printf("%d passed, %d failed\n", len(s.results)-failed, failed)
	return failed == 0 && len(s.results) > 0, nil
}

type suite struct {
	binding Binding
	options Options
	results []Result
}

// wanted reports whether an id is to be run.
func (s *suite) wanted(id string) bool { return strings.Contains(id, s.options.Only) }

// took notes the result of one id.
func (s *suite) took(id string, differences []string) {
	result := Result{ID: id, Status: "passed"}
	if len(differences) > 0 {
		result.Status, result.Difference = "failed", strings.Join(differences, "; ")
		fmt.Printf("FAIL %s: %s\n", id, result.Difference)
	}
	s.results = append(s.results, result)
}

// documents reads the JSON lists that match a pattern below the suite's folder,
// in order of their names.
func (s *suite) documents(pattern string, each func(file string, index int, item map[string]any) error) error {
	files, err := filepath.Glob(filepath.Join(s.options.Folder, pattern))
	if err != nil {
		return err
	}
	slices.Sort(files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		document, err := Decode(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for index, item := range listOf(document) {
			object, ok := item.(map[string]any)
			if !ok {
				return fmt.Errorf("%s: item %d is no object", file, index)
			}
			if err := each(file, index, object); err != nil {
				return err
			}
		}
	}
	return nil
}

func stem(file string) string { return strings.TrimSuffix(filepath.Base(file), ".json") }
