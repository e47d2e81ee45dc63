package layout

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestRepository(t *testing.T) {
	root := moduleRoot(t)
	for _, sentence := range check(goFiles(t, root)) {
		t.Error(sentence)
	}

	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	gitignore, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sentence := range checkFolders(names, string(gitignore)) {
		t.Error(sentence)
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal("go env GOMOD: ", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// goFiles lists every Go file of the module, also those that the build
// constraints leave out here. A package that does not compile is listed too;
// that it does is for others to check.
func goFiles(t *testing.T, root string) []file {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json", "./...")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	var files []file
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			Dir                                               string
			GoFiles, CgoFiles, IgnoredGoFiles, InvalidGoFiles []string
			TestGoFiles, XTestGoFiles                         []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal("output of go list: ", err)
		}
		dir, err := filepath.Rel(root, pkg.Dir)
		if err != nil {
			t.Fatal(err)
		}
		names := slices.Concat(pkg.GoFiles, pkg.CgoFiles, pkg.IgnoredGoFiles, pkg.InvalidGoFiles,
			pkg.TestGoFiles, pkg.XTestGoFiles)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			files = append(files, parse(t, filepath.ToSlash(dir), name, filepath.Join(pkg.Dir, name)))
		}
	}
	if len(files) == 0 {
		t.Fatal("go list names no Go file at all")
	}
	return files
}

// parse reads the imports of a Go file and the names that it takes from
// package time.
func parse(t *testing.T, dir, name, path string) file {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	f := file{dir: dir, name: name}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(path, ": ", err)
		}
		f.imports = append(f.imports, imported)
		if imported == "time" {
			f.timeNames = append(f.timeNames, timeNames(parsed, spec)...)
		}
	}
	return f
}

func timeNames(parsed *ast.File, spec *ast.ImportSpec) []string {
	local := "time"
	if spec.Name != nil {
		local = spec.Name.Name
	}
	if local == "." {
		return []string{"*"}
	}
	var names []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				names = append(names, sel.Sel.Name)
			}
		}
		return true
	})
	return names
}

func TestParseSeesTheClock(t *testing.T) {
	for _, tt := range []struct{ source, names string }{
		{`package a; import "time"; const d = 3 * time.Hour`, "Hour"},
		{`package a; import "time"; var now = time.Now`, "Now"},
		{`package a; import clock "time"; var now = clock.Now().Unix()`, "Now"},
		{`package a; import . "time"; var now = Now()`, "*"},
	} {
		path := filepath.Join(t.TempDir(), "a.go")
		if err := os.WriteFile(path, []byte(tt.source), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(parse(t, "a", "a.go", path).timeNames, " "); got != tt.names {
			t.Errorf("%s: names of time %q, want %q", tt.source, got, tt.names)
		}
	}
}
