package core_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/knocker-dev/knocker/core"
)

func check(t *testing.T, inbox *core.Inbox, quick bool) core.CheckReport {
	t.Helper()
	r, err := inbox.Check(background, quick)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What an operator asks first: is the file sound, and does anything wait for
// ever?
func TestCheck(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	ids := []int64{}
	for n := range 3 {
		ids = append(ids, receive(t, inbox, fmt.Sprint(n)).EventID)
	}
	fine := "{Integrity:[] ForeignKeys:[] SchemaVersion:1 Stuck:0 OrphanJobs:0}"
	for _, quick := range []bool{true, false} {
		if r := check(t, inbox, quick); fmt.Sprintf("%+v", r) != fine || !r.Sound() {
			t.Errorf("quick %v: %+v", quick, r)
		}
	}
	shell(t, inbox.Path(), fmt.Sprintf(`PRAGMA foreign_keys = OFF;
		DELETE FROM _honker_live WHERE id = (SELECT job_id FROM knocker_events WHERE id = %d);
		DELETE FROM knocker_events WHERE id = %d;
		INSERT INTO _honker_live (queue, payload) VALUES ('mail', '{}'), ('knocker.events', 'no json');
		CREATE TABLE orders (event INTEGER REFERENCES knocker_events(id)); INSERT INTO orders VALUES (%[2]d)`, ids[0], ids[1]))
	want := "{Integrity:[] ForeignKeys:[{Table:orders RowID:1 Parent:knocker_events}] SchemaVersion:1 Stuck:1 OrphanJobs:2}"
	if r := check(t, inbox, false); fmt.Sprintf("%+v", r) != want || r.Sound() {
		t.Errorf("%+v", r)
	}
}

// Damage is reported, not an error of the check.
func TestCheckFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	inbox := openAt(t, path, core.Options{})
	addHooks(t, inbox, core.EndpointParams{})
	for n := range 200 {
		receive(t, inbox, fmt.Sprint(n))
	}
	if err := inbox.Close(); err != nil {
		t.Fatal(err)
	}
	page := number(t, inbox, "SELECT rootpage FROM sqlite_schema WHERE name = 'knocker_events_identity'")
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, 4000), (page-1)*8192+100); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := openAt(t, path, core.Options{})
	if r := check(t, damaged, false); r.Sound() || len(r.Integrity) == 0 {
		t.Errorf("%+v", r)
	}
}
