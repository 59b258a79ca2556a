package provider

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// SNS signs named fields of the body with RSA. Any account can have SNS sign a
// message for a topic of its own, so the topics are configured; the
// certificate is supplied by the caller. A subscription is confirmed by the
// application, which is why its request is an ordinary event. Sources:
// sns-validator 0.3.5; AWS's "Verifying the signatures of Amazon SNS messages".
func init() {
	register(Definition{
		Name: "aws-sns", Title: "AWS SNS", Aliases: []string{"sns"},
		Options: []Option{
			{Name: "topic_arns", Type: Texts, Doc: "ARNs of the topics that may post here."},
			certificateOption,
		},
		Signature:      "RSA-SHA1 (version 1) or RSA-SHA256 (version 2), base64, over named fields of the body",
		Secret:         "none; the certificate is the option cert_pem",
		Identity:       "body:MessageId",
		IdentitySigned: true,
		EventType:      "body:Type",
		SuccessStatus:  200,
		Docs:           "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
		Notes: []string{
			"SubscriptionConfirmation is an event: the application confirms by GET of SubscribeURL, after checking that it is https on amazonaws.com.",
			"Raw message delivery carries no signature and is not supported.",
		},
		secrets: secretUnused,
		build:   buildSNS,
	})
}

type snsVerifier struct {
	topics []string
	keys   []*rsa.PublicKey
}

func buildSNS(s *Settings) (Verifier, error) {
	if len(s.Texts("topic_arns")) == 0 {
		return nil, invalidArgument("provider aws-sns needs topic_arns: SNS signs messages of every account's topics")
	}
	keys, err := certificateKeys(s)
	if err != nil {
		return nil, err
	}
	return &snsVerifier{s.Texts("topic_arns"), keys}, nil
}

func (v *snsVerifier) Redact() (headers, query []string) { return nil, nil }

var snsHost = regexp.MustCompile(`^sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$`)

func (v *snsVerifier) Verify(r *Request) Verdict {
	body := get(r.Body, "@this")
	given := text(body.Get("Signature"))
	if given == "" {
		return refuse(MissingSignature)
	}
	if !strictJSON(r.Body) || !distinctKeys(body) {
		return refuse(MalformedBody)
	}
	if reason := v.trusted(body); reason != "" {
		return refuse(reason)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(given)
	if err != nil {
		return refuse(MalformedBody)
	}
	if reason := v.signature(body, signature); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	verdict.EventType = text(body.Get("Type"))
	verdict.ProviderEventID = text(body.Get("MessageId"))
	verdict.setIdentity(verdict.ProviderEventID, "body:MessageId", true)
	return verdict
}

// trusted checks what the signature rests on: whose certificate, which topic.
func (v *snsVerifier) trusted(body gjson.Result) Reason {
	host, path, ok := httpsHost(text(body.Get("SigningCertURL")))
	if !ok || !snsHost.MatchString(host) || !strings.HasSuffix(path, ".pem") {
		return UntrustedCertURL
	}
	for _, name := range []string{"Message", "MessageId", "Timestamp", "TopicArn", "Type"} {
		if body.Get(name).Type != gjson.String {
			return MalformedBody
		}
	}
	if !slices.Contains(v.topics, text(body.Get("TopicArn"))) {
		return UnknownTopic
	}
	return ""
}

func (v *snsVerifier) signature(body gjson.Result, signature []byte) Reason {
	lists := [][]string{{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}}
	confirmation := []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	switch text(body.Get("Type")) {
	case "Notification":
	case "SubscriptionConfirmation":
		lists = [][]string{confirmation}
	case "UnsubscribeConfirmation":
		// AWS documents the list of the confirmation; its own library leaves
		// the token out. Both are genuine signatures.
		lists = [][]string{confirmation, {"Message", "MessageId", "SubscribeURL", "Timestamp", "TopicArn", "Type"}}
	default:
		return MalformedBody
	}
	for _, list := range lists {
		signed := snsCanonical(body, list)
		switch text(body.Get("SignatureVersion")) {
		case "1":
			digest := sha1.Sum(signed)
			if matchRSA(v.keys, crypto.SHA1, digest[:], signature) {
				return ""
			}
		case "2":
			digest := sha256.Sum256(signed)
			if matchRSA(v.keys, crypto.SHA256, digest[:], signature) {
				return ""
			}
		default:
			return MalformedBody
		}
	}
	return SignatureMismatch
}

// snsCanonical writes name and value of each field that is there, each with a
// line break.
func snsCanonical(body gjson.Result, names []string) []byte {
	var out []byte
	for _, name := range names {
		if value := body.Get(name); value.Type == gjson.String {
			out = append(append(append(append(out, name...), '\n'), value.Str...), '\n')
		}
	}
	return out
}
