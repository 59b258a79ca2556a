package provider

import (
	"errors"
	"strings"
)

// OpenAI follows Standard Webhooks; its library also takes a signature without
// version and a secret as plain text. Source: openai 6.49.0, webhooks.
func init() {
	openai := standardSender("openai", "OpenAI", "webhook-", "https://platform.openai.com/docs/guides/webhooks", buildOpenAI,
		"A secret without whsec_ is used as plain text, and a signature may come without its version, as in OpenAI's library.")
	openai.key = nil
	register(openai)
}

func buildOpenAI(s *Settings) (Verifier, error) {
	v, err := standardFamilies{"webhook-"}.configure(s, openAIKey)
	if err != nil {
		return nil, err
	}
	v.bare = true
	return v, nil
}

func openAIKey(secret []byte) ([]byte, bool, error) {
	encoded, ok := strings.CutPrefix(string(secret), "whsec_")
	if !ok {
		return secret, false, nil
	}
	key, err := decodeBase64(encoded)
	if err != nil || len(key) == 0 {
		return nil, false, errors.New("is not whsec_ followed by base64")
	}
	return key, false, nil
}
