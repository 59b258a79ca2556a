package abi

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// Every SQLite value comes back bit for bit after a trip in both directions.
func TestCellsRoundTrip(t *testing.T) {
	values := []any{
		nil, int64(0), int64(-1), int64(MaxExactInteger), int64(MaxExactInteger + 1), int64(math.MinInt64), int64(math.MaxInt64),
		0.0, math.Copysign(0, -1), 1.0, 0.1, 1e21, 1e-7, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), 123456789.0,
		"", "text", "a\x00b", "ä\u2028😀", "\xff\xfe", "\"\\\n\t\x01", []byte{}, []byte{0, 255}, []byte("blob"),
	}
	for _, value := range values {
		text := AppendCell([]byte("["), value)
		text = append(text, ']')
		if !json.Valid(text) {
			t.Fatalf("%v: invalid JSON %s", value, text)
		}
		got, _, err := DecodeParams(text, nil)
		if err != nil || len(got) != 1 || !sameValue(got[0], value) {
			t.Errorf("%#v travels as %s and comes back as %#v, %v", value, text, got, err)
		}
	}
}

func sameValue(a, b any) bool {
	x, isReal := a.(float64)
	y, areBoth := b.(float64)
	if isReal && areBoth {
		return math.Float64bits(x) == math.Float64bits(y)
	}
	return reflect.DeepEqual(a, b)
}

func TestCellTexts(t *testing.T) {
	for want, value := range map[string]any{
		`9007199254740991`: int64(MaxExactInteger), `{"int":"9007199254740992"}`: int64(MaxExactInteger + 1),
		`{"real":"1.0"}`: 1.0, `{"real":"-0.0"}`: math.Copysign(0, -1), `{"real":"1.0e+21"}`: 1e21, `{"real":"1.5e-09"}`: 1.5e-9,
		`{"real":"Infinity"}`: math.Inf(1), `{"real":"-Infinity"}`: math.Inf(-1), `{"blob":""}`: []byte{}, `{"text":"/w=="}`: "\xff",
	} {
		if got := string(AppendCell(nil, value)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDecodeParams(t *testing.T) {
	blobs := [][]byte{[]byte("zero"), {}}
	got, named, err := DecodeParams(json.RawMessage(`[true,false,1.5,-0.0,1e2,{"real":"NaN"},{"blob_index":0},{"blob_index":1}]`), blobs)
	want := []any{int64(1), int64(0), 1.5, math.Copysign(0, -1), 100.0, nil, []byte("zero"), []byte{}}
	if err != nil || named != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %#v %v %v", got, named, err)
	}
	blobs[0][0] = 'X'
	if !bytes.Equal(got[6].([]byte), []byte("zero")) {
		t.Fatal("a blob is not a copy")
	}
	_, named, err = DecodeParams(json.RawMessage(`{"a":1,":b":"x"}`), nil)
	if err != nil || !reflect.DeepEqual(named, map[string]any{"a": int64(1), ":b": "x"}) {
		t.Fatalf("got %#v %v", named, err)
	}
	for _, bad := range []string{
		`1`, `"x"`, `[[]]`, `[{}]`, `[{"a":1}]`, `[{"int":1}]`, `[{"int":"1.5"}]`, `[{"int":"9223372036854775808"}]`, `[{"int":"1","real":"1"}]`,
		`[9007199254740992]`, `[1e999]`, `[{"real":"x"}]`, `[{"real":""}]`, `[{"real":"0x1p3"}]`, `[{"real":"1_0"}]`, `[{"real":"-"}]`,
		`[{"blob":"*"}]`, `[{"blob":"YQ"}]`, `[{"blob":"YQ=\n="}]`, `[{"blob_index":2}]`, `[{"blob_index":-1}]`, `[{"blob_index":"0"}]`,
	} {
		_, _, err := DecodeParams(json.RawMessage(bad), blobs)
		var problem *Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.Message, "params") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

func FuzzTxCells(f *testing.F) {
	f.Add([]byte(`{"op":"query","sql":"select ?","params":[1,"a",null,true,1.5,{"int":"7"},{"blob":"YQ=="},{"blob_index":0}]}`))
	f.Add([]byte(`{"op":"execute","sql":"x","params":{"a":{"real":"-0.0"},"b":{"text":"/w=="}},"home":3}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r TxRequest
		if Decode(text, &r) != nil {
			return
		}
		positional, named, err := DecodeParams(r.Params, [][]byte{[]byte("b")})
		if err != nil {
			var problem *Problem
			if !errors.As(err, &problem) {
				t.Fatalf("not a problem: %v", err)
			}
			return
		}
		for _, value := range named {
			positional = append(positional, value)
		}
		reply := AppendQueryReply(nil, []string{"c"}, [][]any{positional})
		if !json.Valid(reply) {
			t.Fatalf("invalid reply %s", reply)
		}
		for _, value := range positional {
			again, _, err := DecodeParams(append(AppendCell([]byte("["), value), ']'), nil)
			if err != nil || !sameValue(again[0], value) {
				t.Fatalf("%#v comes back as %#v, %v", value, again, err)
			}
		}
	})
}
