//go:build cgo && linux

package filelock_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

func init() {
	parts["no-standard"] = partNoStandard
	parts["close-all"] = partCloseAll
	parts["becomes-writable"] = partBecomesWritable
}

// A program without standard streams must not get a database as its standard
// output.
func TestStandardDescriptorsStayClear(t *testing.T) {
	path := newDatabase(t, "wal")
	report := filepath.Join(t.TempDir(), "report")
	command := exec.Command("sh", "-c", `exec "$0" "$@" <&- >&- 2>&-`, os.Args[0], path, report)
	command.Env = append(os.Environ(), "FILELOCK_TEST_PART=no-standard")
	output(t, command)
	got, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "ok" {
		t.Fatal(string(got))
	}
}

func partNoStandard(args []string) error {
	return os.WriteFile(args[1], []byte(noStandard(args[0])), 0o600)
}

func noStandard(path string) string {
	// The Go runtime opens /dev/null there at start; a C host need not have.
	for fd := range 3 {
		syscall.Close(fd)
	}
	if _, err := filelock.Prepare(path, filelock.Options{}); err != nil {
		return err.Error()
	}
	for fd := range 3 {
		syscall.Close(fd)
	}
	db, err := openQuietly(path, noWait)
	if err != nil {
		return err.Error()
	}
	if _, err := db.Exec("INSERT INTO t VALUES(2)"); err != nil {
		return err.Error()
	}
	for fd := range 3 {
		link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err == nil && link != "/dev/null" {
			return fmt.Sprintf("descriptor %d is %s", fd, link)
		}
	}
	return "ok"
}

// A daemon that closes every descriptor also closes the parked ones; their
// numbers go to other files, which SQLite must not get.
func TestParkedDescriptorsClosedBehindOurBack(t *testing.T) {
	path := newDatabase(t, "delete")
	victim := filepath.Join(t.TempDir(), "victim")
	output(t, part("close-all", path, victim))
	got, err := os.ReadFile(victim)
	if err != nil || len(got) != 0 {
		t.Fatalf("%d bytes were written into another file (%v)", len(got), err)
	}
}

func partCloseAll(args []string) error {
	file, err := filelock.Prepare(args[0], filelock.Options{})
	if err != nil {
		return err
	}
	reader, err := openQuietly(args[0], "mode=ro")
	if err != nil {
		return err
	}
	if err := errors.Join(reader.Ping(), reader.Close()); err != nil {
		return err
	}
	before := filelock.Count()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		var fd int
		fmt.Sscan(entry.Name(), &fd)
		link, _ := os.Readlink("/proc/self/fd/" + entry.Name())
		if link != args[0] {
			continue
		}
		syscall.Close(fd)
		other, err := syscall.Open(args[1], syscall.O_RDWR|syscall.O_CREAT, 0o600)
		if err != nil || other != fd {
			return fmt.Errorf("the number %d was not taken over: %d, %v", fd, other, err)
		}
	}
	if before.Parked != 2 { // one for writing, one for reading
		return fmt.Errorf("%+v", before)
	}
	db, err := openQuietly(args[0], noWait)
	if err != nil {
		return err
	}
	if _, err = db.Exec("INSERT INTO t VALUES(2)"); err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if !file.Release() {
		return fmt.Errorf("left: %+v", filelock.Count())
	}
	return nil
}

// The file becomes writable while a reader holds its locks through a read-only
// descriptor. They cannot move, so a writer has to wait until the reader is gone;
// trying must cost no descriptors.
func TestFileBecomesWritable(t *testing.T) {
	path := newDatabase(t, "delete")
	command := part("becomes-writable", path)
	if os.Getuid() == 0 { // nothing is read-only for root
		const nobody = 65534
		program := filepath.Join(filepath.Dir(path), "part")
		binary, err := os.ReadFile(os.Args[0])
		if err == nil {
			err = os.WriteFile(program, binary, 0o755)
		}
		for dir := filepath.Dir(path); err == nil && dir != os.TempDir(); dir = filepath.Dir(dir) {
			err = os.Chmod(dir, 0o777)
		}
		if err == nil {
			err = os.Chown(path, nobody, nobody)
		}
		if err != nil {
			t.Fatal(err)
		}
		command.Path = program
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	output(t, command)
}

func partBecomesWritable(args []string) error {
	path := args[0]
	if err := os.Chmod(path, 0o400); err != nil {
		return err
	}
	if _, err := filelock.Prepare(path, filelock.Options{}); err != nil {
		return err
	}
	reader, err := openQuietly(path, "mode=ro")
	if err != nil {
		return err
	}
	tx, err := reader.Begin()
	if err != nil {
		return err
	}
	var n int
	if err := tx.QueryRow("SELECT n FROM t").Scan(&n); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	write := func() error {
		writer, err := openQuietly(path, noWait)
		if err != nil {
			return err
		}
		defer writer.Close()
		_, err = writer.Exec("INSERT INTO t VALUES(2)")
		return err
	}
	var before filelock.Counts
	for i := range 5 {
		if err := write(); err == nil || !strings.Contains(err.Error(), "readonly") {
			return fmt.Errorf("beside the reader: %v", err)
		}
		if i == 0 {
			before = filelock.Count()
		}
	}
	if after := filelock.Count(); after != before {
		return fmt.Errorf("descriptors went from %+v to %+v", before, after)
	}
	tx.Rollback()
	reader.Close()
	return write()
}
