package provider

import "encoding/json"

// strictJSON reports whether the body is one JSON value and nothing else. The
// standard library's scanner bounds the depth, unlike gjson's.
func strictJSON(body []byte) bool { return json.Valid(body) }
