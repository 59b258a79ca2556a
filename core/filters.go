package core

import (
	"slices"
	"strings"

	"github.com/knocker-dev/knocker/core/suggest"
)

// EventFilter selects events. A zero field selects everything; what is given
// must all fit.
type EventFilter struct {
	Endpoints          []string // names; an unknown one is an error
	Statuses           []string
	EventType          string // exact, or a prefix such as "invoice.*"
	DedupeKey          string // the identity
	ProviderEventID    string
	ProviderDeliveryID string // of any of the event's deliveries
	EventIDs           []int64
	// ErrorCode is what stands before the first colon of last_error: a code
	// such as "no_handler", or the type of the handler's error.
	ErrorCode string
	Stuck     bool  // only received events whose job is gone
	Since     int64 // inclusive, Unix seconds
	Until     int64 // exclusive

	// Of lists only, not of bulk actions.
	Limit  int    // 1..1000. Defaults to 100.
	Cursor string // of the page before
	Bodies bool   // bodies too. Defaults to false.
}

// DeliveryFilter selects deliveries. A zero field selects everything; what is
// given must all fit. DedupeKey and ProviderEventID select the deliveries of the
// events that have them.
type DeliveryFilter struct {
	Endpoints          []string // names; an unknown one is an error
	EventIDs           []int64
	DeliveryIDs        []int64
	EventType          string // exact, or a prefix such as "invoice.*"
	DedupeKey          string
	ProviderEventID    string
	ProviderDeliveryID string
	Orphaned           *bool // without (true) or with (false) an event
	Kind               string
	Reasons            []string // why it was refused
	SignatureValid     *bool    // false also matches "unknown"
	Since              int64    // inclusive, Unix seconds
	Until              int64    // exclusive

	// Of lists only, not of bulk actions.
	Limit  int    // 1..1000. Defaults to 100.
	Cursor string // of the page before
	Bodies bool   // bodies too. Defaults to false.
}

var (
	statuses = []string{StatusReceived, StatusProcessing, StatusHandled, StatusFailed, StatusDead, StatusIgnored}
	kinds    = []string{KindEvent, KindRejected, KindHandshake, KindEmptyBatch, KindTooLarge}
)

// maxChoices bounds a list in a filter.
const maxChoices = 1000

func (f *EventFilter) check() error {
	if err := checkChoices("endpoint", f.Endpoints); err != nil {
		return err
	}
	if err := checkChoices("status", f.Statuses, statuses...); err != nil {
		return err
	}
	if err := checkIDs("event_id", f.EventIDs); err != nil {
		return err
	}
	return checkEventType(f.EventType)
}

func (f *DeliveryFilter) check() error {
	if err := checkChoices("endpoint", f.Endpoints); err != nil {
		return err
	}
	if err := checkChoices("reason", f.Reasons); err != nil {
		return err
	}
	if f.Kind != "" {
		if err := choice("kind", f.Kind, kinds); err != nil {
			return err
		}
	}
	if err := checkIDs("event_id", f.EventIDs); err != nil {
		return err
	}
	if err := checkIDs("delivery_id", f.DeliveryIDs); err != nil {
		return err
	}
	return checkEventType(f.EventType)
}

// selects reports whether the filter narrows anything down.
func (f EventFilter) selects() bool {
	return len(f.Endpoints)+len(f.Statuses)+len(f.EventIDs) > 0 || f.Stuck || f.Since != 0 || f.Until != 0 ||
		f.EventType+f.DedupeKey+f.ProviderEventID+f.ProviderDeliveryID+f.ErrorCode != ""
}

func (f DeliveryFilter) selects() bool {
	return len(f.Endpoints)+len(f.EventIDs)+len(f.DeliveryIDs)+len(f.Reasons) > 0 || f.Orphaned != nil || f.SignatureValid != nil ||
		f.Since != 0 || f.Until != 0 || f.EventType+f.DedupeKey+f.ProviderEventID+f.ProviderDeliveryID+f.Kind != ""
}

func checkChoices(name string, given []string, allowed ...string) error {
	if err := checkLength(name, given == nil, len(given)); err != nil {
		return err
	}
	for _, value := range given {
		if value == "" {
			return fail(CodeInvalidArgument, "%s holds an empty text: leave it out to select all", name)
		}
		if len(allowed) > 0 {
			if err := choice(name, value, allowed); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkIDs(name string, given []int64) error {
	if err := checkLength(name, given == nil, len(given)); err != nil {
		return err
	}
	for _, id := range given {
		if id < 1 {
			return fail(CodeInvalidArgument, "%s is %d: ids begin at 1", name, id)
		}
	}
	return nil
}

func checkLength(name string, absent bool, length int) error {
	switch {
	case !absent && length == 0:
		return fail(CodeInvalidArgument, "%s is an empty list, which selects nothing: leave it out to select all", name)
	case length > maxChoices:
		return fail(CodeInvalidArgument, "%s lists %d values: at most %d are possible", name, length, maxChoices)
	}
	return nil
}

func choice(name, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	e := fail(CodeInvalidArgument, "%s is %q: it must be one of %q", name, value, allowed)
	e.Details = map[string]any{"field": name}
	if near := suggest.Closest(value, allowed); near != "" {
		e.Message += "; did you mean \"" + near + "\"?"
		e.Details["suggestion"] = near
	}
	return e
}

func checkEventType(pattern string) error {
	if star := strings.IndexByte(pattern, '*'); star >= 0 && star != len(pattern)-1 {
		return fail(CodeInvalidArgument, "event_type is %q: a * may only stand at its end", pattern)
	}
	return nil
}

// distinct drops what is listed twice: it must not be found twice.
func distinct[T int64 | string](list []T) []T {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
