package abi

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// A request that is not exactly one JSON object never reaches a method.
func TestScanRefusesWhatIsNotOneObject(t *testing.T) {
	for _, text := range []string{
		" ", "null", "[]", `"x"`, "1", "{", "}", "{}x", "{} {}", "{}\x00", `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`,
		`{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`, `{"a":+1}`, `{"a":.5}`, `{"a":tru}`, `{"a":NaN}`,
		`{"a":"\x"}`, `{"a":"\u12g4"}`, "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}", `{"a":"`, `{"a":[1,]}`, `{"a":[1 2]}`,
		`{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}",
	} {
		if err := scanObject([]byte(text), nil); err == nil {
			t.Errorf("accepted %.40q", text)
		}
	}
	for _, text := range []string{"", "{}", " {\t\"a\" : [ 1 , -0.5e+3 , { } , [ ] ] , \"b\":null}\r\n", `{"\u0061":"\ud83d\ude00"}`} {
		if err := scanObject([]byte(text), nil); err != nil {
			t.Errorf("refused %q: %v", text, err)
		}
	}
}

// A stack overflow can't be recovered from: deep nesting has to be refused.
func TestScanBoundsNesting(t *testing.T) {
	deep := []byte(`{"a":` + strings.Repeat("[", 50<<20))
	if err := scanObject(deep, nil); err == nil || !strings.Contains(err.Error(), "deeper") {
		t.Fatalf("got %v", err)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"{}", `{"a":[1,2,{"b":"\u00e4"}],"c":-1.5e3}`, `{"a":1}x`, "{\"\xff\":1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 {
			return
		}
		members := map[string]string{}
		err := scanObject(text, func(name string, value []byte) error {
			members[name] = string(value)
			return nil
		})
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(text, &want)
		accepted := wantErr == nil && want != nil && utf8.Valid(text)
		if strings.Count(string(text), "[")+strings.Count(string(text), "{") > maxDepth {
			return // only the depths differ
		}
		if (err == nil) != accepted {
			t.Fatalf("scan says %v, encoding/json says %v: %q", err, wantErr, text)
		}
		if err != nil {
			return
		}
		if len(members) != len(want) {
			t.Fatalf("%d members, want %d", len(members), len(want))
		}
		for name, value := range want {
			if members[name] != string(value) {
				t.Fatalf("%q: got %q, want %q", name, members[name], value)
			}
		}
	})
}
