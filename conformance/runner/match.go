package runner

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// match compares a value with what is expected of it and describes the first
// differences, each with its path.
func match(path string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		if name, rule := matcherOf(want); name != "" {
			return matchRule(path, name, rule, got)
		}
		fields, ok := got.(map[string]any)
		if !ok {
			return []string{differ(path, want, got)}
		}
		var differences []string
		for _, name := range sortedKeys(want) {
			value, present := fields[name]
			if rule, _ := matcherOf2(want[name]); !present && rule != "$absent" {
				differences = append(differences, fmt.Sprintf("%s has no field %q", at(path), name))
				continue
			}
			differences = append(differences, match(join(path, name), want[name], value)...)
		}
		return differences
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return []string{differ(path, want, got)}
		}
		var differences []string
		for i := range want {
			differences = append(differences, match(fmt.Sprintf("%s[%d]", path, i), want[i], list[i])...)
		}
		return differences
	}
	if !same(want, got) {
		return []string{differ(path, want, got)}
	}
	return nil
}

// matcherOf returns the rule of an object whose only key is one.
func matcherOf(object map[string]any) (name string, rule any) {
	if len(object) != 1 {
		return "", nil
	}
	for key, value := range object {
		if slices.Contains(matchers, key) {
			return key, value
		}
	}
	return "", nil
}

func matcherOf2(value any) (name string, rule any) {
	if object, ok := value.(map[string]any); ok {
		return matcherOf(object)
	}
	return "", nil
}

var matchers = []string{"$type", "$one_of", "$contains", "$between", "$length", "$utf8", "$sha256", "$absent"}

func matchRule(path, name string, rule, got any) []string {
	fits := false
	switch name {
	case "$type":
		fits = slices.Contains(listOf(rule), any(typeOf(got))) || typeOf(got) == "integer" && slices.Contains(listOf(rule), any("number"))
	case "$one_of":
		fits = slices.ContainsFunc(listOf(rule), func(want any) bool { return len(match(path, want, got)) == 0 })
	case "$contains":
		text, ok := got.(string)
		fits = ok && strings.Contains(text, rule.(string))
	case "$between":
		ends := listOf(rule)
		low, high, value := float(ends[0]), float(ends[1]), float(got)
		fits = value != nil && *low <= *value && *value <= *high
	case "$length":
		length := -1
		switch value := got.(type) {
		case string:
			length = utf8.RuneCountInString(value)
		case []any:
			length = len(value)
		}
		fits = same(rule, json.Number(fmt.Sprint(length)))
	case "$utf8":
		raw, ok := bytesOf(got)
		fits = ok && string(raw) == rule.(string)
	case "$sha256":
		raw, ok := bytesOf(got)
		sum := sha256.Sum256(raw)
		fits = ok && hex.EncodeToString(sum[:]) == rule.(string)
	case "$absent":
		switch value := got.(type) {
		case nil:
			fits = true
		case string:
			fits = value == ""
		case []any:
			fits = len(value) == 0
		}
	}
	if !fits {
		return []string{differ(path, map[string]any{name: rule}, got)}
	}
	return nil
}

func typeOf(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "text"
	case json.Number:
		if strings.ContainsAny(value.String(), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "list"
	}
	return "object"
}

// same compares two values that hold no lists or objects.
func same(want, got any) bool {
	if a, b := float(want), float(got); a != nil && b != nil {
		return *a == *b
	}
	switch got.(type) {
	case map[string]any, []any:
		return false
	}
	return want == got
}

func float(value any) *float64 {
	number, ok := value.(json.Number)
	if !ok {
		return nil
	}
	f, err := number.Float64()
	if err != nil {
		return nil
	}
	return &f
}

func bytesOf(value any) ([]byte, bool) {
	text, ok := value.(string)
	if !ok {
		return nil, false
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil
}

func listOf(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	return []any{value}
}

func differ(path string, want, got any) string {
	return fmt.Sprintf("%s: expected %s, got %s", at(path), shown(want), shown(got))
}

func at(path string) string {
	if path == "" {
		return "the result"
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// shown is a value as JSON, cut to a readable length.
func shown(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	if len(raw) > 600 {
		return string(raw[:600]) + "…"
	}
	return string(raw)
}

func sortedKeys(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
