package layout

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// file is one Go file of the module. Build constraints play no part: a file
// left out on this machine is checked as well.
type file struct {
	dir       string // slash-separated, relative to the root of the module
	name      string
	imports   []string
	timeNames []string // taken from package time, "*" if all by a dot import
}

func (f file) String() string { return f.dir + "/" + f.name }

// helpsTests reports whether dir is a package that only tests import.
func helpsTests(dir string) bool {
	base := path.Base(dir)
	return strings.HasSuffix(base, "test") && base != "test"
}

func (f file) isTest() bool {
	return strings.HasSuffix(f.name, "_test.go") || helpsTests(f.dir)
}

// check returns one sentence for every violation, sorted.
func check(files []file) []string {
	var bad []string
	dirs := map[string]bool{}
	for _, f := range files {
		if !dirs[f.dir] {
			dirs[f.dir] = true
			bad = append(bad, checkPlace(f.dir)...)
		}
		bad = append(bad, checkClock(f)...)
		for _, imported := range f.imports {
			if dir, ours := cutModule(imported); ours {
				bad = append(bad, checkOrder(f, dir)...)
			} else {
				bad = append(bad, checkLibrary(f, imported)...)
			}
		}
	}
	bad = append(bad, checkOneFile(files)...)
	slices.Sort(bad)
	return slices.Compact(bad)
}

func cutModule(imported string) (dir string, ours bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// place finds the row of a package and the package of the table that it is
// part of; ok is false if it has no place.
func place(dir string) (row int, part string, ok bool) {
	if helpsTests(dir) {
		if parent := path.Dir(dir); parent != "." {
			return place(parent)
		}
	}
	for row, pattern := range rows {
		if part, ok := matchRow(pattern, dir); ok {
			return row, part, true
		}
	}
	return 0, "", false
}

// matchRow returns the leading part of dir that fits the pattern.
func matchRow(pattern, dir string) (part string, ok bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(dir, "/")
	if len(have) < len(want) || (pattern == "ledger" && len(have) > 1) {
		return "", false
	}
	part = strings.Join(have[:len(want)], "/")
	ok, err := path.Match(pattern, part)
	return part, ok && err == nil
}

func checkPlace(dir string) []string {
	var bad []string
	if _, _, ok := place(dir); !ok {
		bad = append(bad, fmt.Sprintf("%s: has no row in the table of scripts/layout", dir))
	}
	if slices.Contains(namesRefused, path.Base(dir)) {
		bad = append(bad, fmt.Sprintf("%s: a package is named after what it is for", dir))
	}
	return bad
}

func checkOrder(f file, imported string) []string {
	if helpsTests(imported) && !f.isTest() {
		return []string{fmt.Sprintf("%s: imports %s, which is for tests", f, imported)}
	}
	fromRow, fromPart, fromOK := place(f.dir)
	toRow, toPart, toOK := place(imported)
	if !fromOK || !toOK {
		return nil // checkPlace reports it
	}
	if fromPart == toPart || (f.isTest() && top(f.dir) == top(imported)) {
		return nil
	}
	for _, pair := range apart {
		if fromPart == pair.importer && toPart == pair.imported {
			return []string{fmt.Sprintf("%s: imports %s: %s", f, imported, pair.why)}
		}
	}
	if toRow >= fromRow {
		return []string{fmt.Sprintf("%s: imports %s, which is not in a row above %s", f, imported, fromPart)}
	}
	return nil
}

func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

func checkLibrary(f file, imported string) []string {
	if imported == "C" {
		return []string{fmt.Sprintf("%s: uses cgo", f)}
	}
	var bad []string
	_, part, _ := place(f.dir)
	for _, fence := range fences {
		if !below(imported, fence.library) {
			continue
		}
		if fence.within != "" && part != fence.within {
			bad = append(bad, fmt.Sprintf("%s: imports %s, which only %s may", f, imported, fence.within))
		}
		if fence.testsOnly && !f.isTest() {
			bad = append(bad, fmt.Sprintf("%s: imports %s, which only tests may", f, imported))
		}
	}
	if slices.Contains(pure, part) && !f.isTest() {
		for _, library := range impure {
			if below(imported, library) && !slices.Contains(harmless, imported) {
				bad = append(bad, fmt.Sprintf("%s: imports %s, but %s is pure", f, imported, part))
			}
		}
	}
	return bad
}

func checkClock(f file) []string {
	_, part, _ := place(f.dir)
	if f.isTest() || !slices.Contains(pure, part) {
		return nil
	}
	var bad []string
	for _, name := range f.timeNames {
		if !slices.Contains(timeAllowed, name) {
			bad = append(bad, fmt.Sprintf("%s: uses time.%s, but %s is pure", f, name, part))
		}
	}
	return bad
}

// below reports whether an import path is the library or a package in it, in
// whatever major version.
func below(imported, library string) bool {
	return imported == library || strings.HasPrefix(imported, library+"/")
}

func checkOneFile(files []file) []string {
	var bad []string
	for _, fence := range fences {
		if !fence.oneFile {
			continue
		}
		var users []string
		for _, f := range files {
			uses := func(imported string) bool { return below(imported, fence.library) }
			if !f.isTest() && slices.ContainsFunc(f.imports, uses) {
				users = append(users, f.String())
			}
		}
		if len(users) > 1 {
			slices.Sort(users)
			bad = append(bad, fmt.Sprintf("%s: imported by more than one file: %s",
				fence.library, strings.Join(users, ", ")))
		}
	}
	return bad
}

// checkFolders takes the names of the folders at the top and the content of
// .gitignore; what that leaves out is no part of the repository.
func checkFolders(names []string, gitignore string) []string {
	ignored := strings.Split(gitignore, "\n")
	var bad []string
	for _, name := range names {
		if !slices.Contains(folders, name) && !slices.Contains(ignored, "/"+name+"/") {
			bad = append(bad, fmt.Sprintf("%s: no such folder belongs at the top", name))
		}
	}
	return bad
}
