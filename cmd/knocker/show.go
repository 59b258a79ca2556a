package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func (a *app) showCommand() *cobra.Command {
	var asDelivery, onlyBody bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show an event with its deliveries and attempts, or a delivery",
		Example: `  knocker --db app.db show 42
  knocker --db app.db show --delivery 57
  knocker --db app.db show 42 --body > body.json`,
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			number, _ := strconv.ParseInt(args[0], 10, 64)
			return a.with(cmd.Context(), func(ctx context.Context, inbox *knockersqlite.Inbox) error {
				if asDelivery {
					return a.showDelivery(ctx, inbox, number, onlyBody)
				}
				return a.showEvent(ctx, inbox, number, onlyBody)
			})
		},
	}
	cmd.Flags().BoolVarP(&asDelivery, "delivery", "d", false, "ID is a delivery's")
	cmd.Flags().BoolVar(&onlyBody, "body", false, "print the body alone: its bytes as they are, but escaped on a terminal")
	return cmd
}

func (a *app) showEvent(ctx context.Context, inbox *knockersqlite.Inbox, number int64, onlyBody bool) error {
	event, err := inbox.GetEvent(ctx, number)
	if err != nil {
		return err
	}
	if onlyBody {
		a.writeBody(event.Body)
		return nil
	}
	// The newest are enough: a sender's retries of one event are few.
	deliveries, _, err := inbox.ListDeliveries(ctx, knockersqlite.DeliveryFilter{EventIDs: []int64{number}})
	if err != nil {
		return err
	}
	attempts, err := inbox.ListAttempts(ctx, number)
	if err != nil {
		return err
	}
	if a.json {
		a.out.json(map[string]any{"event": eventOf(event), "deliveries": shapes(deliveries, deliveryOf), "attempts": shapes(attempts, attemptOf)})
		return nil
	}
	a.printEvent(event)
	a.heading("deliveries")
	a.printDeliveries(deliveries, "  ")
	a.printAttempts(attempts)
	a.printRequest(event.Method, event.Header(), event.Query(), event.Body)
	return nil
}

func (a *app) showDelivery(ctx context.Context, inbox *knockersqlite.Inbox, number int64, onlyBody bool) error {
	delivery, err := inbox.GetDelivery(ctx, number)
	if err != nil {
		return err
	}
	switch {
	case onlyBody:
		a.writeBody(delivery.Body)
	case a.json:
		a.out.json(map[string]any{"delivery": deliveryOf(delivery)})
	default:
		a.printDelivery(delivery)
		a.printRequest(delivery.Method, delivery.Header(), delivery.Query(), delivery.Body)
	}
	return nil
}

// writeBody writes the bytes as they are, but never into a terminal.
func (a *app) writeBody(body []byte) {
	if a.out.terminal {
		a.out.line("%s", escapeBlock(string(body)))
		return
	}
	_, _ = a.out.w.Write(body)
}

func (a *app) heading(title string) { a.out.line("\n%s", a.out.paint(bold, title)) }

// field prints a name and a value; what is empty is left out.
func (a *app) field(name, value string) {
	if value != "" {
		a.out.line("  %-14s%s", name, escape(value))
	}
}

func (a *app) printEvent(e knockersqlite.Event) {
	now := time.Now()
	st := status(e.Status)
	a.out.line("%s %s", a.out.paint(bold, "event "+id(e.ID)), a.out.paint(st.style, st.text))
	a.field("endpoint", e.Endpoint)
	a.field("type", orDash(e.EventType))
	a.field("received", a.at(e.ReceivedAt)+" ("+ago(e.ReceivedAt, now)+")")
	if e.HandledAt != 0 {
		a.field("done", a.at(e.HandledAt))
	}
	a.field("runs", count(int64(e.AttemptCount)))
	a.field("identity", orDash(e.DedupeKey))
	if e.ProviderEventID != e.DedupeKey {
		a.field("sender's event", e.ProviderEventID)
	}
	a.field("sender's try", e.ProviderDeliveryID)
	if e.ExpungedAt != 0 {
		a.field("expunged", a.at(e.ExpungedAt))
	}
	if e.LastError != "" {
		a.out.line("  %-14s%s", "last error", a.out.paint(red, strings.ReplaceAll(escapeBlock(strings.TrimSpace(e.LastError)), "\n", "\n"+strings.Repeat(" ", 16))))
	}
}

func (a *app) printDelivery(d knockersqlite.Delivery) {
	st := status(d.Kind)
	a.out.line("%s %s", a.out.paint(bold, "delivery "+id(d.ID)), a.out.paint(st.style, escape(st.text)))
	a.field("endpoint", d.Endpoint)
	if d.EventID != 0 {
		a.field("event", id(d.EventID))
	}
	a.field("received", a.at(d.ReceivedAt)+" ("+ago(d.ReceivedAt, time.Now())+")")
	valid := signature(d.SignatureValid)
	a.out.line("  %-14s%s", "signature", a.out.paint(valid.style, valid.text))
	a.field("reason", reasonOf(d))
	if d.AcceptedAt != 0 {
		a.field("accepted", a.at(d.AcceptedAt)+" by "+d.AcceptedBy)
		a.field("because", d.AcceptedReason)
	}
	a.field("type", d.EventType)
	a.field("identity", d.DedupeKey)
	a.field("sender's event", d.ProviderEventID)
	a.field("sender's try", d.ProviderDeliveryID)
	stored := ""
	if int64(len(d.Body)) < d.BodyBytes {
		stored = ", of which " + size(int64(len(d.Body))) + " are stored"
	}
	if d.ExpungedAt != 0 {
		a.field("expunged", a.at(d.ExpungedAt))
	}
	a.field("body", size(d.BodyBytes)+stored)
}

func (a *app) printAttempts(list []knockersqlite.Attempt) {
	if len(list) == 0 {
		return
	}
	a.heading("attempts")
	t := table{columns: []column{{"#", true}, {"AT", false}, {"OUTCOME", false}, {"TOOK", true}, {"ERROR", false}}}
	for n, attempt := range list {
		t.add(text(count(int64(n+1))), text(a.at(attempt.AttemptedAt)), status(attempt.Outcome),
			text((time.Duration(attempt.DurationMS) * time.Millisecond).String()), text(firstLine(attempt.Error)))
	}
	t.print(a.out, "  ")
}

func (a *app) printRequest(method string, header http.Header, query url.Values, body []byte) {
	a.heading("request")
	line := method
	if len(query) > 0 {
		line += " ?" + query.Encode()
	}
	a.out.line("  %s", escape(line))
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range header[name] {
			a.out.line("  %s: %s", a.out.paint(dim, escape(strings.ToLower(name))), escape(value))
		}
	}
	a.heading("body, " + size(int64(len(body))))
	if len(body) > 0 {
		a.out.line("%s", escapeBlock(readable(body)))
	}
}

// longestShown bounds what show prints of a body: --body prints all of it.
const longestShown = 64 << 10

// readable indents JSON; a long body is cut.
func readable(body []byte) string {
	cut := ""
	if len(body) > longestShown {
		body, cut = body[:longestShown], "\n… cut here; --body prints all of it"
	}
	var b bytes.Buffer
	if cut == "" && json.Indent(&b, body, "  ", "  ") == nil {
		return "  " + b.String()
	}
	return "  " + strings.ReplaceAll(strings.TrimRight(string(body), "\n"), "\n", "\n  ") + cut
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

func firstLine(s string) string {
	line, rest, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if strings.TrimSpace(rest) != "" {
		line += " …"
	}
	return line
}

func oneID(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("give one id, a number")
	}
	_, err := parseIDs(args)
	return err
}

func parseIDs(args []string) ([]int64, error) {
	ids := make([]int64, len(args))
	for n, arg := range args {
		var err error
		if ids[n], err = strconv.ParseInt(arg, 10, 64); err != nil || ids[n] < 1 {
			return nil, usage("%q is not an id: ids are whole numbers above 0", arg)
		}
	}
	return ids, nil
}
