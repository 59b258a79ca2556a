package main

import (
	"bytes"
	"encoding/json"
)

// appender is a reply that encodes itself without reflection.
type appender interface{ AppendJSON(out []byte) []byte }

// appendJSON appends any reply.
func appendJSON(out []byte, reply any) []byte {
	if a, ok := reply.(appender); ok {
		return a.AppendJSON(out)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(reply); err != nil {
		panic(err) // only a type that JSON can't hold: a fault of ours
	}
	return append(out, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}
