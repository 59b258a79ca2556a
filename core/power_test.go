package core_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/internal/testvfs"
)

// A power cut at random moments: every receipt that was answered before it is
// in the file, also when handlers' commits, which are not synced, stand
// between; an event that counts as handled has its row.
func TestPowerCut(t *testing.T) {
	if err := testvfs.Register(); err != nil {
		t.Fatal(err)
	}
	testvfs.RecordPower(t.TempDir())
	defer testvfs.RecordPower("")
	inbox := open(t, core.Options{VFS: testvfs.Name})
	addHooks(t, inbox, core.EndpointParams{})
	execute(t, inbox, "CREATE TABLE orders(event INTEGER)")
	receive(t, inbox, "") // synced, and with it the table
	handle(t, inbox, "", func(_ context.Context, e *core.Event, tx *core.Tx) error {
		_, err := tx.Exec("INSERT INTO orders VALUES (?)", e.ID)
		return err
	})
	ctx, stop := context.WithCancel(background)
	var all sync.WaitGroup
	var mu sync.Mutex
	var answered []int64
	all.Add(1)
	go func() {
		defer all.Done()
		if err := inbox.RunWorker(ctx, core.WorkerOptions{Concurrency: 2}); err != nil {
			t.Error(err)
		}
	}()
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for ctx.Err() == nil {
				r, err := inbox.Receive(background, request("", "x"))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				answered = append(answered, r.DeliveryID)
				mu.Unlock()
			}
		}()
	}
	type cut struct {
		directory string
		answered  []int64
	}
	var cuts []cut
	for n := range 12 {
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		mu.Lock()
		known := append([]int64(nil), answered...)
		mu.Unlock()
		directory := t.TempDir()
		testvfs.CutPower(directory, uint32(n))
		cuts = append(cuts, cut{directory, known})
	}
	stop()
	all.Wait()
	for _, c := range cuts {
		checkAfterCut(t, filepath.Join(c.directory, "app.db"), c.answered)
	}
	t.Logf("%d receipts, %d cuts", len(answered), len(cuts))
}

func checkAfterCut(t *testing.T, path string, answered []int64) {
	t.Helper()
	left := openAt(t, path, core.Options{})
	defer func() { _ = left.Close() }()
	for _, id := range answered {
		if _, err := left.GetDelivery(background, id); err != nil {
			t.Fatalf("an answered receipt is gone after a power cut: %v", err)
		}
	}
	inTx(t, left, func(tx *core.Tx) {
		for sql, want := range map[string]string{
			"PRAGMA integrity_check": "ok",
			`SELECT count(*) FROM knocker_events e JOIN knocker_endpoints p ON p.id = e.endpoint_id
				WHERE p.name = 'hooks' AND (e.status = 'handled') <> EXISTS (SELECT 1 FROM orders WHERE event = e.id)`: "0",
		} {
			rows, err := tx.Query(sql)
			if err != nil {
				t.Error(err)
			} else if got := rows.Rows[0][0]; got != want && got != int64(0) {
				t.Errorf("%s: %v", sql, got)
			}
		}
	})
}
