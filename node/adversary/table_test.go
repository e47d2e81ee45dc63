package adversary

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every row of the table in ledger/audit/DESIGN.md names a test of this package, and every test here stands in it.
func TestTable(t *testing.T) {
	page, err := os.ReadFile("../../ledger/audit/DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	here := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				here[f.Name.Name] = true
			}
		}
	}
	delete(here, "TestMain")
	delete(here, "TestTable")
	named := map[string]bool{}
	test := regexp.MustCompile("`(Test[A-Za-z]+)`")
	_, table, found := strings.Cut(string(page), "<!-- adversaries -->")
	table, _, end := strings.Cut(table, "<!-- end of adversaries -->")
	if !found || !end {
		t.Fatal("the page has no table between <!-- adversaries --> and <!-- end of adversaries -->")
	}
	for _, line := range strings.Split(table, "\n") {
		row := strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| lie ")
		names := test.FindAllStringSubmatch(line, -1)
		if row && len(names) == 0 {
			t.Errorf("a row names no test: %s", line)
		}
		for _, name := range names {
			named[name[1]] = true
			if !here[name[1]] {
				t.Errorf("no test is called %s: %s", name[1], line)
			}
		}
	}
	for name := range here {
		if !named[name] {
			t.Errorf("%s stands in no row", name)
		}
	}
}
