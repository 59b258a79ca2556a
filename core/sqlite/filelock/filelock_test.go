//go:build cgo && linux

package filelock_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/knocker-dev/knocker/core/sqlite/filelock"
)

func TestInstalled(t *testing.T) {
	if !filelock.Installed() {
		t.Fatal("the hooks are not in")
	}
	if mode := prepare(t, database(t), filelock.Options{}).Mode; mode != filelock.OpenFileDescription {
		t.Fatalf("locks here are %s", mode)
	}
}

// Without the hooks the first close would drop the host's lock, and a third
// process could write in the middle of the host's transaction.
func TestHostKeepsItsLocksWhenOurConnectionsClose(t *testing.T) {
	eachJournal(t, func(t *testing.T, path string) {
		file := prepare(t, path, filelock.Options{})
		host := openHost(t, path)
		host.mustLock(syscall.F_RDLCK, sharedFirst, sharedSize)
		for range 3 {
			db := open(t, path, noWait)
			text(t, db, "SELECT count(*) FROM t")
			db.Close()
			unused := open(t, path, noWait) // closes without ever locking
			unused.Ping()
			unused.Close()
		}
		want := fmt.Sprint("read ", os.Getpid())
		if got := lockSeen(t, path, sharedFirst); got != want {
			t.Fatalf("after our closes the host's lock is %q", got)
		}
		if file.Release() {
			t.Fatal("the descriptors were closed while the host has a lock")
		}
		if got := lockSeen(t, path, sharedFirst); got != want {
			t.Fatalf("after Release the host's lock is %q", got)
		}
		host.mustLock(syscall.F_UNLCK, 0, 0)
		if !file.Release() {
			t.Fatal("nobody has a lock, but descriptors are left")
		}
	})
}

func TestLocksOfHostAndOursExcludeEachOther(t *testing.T) {
	path := newDatabase(t, "delete")
	db, host := open(t, path, noWait), openHost(t, path)
	host.mustLock(syscall.F_WRLCK, reservedByte, 1)
	if _, err := db.Exec("INSERT INTO t VALUES(2)"); err == nil {
		t.Fatal("wrote while the host has the write lock")
	}
	host.mustLock(syscall.F_UNLCK, 0, 0)
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := host.lock(syscall.F_WRLCK, reservedByte, 1); err == nil {
		t.Fatal("the host took the write lock in our transaction")
	}
}

// A reader keeps its lock when another connection of ours, on a descriptor of
// its own, unlocks or closes.
func TestConnectionsShareTheCanonicalDescriptor(t *testing.T) {
	path := newDatabase(t, "delete")
	reader, writer := open(t, path, noWait+"&mode=ro&_txlock=deferred"), open(t, path, noWait)
	tx, err := reader.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	text(t, writer, "SELECT count(*) FROM t")
	writer.Close()
	if got := lockSeen(t, path, sharedFirst); !strings.HasPrefix(got, "read") {
		t.Fatalf("the reader's lock is %q", got)
	}
	if got := startShell(t, path).do("INSERT INTO t VALUES(9);"); !strings.Contains(got, "locked") {
		t.Fatalf("another process committed under our reader: %q", got)
	}
	tx.Rollback()
	if got := lockSeen(t, path, sharedFirst); got != "free" {
		t.Fatalf("after the reader: %q", got)
	}
}

// The first connection is read-only: writing must work for the second one.
func TestReadOnlyFirst(t *testing.T) {
	path := newDatabase(t, "wal")
	prepare(t, path, filelock.Options{}).Release()
	prepare(t, path, filelock.Options{ReadOnly: true})
	reader := open(t, path, noWait+"&mode=ro")
	text(t, reader, "SELECT count(*) FROM t")
	writer := open(t, path, noWait)
	mustExec(t, writer, "INSERT INTO t VALUES(2)")
	if _, err := reader.Exec("INSERT INTO t VALUES(3)"); err == nil {
		t.Fatal("a read-only connection wrote")
	}
	if got := text(t, reader, "SELECT count(*) FROM t"); got != "2" {
		t.Fatalf("the reader sees %s", got)
	}
}

func TestDescriptorsAreBounded(t *testing.T) {
	dir := t.TempDir()
	before := filelock.Count()
	var hosts []hostFile
	use := func(i int) {
		path := filepath.Join(dir, fmt.Sprintf("%d.db", i))
		prepare(t, path, filelock.Options{})
		db := open(t, path, noWait)
		mustExec(t, db, "PRAGMA journal_mode=wal; CREATE TABLE IF NOT EXISTS t(n)")
		db.Close()
	}
	for i := range 300 {
		use(i)
	}
	if got := filelock.Count(); got.Parked > 40 {
		t.Fatalf("300 closed databases hold %d descriptors", got.Parked)
	}
	// The host has all 300 open: their descriptors cannot be closed now.
	for i := range 300 {
		use(i)
		host := openHost(t, filepath.Join(dir, fmt.Sprintf("%d.db", i)))
		host.mustLock(syscall.F_RDLCK, sharedFirst, sharedSize)
		hosts = append(hosts, host)
		use(i)
	}
	during := filelock.Count()
	if during.Parked < 300 || during.Parked > 300+before.Parked+40 {
		t.Fatalf("%d descriptors are parked for 300 databases of the host", during.Parked)
	}
	for i := range 300 {
		use(i) // reused, not opened once more
	}
	if got := filelock.Count(); got.Parked > during.Parked+40 {
		t.Fatalf("the parked descriptors grew from %d to %d", during.Parked, got.Parked)
	}
	for _, host := range hosts {
		host.Close()
	}
	for i := range 100 {
		use(i)
	}
	if got := filelock.Count(); got.Parked > 40 {
		t.Fatalf("after the host has closed, %d descriptors are left", got.Parked)
	}
}

func TestUnlinkedFileIsLetGo(t *testing.T) {
	path := newDatabase(t, "delete")
	file := prepare(t, path, filelock.Options{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range filelock.Count().Idle/4 + 1 { // each close elsewhere looks at some idle files
		newDatabase(t, "delete")
	}
	links := output(t, exec.Command("ls", "-l", fmt.Sprintf("/proc/%d/fd", os.Getpid())))
	if strings.Contains(links, path+" (deleted)") {
		t.Fatalf("an unlinked database is still open:\n%s", links)
	}
	if !file.Release() {
		t.Fatal("Release does not know that it is gone")
	}
}

func TestSideFilesAreReallyClosed(t *testing.T) {
	for _, journal := range []string{"wal", "delete", "persist"} {
		path := newDatabase(t, journal)
		db := open(t, path, noWait)
		mustExec(t, db, "INSERT INTO t VALUES(2)")
		mustExec(t, db, "PRAGMA temp_store=FILE; CREATE TEMP TABLE x(n); INSERT INTO x VALUES(randomblob(100000)); VACUUM")
		db.Close()
		links := output(t, exec.Command("ls", "-l", fmt.Sprintf("/proc/%d/fd", os.Getpid())))
		for _, line := range strings.Split(links, "\n") {
			if strings.Contains(line, path+"-") || strings.Contains(line, "etilqs") {
				t.Errorf("%s: left open: %s", journal, line)
			}
		}
	}
}

func TestFileMode(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	for _, test := range []struct{ set, want fs.FileMode }{{0, 0o600}, {0o640, 0o640}, {0o666, 0o666}} {
		path := database(t)
		prepare(t, path, filelock.Options{FileMode: test.set})
		db := open(t, path, noWait)
		mustExec(t, db, "PRAGMA journal_mode=wal; CREATE TABLE t(n)")
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != test.want {
				t.Errorf("FileMode %o: %s has %o", test.set, filepath.Base(path+suffix), info.Mode().Perm())
			}
		}
		db.Close()
	}
	path := database(t)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	prepare(t, path, filelock.Options{FileMode: 0o600})
	if after, _ := os.Stat(path); after.Mode() != info.Mode() {
		t.Errorf("the mode of an existing file was changed to %o", after.Mode().Perm())
	}
}

func TestPrepareErrors(t *testing.T) {
	dir := t.TempDir()
	for path, options := range map[string]filelock.Options{
		filepath.Join(dir, "missing"):         {MustExist: true},
		filepath.Join(dir, "missing2"):        {ReadOnly: true},
		filepath.Join(dir, "no", "directory"): {},
		dir:                                   {},
		"/dev/null":                           {},
	} {
		var pathError *fs.PathError
		if _, err := filelock.Prepare(path, options); !errors.As(err, &pathError) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("a refused open has created %v", entries)
	}
}

func TestLinksLeadToOneInode(t *testing.T) {
	path := newDatabase(t, "wal")
	dangling, link := filepath.Join(t.TempDir(), "dangling"), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	a, b := prepare(t, path, filelock.Options{}), prepare(t, link, filelock.Options{})
	if a.Device != b.Device || a.Inode != b.Inode {
		t.Fatalf("%+v and %+v", a, b)
	}
	if err := os.Symlink(filepath.Join(filepath.Dir(path), "new.db"), dangling); err != nil {
		t.Fatal(err)
	}
	prepare(t, dangling, filelock.Options{})
	mustExec(t, open(t, dangling, noWait), "CREATE TABLE t(n)")
}
