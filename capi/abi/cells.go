package abi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendCell appends one SQLite value: nil, int64, float64, string or []byte.
func AppendCell(out []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(out, "null"...)
	case int64:
		if v <= MaxExactInteger && v >= -MaxExactInteger {
			return AppendInteger(out, v)
		}
		out = append(out, `{"int":"`...)
		out = AppendInteger(out, v)
	case float64:
		out = append(out, `{"real":"`...)
		out = appendReal(out, v)
	case string:
		if utf8.ValidString(v) {
			return AppendText(out, v)
		}
		out = append(out, `{"text":"`...)
		out = base64.StdEncoding.AppendEncode(out, []byte(v))
	case []byte:
		out = append(out, `{"blob":"`...)
		out = base64.StdEncoding.AppendEncode(out, v)
	default:
		panic(fmt.Sprintf("abi: a row holds a %T", value))
	}
	return append(out, '"', '}')
}

// appendReal appends the shortest text that reads back as f. It always has a
// fraction ("1.0", "1.0e+21"), because some languages read a float only so.
func appendReal(out []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(out, "Infinity"...)
	case math.IsInf(f, -1):
		return append(out, "-Infinity"...)
	case math.IsNaN(f):
		return append(out, "NaN"...)
	}
	start := len(out)
	out = strconv.AppendFloat(out, f, 'g', -1, 64)
	digits := out[start:]
	if bytes.IndexByte(digits, '.') >= 0 {
		return out
	}
	exponent := bytes.IndexByte(digits, 'e')
	if exponent < 0 {
		return append(out, ".0"...)
	}
	tail := string(digits[exponent:])
	out = append(out[:start+exponent], ".0"...)
	return append(out, tail...)
}

// DecodeParams reads SQL parameters: a list is positional, an object is by
// name. Blobs that travel beside the request are copied.
func DecodeParams(params json.RawMessage, blobs [][]byte) (positional []any, named map[string]any, err error) {
	if len(params) == 0 {
		return nil, nil, nil
	}
	switch params[0] {
	case '[':
		_, err = scanElements(params, 0, 0, func(value []byte) error {
			cell, err := decodeCell(value, blobs, "params["+strconv.Itoa(len(positional))+"]")
			positional = append(positional, cell)
			return err
		})
	case '{':
		named = map[string]any{}
		_, err = scanMembers(params, 0, 0, func(name string, value []byte) error {
			cell, err := decodeCell(value, blobs, "params."+name)
			named[name] = cell
			return err
		})
	default:
		err = wrongType("params", "a list or an object", params)
	}
	if err != nil {
		return nil, nil, err
	}
	return positional, named, nil
}

func decodeCell(value []byte, blobs [][]byte, name string) (any, error) {
	switch value[0] {
	case 'n':
		return nil, nil
	case 't':
		return int64(1), nil
	case 'f':
		return int64(0), nil
	case '"':
		return unquote(value), nil
	case '{':
		return decodeTagged(value, blobs, name)
	case '[':
		return nil, wrongType(name, "a single value", value)
	}
	if bytes.ContainsAny(value, ".eE") {
		return parseReal(string(value), name)
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n > MaxExactInteger || n < -MaxExactInteger {
		return nil, &Problem{Message: fmt.Sprintf(`%s is beyond ±(2^53-1): send it as {"int": "digits"}.`, name), Field: name}
	}
	return n, nil
}

// decodeTagged reads a one-key object such as {"blob": "base64"}.
func decodeTagged(value []byte, blobs [][]byte, name string) (any, error) {
	var tag string
	var inner []byte
	count := 0
	_, err := scanMembers(value, 0, 0, func(key string, v []byte) error {
		tag, inner = key, v
		count++
		return nil
	})
	if err != nil {
		return nil, err
	}
	if count != 1 {
		return nil, &Problem{Message: name + " must be an object with exactly one key: int, real, blob, text or blob_index.", Field: name}
	}
	if tag == "blob_index" {
		return blobAt(inner, blobs, name)
	}
	if inner[0] != '"' {
		return nil, wrongType(name+"."+tag, "text", inner)
	}
	text := unquote(inner)
	switch tag {
	case "int":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, &Problem{Message: name + ".int must be a whole number of 64 bits in decimal digits.", Field: name}
		}
		return n, nil
	case "real":
		return parseReal(text, name)
	case "blob":
		return decodeBase64(text, name)
	case "text":
		raw, err := decodeBase64(text, name)
		return string(raw), err
	}
	return nil, &Problem{Message: fmt.Sprintf("%s has the unknown type %q: use int, real, blob, text or blob_index.", name, tag), Field: name}
}

func decodeBase64(text, name string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, &Problem{Message: name + " is not standard base64 with padding.", Field: name}
	}
	return raw, nil
}

func blobAt(index []byte, blobs [][]byte, name string) (any, error) {
	i, err := strconv.Atoi(string(index))
	if err != nil || i < 0 || i >= len(blobs) {
		return nil, &Problem{Message: fmt.Sprintf("%s.blob_index must be 0 to %d: the call brought %d blobs.", name, len(blobs)-1, len(blobs)), Field: name}
	}
	return append(make([]byte, 0, len(blobs[i])), blobs[i]...), nil
}

// parseReal reads a double. NaN becomes NULL, as SQLite itself would store it.
func parseReal(text, name string) (any, error) {
	switch text {
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	case "NaN":
		return nil, nil
	}
	if end, err := skipReal(text); err != nil || end != len(text) {
		return nil, &Problem{Message: name + ": " + "a real is a decimal number, Infinity, -Infinity or NaN.", Field: name}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, &Problem{Message: name + " is beyond what a double can hold.", Field: name}
	}
	return f, nil
}

func skipReal(text string) (int, error) {
	if text == "" {
		return 0, &Problem{}
	}
	return skipNumber([]byte(text), 0)
}
