package core

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/knocker-dev/knocker/core/internal/testhost"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// With KNOCKER_TEST_ENGINE=host every test of this package runs on the system's
// SQLite, as it would on a system where that is the default.
func init() {
	if os.Getenv("KNOCKER_TEST_ENGINE") == "host" {
		hostByDefault = true
		if _, err := systemSQLite(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func systemSQLite() (version string, err error) {
	library, err := testhost.Load()
	if err != nil {
		return "", err
	}
	return FindHostSQLite(library)
}

// One file has one engine in a process, in either order, and each may follow
// the other once the file is closed.
func TestEnginesDoNotMix(t *testing.T) {
	version, err := systemSQLite()
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{"embedded": SQLiteVersion(), "host": version}
	path := filepath.Join(t.TempDir(), "app.db")
	for _, engines := range [][2]string{{"embedded", "host"}, {"host", "embedded"}, {"embedded", "host"}} {
		inbox, err := Open(path, Options{Engine: engines[0]})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{Engine: engines[1]}); CodeOf(err) != CodeOpenOptionsConflict {
			t.Errorf("%s beside %s: %v", engines[1], engines[0], err)
		}
		if inbox.Engine() != engines[0] || inbox.SQLiteVersion() != versions[engines[0]] {
			t.Errorf("%s runs on %s, SQLite %s", engines[0], inbox.Engine(), inbox.SQLiteVersion())
		}
		if err := inbox.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A host's SQLite gets the file with the mode that was asked for, also behind a
// link to nothing, and nothing else is left in the directory.
func TestHostFiles(t *testing.T) {
	if _, err := systemSQLite(); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	link := filepath.Join(directory, "link.db")
	if err := os.Symlink("real.db", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, filepath.Join(directory, "plain.db")} {
		inbox, err := Open(path, Options{Engine: "host", FileMode: 0o640})
		if err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			name := inbox.Path() + suffix
			if real, err := filepath.EvalSymlinks(inbox.Path()); err == nil {
				name = real + suffix
			}
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
				t.Error(name, info, err)
			}
		}
		if err := inbox.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for path, code := range map[string]Code{directory: CodeCannotOpen, "/dev/null": CodeCannotOpen, filepath.Join(directory, "no", "x.db"): CodeCannotOpen} {
		if _, err := Open(path, Options{Engine: "host"}); CodeOf(err) != code {
			t.Errorf("%s: %v", path, err)
		}
	}
	left, err := os.ReadDir(directory)
	if err != nil || len(left) != 3 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The host's engine is chosen by itself only where two SQLites are not known to
// be safe, and only once there is one.
func TestDefaultEngine(t *testing.T) {
	defer func(was bool) { hostByDefault = was }(hostByDefault)
	if _, err := systemSQLite(); err != nil {
		t.Fatal(err)
	}
	for _, hostByDefault = range []bool{false, true} {
		options, err := Options{}.withDefaults()
		if want := map[bool]string{false: "embedded", true: "host"}[hostByDefault]; err != nil || options.Engine != want {
			t.Errorf("%v: %s, %v", hostByDefault, options.Engine, err)
		}
	}
	if !sqlite.HasHost() {
		t.Error("no host")
	}
}
