package input

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/knocker-dev/knocker/core/provider"
	"github.com/tidwall/gjson"
)

// Secrets reads secrets: one text or byte string, or a list of texts, byte
// strings and objects {"value": …, "expires_at": Unix seconds}. In JSON, bytes
// are {"blob": base64}. A text is one secret; it is never taken apart. nil
// gives an empty list: whether a provider needs a secret is its own rule. The
// error is a *provider.ConfigError that names the position.
func Secrets(value any) ([]provider.Secret, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return jsonSecrets(gjson.ParseBytes(v))
	case []provider.Secret:
		return checkSecrets(v)
	case []string:
		list := make([]provider.Secret, len(v))
		for i, text := range v {
			list[i].Value = []byte(text)
		}
		return checkSecrets(list)
	case []any:
		return anySecrets(v)
	case [][]byte:
		list := make([]provider.Secret, len(v))
		for i, bytes := range v {
			list[i].Value = bytes
		}
		return checkSecrets(list)
	}
	return anySecrets([]any{value})
}

func checkSecrets(list []provider.Secret) ([]provider.Secret, error) {
	for i := range list {
		if err := checkSecret(list[i].Value, i+1, len(list)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func checkSecret(value []byte, position, count int) error {
	if len(value) == 0 {
		return provider.InvalidSecret(position, count, "is empty")
	}
	if last := value[len(value)-1]; last == '\n' || last == '\r' {
		return provider.InvalidSecret(position, count, "ends with a line break, which is rarely part of a secret")
	}
	return nil
}

const secretShape = "is not a text, bytes, or an object with value and expires_at"

func anySecrets(items []any) ([]provider.Secret, error) {
	list := make([]provider.Secret, 0, len(items))
	for i, item := range items {
		secret, what := anySecret(item)
		if what != "" {
			return nil, provider.InvalidSecret(i+1, len(items), what)
		}
		list = append(list, secret)
	}
	return checkSecrets(list)
}

func anySecret(item any) (provider.Secret, string) {
	switch v := item.(type) {
	case nil:
		return provider.Secret{}, "is null"
	case string:
		return provider.Secret{Value: []byte(v)}, ""
	case []byte:
		return provider.Secret{Value: v}, ""
	case provider.Secret:
		return v, ""
	case map[string]any:
		encoded, err := json.Marshal(v)
		if err == nil {
			return jsonSecret(gjson.ParseBytes(encoded))
		}
	}
	return provider.Secret{}, secretShape
}

func jsonSecrets(document gjson.Result) ([]provider.Secret, error) {
	if document.Type == gjson.Null {
		return nil, nil
	}
	items := []gjson.Result{document}
	if document.IsArray() {
		items = document.Array()
	}
	list := make([]provider.Secret, 0, len(items))
	for i, item := range items {
		secret, what := jsonSecret(item)
		if what != "" {
			return nil, provider.InvalidSecret(i+1, len(items), what)
		}
		list = append(list, secret)
	}
	return checkSecrets(list)
}

func jsonSecret(item gjson.Result) (provider.Secret, string) {
	switch {
	case item.Type == gjson.Null:
		return provider.Secret{}, "is null"
	case item.Type == gjson.String:
		return provider.Secret{Value: []byte(item.Str)}, ""
	case !item.IsObject():
		return provider.Secret{}, secretShape
	}
	if blob := item.Get("blob"); blob.Type == gjson.String {
		decoded, err := base64.StdEncoding.DecodeString(blob.Str)
		if err != nil {
			return provider.Secret{}, "has a blob that is not base64"
		}
		return provider.Secret{Value: decoded}, ""
	}
	inner := item.Get("value")
	if inner.Get("value").Exists() {
		return provider.Secret{}, secretShape
	}
	secret, what := jsonSecret(inner)
	if what != "" {
		return secret, what
	}
	expires := item.Get("expires_at")
	switch expires.Type {
	case gjson.Null:
	case gjson.Number:
		if expires.Int() <= 0 {
			return provider.Secret{}, "has an expires_at that is not a time in Unix seconds"
		}
		secret.ExpiresAt = time.Unix(expires.Int(), 0)
	default:
		return provider.Secret{}, "has an expires_at that is not a time in Unix seconds"
	}
	return secret, ""
}
