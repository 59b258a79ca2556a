package core

import (
	"context"
	"strings"
	"time"

	"github.com/knocker-dev/knocker/core/provider"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// Who took a refused delivery in later.
const (
	acceptedByReverify = "reverify"
	acceptedByOperator = "accept_delivery"
)

// Reverify checks refused deliveries that the filter matches again, with the
// endpoints' present secrets and the clock at their receipt, oldest first. Those
// that pass become events by the ordinary rules and keep both verdicts. What
// can't pass is skipped: a body that was cut or masked, a header that was
// redacted, a signature that is still wrong. Errors: no_verifier (an endpoint
// has no secrets in this process), and those of ReplayEvents.
func (i *Inbox) Reverify(ctx context.Context, f DeliveryFilter, o BulkOptions) (BulkResult, error) {
	return throughout(ctx, o, func(cursor string) (BulkResult, string, error) { return i.StepReverify(ctx, f, o, cursor) })
}

// StepReverify is StepEvents for Reverify.
func (i *Inbox) StepReverify(ctx context.Context, f DeliveryFilter, o BulkOptions, cursor string) (BulkResult, string, error) {
	if f.Limit != 0 || f.Cursor != "" || f.Bodies {
		return BulkResult{}, "", listFieldsInFilter()
	}
	if f.Kind != "" && f.Kind != KindRejected || f.Orphaned != nil && !*f.Orphaned {
		return BulkResult{}, "", fail(CodeInvalidArgument, "reverify is about refused deliveries: leave kind and orphaned out of the filter")
	}
	b := bulk{name: "reverify", selects: f.selects()}
	f.Kind, f.Orphaned = KindRejected, &yes
	b.filter, b.key = &f, f
	passed := map[int64]*receipt{}
	b.prepare = func(c *sqlite.Conn, rows []int64) error {
		for _, id := range rows {
			r, err := i.e.verifyAgain(c, id)
			if err != nil {
				return err
			}
			if r != nil {
				passed[id] = r
			}
		}
		return nil
	}
	b.apply = func(c *sqlite.Conn, id int64) (bool, error) {
		r := passed[id]
		if r == nil {
			return false, nil
		}
		_, err := r.adopt(c, id, i.e.now().Unix(), acceptedByReverify, "")
		return err == nil, err
	}
	return i.step(ctx, b, o, cursor)
}

// verifyAgain returns what a refused delivery becomes now, nil if it is still
// refused.
func (e *engine) verifyAgain(c *sqlite.Conn, id int64) (*receipt, error) {
	d, err := e.storedDelivery(c, id)
	if err != nil {
		return nil, err
	}
	if d.endpoint.verifier == nil {
		_, err := d.endpoint.verifierFor(&ReceiveParams{})
		return nil, err
	}
	if d.bodyCut() {
		return nil, nil
	}
	verdict := again(func() provider.Verdict { return d.endpoint.verifier.Verify(d.request("", time.Unix(d.ReceivedAt, 0))) })
	if !verdict.Valid || d.masked(verdict.Mask) {
		return nil, nil
	}
	return e.receiptOf(d, verdict, &ReceiveParams{}), nil
}

// AcceptParams says which refused delivery to take in, and why.
type AcceptParams struct {
	DeliveryID int64
	Reason     string // kept with the delivery and in an audit; needed
	// What the delivery is, where the provider can't say: it is read from the
	// request by the endpoint's event_key and its provider, without trusting it.
	EventType       string
	DedupeKey       string
	ProviderEventID string
}

// AcceptDelivery takes a refused delivery in by decision: it becomes an event by
// the ordinary rules as if its signature were valid, and keeps the verdict of
// its arrival. Errors: not_found, invalid_argument (no reason), invalid_state
// (not a refused delivery without an event), body_cut, no_verifier.
func (i *Inbox) AcceptDelivery(ctx context.Context, p AcceptParams) (out Result, err error) {
	if strings.TrimSpace(p.Reason) == "" {
		return out, fail(CodeInvalidArgument, "accept_delivery needs a reason: it overrules a signature that was refused")
	}
	err = i.act(ctx, func(c *sqlite.Conn) error {
		r, err := i.e.overrule(c, p)
		if err != nil {
			return err
		}
		if out, err = r.adopt(c, p.DeliveryID, i.e.now().Unix(), acceptedByOperator, p.Reason); err != nil {
			return err
		}
		_, err = i.e.audit(c, 0, acceptedByOperator, PruneResult{}, map[string]any{"delivery_id": p.DeliveryID, "event_ids": out.EventIDs,
			"duplicate": out.Duplicate, "reason": p.Reason})
		return err
	})
	return out, err
}

// overrule makes of a refused delivery what it would be if it were valid.
func (e *engine) overrule(c *sqlite.Conn, p AcceptParams) (*receipt, error) {
	d, err := e.storedDelivery(c, p.DeliveryID)
	if err != nil {
		return nil, err
	}
	switch {
	case d.EventID != 0 || d.Kind != KindRejected && d.Kind != KindTooLarge:
		return nil, fail(CodeInvalidState, "delivery %d is not a refused one without an event: its kind is %s", d.ID, d.Kind)
	case d.bodyCut():
		return nil, fail(CodeBodyCut, "the body of delivery %d had %d bytes, of which %d were stored", d.ID, d.BodyBytes, len(d.Body))
	case d.endpoint.verifier == nil && d.endpoint.Provider != "":
		_, err := d.endpoint.verifierFor(&ReceiveParams{})
		return nil, err
	}
	verdict := provider.Verdict{IdentitySource: "none"}
	if v := d.endpoint.verifier; v != nil {
		request := d.request("", time.Unix(d.ReceivedAt, 0))
		if d.masked(again(func() provider.Verdict { return v.Verify(request) }).Mask) {
			return nil, fail(CodeBodyCut, "bytes of delivery %d's body that held the sender's secret were masked when it was stored", d.ID)
		}
		verdict = again(func() provider.Verdict {
			found, _ := provider.Describe(v, request)
			return found
		})
	}
	verdict.Valid, verdict.Reason = true, ""
	return e.receiptOf(d, verdict, &ReceiveParams{EventType: p.EventType, DedupeKey: p.DedupeKey, ProviderEventID: p.ProviderEventID}), nil
}
