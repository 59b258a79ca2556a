package main

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"slices"
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
	secrets "github.com/knocker-dev/knocker/core/input"
	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/providertest"
)

// sign makes a request as the provider would send it.
func sign(r *abi.SignRequest) (*abi.SignReply, error) {
	if _, known := provider.Lookup(r.Provider); !known {
		return nil, unknownProvider(r.Provider)
	}
	secret, err := signingSecret(r)
	if err != nil {
		return nil, err
	}
	body, err := signedBody(r)
	if err != nil {
		return nil, err
	}
	at := time.Now()
	if r.At != nil {
		whole, fraction := math.Modf(*r.At)
		at = time.Unix(int64(whole), int64(math.Round(fraction*1e9)))
	}
	options := []providertest.Option{
		providertest.WithID(r.EventID), providertest.WithEventType(r.EventType), providertest.WithURL(r.URL),
		providertest.WithProviderOptions(r.ProviderOptions),
	}
	if r.Method != "" {
		options = append(options, providertest.WithMethod(r.Method))
	}
	signed, err := providertest.SignRequest(r.Provider, secret, body, at, options...)
	if err != nil {
		return nil, failure(core.CodeInvalidArgument, "The request can't be signed: %v.", err)
	}
	reply := &abi.SignReply{Method: signed.Method, URL: abi.NullText(signed.URL), Headers: signed.Headers, BodyBase64: signed.Body}
	if parsed, err := url.Parse(signed.URL); err == nil {
		reply.Query = abi.NullText(parsed.RawQuery)
	}
	return reply, nil
}

func unknownProvider(name string) error {
	e := failure(core.CodeUnknownProvider, "No provider is named %q.", name)
	if near := provider.Suggest(name); near != "" {
		e.Message += fmt.Sprintf(" Did you mean %q?", near)
		e.Details = map[string]any{"suggestion": near}
	}
	return e
}

// signingSecret is the secret that signs: of several the first. A provider may
// need none.
func signingSecret(r *abi.SignRequest) (string, error) {
	given := r.Secrets
	if given == nil {
		given = r.Secret
	} else if r.Secret != nil {
		return "", &abi.Problem{Message: `Give "secret" or "secrets", not both.`, Field: "secret"}
	}
	if given == nil {
		return "", nil
	}
	list, err := secrets.Secrets(given)
	if err != nil {
		return "", failure(core.CodeInvalidSecret, "%v", err)
	}
	if len(list) == 0 {
		return "", nil
	}
	return string(list[0].Value), nil
}

func signedBody(r *abi.SignRequest) ([]byte, error) {
	switch {
	case r.Body != nil && r.BodyBase64 != nil:
		return nil, &abi.Problem{Message: `Give "body" or "body_base64", not both.`, Field: "body"}
	case r.Body != nil:
		return []byte(*r.Body), nil
	case r.BodyBase64 == nil:
		return []byte{}, nil
	}
	body, err := base64.StdEncoding.DecodeString(*r.BodyBase64)
	if err != nil {
		return nil, &abi.Problem{Message: `Field "body_base64" is not base64.`, Field: "body_base64"}
	}
	return body, nil
}

// providers lists what an endpoint can be configured for.
func providers(*abi.Nothing) (*abi.ProvidersReply, error) {
	signs := providertest.Providers()
	return &abi.ProvidersReply{Providers: each(provider.All(), func(d provider.Definition) abi.Provider {
		return abi.Provider{
			Name: d.Name, Title: d.Title, Aliases: d.Aliases, NeedsSecret: d.SecretUse == "required", SecretUse: d.SecretUse,
			Secret: d.Secret, NeedsURL: d.NeedsURL, Signature: d.Signature, Headers: d.Headers, Identity: d.Identity,
			IdentitySigned: d.IdentitySigned, EventType: d.EventType, Batch: d.Batch, Handshake: abi.NullText(d.Handshake),
			SuccessStatus: d.SuccessStatus, Tolerance: (*abi.TimeTolerance)(d.Tolerance), Options: each(d.Options, providerOption),
			Signs: slices.Contains(signs, d.Name), Docs: d.Docs, Notes: d.Notes,
		}
	})}, nil
}

func providerOption(o provider.Option) abi.ProviderOption {
	allowed := o.Allowed
	if allowed == nil {
		allowed = []string{}
	}
	return abi.ProviderOption{Name: o.Name, Type: string(o.Type), Default: o.Default, Allowed: allowed, Doc: o.Doc}
}
