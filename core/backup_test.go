package core_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/knocker-dev/knocker/core"
)

// A backup taken while receipts come in is whole, and holds all that was
// answered before it began.
func TestBackup(t *testing.T) {
	inbox := withEndpoint(t, core.Options{})
	ctx, stop := context.WithCancel(background)
	var all sync.WaitGroup
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for ctx.Err() == nil {
				if _, err := inbox.Receive(background, request("", "x")); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	path := filepath.Join(t.TempDir(), "backup.db")
	var last core.Result
	for n := range 3 {
		last = receive(t, inbox, fmt.Sprint(n))
		if err := inbox.Backup(background, path); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	all.Wait()
	if got := shell(t, path, "PRAGMA integrity_check; SELECT count(*) FROM knocker_deliveries WHERE id = "+fmt.Sprint(last.DeliveryID)); got != "ok\n1\n" {
		t.Fatalf("%q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	if names, _ := filepath.Glob(path + ".part*"); len(names) != 0 {
		t.Fatal("left over:", names)
	}
	wantCode(t, inbox.Backup(background, inbox.Path()), core.CodeInvalidArgument)
	wantCode(t, inbox.Backup(background, filepath.Join(t.TempDir(), "none", "b.db")), core.CodeCannotOpen)
}
