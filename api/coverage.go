package api

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Coverage names the files whose tests cover an operation of a service, by
// "service.Operation", such as "chime-sdk-meetings.CreateMeeting".
type Coverage map[string][]string

// coverMark stands in a comment of a test in front of a comma-separated list
// of what it covers: "chime.CreateMeeting" for one service, or
// "CreateMeeting" for all that have the operation.
const coverMark = "Covers: "

// ScanCoverage reads the marks in the tests of a source tree: Go tests and the
// scripts under test/. It fails on a mark that names no operation, so that
// none outlives a renaming.
func ScanCoverage(tree fs.FS) (Coverage, error) {
	known := map[string][]string{}
	for _, op := range operations {
		for _, e := range op.Endpoints {
			key := e.Service.ID() + "." + e.Name
			known[key] = []string{key}
			known[e.Name] = append(known[e.Name], key)
		}
	}
	found := Coverage{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && name != "."):
			return fs.SkipDir
		case d.IsDir() || !isTest(name):
			return nil
		}
		return scanFile(tree, name, known, found)
	})
	return found, err
}

func isTest(name string) bool {
	if strings.HasSuffix(name, "_test.go") {
		return true
	}
	return strings.HasPrefix(name, "test/") && slices.Contains([]string{".go", ".js", ".mjs", ".cjs", ".ts", ".sh", ".txtar"}, path.Ext(name))
}

func scanFile(tree fs.FS, name string, known map[string][]string, found Coverage) error {
	f, err := tree.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		comment := strings.TrimLeft(lines.Text(), " \t/#*")
		list, ok := strings.CutPrefix(comment, coverMark)
		if !ok || comment == lines.Text() {
			continue
		}
		for item := range strings.SplitSeq(strings.TrimRight(list, " ."), ",") {
			keys := known[strings.TrimSpace(item)]
			if keys == nil {
				return fmt.Errorf("%s: no service has the operation %q", name, strings.TrimSpace(item))
			}
			for _, key := range keys {
				if !slices.Contains(found[key], name) {
					found[key] = append(found[key], name)
				}
			}
		}
	}
	return lines.Err()
}

// WriteCoverage writes the page docs/coverage.md: for each service a table
// with a row for each operation, its state and its tests.
func WriteCoverage(w io.Writer, r *Registry, tests Coverage) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "# Operations\n\nGenerated from the table that the server answers by; do not edit. "+
		"*built*: a handler is registered. *501*: the call is routed, its signature checked, and answered with NotImplementedException.\n"+
		"Tests are the files that name the operation in a comment `"+coverMark+"…`; an operation that twins share is built for both.\n")
	for _, s := range Services() {
		rows, built := coverageRows(r, tests, s)
		fmt.Fprintf(b, "\n## %s\n\n%d of %d operations are built.\n\n| Operation | State | Tests |\n|---|---|---|\n%s", s.ID(), built, len(rows), strings.Join(rows, ""))
	}
	return b.Flush()
}

func coverageRows(r *Registry, tests Coverage, s Service) (rows []string, built int) {
	for _, op := range operations {
		for _, e := range op.Endpoints {
			if e.Service != s {
				continue
			}
			state := "501"
			if r.Handler(op) != nil {
				state = "built"
				built++
			}
			files := slices.Sorted(slices.Values(tests[s.ID()+"."+e.Name]))
			rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", e.Name, state, strings.Join(files, ", ")))
		}
	}
	slices.Sort(rows)
	return rows, built
}
