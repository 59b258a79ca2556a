package main

import (
	"context"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// configure gives an endpoint, as it is stored, the secrets for this process.
func (v *verifying) configure(ctx context.Context, inbox *knockersqlite.Inbox, name string) error {
	endpoint, err := inbox.GetEndpoint(ctx, name)
	if err != nil {
		return err
	}
	secrets, err := v.secrets.read()
	if err != nil || len(secrets) == 0 {
		return err
	}
	options, err := optionsOf(v.options)
	if err != nil {
		return err
	}
	params := knockersqlite.AddEndpointParams{Name: name, Path: endpoint.Path, Provider: endpoint.Provider, Disabled: !endpoint.Enabled,
		Secrets: secrets, ProviderOptions: options, URL: v.publicURL}
	if params.Provider == "" {
		params.Provider = v.provider
	}
	_, err = inbox.AddEndpointContext(ctx, params)
	return err
}

func (a *app) reverifyCommand() *cobra.Command {
	var v verifying
	var filter deliveryFlags
	var b bulkFlags
	cmd := &cobra.Command{
		Use:   "reverify --endpoint NAME",
		Short: "Check refused deliveries again with the right secret, and take in those that pass",
		Long: `Check an endpoint's refused deliveries again, each with the clock at its
receipt: after a wrong secret was configured. Those that pass become events.
Try one with verify first.`,
		Example: "  knocker --db app.db reverify --endpoint billing --since 1d --secret-env STRIPE_SECRET",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				f, err := filter.filter(a)
				if err != nil {
					return err
				}
				if len(f.Endpoints) != 1 {
					return usage("give one --endpoint: the secrets are its own")
				}
				if len(v.secrets.files)+len(v.secrets.variables) == 0 {
					return usage("give the endpoint's secrets by --secret-env or --secret-file")
				}
				if err := v.configure(ctx, inbox, f.Endpoints[0]); err != nil {
					return err
				}
				return a.bulkRun(ctx, &b, "reverify", "delivery", "taken in", "refused again", func(o knockersqlite.BulkOptions) (knockersqlite.BulkResult, error) {
					return inbox.Reverify(ctx, f, o)
				})
			})
		},
	}
	v.add(cmd)
	filter.add(a, cmd)
	b.addRun(cmd)
	return cmd
}

func (a *app) acceptCommand() *cobra.Command {
	var v verifying
	var p knockersqlite.AcceptParams
	cmd := &cobra.Command{
		Use:   "accept DELIVERY --reason TEXT",
		Short: "Take a refused delivery in by decision, although it does not verify",
		Long: `Take a refused delivery in by decision: it becomes an event as if its signature
were valid. The reason is kept with it and in the audit. The endpoint's
provider needs its secrets to say what the delivery is.`,
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, _ := parseIDs(args)
			p.DeliveryID = ids[0]
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				delivery, err := inbox.GetDelivery(ctx, p.DeliveryID)
				if err != nil {
					return err
				}
				if err := v.configure(ctx, inbox, delivery.Endpoint); err != nil {
					return err
				}
				taken, err := inbox.AcceptDelivery(ctx, p)
				if err != nil {
					return err
				}
				a.printAccepted(p.DeliveryID, taken)
				return nil
			})
		},
	}
	v.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&p.Reason, "reason", "", "why it is taken in, a `TEXT` for the audit; needed")
	flags.StringVar(&p.EventType, "event-type", "", "its event `TYPE`, where the request does not say")
	flags.StringVar(&p.DedupeKey, "dedupe-key", "", "its identity, a `KEY`, where the request does not say")
	return cmd
}

func (a *app) printAccepted(delivery int64, taken knockersqlite.Result) {
	if a.json {
		a.out.json(map[string]any{"delivery_id": delivery, "event_id": orNull(taken.EventID), "event_ids": append([]int64{}, taken.EventIDs...), "duplicate": taken.Duplicate})
		return
	}
	for _, event := range taken.EventIDs {
		if taken.Duplicate {
			a.out.line("delivery %d is one more of event %d", delivery, event)
			continue
		}
		a.out.line("delivery %d is event %d now", delivery, event)
	}
}
