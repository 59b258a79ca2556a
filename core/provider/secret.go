package provider

import "log/slog"

// hidden is what every way of printing a secret gives.
const hidden = "[secret]"

// String keeps the secret out of logs and error texts.
func (Secret) String() string { return hidden }

// GoString keeps it out of %#v.
func (Secret) GoString() string { return hidden }

// LogValue keeps it out of structured logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON keeps it out of JSON.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
