package provider

import (
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

// maxItems bounds what one request can make the inbox store. The largest
// senders put about a thousand events into one request.
const maxItems = 100_000

// batch collects the events of one request as slices of its body.
type batch struct {
	whole string
	items []Item
	full  bool
}

// view is the body as a string without a copy. What is kept from it must be
// cloned, because the body belongs to the caller.
func view(body []byte) string { return unsafe.String(unsafe.SliceData(body), len(body)) }

func newBatch(body []byte) *batch { return &batch{whole: view(body), items: []Item{}} }

// root is the body's JSON value; it does not exist for other bodies.
func (b *batch) root(body []byte) gjson.Result {
	if jsonKind(body) == 0 {
		return gjson.Result{}
	}
	return gjson.Parse(b.whole)
}

// add appends an item. value must have been read from the batch's own text.
func (b *batch) add(value gjson.Result, eventType, identity, source string) {
	if len(b.items) >= maxItems {
		b.full = true
		return
	}
	offset := int(uintptr(unsafe.Pointer(unsafe.StringData(value.Raw))) - uintptr(unsafe.Pointer(unsafe.StringData(b.whole))))
	item := Item{
		Span:            Span{Offset: offset, Length: len(value.Raw)},
		EventType:       eventType,
		Identity:        boundIdentity(identity),
		IdentitySource:  source,
		ProviderEventID: identity,
	}
	if identity == "" {
		item.IdentitySource = "none"
	}
	b.items = append(b.items, item)
}

// each calls add for every member of a JSON array.
func (b *batch) each(list gjson.Result, add func(item gjson.Result)) {
	list.ForEach(func(_, item gjson.Result) bool {
		add(item)
		return !b.full
	})
}

// into puts the items into the verdict. Too many are refused rather than
// partly stored.
func (b *batch) into(v *Verdict) {
	if b.full {
		*v = refuse(MalformedBody)
		return
	}
	v.Events = b.items
}

// collapse gives a batch of one the type and the identity of its only event,
// for senders whose requests usually hold one.
func (v *Verdict) collapse(signed bool) {
	if len(v.Events) != 1 {
		return
	}
	only := v.Events[0]
	v.EventType, v.ProviderEventID = only.EventType, only.ProviderEventID
	v.setIdentity(only.Identity, only.IdentitySource, signed)
}

// splitList describes a batch that is one array: where it is, and in each
// member where the type is and where the identity.
func splitList(listPath, typePath, idPath, source string) func(*Request, *Verdict) {
	return func(r *Request, v *Verdict) {
		b := newBatch(r.Body)
		list := b.root(r.Body)
		if listPath != "" {
			list = list.Get(listPath)
		}
		if !list.IsArray() {
			return
		}
		b.each(list, func(item gjson.Result) {
			b.add(item, text(item.Get(typePath)), scalar(item.Get(idPath)), source)
		})
		b.into(v)
	}
}

// joined is a composed identity: the parts with ":" between them, or "" when
// one that must be there is missing.
func joined(parts ...string) string {
	for _, part := range parts {
		if part == "" {
			return ""
		}
	}
	return strings.Join(parts, ":")
}
