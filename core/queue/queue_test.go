package queue

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
	"github.com/knocker-dev/knocker/core/store"
)

func openQueue(t *testing.T) store.Conn {
	t.Helper()
	r, err := sqlite.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sqlite.Open(r, filepath.Join(t.TempDir(), "q.db"), sqlite.OpenReadWrite|sqlite.OpenCreate, "")
	if err == nil {
		t.Cleanup(c.Close)
		err = store.Bootstrap(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var noon = time.Unix(1767225600, 0)

func put(t *testing.T, c store.Conn, runAt time.Time, maxAttempts int) int64 {
	t.Helper()
	id, err := Enqueue(c, "q", `{}`, runAt.Unix(), maxAttempts, noon)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func take(t *testing.T, c store.Conn, n int, now time.Time) (claimed, exhausted []Job) {
	t.Helper()
	claimed, exhausted, err := Claim(c, ClaimParams{Queue: "q", WorkerID: "w", Limit: n, Lease: time.Minute, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return claimed, exhausted
}

func ids(jobs []Job) (out []int64) {
	for _, j := range jobs {
		out = append(out, j.ID)
	}
	return out
}

// The order is priority, then time, then id, whichever index finds the jobs.
func TestOrder(t *testing.T) {
	c := openQueue(t)
	late := put(t, c, noon.Add(-time.Second), 3)
	early := put(t, c, noon.Add(-time.Minute), 3)
	urgent := put(t, c, noon, 3)
	put(t, c, noon.Add(time.Hour), 3)
	if _, err := c.Exec("UPDATE _honker_live SET priority = 5 WHERE id = ?", urgent); err != nil {
		t.Fatal(err)
	}
	want := []int64{urgent, early, late}
	for _, limit := range []int{1, 2, 3, 10} { // 1 and 2 go by the claim index, 3 and 10 by the deadlines
		if err := c.Script("BEGIN"); err != nil {
			t.Fatal(err)
		}
		got, _ := take(t, c, limit, noon)
		for n, id := range ids(got) {
			if id != want[n] {
				t.Errorf("limit %d: %v, want %v", limit, ids(got), want)
			}
		}
		if len(got) != min(limit, 3) {
			t.Errorf("limit %d: %d jobs", limit, len(got))
		}
		if err := c.Script("ROLLBACK"); err != nil {
			t.Fatal(err)
		}
	}
}

// An expired lease is claimed alone; used up, the job is buried.
func TestExpiredLease(t *testing.T) {
	c := openQueue(t)
	poison := put(t, c, noon, 2)
	if got, _ := take(t, c, 10, noon); len(got) != 1 {
		t.Fatal(got)
	}
	put(t, c, noon, 2)
	later := noon.Add(2 * time.Minute)
	if got, _ := take(t, c, 10, later); len(got) != 1 || got[0].ID != poison || got[0].Attempts != 2 {
		t.Fatal("not alone:", got)
	}
	got, exhausted := take(t, c, 10, later.Add(2*time.Minute))
	if len(got) != 0 || len(exhausted) != 1 || exhausted[0].ID != poison {
		t.Fatal(got, exhausted)
	}
	rows, err := c.Query("SELECT attempts, last_error FROM _honker_dead WHERE id = ?", poison)
	if err != nil || !rows.Next() || rows.Int(0) != 2 {
		t.Fatal("not in the dead table", err)
	}
}

// Only the holder of this very claim may end it: id, worker and attempts.
func TestFencing(t *testing.T) {
	c := openQueue(t)
	put(t, c, noon, 9)
	first, _ := take(t, c, 1, noon)
	old := Key{first[0].ID, "w", first[0].Attempts}
	second, _ := take(t, c, 1, noon.Add(time.Hour))
	for name, end := range map[string]func() (bool, error){
		"held":        func() (bool, error) { return Held(c, old) },
		"acknowledge": func() (bool, error) { return Acknowledge(c, old) },
		"retry":       func() (bool, error) { return Retry(c, old, noon, 9) },
		"give back":   func() (bool, error) { return GiveBack(c, old, noon) },
		"fail":        func() (bool, error) { return Fail(c, old, "x", noon) },
		"renew":       func() (bool, error) { return Renew(c, old, time.Minute, noon) },
	} {
		if ok, err := end(); ok || err != nil {
			t.Errorf("%s by an old claim: %v %v", name, ok, err)
		}
	}
	if ok, err := Acknowledge(c, Key{second[0].ID, "w", second[0].Attempts}); !ok || err != nil {
		t.Error("the present claim:", ok, err)
	}
}

// A job given back keeps its attempt and its place; a retried one waits.
func TestGivingBack(t *testing.T) {
	c := openQueue(t)
	id := put(t, c, noon, 9)
	got, _ := take(t, c, 1, noon)
	if ok, err := GiveBack(c, Key{id, "w", got[0].Attempts}, time.Time{}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	got, _ = take(t, c, 1, noon)
	if len(got) != 1 || got[0].Attempts != 1 {
		t.Fatal("an attempt was counted, or the job is late:", got)
	}
	if ok, err := Retry(c, Key{id, "w", 1}, noon.Add(1500*time.Millisecond), 4); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if due, err := NextDue(c, "q", noon); err != nil || due != noon.Unix()+2 {
		t.Fatal("never before its time:", due-noon.Unix(), err)
	}
	if got, _ := take(t, c, 1, noon.Add(time.Second)); len(got) != 0 {
		t.Fatal("too early")
	}
	if got, _ := take(t, c, 1, noon.Add(2*time.Second)); len(got) != 1 || got[0].MaxAttempts != 4 {
		t.Fatal(got)
	}
}

// A worker must not look again and again for a job that it can't claim.
func TestExpiredJobIsNeverDue(t *testing.T) {
	c := openQueue(t)
	put(t, c, noon, 3)
	if _, err := c.Exec("UPDATE _honker_live SET expires_at = ?", noon.Unix()+10); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		after int
		due   int64
		jobs  int
	}{{9, noon.Unix(), 1}, {10, 0, 0}} {
		now := noon.Add(time.Duration(at.after) * time.Second)
		if due, err := NextDue(c, "q", now); err != nil || due != at.due {
			t.Errorf("after %d s the job is due at %d, %v", at.after, due, err)
		}
		got, _ := take(t, c, 1, now)
		if len(got) != at.jobs {
			t.Errorf("after %d s %d jobs were claimed", at.after, len(got))
		}
		for _, j := range got {
			if _, err := GiveBack(c, Key{ID: j.ID, WorkerID: "w", Attempts: j.Attempts}, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
