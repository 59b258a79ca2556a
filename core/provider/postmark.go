package provider

import (
	"errors"

	"github.com/tidwall/gjson"
)

var errNoColon = errors.New("is not user:password")

// Postmark signs nothing; the credential is basic authentication in the URL.
// MessageID names the email, which several records share; only bounces and
// complaints have an id, and it passes 2^53. 403 would end the retries of
// inbound mail at once, so a wrong password is answered with 401. Source:
// Postmark's support article on webhook security.
func init() {
	register(Definition{
		Name: "postmark", Title: "Postmark",
		Options: []Option{{Name: "header", Type: Text,
			Doc: "Custom header of the webhook that carries the whole secret, instead of basic authentication."}},
		Headers:           []string{"Authorization"},
		Signature:         "none; basic authentication of the webhook URL, or a custom header",
		Secret:            "user:password, as UTF-8 text; with the option header its value",
		Identity:          "RecordType:ID for Bounce and SpamComplaint, Inbound:MessageID, else body_hash",
		EventType:         "body:RecordType, Inbound without one",
		SuccessStatus:     200,
		CredentialHeaders: []string{"Authorization"},
		Docs:              "https://postmarkapp.com/developer/webhooks/webhooks-overview",
		Notes:             []string{"MessageID names the email: Delivery, Open, Click and Bounce share it."},
		build:             buildPostmark,
	})
}

func buildPostmark(s *Settings) (Verifier, error) {
	if s.Given("header") {
		header, err := headerOption(s, "header")
		return &tokenVerifier{header, s.Secrets, describePostmark}, err
	}
	for i, secret := range s.Secrets {
		if err := basicKeyCheck(secret.Value); err != nil {
			return nil, InvalidSecret(i+1, len(s.Secrets), err.Error())
		}
	}
	return &credentialVerifier{"authorization", s.Secrets, basicCredential, describePostmark}, nil
}

func describePostmark(r *Request, v *Verdict) {
	record := text(get(r.Body, "RecordType"))
	id := get(r.Body, "ID")
	switch {
	case record == "" && get(r.Body, "MessageID").Type == gjson.String:
		v.EventType = "Inbound"
		v.ProviderEventID = text(get(r.Body, "MessageID"))
		v.setIdentity(joined("Inbound", v.ProviderEventID), "body:MessageID", false)
	case (record == "Bounce" || record == "SpamComplaint") && scalar(id) != "":
		v.EventType, v.ProviderEventID = record, scalar(id)
		v.setIdentity(joined(record, v.ProviderEventID), "body:RecordType+ID", false)
	default:
		v.EventType = record
	}
	if v.Identity == "" {
		v.setIdentity(hashIdentity(r.Body), string(bodyHash), false)
	}
}
