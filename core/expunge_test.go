package core_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
)

// marked receives an event whose body, headers and query hold a marker, and
// whose handler quotes it in its error.
func marked(t *testing.T, inbox *core.Inbox, id, marker string, size int) core.Result {
	t.Helper()
	r, err := inbox.Receive(background, core.ReceiveParams{Endpoint: "hooks", Body: []byte(marker + strings.Repeat("-", size) + marker),
		Headers: map[string]any{"X-Knocker-Token": "secret", "X-Id": id, "X-Person": "header " + marker}, Query: map[string]any{"q": "query " + marker}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func expunge(t *testing.T, inbox *core.Inbox, f core.EventFilter, o core.BulkOptions) core.ExpungeResult {
	t.Helper()
	r, err := inbox.Expunge(background, f, "request 17", o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func expunged(matched, changed, skipped int64, fromFile bool) core.ExpungeResult {
	return core.ExpungeResult{BulkResult: core.BulkResult{Matched: matched, Changed: changed, Skipped: skipped}, ErasedFromFile: fromFile}
}

// bytesLeft are the files of the database that still hold a marker.
func bytesLeft(t *testing.T, inbox *core.Inbox, marker string) (files []string) {
	t.Helper()
	for _, name := range []string{"", "-wal"} {
		// Another process reads: to close the file here could drop locks.
		content, err := exec.Command("cat", inbox.Path()+name).Output()
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(content, []byte(marker)); n > 0 {
			files = append(files, fmt.Sprintf("%d times in %q", n, "app.db"+name))
		}
	}
	return files
}

// Whoever asks for erasure gets it: no byte of the body, headers, query or of an
// error that quotes them is left in the file or its WAL, small or large. What
// happened is still known, and others keep theirs.
func TestExpungeLeavesNoBytes(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	const marker, other = "Erika-Mustermann-0815", "Somebody-Else-4711"
	handle(t, inbox, "", func(_ context.Context, e *core.Event, _ *core.Tx) error {
		if bytes.Contains(e.Body, []byte(marker)) {
			return &core.Discard{Reason: string(e.Body[:len(marker)])}
		}
		return nil
	})
	var gone []int64
	for n := range 30 {
		size := []int{10, 3000, 40_000}[n%3]
		gone = append(gone, marked(t, inbox, fmt.Sprint("a", n), marker, size).EventID)
		marked(t, inbox, fmt.Sprint("a", n), marker, size) // the sender repeats it
		marked(t, inbox, fmt.Sprint("b", n), other, size)
	}
	runOnce(t, inbox)
	before := event(t, inbox, gone[0])
	if before.Status != "dead" || !strings.Contains(before.LastError, marker) {
		t.Fatalf("%+v", before)
	}
	if len(bytesLeft(t, inbox, marker)) == 0 {
		t.Fatal("the test looks in the wrong place")
	}
	r := expunge(t, inbox, core.EventFilter{EventIDs: gone}, core.BulkOptions{})
	if r != expunged(30, 30, 0, true) {
		t.Errorf("%+v", r)
	}
	if left := bytesLeft(t, inbox, marker); left != nil {
		t.Error("still there: ", left)
	}
	after := event(t, inbox, gone[0])
	if len(after.Body) != 0 || string(after.HeadersJSON) != "{}" || string(after.QueryJSON) != "{}" || after.ExpungedAt == 0 || after.LastError != "[expunged]" {
		t.Errorf("%+v", after)
	}
	after.Body, after.HeadersJSON, after.QueryJSON, after.ExpungedAt, after.LastError = before.Body, before.HeadersJSON, before.QueryJSON, 0, before.LastError
	if fmt.Sprintf("%+v", after) != fmt.Sprintf("%+v", before) {
		t.Errorf("what happened has changed:\n%+v\n%+v", before, after)
	}
	attempts, err := inbox.ListAttempts(background, gone[0])
	if err != nil || len(attempts) != 1 || attempts[0].Error != "[expunged]" || attempts[0].Outcome != "dead" {
		t.Errorf("%+v %v", attempts, err)
	}
	if n := number(t, inbox, "SELECT count(*) FROM knocker_deliveries WHERE CAST(body_blob AS TEXT) LIKE '"+other+"%'"); n != 30 {
		t.Errorf("%d bodies of others are left", n)
	}
	if d, err := inbox.GetDelivery(background, before.DeliveryID); err != nil || d.BodyBytes == 0 || d.ExpungedAt == 0 || d.BodyDigest != "" {
		t.Errorf("%+v %v", d, err)
	}
	// Its identity is kept, so that a late repetition is not a new event.
	if again := marked(t, inbox, "a0", marker, 10); !again.Duplicate || again.EventID != gone[0] {
		t.Errorf("%+v", again)
	}
	if r := expunge(t, inbox, core.EventFilter{EventIDs: gone}, core.BulkOptions{}); r.Changed != 1 || r.Skipped != 29 || bytesLeft(t, inbox, marker) != nil {
		t.Errorf("what came later: %+v, %v", r, bytesLeft(t, inbox, marker))
	}
	audits, _, err := inbox.ListPruneAudits(background, 0, "")
	if err != nil || len(audits) != 2 || audits[1].Kind != core.AuditExpunge || audits[1].EventsPruned != 30 || audits[1].DeliveriesPruned != 60 ||
		!strings.Contains(string(audits[1].Summary), `"request 17"`) {
		t.Errorf("%+v %v", audits, err)
	}
}

// What can't run again says so, and what may still run is not touched.
func TestExpungeStates(t *testing.T) {
	c := newClock()
	inbox := withEndpoint(t, core.Options{Source: core.Source{Now: c.now}})
	for _, status := range []string{"received", "processing", "failed", "handled", "dead", "ignored"} {
		seed(t, inbox, c, status, 1, 1, 10)
	}
	all := core.BulkOptions{All: true}
	if r := expunge(t, inbox, core.EventFilter{}, core.BulkOptions{All: true, DryRun: true}); r != expunged(6, 0, 0, false) {
		t.Errorf("%+v", r)
	}
	if n := number(t, inbox, "SELECT count(*) FROM knocker_events WHERE expunged_at IS NOT NULL"); n != 0 {
		t.Error("a dry run erases")
	}
	if r := expunge(t, inbox, core.EventFilter{}, all); r != expunged(6, 3, 3, true) {
		t.Errorf("%+v", r)
	}
	for id, status := range []string{"received", "processing", "failed", "handled", "dead", "ignored"} {
		e := event(t, inbox, int64(id+1))
		if erased := e.ExpungedAt != 0; erased != (id >= 3) || erased != (len(e.Body) == 0) {
			t.Errorf("%s: %+v", status, e)
		}
	}
	wantCode(t, inbox.Replay(background, 4), core.CodeBodyCut)
	wantCode(t, inbox.Requeue(background, 5), core.CodeBodyCut)
	_, err := inbox.ReplayDelivery(background, 6, 0)
	wantCode(t, err, core.CodeBodyCut)
	if e := event(t, inbox, 4); e.Status != "handled" {
		t.Errorf("%+v", e)
	}
	for name, f := range map[string]core.EventFilter{
		"an empty filter":   {},
		"a status unknown":  {Statuses: []string{"gone"}},
		"a list of nothing": {EventIDs: []int64{}},
		"a list's fields":   {EventIDs: []int64{1}, Bodies: true},
	} {
		_, err := inbox.Expunge(background, f, "", core.BulkOptions{})
		if core.CodeOf(err) != core.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of a batch only the event's own bytes go, in place; the last one takes the
// rest along.
func TestExpungeBatch(t *testing.T) {
	c := newClock()
	inbox := batches(t, c)
	one := receiveBatch(t, inbox, c, "aaa", "bbb")
	c.advance(time.Second)
	two := receiveBatch(t, inbox, c, "bbb", "ccc")
	if err := inbox.Handle(core.HandlerParams{Endpoint: "line"}, func(context.Context, *core.Event, *core.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	runOnce(t, inbox)
	a, b, last := one.EventIDs[0], one.EventIDs[1], two.EventIDs[1]
	erase := func(id int64) {
		t.Helper()
		if r := expunge(t, inbox, core.EventFilter{EventIDs: []int64{id}}, core.BulkOptions{}); r.Changed != 1 {
			t.Fatalf("%+v", r)
		}
	}
	whole := func(id int64) string {
		t.Helper()
		d, err := inbox.GetDelivery(background, id)
		if err != nil {
			t.Fatal(err)
		}
		return string(d.Body)
	}
	erase(b)
	if e := event(t, inbox, b); strings.TrimSpace(string(e.Body)) != "" || e.ExpungedAt == 0 {
		t.Errorf("%+v", e)
	}
	for id, name := range map[int64]string{a: "aaa", last: "ccc"} {
		if e := event(t, inbox, id); !strings.Contains(string(e.Body), `"webhookEventId":"`+name+`"`) || e.ExpungedAt != 0 {
			t.Errorf("%s: %+v %s", name, e, e.Body)
		}
	}
	for _, r := range []core.Result{one, two} {
		if body := whole(r.DeliveryID); strings.Contains(body, "bbb") || !strings.HasPrefix(body, `{"destination"`) || len(body) != len(lineBody("aaa", "bbb")) {
			t.Errorf("%q", body)
		}
	}
	_, err := inbox.ReplayDelivery(background, two.DeliveryID, b)
	wantCode(t, err, core.CodeBodyCut)
	if _, err := inbox.ReplayDelivery(background, two.DeliveryID, last); err != nil {
		t.Error(err)
	}
	runOnce(t, inbox)
	erase(a)
	if body := whole(one.DeliveryID); body != "" {
		t.Errorf("what stood around the items is left: %q", body)
	}
	if e := event(t, inbox, last); !strings.Contains(string(e.Body), "ccc") {
		t.Errorf("%s", e.Body)
	}
	if left := bytesLeft(t, inbox, `\"aaa\"`); left != nil {
		t.Error(left)
	}
}

// A reader of the old state keeps the bytes in the WAL: the answer says so, and
// a later call finishes it.
func TestExpungeTellsOfReaders(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	handle(t, inbox, "", func(context.Context, *core.Event, *core.Tx) error { return nil })
	const marker = "Erika-Mustermann-0815"
	id := marked(t, inbox, "a", marker, 10).EventID
	runOnce(t, inbox)
	c, _ := otherProcess(t, inbox.Path(), "BEGIN; SELECT count(*) FROM knocker_events;")
	this := core.EventFilter{EventIDs: []int64{id}}
	if r := expunge(t, inbox, this, core.BulkOptions{}); r.Changed != 1 || r.ErasedFromFile {
		t.Errorf("%+v", r)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	if r := expunge(t, inbox, this, core.BulkOptions{}); r.Skipped != 1 || !r.ErasedFromFile || bytesLeft(t, inbox, marker) != nil {
		t.Errorf("%+v, %v", r, bytesLeft(t, inbox, marker))
	}
}
