// Command record makes the recorded fixtures again:
//
//	go run ./conformance/record plan > plan.json
//	node conformance/record/node/sign.mjs plan.json > signed.json
//	go run ./conformance/record write signed.json
//
// plan lists what is to be signed; sign.mjs lets the providers' own libraries,
// in pinned versions, sign it; write compares their signatures with ours,
// stops at a difference, and writes the fixtures and sequences. record.sh does
// all three in a throw-away directory and runs the libraries' verifiers over
// the result.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// planned is one request to be signed by an official library.
type planned struct {
	Key      string         `json:"key"`
	Provider string         `json:"provider"`
	Secret   string         `json:"secret"`
	Options  map[string]any `json:"options"`
	URL      string         `json:"url"`
	Method   string         `json:"method"`
	ID       string         `json:"id"`
	Kind     string         `json:"kind"`
	At       int64          `json:"at"`
	Header   string         `json:"header"`
	Body     string         `json:"body"`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "plan" {
		os.Stdout.Write(indented(plan()))
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "write" {
		if err := write(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	fmt.Fprintln(os.Stderr, "usage: record plan | record write signed.json")
	os.Exit(2)
}

func plan() []planned {
	var list []planned
	for _, s := range all() {
		for i, e := range s.events {
			list = append(list, planned{s.key(i), s.provider, s.secret, s.options, s.url, "POST", e.id, e.kind, start.Unix(), s.header, e.body})
		}
	}
	return list
}

// key names one event of a spec; a provider can have several specs.
func (s *spec) key(event int) string {
	mode, _ := s.options["mode"].(string)
	return fmt.Sprintf("%s/%s/%d", s.provider, mode, event+1)
}

// signature is what an official library made of a planned request.
type signature struct {
	Library string            `json:"library"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

func write(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var signed map[string]signature
	if err := json.Unmarshal(raw, &signed); err != nil {
		return err
	}
	cases, sequences := map[string][]recorded{}, map[string][]sequence{}
	for _, s := range all() {
		made := s.cases()
		for i, e := range s.events {
			official, ok := signed[s.key(i)]
			if !ok {
				continue
			}
			ours := s.sign(e, e.body, s.secret, start)
			if err := compare(s.key(i), official, ours.Headers, string(ours.Body)); err != nil {
				return err
			}
			made[i].Expected["signed_by"] = official.Library
		}
		cases[s.provider] = append(cases[s.provider], made...)
		sequences[s.provider] = append(sequences[s.provider], s.sequences()...)
	}
	for provider, more := range handshakes() {
		cases[provider] = append(cases[provider], more...)
	}
	for provider := range cases {
		if err := save(filepath.Join("conformance", "fixtures", provider, "recorded.json"), cases[provider]); err != nil {
			return err
		}
		if err := save(filepath.Join("conformance", "sequences", provider+".json"), sequences[provider]); err != nil {
			return err
		}
	}
	fmt.Printf("%d providers, %d events signed by an official library\n", len(cases), len(signed))
	return nil
}

// compare demands that the official library and our signer agree.
func compare(key string, official signature, headers map[string]string, body string) error {
	for name, value := range official.Headers {
		found := ""
		for ours, text := range headers {
			if strings.EqualFold(ours, name) {
				found = text
			}
		}
		if found != value {
			return fmt.Errorf("%s: %s signs %s %q, the signer %q", key, official.Library, name, value, found)
		}
	}
	if official.Body != "" && official.Body != body {
		return fmt.Errorf("%s: %s makes the body %q, the signer %q", key, official.Library, official.Body, body)
	}
	return nil
}

func save(path string, value any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, indented(value), 0o644)
}
