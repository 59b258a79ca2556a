package provider

import "github.com/tidwall/gjson"

// Telegram sends the token that was given to setWebhook. update_id counts per
// bot, so an endpoint serves one bot. Source: Telegram's Bot API, setWebhook
// and Update.
func init() {
	register(Definition{
		Name: "telegram", Title: "Telegram Bot API",
		Headers:           []string{"X-Telegram-Bot-Api-Secret-Token"},
		Signature:         "none; the header equals the token",
		Secret:            "secret_token of setWebhook",
		Identity:          "body:update_id",
		EventType:         "first key of the body beside update_id",
		CredentialHeaders: []string{"X-Telegram-Bot-Api-Secret-Token"},
		Docs:              "https://core.telegram.org/bots/api#setwebhook",
		Notes:             []string{"update_id is unique per bot only: use one endpoint a bot."},
		build: func(s *Settings) (Verifier, error) {
			return &tokenVerifier{"x-telegram-bot-api-secret-token", s.Secrets, describeTelegram}, nil
		},
	})
}

func describeTelegram(r *Request, v *Verdict) {
	v.EventType = firstKey(r.Body, func(name string, _ gjson.Result) bool { return name != "update_id" })
	v.ProviderEventID = scalar(get(r.Body, "update_id"))
	v.setIdentity(v.ProviderEventID, "body:update_id", false)
}
