//go:build cgo && (linux || darwin)

package filelock_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

// The bytes that SQLite locks, as its file format documents them.
const (
	reservedByte = 0x40000001
	sharedFirst  = 0x40000002
	sharedSize   = 510
)

// TestMain lets a test run a part of itself in a process of its own.
func TestMain(m *testing.M) {
	if part := os.Getenv("FILELOCK_TEST_PART"); part != "" {
		if err := parts[part](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// parts are the things that a second process does.
var parts = map[string]func([]string) error{
	"lock-seen": partLockSeen,
	"write-wal": partWriteWAL,
}

func part(name string, args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), "FILELOCK_TEST_PART="+name)
	return command
}

func output(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command.Args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// partLockSeen prints what another process sees at one byte: the owner's pid
// and the kind of lock, or "free".
func partLockSeen(args []string) error {
	file, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	offset, _ := strconv.ParseInt(args[1], 0, 64)
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: offset, Len: 1}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &lock); err != nil {
		return err
	}
	switch lock.Type {
	case syscall.F_UNLCK:
		fmt.Println("free")
	case syscall.F_RDLCK:
		fmt.Println("read", lock.Pid)
	default:
		fmt.Println("write", lock.Pid)
	}
	return nil
}

func lockSeen(t *testing.T, path string, offset int64) string {
	t.Helper()
	return output(t, part("lock-seen", path, fmt.Sprint(offset)))
}

// hostFile stands for the host's own copy of SQLite in this process: a
// descriptor of its own, and POSIX locks.
type hostFile struct {
	*os.File
	t *testing.T
}

func openHost(t *testing.T, path string) hostFile {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return hostFile{file, t}
}

func (h hostFile) lock(kind int16, start, length int64) error {
	return syscall.FcntlFlock(h.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: kind, Start: start, Len: length})
}

func (h hostFile) mustLock(kind int16, start, length int64) {
	h.t.Helper()
	if err := h.lock(kind, start, length); err != nil {
		h.t.Fatal(err)
	}
}

func prepare(t *testing.T, path string, options filelock.Options) *filelock.File {
	t.Helper()
	file, err := filelock.Prepare(path, options)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func openQuietly(path, parameters string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?"+parameters)
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// open opens one connection of the embedded copy.
func open(t *testing.T, path, parameters string) *sql.DB {
	t.Helper()
	db, err := openQuietly(path, parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func text(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	var value string
	if err := db.QueryRow(query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func database(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") }

// shell is the stock sqlite3 program on a file: the second process.
type shell struct {
	t       *testing.T
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func startShell(t *testing.T, path string) *shell {
	t.Helper()
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Fatal("the stock sqlite3 shell is missing: install the package sqlite3")
	}
	s := &shell{t: t, command: exec.Command(program, "-batch", path)}
	s.in, err = s.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.command.Stderr = s.command.Stdout
	s.out = bufio.NewReader(out)
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill() })
	return s
}

// do runs SQL and returns what the shell printed, its errors included.
func (s *shell) do(query string) string {
	s.t.Helper()
	fmt.Fprintf(s.in, "%s\n.print =end=\n", query)
	var lines []string
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("the shell ended in %q: %v", query, err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "=end=" {
			return strings.Join(lines, "\n")
		}
		lines = append(lines, line)
	}
}

func (s *shell) quit() {
	s.t.Helper()
	s.in.Close()
	done := time.AfterFunc(10*time.Second, func() { s.command.Process.Kill() })
	defer done.Stop()
	s.command.Wait()
}

func (s *shell) kill() {
	s.command.Process.Kill()
	s.command.Wait()
}
