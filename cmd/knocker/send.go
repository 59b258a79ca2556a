package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/providertest"
)

// sending is one request to make.
type sending struct {
	provider, eventType, eventID, publicURL, at string
	headers, options                            []string
	secrets                                     secretFlags
	timeout                                     time.Duration
}

func (a *app) sendCommand() *cobra.Command {
	var s sending
	cmd := &cobra.Command{
		Use:   "send URL FILE",
		Short: "Sign a file as a provider would, and post it to a URL: to try a route",
		Long: `Sign a file as a provider would, and post it to a URL: to try a route.

FILE is the body; - is standard input. The exit code is 6 where the answer is
not 2xx. Secrets come from a file or a variable, never as an argument.`,
		Example: "  knocker send http://127.0.0.1:8080/webhooks/billing body.json --provider stripe --secret-env STRIPE_SECRET",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("give the URL, and the file to send")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.send(cmd.Context(), s, args[0], args[1]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&s.provider, "provider", "p", "", "the `NAME` of the provider, as for an endpoint")
	s.secrets.add(cmd)
	flags.StringVar(&s.eventType, "event-type", "", "the event `TYPE`, for providers that send it in a header")
	flags.StringVar(&s.eventID, "event-id", "", "the `ID` of the event, for providers that send it in a header (default: a new one)")
	flags.StringVar(&s.publicURL, "public-url", "", "the `URL` to sign, if it differs from where this is sent")
	flags.StringVar(&s.at, "at", "", "the `TIME` that is signed (default: now)")
	flags.StringArrayVarP(&s.headers, "header", "H", nil, "send this 'Name: value' too; may be repeated")
	flags.StringArrayVarP(&s.options, "provider-option", "o", nil, "a `NAME=VALUE` of the endpoint's provider_options; may be repeated")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Second, "how long to wait for the answer")
	must(cmd.RegisterFlagCompletionFunc("provider", cobra.FixedCompletions(providertest.Providers(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (a *app) send(ctx context.Context, s sending, address, file string) error {
	target, err := url.Parse(address)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return usage("%q is not an http or https URL", address)
	}
	body, err := unlessInterrupted(ctx, func() ([]byte, error) { return readBody(file) })
	if err != nil {
		return err
	}
	request, err := s.request(ctx, a, target, body)
	if err != nil {
		return err
	}
	// What the receiver answers is what is looked at, not where it points to.
	client := &http.Client{Timeout: s.timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	start := time.Now()
	response, err := client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the URL, which may hold a signature
		}
		return &problem{exitFailed, "not_sent", "the request could not be sent: " + err.Error()}
	}
	defer response.Body.Close()
	took := time.Since(start)
	answer, err := io.ReadAll(io.LimitReader(response.Body, longestShown))
	if err != nil {
		return &problem{exitFailed, "not_sent", "the answer broke off: " + err.Error()}
	}
	if a.json {
		a.out.json(map[string]any{"status": response.StatusCode, "duration_ms": took.Milliseconds(), "sent_bytes": request.ContentLength,
			"headers": flat(response.Header), "body": bodyOf(answer).Body, "body_base64": bodyOf(answer).BodyBase64})
	} else {
		st := green
		if response.StatusCode/100 != 2 {
			st = red
		}
		a.out.line("%s in %s", a.out.paint(st, escape(response.Status)), took.Round(time.Millisecond))
		if len(answer) > 0 {
			a.out.line("%s", escapeBlock(strings.TrimRight(string(answer), "\n")))
		}
	}
	if response.StatusCode/100 != 2 {
		return errNegative
	}
	return nil
}

// request is signed as the provider's would be.
func (s *sending) request(ctx context.Context, a *app, target *url.URL, body []byte) (*http.Request, error) {
	secrets, err := s.secrets.read()
	if err != nil {
		return nil, err
	}
	if len(secrets) > 1 {
		return nil, usage("one secret signs a request: give one")
	}
	at, err := a.parseTime(s.at, time.Now())
	if err != nil {
		return nil, err
	}
	signed := providertest.Request{Method: http.MethodPost, URL: target.String(), Body: body, Headers: map[string]string{"Content-Type": "application/json"}}
	switch {
	case s.provider != "":
		if signed, err = s.sign(a, target, body, secrets, at); err != nil {
			return nil, err
		}
	case len(secrets) > 0:
		return nil, usage("a secret without --provider signs nothing")
	}
	request, err := http.NewRequestWithContext(ctx, signed.Method, target.String(), bytes.NewReader(signed.Body))
	if err != nil {
		return nil, err
	}
	for name, value := range signed.Headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("User-Agent", "knocker-send")
	for _, header := range s.headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok || name == "" {
			return nil, usage("--header is 'Name: value', not %q", header)
		}
		request.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return request, nil
}

func (s *sending) sign(a *app, target *url.URL, body []byte, secrets []string, at int64) (providertest.Request, error) {
	known, ok := provider.Lookup(s.provider)
	if !ok {
		hint := ""
		if near := provider.Suggest(s.provider); near != "" {
			hint = ": did you mean " + near + "?"
		}
		return providertest.Request{}, usage("no provider is named %q%s", s.provider, hint)
	}
	if len(secrets) == 0 && known.SecretUse == "required" {
		return providertest.Request{}, usage("%s signs with a secret: give it by --secret-env or --secret-file", s.provider)
	}
	secret, public := strings.Join(secrets, ""), s.publicURL
	if public == "" {
		public = target.String()
	}
	if s.eventID == "" {
		s.eventID = newID()
	}
	when := time.Now()
	if at != 0 {
		when = time.Unix(at, 0)
	}
	options, err := optionsOf(s.options)
	if err != nil {
		return providertest.Request{}, err
	}
	signed, err := providertest.SignRequest(s.provider, secret, body, when, providertest.WithID(s.eventID), providertest.WithEventType(s.eventType),
		providertest.WithURL(public), providertest.WithProviderOptions(options))
	if err != nil {
		return signed, usage("the request can't be signed: %s", err)
	}
	// Some providers put their signature into the query.
	if added, err := url.Parse(signed.URL); err == nil {
		target.RawQuery = added.RawQuery
	}
	return signed, nil
}

func newID() string {
	var random [8]byte
	_, _ = rand.Read(random[:])
	return "send_" + hex.EncodeToString(random[:])
}

func readBody(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	body, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &problem{exitMissing, "cannot_open", file + " does not exist"}
	}
	return body, err
}

// flat is a header with each name once, as JSON shows events' headers.
func flat(header http.Header) map[string]any {
	out := make(map[string]any, len(header))
	for name, values := range header {
		out[strings.ToLower(name)] = values
		if len(values) == 1 {
			out[strings.ToLower(name)] = values[0]
		}
	}
	return out
}
