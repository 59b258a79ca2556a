package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// verifying is what a delivery is checked with. The file holds no secrets, so
// they come from here.
type verifying struct {
	secrets                 secretFlags
	provider, publicURL, at string
	options                 []string
}

func (v *verifying) add(cmd *cobra.Command) {
	v.secrets.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&v.provider, "provider", "p", "", "the `NAME` of the provider (default: the endpoint's)")
	flags.StringVar(&v.publicURL, "public-url", "", "the `URL` that the sender was given, for providers that sign it")
	flags.StringArrayVarP(&v.options, "provider-option", "o", nil, "a `NAME=VALUE` of the endpoint's provider_options; may be repeated")
}

func (a *app) verifyCommand() *cobra.Command {
	var v verifying
	cmd := &cobra.Command{
		Use:   "verify DELIVERY",
		Short: "Show step by step why a delivery was refused, or was not",
		Long: `Check a delivery again, step by step: why was it refused?

The clock is the time at which it was received. The file holds no secrets: give
the endpoint's by --secret-env or --secret-file; none is ever shown. A header
that holds a credential was stored as [redacted] and can't be checked again.
The exit code is 6 where the delivery does not verify. Nothing is written.`,
		Example: "  knocker --db app.db verify 57 --secret-env STRIPE_SECRET",
		Args:    oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, _ := parseIDs(args)
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				p, err := v.params(a)
				if err != nil {
					return err
				}
				p.DeliveryID = ids[0]
				explained, err := inbox.ExplainDelivery(ctx, p)
				if err != nil {
					return err
				}
				if a.json {
					a.out.json(explanationOf(explained))
				} else {
					a.printExplanation(ids[0], explained)
				}
				if !explained.Valid {
					return errNegative
				}
				return nil
			})
		},
	}
	v.add(cmd)
	cmd.Flags().StringVar(&v.at, "at", "", "the `TIME` of the check (default: when it was received)")
	return cmd
}

func (v *verifying) params(a *app) (p knockersqlite.ExplainParams, err error) {
	p = knockersqlite.ExplainParams{Provider: v.provider, URL: v.publicURL}
	secrets, err := v.secrets.read()
	if err != nil {
		return p, err
	}
	if len(secrets) > 0 {
		p.Secrets = secrets
	}
	if p.ProviderOptions, err = optionsOf(v.options); err != nil {
		return p, err
	}
	p.NowS, err = a.parseTime(v.at, time.Now())
	return p, err
}

// optionsOf reads NAME=VALUE pairs.
func optionsOf(pairs []string) (map[string]any, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	options := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usage("--provider-option is NAME=VALUE, not %q", pair)
		}
		options[name] = value
	}
	return options, nil
}

type stepShape struct {
	Name   string `json:"name"`
	OK     *bool  `json:"ok"`
	Detail string `json:"detail"`
}

type explanationShape struct {
	Valid    bool        `json:"valid"`
	Reason   *string     `json:"reason"`
	Clock    int64       `json:"clock"`
	BodyCut  bool        `json:"body_cut"`
	Redacted []string    `json:"redacted"`
	Steps    []stepShape `json:"steps"`
}

func explanationOf(e knockersqlite.Explanation) explanationShape {
	shape := explanationShape{Valid: e.Valid, Reason: orNull(e.Reason), Clock: e.Clock, BodyCut: e.BodyCut, Redacted: append([]string{}, e.Redacted...), Steps: []stepShape{}}
	for _, step := range e.Steps {
		shape.Steps = append(shape.Steps, stepShape{step.Name, step.OK, step.Detail})
	}
	return shape
}

func (a *app) printExplanation(delivery int64, e knockersqlite.Explanation) {
	verdict := cell{"verifies", green}
	if !e.Valid {
		verdict = cell{"does not verify: " + e.Reason, red}
	}
	a.out.line("%s %s", a.out.paint(bold, "delivery "+id(delivery)), a.out.paint(verdict.style, escape(verdict.text)))
	a.field("clock", a.at(e.Clock))
	t := table{columns: []column{{"STEP", false}, {"", false}, {"", false}}}
	for _, step := range e.Steps {
		ok := cell{"?", dim}
		switch {
		case step.OK != nil && *step.OK:
			ok = cell{"ok", green}
		case step.OK != nil:
			ok = cell{"no", red}
		}
		t.add(text(step.Name), ok, text(step.Detail))
	}
	a.out.line("")
	t.print(a.out, "")
	if e.BodyCut {
		a.out.line("\n%s", a.out.paint(yellow, "The stored body is not the whole one that was signed, so this check can't succeed."))
	}
	if len(e.Redacted) > 0 {
		a.out.line("\n%s", a.out.paint(yellow, "Stored without their values: "+escape(strings.Join(e.Redacted, ", "))+"."))
	}
}
