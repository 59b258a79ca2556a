package main_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// What people read keeps its form.
func TestTables(t *testing.T) {
	s := filled(t)
	for name, args := range map[string][]string{
		"list":            {"list"},
		"list-dead":       {"list", "--status", "dead", "--endpoint", "orders", "--type", "order.*"},
		"list-deliveries": {"list", "deliveries"},
		"list-endpoints":  {"list", "endpoints"},
		"show":            {"show", "2"},
		"show-nasty":      {"show", "4"},
		"show-delivery":   {"show", "--delivery", "4"},
		"stats":           {"stats"},
		"tail":            {"tail", "--no-follow"},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, works(t, append([]string{"--db", s.file}, args...)...))
		})
	}
}

// What programs read keeps its shape.
func TestJSON(t *testing.T) {
	s := filled(t)
	for name, args := range map[string][]string{
		"list":            {"list"},
		"list-deliveries": {"list", "deliveries", "--bodies"},
		"list-endpoints":  {"list", "endpoints"},
		"show":            {"show", "2"},
		"stats":           {"stats"},
		"tail":            {"tail", "--no-follow", "-n", "2"},
		"export":          {"export"},
	} {
		t.Run(name, func(t *testing.T) {
			out := works(t, append([]string{"--db", s.file, "--json"}, args...)...)
			for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
				if !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
			}
			golden(t, name+"-json", out)
		})
	}
}

// A list goes on at its cursor, and --limit may be more than a page.
func TestCursor(t *testing.T) {
	s := newShop(t)
	for range 5 {
		s.receive(t, "orders", "s3cret", "", "{}")
	}
	type page struct {
		Events []struct{ ID int64 }
		Cursor *string
	}
	read := func(args ...string) (p page) {
		t.Helper()
		if err := json.Unmarshal([]byte(works(t, append([]string{"--db", s.file, "--json", "list"}, args...)...)), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := read("-n", "3")
	if len(first.Events) != 3 || first.Cursor == nil || first.Events[0].ID != 5 {
		t.Fatal(first)
	}
	second := read("-n", "3", "--cursor", *first.Cursor)
	if len(second.Events) != 2 || second.Cursor != nil || second.Events[0].ID != 2 {
		t.Fatal(second)
	}
	if all := read("-n", "5000"); len(all.Events) != 5 {
		t.Error(all)
	}
	if people := knocker(t, "--db", s.file, "list", "-n", "3"); !strings.Contains(people.err, "--cursor "+*first.Cursor) {
		t.Error(people)
	}
}

// Bytes come out of show --body and of JSON as they went in.
func TestBodies(t *testing.T) {
	s := newShop(t)
	body := "\x00\xff\x1b[31m"
	s.receive(t, "orders", "s3cret", "", body)
	if got := works(t, "--db", s.file, "show", "1", "--body"); got != body {
		t.Errorf("%q", got)
	}
	var shown struct {
		Event struct {
			Body       *string
			BodyBase64 string `json:"body_base64"`
		}
	}
	if err := json.Unmarshal([]byte(works(t, "--db", s.file, "--json", "show", "1")), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Event.Body != nil || shown.Event.BodyBase64 != base64.StdEncoding.EncodeToString([]byte(body)) {
		t.Error(shown)
	}
}

// The flags that take a time take it in each of its forms.
func TestTimes(t *testing.T) {
	s := newShop(t)
	s.receive(t, "orders", "s3cret", "", "{}") // at 2026-01-01 00:00:01
	for since, found := range map[string]bool{
		"2026-01-01": true, "2026-01-01 00:00:01": true, "2026-01-01T00:00:01Z": true, "2026-01-01T01:00:02+01:00": false,
		"1767225601": true, "1767225602": false, "1s": false, "10000d": true,
	} {
		out := works(t, "--db", s.file, "--json", "list", "--since", since)
		if strings.Contains(out, `"id":1`) != found {
			t.Error(since, out)
		}
	}
	fails(t, 2, "is not a time", "--db", s.file, "list", "--since", "yesterday")
}
