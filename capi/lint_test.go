package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/core"
)

// sources parses the Go files under a directory that are not tests.
func sources(t *testing.T, root string) (*token.FileSet, map[string]*ast.File) {
	t.Helper()
	set, files := token.NewFileSet(), map[string]*ast.File{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		files[filepath.ToSlash(path)] = file
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, files
}

// A panic that leaves an exported function ends the host process.
func TestEveryExportIsGuarded(t *testing.T) {
	for root, least := range map[string]int{".": 13, "../core/extension": 2} {
		exports := 0
		_, files := sources(t, root)
		for path, file := range files {
			for _, declaration := range file.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if !ok || f.Doc == nil || !strings.Contains(docText(f.Doc), "//export ") {
					continue
				}
				exports++
				if guard := onlyCall(f.Body); !strings.HasPrefix(guard, "guarded") && guard != "silently" {
					t.Errorf("%s: %s does more than one call of a guarded function or silently", path, f.Name)
				}
			}
		}
		if exports < least {
			t.Errorf("found only %d exports under %s: is this test looking in the right place?", exports, root)
		}
	}
}

func docText(doc *ast.CommentGroup) string {
	var text strings.Builder
	for _, line := range doc.List {
		text.WriteString(line.Text + "\n")
	}
	return text.String()
}

// onlyCall names the function whose call is the whole body.
func onlyCall(body *ast.BlockStmt) string {
	if len(body.List) != 1 {
		return ""
	}
	var expression ast.Expr
	switch s := body.List[0].(type) {
	case *ast.ReturnStmt:
		if len(s.Results) != 1 {
			return ""
		}
		expression = s.Results[0]
	case *ast.ExprStmt:
		expression = s.X
	}
	if call, ok := expression.(*ast.CallExpr); ok {
		if name, ok := call.Fun.(*ast.Ident); ok {
			return name.Name
		}
	}
	return ""
}

// A panic in a goroutine without recover ends the host process, so all of them
// start in core/safe.
func TestEveryGoroutineIsSafe(t *testing.T) {
	for _, root := range []string{".", "../core"} {
		set, files := sources(t, root)
		if len(files) < 10 {
			t.Fatalf("only %d files under %s", len(files), root)
		}
		for path, file := range files {
			if strings.Contains(path, "core/safe/") {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if what := unsafeStart(n); what != "" {
					t.Errorf("%s: %s: use package safe", set.Position(n.Pos()), what)
				}
				return true
			})
		}
	}
}

// unsafeStart names the way in which a node starts a goroutine by itself.
func unsafeStart(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "go statement"
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok && n.Sel.Name == "AfterFunc" && (x.Name == "time" || x.Name == "context") {
			return x.Name + ".AfterFunc"
		}
	}
	return ""
}

// A call that enters Go in a forked child can hang for ever: every function of
// the header tests the flag first.
func TestEveryExportTestsTheForkFlag(t *testing.T) {
	source, header := readText(t, "exports.c"), readText(t, "knocker.h")
	declared := regexp.MustCompile(`(?m)^[a-z].*\b(knocker_[a-z_]+) ?\(`).FindAllStringSubmatch(header, -1)
	if len(declared) != 16 {
		t.Errorf("knocker.h declares %d functions, not 16", len(declared))
	}
	for _, match := range declared {
		name := match[1]
		_, definition, found := strings.Cut(source, name+"(")
		_, body, _ := strings.Cut(definition, "{")
		body = strings.TrimSpace(body)
		switch {
		case !found:
			t.Errorf("exports.c does not define %s", name)
		case name == "knocker_abi_version" || name == "knocker_free": // never enter Go
		case !strings.HasPrefix(body, "RETURN_IF_FORKED;") && !strings.HasPrefix(body, "if (in_forked_child) return;"):
			t.Errorf("%s does not test the fork flag first", name)
		}
	}
}

// The forked child can't reach the error table, so its row stands in C as well.
func TestForkedReplyIsTheTablesRow(t *testing.T) {
	for _, row := range core.Codes {
		if row.Code != core.CodeForked {
			continue
		}
		if !strings.Contains(readText(t, "guard.h"), fmt.Sprintf("%q", row.Message)) {
			t.Errorf("guard.h has another message than the table: %s", row.Message)
		}
		numbers := fmt.Sprintf(`\"http_status\":%d,\"retryable\":%t}}`, row.HTTPStatus, row.Retryable)
		if !strings.Contains(readText(t, "exports.c"), numbers) {
			t.Errorf("exports.c does not say %s", numbers)
		}
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
