package provider

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/tidwall/gjson"
)

// HubSpot has three signatures. v3 is an HMAC over method, URL, body and time
// in milliseconds; v1 and v2 are plain hashes of secret and data. The version
// is pinned by configuration: a request usually carries v3 and an older one,
// and the older one must not save a wrong v3. Sources: @hubspot/api-client
// 13.5.0 (signature.js); HubSpot's "Validating requests".
func init() {
	register(Definition{
		Name: "hubspot", Title: "HubSpot",
		Options: []Option{{Name: "version", Type: Text, Default: "v3", Allowed: []string{"v1", "v2", "v3"},
			Doc: "Signature version to check; no other is accepted. v2 and v3 need the URL."}},
		Headers:        []string{"X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature"},
		Signature:      "v3: HMAC-SHA256, base64, over method + URL + body + time; v1, v2: SHA-256, hex, of secret + [method + URL +] body",
		Secret:         "client secret of the app, as text",
		Tolerance:      &Tolerance{PastS: 300, FutureS: Unchecked},
		Identity:       "body:portalId+appId+subscriptionId+eventId+objectId+occurredAt",
		IdentitySigned: true,
		EventType:      "body:[].subscriptionType",
		Batch:          true,
		NeedsURL:       true,
		Docs:           "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
		Notes: []string{
			"eventId alone is documented as not unique, objectId is the contact, attemptNumber changes at each attempt.",
			"v1 and v2 are not HMACs; prefer v3.",
		},
		build: buildHubSpot,
	})
}

type hubSpotVerifier struct {
	version string
	url     string
	v3      *hmacVerifier
	secrets []Secret
}

func buildHubSpot(s *Settings) (Verifier, error) {
	v := &hubSpotVerifier{version: s.Text("version"), url: s.Text("url"), secrets: s.Secrets}
	if v.version != "v1" && v.url == "" {
		return nil, errMissingURL(s)
	}
	inner, err := hmacScheme{
		header: "x-hubspot-signature-v3", algo: useSHA256, enc: stdBase64,
		timeHeader: "x-hubspot-request-timestamp", unit: milliseconds,
		sign: func(r *Request, stamp string) message {
			return message{
				prefix: []byte(strings.ToUpper(r.Method) + hubSpotURI(publicURL(r, v.url))),
				body:   r.Body, suffix: []byte(stamp),
			}
		},
	}.configure(s, describeHubSpot)
	if err != nil {
		return nil, err
	}
	v.v3 = inner
	return v, nil
}

// errMissingURL refuses a URL-signing provider without its URL.
func errMissingURL(s *Settings) error {
	return invalidArgument("provider %s signs the public URL of the route: set url, exactly as the provider was given it", s.Definition.Name)
}

// publicURL is the URL of this call, or the endpoint's, without a fragment.
func publicURL(r *Request, configured string) string {
	address := r.URL
	if address == "" {
		address = configured
	}
	address, _, _ = strings.Cut(address, "#")
	return address
}

func (v *hubSpotVerifier) Redact() (headers, query []string) { return nil, nil }

func (v *hubSpotVerifier) Verify(r *Request) Verdict {
	if v.version == "v3" {
		return v.v3.Verify(r)
	}
	const header = "x-hubspot-signature"
	given, reason := r.header(header)
	if reason != "" {
		return refuseHeader(reason, header)
	}
	if stated := r.anyHeader("x-hubspot-signature-version"); stated != "" && stated != v.version {
		return refuseHeader(MalformedHeader, "x-hubspot-signature-version")
	}
	if !lowerHex.wellFormed(given, sha256.Size) {
		return refuseHeader(MalformedHeader, header)
	}
	if reason := v.plainHash(r, given); reason != "" {
		return refuse(reason)
	}
	verdict := accept()
	describeHubSpot(r, &verdict)
	return verdict
}

// plainHash checks v1 and v2. Such a hash can be extended by someone who does
// not know the secret; the padding that this takes is no JSON, so the body
// must be strict JSON.
func (v *hubSpotVerifier) plainHash(r *Request, given string) Reason {
	live := false
	for _, secret := range v.secrets {
		if !secret.live(r.Now) {
			continue
		}
		live = true
		digest := sha256.New()
		digest.Write(secret.Value)
		if v.version == "v2" {
			digest.Write([]byte(strings.ToUpper(r.Method) + publicURL(r, v.url)))
		}
		digest.Write(r.Body)
		want := hex.EncodeToString(digest.Sum(nil))
		if subtle.ConstantTimeCompare([]byte(want), []byte(given)) == 1 {
			if len(r.Body) > 0 && !strictJSON(r.Body) {
				return MalformedBody
			}
			return ""
		}
	}
	if !live {
		return SecretExpired
	}
	return SignatureMismatch
}

// hubSpotURI decodes exactly the percent-codes that HubSpot decodes before it
// signs; all others stay.
func hubSpotURI(address string) string {
	if !strings.Contains(address, "%") {
		return address
	}
	return hubSpotCodes.Replace(address)
}

var hubSpotCodes = strings.NewReplacer(
	"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$",
	"%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
	"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";",
)

func describeHubSpot(r *Request, v *Verdict) {
	b := newBatch(r.Body)
	list := b.root(r.Body)
	if !list.IsArray() {
		v.EventType = text(get(r.Body, "subscriptionType"))
		return
	}
	b.each(list, func(event gjson.Result) {
		source := "body:portalId+appId+subscriptionId+eventId+objectId+occurredAt"
		identity := joined(scalar(event.Get("portalId")), scalar(event.Get("appId")), scalar(event.Get("subscriptionId")),
			scalar(event.Get("eventId")), scalar(event.Get("objectId")), scalar(event.Get("occurredAt")))
		if property := text(event.Get("propertyName")); property != "" && identity != "" {
			identity, source = identity+":"+property, source+"+propertyName"
		}
		b.add(event, text(event.Get("subscriptionType")), identity, source)
	})
	b.into(v)
	v.collapse(true)
}
