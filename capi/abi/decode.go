package abi

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Decode reads a request into the struct that target points to. Field names
// come from json tags. Further tags: `required:"true"`, `min:"1"`,
// `above:"0"` and `max:"1000"` for numbers. Unknown, doubled and wrongly typed
// fields are a *Problem; null is the same as leaving the field out.
//
// Fields of type json.RawMessage are slices of text, not copies.
func Decode(text []byte, target any) error {
	return decodeStruct(text, reflect.ValueOf(target).Elem(), "")
}

type fieldPlan struct {
	name     string
	index    []int
	required bool
	min      float64
	above    float64
	max      float64
}

type structPlan struct {
	fields []fieldPlan
	byName map[string]int
}

var plans sync.Map // reflect.Type -> *structPlan

func planOf(t reflect.Type) *structPlan {
	if cached, ok := plans.Load(t); ok {
		return cached.(*structPlan)
	}
	plan := &structPlan{byName: map[string]int{}}
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			plan.add(f)
		}
	}
	cached, _ := plans.LoadOrStore(t, plan)
	return cached.(*structPlan)
}

func (p *structPlan) add(f reflect.StructField) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	p.byName[name] = len(p.fields)
	p.fields = append(p.fields, fieldPlan{
		name: name, index: f.Index,
		required: f.Tag.Get("required") == "true",
		min:      bound(f.Tag, "min", math.Inf(-1)),
		above:    bound(f.Tag, "above", math.Inf(-1)),
		max:      bound(f.Tag, "max", math.Inf(1)),
	})
}

func bound(tag reflect.StructTag, name string, otherwise float64) float64 {
	text, ok := tag.Lookup(name)
	if !ok {
		return otherwise
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic("abi: tag " + name + " is not a number: " + text)
	}
	return value
}

func decodeStruct(text []byte, into reflect.Value, prefix string) error {
	plan := planOf(into.Type())
	var seen uint64
	err := scanObject(text, func(name string, value []byte) error {
		i, ok := plan.byName[name]
		if !ok {
			return plan.unknown(prefix, name)
		}
		if seen&(1<<i) != 0 {
			return &Problem{Message: fmt.Sprintf("Field %q is given twice.", prefix+name), Field: prefix + name}
		}
		seen |= 1 << i
		if isNull(value) {
			seen &^= 1 << i
			return nil
		}
		f := &plan.fields[i]
		return f.decode(value, into.FieldByIndex(f.index), prefix+name)
	})
	if err != nil {
		return err
	}
	for i, f := range plan.fields {
		if f.required && seen&(1<<i) == 0 {
			return &Problem{Message: fmt.Sprintf("Field %q is missing.", prefix+f.name), Field: prefix + f.name}
		}
	}
	return nil
}

func (p *structPlan) unknown(prefix, name string) error {
	names := make([]string, len(p.fields))
	for i, f := range p.fields {
		names[i] = f.name
	}
	problem := &Problem{Message: fmt.Sprintf("Unknown field %q.", prefix+name), Field: prefix + name}
	if guess := Closest(name, names); guess != "" {
		problem.Suggestion = guess
		problem.Message += fmt.Sprintf(" Did you mean %q?", guess)
	}
	return problem
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

func (f *fieldPlan) decode(value []byte, into reflect.Value, name string) error {
	if into.Type() == rawMessage {
		into.SetBytes(value)
		return nil
	}
	switch into.Kind() {
	case reflect.Pointer:
		target := reflect.New(into.Type().Elem())
		if err := f.decode(value, target.Elem(), name); err != nil {
			return err
		}
		into.Set(target)
		return nil
	case reflect.String:
		if value[0] != '"' {
			return wrongType(name, "text", value)
		}
		into.SetString(unquote(value))
		return nil
	case reflect.Bool:
		if value[0] != 't' && value[0] != 'f' {
			return wrongType(name, "true or false", value)
		}
		into.SetBool(value[0] == 't')
		return nil
	case reflect.Int, reflect.Int64:
		n, err := f.integer(value, name)
		into.SetInt(n)
		return err
	case reflect.Uint64:
		n, err := f.integer(value, name)
		into.SetUint(uint64(n))
		return err
	case reflect.Float64:
		n, err := f.number(value, name)
		into.SetFloat(n)
		return err
	case reflect.Slice:
		return f.decodeList(value, into, name)
	case reflect.Map:
		return decodeMap(value, into, name)
	case reflect.Struct:
		if value[0] != '{' {
			return wrongType(name, "an object", value)
		}
		return decodeStruct(value, into, name+".")
	}
	panic("abi: no decoder for " + into.Type().String())
}

func (f *fieldPlan) integer(value []byte, name string) (int64, error) {
	if value[0] != '-' && !isDigit(value[0]) {
		return 0, wrongType(name, "a whole number", value)
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n > MaxExactInteger || n < -MaxExactInteger {
		return 0, wrongType(name, "a whole number within ±(2^53-1)", value)
	}
	return n, f.check(float64(n), name)
}

func (f *fieldPlan) number(value []byte, name string) (float64, error) {
	if value[0] != '-' && !isDigit(value[0]) {
		return 0, wrongType(name, "a number", value)
	}
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return 0, wrongType(name, "a number that a double can hold", value)
	}
	return n, f.check(n, name)
}

func (f *fieldPlan) check(n float64, name string) error {
	var rule string
	switch {
	case n < f.min:
		rule = fmt.Sprintf("at least %v", f.min)
	case n <= f.above:
		rule = fmt.Sprintf("above %v", f.above)
	case n > f.max:
		rule = "at most " + strconv.FormatFloat(f.max, 'f', -1, 64)
	default:
		return nil
	}
	return &Problem{Message: fmt.Sprintf("Field %q must be %s.", name, rule), Field: name}
}

// decodeList reads a list of text, and for Texts and Integers also a single
// value in the place of a list of one.
func (f *fieldPlan) decodeList(value []byte, into reflect.Value, name string) error {
	switch into.Type() {
	case reflect.TypeFor[Integers]():
		return f.decodeIntegers(value, into, name)
	case reflect.TypeFor[Texts]():
		if value[0] == '"' {
			into.Set(reflect.ValueOf(Texts{unquote(value)}))
			return nil
		}
		if value[0] != '[' {
			return wrongType(name, "text or a list of text", value)
		}
	}
	return decodeTexts(value, into, name)
}

func (f *fieldPlan) decodeIntegers(value []byte, into reflect.Value, name string) error {
	numbers := Integers{}
	element := func(text []byte) error {
		n, err := f.integer(text, name)
		numbers = append(numbers, n)
		return err
	}
	var err error
	switch {
	case value[0] == '[':
		_, err = scanElements(value, 0, 0, element)
	case value[0] == '-' || isDigit(value[0]):
		err = element(value)
	default:
		err = wrongType(name, "a whole number or a list of them", value)
	}
	into.Set(reflect.ValueOf(numbers))
	return err
}

func decodeTexts(value []byte, into reflect.Value, name string) error {
	if value[0] != '[' {
		return wrongType(name, "a list of text", value)
	}
	texts := []string{}
	_, err := scanElements(value, 0, 0, func(element []byte) error {
		if element[0] != '"' {
			return wrongType(fmt.Sprintf("%s[%d]", name, len(texts)), "text", element)
		}
		texts = append(texts, unquote(element))
		return nil
	})
	into.Set(reflect.ValueOf(texts).Convert(into.Type()))
	return err
}

// decodeMap reads a free-form object; whole numbers stay whole.
func decodeMap(value []byte, into reflect.Value, name string) error {
	if value[0] != '{' {
		return wrongType(name, "an object", value)
	}
	var m map[string]any
	if err := json.Unmarshal(value, &m); err != nil {
		return &Problem{Message: fmt.Sprintf("Field %q: %v.", name, err), Field: name}
	}
	into.Set(reflect.ValueOf(m))
	return nil
}

func isNull(value []byte) bool { return value[0] == 'n' }

func wrongType(name, expected string, got []byte) error {
	return &Problem{Message: fmt.Sprintf("Field %q must be %s, not %s.", name, expected, describe(got)), Field: name}
}

// describe names a value's type. It never shows a text: that may be a secret.
func describe(value []byte) string {
	switch value[0] {
	case '"':
		return "text"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return string(value)
	case 'n':
		return "null"
	}
	if len(value) > 40 {
		return "a number of that many digits"
	}
	return string(value)
}
