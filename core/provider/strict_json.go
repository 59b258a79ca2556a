package provider

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// strictJSON reports whether the body is one JSON value and nothing else. The
// standard library's scanner bounds the depth, unlike gjson's.
func strictJSON(body []byte) bool { return json.Valid(body) }

// distinctKeys reports whether no two members of an object have the same name.
// Where single members are signed, a second one of that name would be another
// value to a parser that takes the last, and where names are matched without
// regard to case (as Go's encoding/json does) so would one in another case.
func distinctKeys(object gjson.Result) bool {
	seen := map[string]bool{}
	distinct := true
	object.ForEach(func(name, _ gjson.Result) bool {
		folded := strings.ToLower(name.Str)
		distinct = !seen[folded]
		seen[folded] = true
		return distinct
	})
	return distinct
}
