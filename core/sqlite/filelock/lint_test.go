package filelock_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// allowed are the files that may open something by path, and why that is never
// a database, -wal or -shm file.
var allowed = map[string]string{
	"core/backup_unix.go":           "opens a directory, to sync the rename of a finished backup",
	"core/internal/testvfs/power.c": "a VFS that only tests import; it keeps a copy of what it writes",
}

// opening are the functions that open a file by its path.
var opening = map[string]string{
	"os":                       "Open OpenFile OpenRoot OpenInRoot Create ReadFile WriteFile DirFS CopyFS",
	"io/ioutil":                "ReadFile WriteFile",
	"syscall":                  "Open Openat Creat CreateFile",
	"golang.org/x/sys/unix":    "Open Openat Openat2 Creat",
	"golang.org/x/sys/windows": "Open CreateFile",
}

var watchers = "github.com/fsnotify/fsnotify"

var openingInC = regexp.MustCompile(`\b(open|openat|creat|fopen|freopen|CreateFile[AW]?)\s*\(`)

// Any descriptor of a database that our code opened would, when it is closed,
// drop the locks of the host's own SQLite. So nothing in the modules that end up
// in a host's process opens a file by path, except what is listed above; SQLite
// alone opens databases, through the hooks.
func TestOnlySQLiteOpensFiles(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	checked := 0
	for _, module := range []string{"core", "capi", filepath.Join("bindings", "go")} {
		err := filepath.WalkDir(filepath.Join(root, module), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				switch entry.Name() {
				case "test", "testdata", "cmd": // programs of their own, in nobody's process
					return filepath.SkipDir
				}
				return nil
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			if allowed[name] != "" || strings.HasPrefix(name, "core/sqlite/filelock/") {
				return nil
			}
			switch {
			case strings.HasSuffix(name, "_test.go"):
			case strings.HasSuffix(name, ".go"):
				checked++
				lintGo(t, path, name)
			case strings.HasSuffix(name, ".c"):
				checked++
				lintC(t, path, name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if checked < 10 {
		t.Fatalf("only %d files were found", checked)
	}
	for name := range allowed {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("allowed, but gone: %s", name)
		}
	}
}

func lintGo(t *testing.T, path, name string) {
	for _, found := range openedIn(t, path, nil) {
		t.Errorf("%s: %s opens a file by its path", name, found)
	}
}

// openedIn lists the calls, and the mentions as values, of opening functions.
func openedIn(t *testing.T, path string, source any) (found []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, imported := range file.Imports {
		value, _ := strconv.Unquote(imported.Path.Value)
		if value == watchers {
			found = append(found, value)
		}
		name := value[strings.LastIndex(value, "/")+1:]
		if imported.Name != nil {
			name = imported.Name.Name
		}
		if opening[value] != "" {
			names[name] = value
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		name, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		for _, function := range strings.Fields(opening[names[name.Name]]) {
			if selector.Sel.Name == function {
				found = append(found, files.Position(selector.Pos()).String()+" "+name.Name+"."+function)
			}
		}
		return true
	})
	return found
}

func lintC(t *testing.T, path, name string) {
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for number, line := range strings.Split(string(source), "\n") {
		if found := openingInC.FindString(line); found != "" {
			t.Errorf("%s:%d: %s… opens a file by its path", name, number+1, found)
		}
	}
}

// The lint must be able to see what it forbids.
func TestLintSeesOpens(t *testing.T) {
	source := `package p
import ("os"; sys "syscall"; "github.com/fsnotify/fsnotify")
var _ = fsnotify.NewWatcher
func f(p string) { os.ReadFile(p); g := os.Open; g(p); sys.Open(p, 0, 0); os.Stat(p) }`
	if found := openedIn(t, "p.go", source); len(found) != 4 {
		t.Errorf("found %v", found)
	}
	for line, want := range map[string]bool{`fd = open(path, 0);`: true, `f = fopen (p, "r")`: true, `sqlite3_open(p, &db)`: false, `reopen(x)`: false} {
		if openingInC.MatchString(line) != want {
			t.Errorf("%s: %v", line, !want)
		}
	}
}
