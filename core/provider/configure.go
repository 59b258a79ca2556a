package provider

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strings"
	"time"
)

// ConfigError is what is wrong with a provider's configuration. Code is
// invalid_argument, invalid_secret or unknown_provider. The message names
// positions, never a secret.
type ConfigError struct {
	Code    string
	Message string
}

func (e *ConfigError) Error() string { return e.Message }

// The codes of a ConfigError.
const (
	CodeInvalidArgument = "invalid_argument"
	CodeInvalidSecret   = "invalid_secret"
	CodeUnknownProvider = "unknown_provider"
)

func invalidArgument(format string, args ...any) *ConfigError {
	return &ConfigError{CodeInvalidArgument, fmt.Sprintf(format, args...)}
}

// InvalidSecret says that the secret at position (counted from 1) of count
// cannot be used, and asks the question that most often finds the cause.
func InvalidSecret(position, count int, what string) *ConfigError {
	return &ConfigError{CodeInvalidSecret,
		fmt.Sprintf("secret %d of %d %s; is the environment variable set?", position, count, what)}
}

// Configure checks secrets and options for the named provider and returns its
// verifier. Several secrets are tried in order, so that one can be rotated.
// The error is always a *ConfigError.
func Configure(name string, secrets []Secret, options map[string]any) (Verifier, error) {
	definition, ok := Lookup(name)
	if !ok {
		message := fmt.Sprintf("there is no provider %q", clip(name))
		if near := Suggest(name); near != "" {
			message += fmt.Sprintf("; did you mean %q?", near)
		}
		return nil, &ConfigError{CodeUnknownProvider, message}
	}
	settings, err := definition.settings(secrets, options)
	if err != nil {
		return nil, err
	}
	verifier, err := definition.build(settings)
	if err != nil {
		return nil, err
	}
	return &configured{verifier, definition.SuccessStatus}, nil
}

// configured adds to a provider's verdicts what its definition says of all.
type configured struct {
	Verifier
	successStatus int
}

func (c *configured) Verify(r *Request) Verdict {
	verdict := c.Verifier.Verify(r)
	if verdict.Valid && verdict.SuccessStatus == 0 {
		verdict.SuccessStatus = c.successStatus
	}
	return verdict
}

// Settings are checked secrets and options, as a provider file reads them.
type Settings struct {
	Definition *Definition
	Secrets    []Secret
	values     map[string]any
}

func (d *Definition) settings(secrets []Secret, options map[string]any) (*Settings, error) {
	s := &Settings{Definition: d, Secrets: secrets, values: map[string]any{}}
	names := make([]string, 0, len(options))
	for name := range options {
		names = append(names, name)
	}
	sort.Strings(names) // the first error is the same every time
	for _, name := range names {
		if options[name] == nil {
			continue // null is "not given"
		}
		value, err := d.check(name, options[name])
		if err != nil {
			return nil, err
		}
		s.values[name] = value
	}
	if err := d.checkSecrets(secrets); err != nil {
		return nil, err
	}
	return s, nil
}

func (d *Definition) check(name string, value any) (any, error) {
	for i := range d.Options {
		if d.Options[i].Name == name {
			return d.Options[i].check(d.Name, value)
		}
	}
	known := make([]string, len(d.Options))
	for i, o := range d.Options {
		known[i] = o.Name
	}
	message := fmt.Sprintf("provider %s has no option %q", d.Name, clip(name))
	if near := nearest(name, known); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	} else {
		message += "; it knows " + strings.Join(known, ", ")
	}
	return nil, &ConfigError{CodeInvalidArgument, message}
}

// check converts a decoded JSON value to the option's Go type.
func (o *Option) check(provider string, value any) (any, error) {
	switch o.Type {
	case Text:
		if text, ok := value.(string); ok {
			return o.checkText(provider, text)
		}
	case Boolean:
		if truth, ok := value.(bool); ok {
			return truth, nil
		}
	case Integer:
		if number, ok := integerOf(value); ok {
			if number < -1 || number > math.MaxInt32 {
				return nil, invalidArgument("option %s of provider %s is out of range", o.Name, provider)
			}
			return number, nil
		}
	case Texts:
		if texts, ok := textsOf(value); ok {
			return texts, nil
		}
	case Object:
		if object, ok := value.(map[string]any); ok {
			return object, nil
		}
	}
	return nil, invalidArgument("option %s of provider %s must be of type %s", o.Name, provider, o.Type)
}

func (o *Option) checkText(provider, text string) (any, error) {
	if len(o.Allowed) == 0 {
		return text, nil
	}
	if canonical, ok := o.synonyms[text]; ok {
		return canonical, nil
	}
	for _, allowed := range o.Allowed {
		if text == allowed {
			return text, nil
		}
	}
	return nil, invalidArgument("option %s of provider %s must be one of %s", o.Name, provider, strings.Join(o.Allowed, ", "))
}

func integerOf(value any) (int64, bool) {
	switch n := value.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

func textsOf(value any) ([]string, bool) {
	switch list := value.(type) {
	case string:
		return []string{list}, true
	case []string:
		return list, true
	case []any:
		texts := make([]string, 0, len(list))
		for _, item := range list {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			texts = append(texts, text)
		}
		return texts, true
	}
	return nil, false
}

func (d *Definition) checkSecrets(secrets []Secret) error {
	if len(secrets) == 0 && d.secrets == secretRequired {
		return &ConfigError{CodeInvalidSecret,
			fmt.Sprintf("provider %s needs a secret and none was given; is the environment variable set?", d.Name)}
	}
	for i, secret := range secrets {
		if len(secret.Value) == 0 {
			return InvalidSecret(i+1, len(secrets), "is empty")
		}
		if last := secret.Value[len(secret.Value)-1]; last == '\n' || last == '\r' {
			return InvalidSecret(i+1, len(secrets), "ends with a line break, which is rarely part of a secret")
		}
		if d.key != nil {
			if err := d.key(secret.Value); err != nil {
				return InvalidSecret(i+1, len(secrets), err.Error())
			}
		}
	}
	return nil
}

// Text returns a text option, or its default, or "".
func (s *Settings) Text(name string) string {
	if value, ok := s.values[name].(string); ok {
		return value
	}
	value, _ := s.fallback(name).(string)
	return value
}

// Given reports whether the option was set.
func (s *Settings) Given(name string) bool { return s.values[name] != nil }

// Integer returns an integer option or its default.
func (s *Settings) Integer(name string) int64 {
	if value, ok := s.values[name].(int64); ok {
		return value
	}
	value, _ := integerOf(s.fallback(name))
	return value
}

// Boolean returns a boolean option or its default.
func (s *Settings) Boolean(name string) bool {
	if value, ok := s.values[name].(bool); ok {
		return value
	}
	value, _ := s.fallback(name).(bool)
	return value
}

// Texts returns a list option.
func (s *Settings) Texts(name string) []string {
	value, _ := s.values[name].([]string)
	return value
}

// Object returns an object option.
func (s *Settings) Object(name string) map[string]any {
	value, _ := s.values[name].(map[string]any)
	return value
}

func (s *Settings) fallback(name string) any {
	for _, option := range s.Definition.Options {
		if option.Name == name {
			return option.Default
		}
	}
	return nil
}

// clip keeps a stranger's text in an error message short.
func clip(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}

// live reports whether a secret may still verify at the given time.
func (s *Secret) live(now time.Time) bool {
	return s.ExpiresAt.IsZero() || !now.After(s.ExpiresAt)
}
