//go:build knocker_torture && cgo && linux

package filelock_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

func init() {
	parts["classic"] = partClassic
	parts["late"] = partLate
	parts["uncured"] = partUncured
}

func cure(value string, command *exec.Cmd) *exec.Cmd {
	command.Env = append(command.Env, "KNOCKER_CURE="+value)
	return command
}

// The tests of what the hooks prevent must be able to see it.
func TestWithoutTheHooksTheHostLosesItsLocks(t *testing.T) {
	path := newDatabase(t, "delete")
	if got := output(t, cure("off", part("uncured", path))); got != "lost" {
		t.Fatalf("the host's lock is %s", got)
	}
}

func partUncured(args []string) error {
	if filelock.Installed() {
		return errors.New("the hooks are in")
	}
	file, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	lock := syscall.Flock_t{Type: syscall.F_RDLCK, Start: sharedFirst, Len: sharedSize}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock); err != nil {
		return err
	}
	if err := useOnce(args[0]); err != nil {
		return err
	}
	seen, err := cure("", part("lock-seen", args[0], fmt.Sprint(sharedFirst))).Output()
	if err != nil {
		return err
	}
	fmt.Println(map[bool]string{true: "lost", false: "kept"}[strings.TrimSpace(string(seen)) == "free"])
	return nil
}

func useOnce(path string) error {
	if _, err := filelock.Prepare(path, filelock.Options{}); err != nil {
		return err
	}
	db, err := openQuietly(path, noWait)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec("INSERT INTO t VALUES(7)")
	return err
}

func TestClassicLocks(t *testing.T) {
	output(t, cure("classic", part("classic", newDatabase(t, "delete"))))
}

// partClassic: locks of the open file description do not work here. A file of
// its own is fine; one that the host has open is refused, and one that the host
// opens later is found within a second and left alone.
func partClassic(args []string) error {
	path := args[0]
	if err := useOnce(path); err != nil {
		return fmt.Errorf("alone: %w", err)
	}
	host, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var refusal *filelock.Error
	if err := useOnce(path); !errors.As(err, &refusal) || refusal.Code != filelock.CodeFileInUse {
		return fmt.Errorf("beside the host: %v", err)
	}
	host.Close()
	file, err := filelock.Prepare(path, filelock.Options{})
	if err != nil {
		return fmt.Errorf("when the host has closed: %w", err)
	}
	if file.Mode != filelock.Classic {
		return fmt.Errorf("locks are %s", file.Mode)
	}
	db, err := openQuietly(path, noWait)
	if err != nil {
		return err
	}
	if _, err := db.Exec("INSERT INTO t VALUES(7)"); err != nil {
		return err
	}
	found := make(chan error, 1)
	defer filelock.Watch(file, 0, func(err error) { found <- err })()
	if err := file.Check(); err != nil {
		return fmt.Errorf("alone again: %w", err)
	}
	return laterHost(path, db, found)
}

func laterHost(path string, db *sql.DB, found chan error) error {
	host, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	lock := syscall.Flock_t{Type: syscall.F_RDLCK, Start: sharedFirst, Len: sharedSize}
	if err := syscall.FcntlFlock(host.Fd(), syscall.F_SETLK, &lock); err != nil {
		return err
	}
	select {
	case err := <-found:
		var refusal *filelock.Error
		if !errors.As(err, &refusal) || refusal.Code != filelock.CodeFileInUse {
			return fmt.Errorf("found: %w", err)
		}
	case <-time.After(3 * time.Second):
		return errors.New("the host's descriptor was not found")
	}
	if _, err := db.Exec("INSERT INTO t VALUES(8)"); err == nil {
		return errors.New("wrote beside the host")
	}
	db.Close()
	seen, err := cure("", part("lock-seen", path, fmt.Sprint(sharedFirst))).Output()
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(seen)); got != fmt.Sprint("read ", os.Getpid()) {
		return fmt.Errorf("the host's lock is %q after our close", got)
	}
	return nil
}

func TestOpenBeforeTheHooks(t *testing.T) {
	path := newDatabase(t, "wal")
	output(t, cure("late", part("late", path, newDatabase(t, "wal"))))
}

// partLate: the program has used go-sqlite3 before the hooks went in. That file
// is refused until it is closed, and its connection goes on working.
func partLate(args []string) error {
	early, err := openQuietly(args[0], noWait)
	if err != nil {
		return err
	}
	if _, err := early.Exec("INSERT INTO t VALUES(2)"); err != nil {
		return err
	}
	if !filelock.InstallLate() {
		return errors.New("not installed")
	}
	var refusal *filelock.Error
	if err := useOnce(args[0]); !errors.As(err, &refusal) || refusal.Code != filelock.CodeFileInUse {
		return fmt.Errorf("open before the hooks: %v", err)
	}
	if err := useOnce(args[1]); err != nil {
		return fmt.Errorf("another file: %w", err)
	}
	if _, err := early.Exec("INSERT INTO t VALUES(3)"); err != nil {
		return err
	}
	second, err := openQuietly(args[0], noWait)
	if err != nil {
		return err
	}
	if _, err := second.Exec("INSERT INTO t VALUES(4)"); err != nil {
		return err
	}
	second.Close()
	early.Close()
	if err := useOnce(args[0]); err != nil {
		return fmt.Errorf("after it was closed: %w", err)
	}
	file, err := filelock.Prepare(args[0], filelock.Options{})
	if err == nil && file.Mode != filelock.OpenFileDescription {
		err = fmt.Errorf("after it was closed: locks are %s", file.Mode)
	}
	return err
}
