package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// Docs are the comments of types and their fields.
type Docs map[string]string

// ReadDocs reads the comments of a package's sources; name is its import path.
func (d Docs) ReadDocs(name, folder string) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s holds no Go source", folder)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			if g, ok := declaration.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				d.readTypes(name, g)
			}
		}
	}
	return nil
}

func (d Docs) readTypes(name string, g *ast.GenDecl) {
	for _, spec := range g.Specs {
		t := spec.(*ast.TypeSpec)
		doc := t.Doc
		if doc == nil {
			doc = g.Doc
		}
		d[name+"."+t.Name.Name] = line(doc)
		s, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range s.Fields.List {
			text := line(f.Doc)
			if comment := line(f.Comment); comment != "" {
				text = strings.TrimSpace(text + " " + comment)
			}
			for _, id := range f.Names {
				d[name+"."+t.Name.Name+"."+id.Name] = text
			}
		}
	}
}

// line is a comment in one line.
func line(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	return strings.Join(strings.Fields(c.Text()), " ")
}

// Type is what the comment of a type says of it: without its Go name, which
// comments begin with ("Page is one page" says "One page").
func (d Docs) Type(t reflect.Type) string {
	text := strings.TrimPrefix(d[t.PkgPath()+"."+t.Name()], t.Name()+" ")
	for _, verb := range []string{"is ", "are "} {
		text = strings.TrimPrefix(text, verb)
	}
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// Field is the comment of a field, which may stand in an embedded struct.
func (d Docs) Field(t reflect.Type, f reflect.StructField) string {
	for _, n := range f.Index[:len(f.Index)-1] {
		t = t.Field(n).Type
	}
	return d[t.PkgPath()+"."+t.Name()+"."+f.Name]
}

// encode is json.Marshal that leaves <, > and & as they are.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSpace(out.Bytes()), err
}

func indented(value any) ([]byte, error) {
	plain, err := encode(value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, plain, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
