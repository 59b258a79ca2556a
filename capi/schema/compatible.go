package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Field is what a caller relies on of one field.
type Field struct {
	Types    []string           `json:"types"`              // empty: any
	Required bool               `json:"required,omitempty"` // of a request: must be there; of a reply: always is
	Limits   map[string]float64 `json:"limits,omitempty"`
}

// Shape is a request or a reply, field by field; nested ones by their path,
// such as "events[].id".
type Shape map[string]Field

// Shapes are the request and the reply of a method.
type Shapes struct {
	Request Shape `json:"request"`
	Reply   Shape `json:"reply"`
}

// ShapesOf reads a document.
func ShapesOf(document []byte) (out Shapes, err error) {
	var read struct {
		Defs struct{ Request, Reply map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(document, &read); err != nil {
		return out, err
	}
	out = Shapes{Shape{}, Shape{}}
	out.Request.read("", read.Defs.Request)
	out.Reply.read("", read.Defs.Reply)
	return out, nil
}

func (s Shape) read(path string, schema map[string]any) {
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range properties {
		field, _ := value.(map[string]any)
		s[path+name] = Field{Types: typesOf(field), Required: slices.Contains(required, any(name)), Limits: limitsOf(field)}
		s.read(path+name+".", field)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		s.read(strings.TrimSuffix(path, ".")+"[].", items)
	}
	if values, ok := schema["additionalProperties"].(map[string]any); ok {
		s.read(strings.TrimSuffix(path, ".")+"{}.", values)
	}
}

// typesOf lists what a schema allows, with the items of a list: "array of
// string".
func typesOf(schema map[string]any) (types []string) {
	switch kinds := schema["type"].(type) {
	case string:
		types = []string{kinds}
	case []any:
		for _, kind := range kinds {
			types = append(types, kind.(string))
		}
	}
	if choices, ok := schema["anyOf"].([]any); ok {
		for _, choice := range choices {
			types = append(types, typesOf(choice.(map[string]any))...)
		}
	}
	for suffix, key := range map[string]string{"array": "items", "object": "additionalProperties"} {
		if inner, ok := schema[key].(map[string]any); ok {
			if at := slices.Index(types, suffix); at >= 0 && len(typesOf(inner)) > 0 {
				types[at] = suffix + " of " + strings.Join(typesOf(inner), " or ")
			}
		}
	}
	sort.Strings(types)
	return types
}

func limitsOf(schema map[string]any) (limits map[string]float64) {
	for _, word := range []string{"minimum", "exclusiveMinimum", "maximum"} {
		if value, ok := schema[word].(float64); ok {
			if limits == nil {
				limits = map[string]float64{}
			}
			limits[word] = value
		}
	}
	return limits
}

// narrower reports whether limits refuse what others took.
func narrower(after, before map[string]float64) bool {
	for word, limit := range after {
		was, had := before[word]
		if !had || word == "maximum" && limit < was || word != "maximum" && limit > was {
			return true
		}
	}
	return false
}

// Compare says what of a released method would break its callers, and what is
// new. A request may allow more and demand less; a reply may say more, and
// nothing that is there may change.
func Compare(released, now Shapes) (broken, added []string) {
	for _, path := range sorted(released.Request) {
		before, after := released.Request[path], now.Request[path]
		switch _, there := now.Request[path]; {
		case !there:
			broken = append(broken, "the request has lost "+path)
		case after.Required && !before.Required:
			broken = append(broken, path+" of the request must be given now")
		case len(after.Types) > 0 && (len(before.Types) == 0 || !containsAll(after.Types, before.Types)):
			broken = append(broken, fmt.Sprintf("%s of the request was %v and is %v", path, before.Types, after.Types))
		case narrower(after.Limits, before.Limits):
			broken = append(broken, fmt.Sprintf("%s of the request has narrower limits: %v", path, after.Limits))
		}
	}
	for _, path := range sorted(released.Reply) {
		before, after := released.Reply[path], now.Reply[path]
		switch _, there := now.Reply[path]; {
		case !there:
			broken = append(broken, "the reply has lost "+path)
		case len(before.Types) > 0 && (len(after.Types) == 0 || !containsAll(before.Types, after.Types)):
			broken = append(broken, fmt.Sprintf("%s of the reply was %v and is %v", path, before.Types, after.Types))
		case before.Required && !after.Required:
			broken = append(broken, path+" of the reply may be left out now")
		}
	}
	for _, path := range sorted(now.Request) {
		if _, known := released.Request[path]; known {
			continue
		}
		if now.Request[path].Required && !strings.ContainsAny(path, ".[{") {
			broken = append(broken, "the request demands "+path+", which is new")
		}
		added = append(added, "the request takes "+path)
	}
	for _, path := range sorted(now.Reply) {
		if _, known := released.Reply[path]; !known {
			added = append(added, "the reply has "+path)
		}
	}
	return broken, added
}

func containsAll(all, some []string) bool {
	for _, one := range some {
		if !slices.Contains(all, one) {
			return false
		}
	}
	return true
}

func sorted(s Shape) []string {
	paths := make([]string, 0, len(s))
	for path := range s {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	return paths
}
