package carillon_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/carillon-rtc/carillon"

// forbidden lists what a package may not import, and why. A path ending in
// "/..." stands for the package and all below it. DESIGN.md has the picture.
var forbidden = []struct{ in, imports, why string }{
	{"internal/...", module, "the root joins the rooms; a room does not know the house"},
	{"api/...", module + "/internal/...", "the API's shapes depend on nothing"},

	{"internal/awshttp/...", module + "/internal/meeting/...", "the HTTP dialect knows no Chime"},
	{"internal/awshttp/...", module + "/internal/conference/...", "the HTTP dialect knows no Chime"},
	{"internal/meeting/...", module + "/internal/conference/...", "records and live rooms meet over the bus: on a cluster they are on different machines"},
	{"internal/conference/...", module + "/internal/meeting/...", "records and live rooms meet over the bus: on a cluster they are on different machines"},
	{"internal/conference/...", module + "/internal/signaling/...", "arrows point down: signalling uses rooms"},
	{"internal/conference/...", module + "/api/...", "a live room knows no API shapes"},
	{"internal/conference/...", "github.com/gorilla/websocket", "a live room knows no sockets"},
	{"internal/conference/...", "net/http", "a live room knows no HTTP"},
	{"internal/meeting/...", "net/http", "a domain knows no HTTP"},
	{"internal/tagging/...", "net/http", "a domain knows no HTTP"},
	{"internal/meeting/...", "modernc.org/...", "only store knows SQL drivers"},

	{"internal/audio/...", module + "/internal/conference/...", "arrows point down: rooms use the mixer"},
	{"internal/video/...", module + "/internal/conference/...", "arrows point down: rooms use the forwarder"},
	{"internal/rtc/...", module + "/internal/conference/...", "arrows point down: rooms use packets"},
	{"internal/audio/...", module + "/internal/rtc/...", "the mixer writes to a Sink; it knows no transport"},
	{"internal/video/...", module + "/internal/rtc/...", "the forwarder writes to a Sink; it knows no transport"},
	{"internal/rtc/...", module + "/internal/audio/...", "packets know no sound"},
	{"internal/rtc/...", module + "/internal/video/...", "packets know no pictures"},

	{"...", "github.com/pion/webrtc/v4/...", "PeerConnection fights the Chime client's SDP at every turn (DESIGN.md); it is a client for tests"},
	{"internal/...", "github.com/prometheus/...", "packages count in Stats(); the root turns them into metrics"},
	{"...", "log", "logs are structured: log/slog"},
	{"...", "math/rand", "ids and tokens come from crypto/rand; math/rand/v2 elsewhere"},
	{"...", "reflect", "slow and unreadable; where it is the point, the exception is listed"},
}

// allowed are the exceptions from forbidden, with their reasons.
var allowed = map[[2]string]string{
	{".", "reflect"}:                         "turns the fields of Stats into metrics",
	{"internal/awshttp", "reflect"}:          "compares the types that plans are kept for",
	{"internal/awshttp/restjson", "reflect"}: "decodes, validates and encodes shapes by their generated tables",
	{"api", "reflect"}:                       "tells a handler's shapes to who decodes them",
	{"internal/command", "reflect"}:          "tells a list from a value in the config file",
	{"internal/command", module}:             "it starts servers; main hands over to it",
	{"internal/command/coverage", module}:    "it writes the page of what the server has",
	{"bench", "github.com/pion/webrtc/v4"}:   "a load generator is a client",
}

func matches(pattern, path string) bool {
	prefix, below := strings.CutSuffix(pattern, "...")
	prefix = strings.TrimSuffix(prefix, "/")
	if !below {
		return path == pattern
	}
	return prefix == "" || path == prefix || strings.HasPrefix(path, prefix+"/")
}

// source is one parsed Go file.
type source struct {
	dir  string // of the package, relative to the root; "." for the root
	name string
	test bool
	file *ast.File
}

// generated files follow their generators' taste.
func (s source) generated() bool {
	return strings.HasPrefix(s.name, "zz_") || strings.HasSuffix(s.name, ".pb.go")
}

func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	var list []source
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case "node_modules", "testdata", "bin", ".git", "dist", "out":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		list = append(list, source{filepath.ToSlash(filepath.Dir(path)), entry.Name(), strings.HasSuffix(path, "_test.go"), file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, list
}

func TestHouse_Imports(t *testing.T) {
	set, list := sources(t)
	for _, src := range list {
		if src.test || src.generated() {
			continue
		}
		for _, spec := range src.file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			for _, rule := range forbidden {
				if !matches(rule.in, src.dir) || !matches(rule.imports, imported) || allowed[[2]string{src.dir, imported}] != "" {
					continue
				}
				t.Errorf("%s: %s must not import %s: %s", set.Position(spec.Pos()), src.dir, imported, rule.why)
			}
		}
	}
}

func TestHouse_OneDocForEachPackage(t *testing.T) {
	_, list := sources(t)
	docs := map[string][]string{}
	for _, src := range list {
		if src.test {
			continue
		}
		if _, seen := docs[src.dir]; !seen {
			docs[src.dir] = nil
		}
		if src.file.Doc != nil {
			docs[src.dir] = append(docs[src.dir], src.name)
		}
	}
	for dir, files := range docs {
		if len(files) != 1 {
			t.Errorf("%s: want exactly one file with a package comment, have %v", dir, files)
		}
	}
}

// Two servers must be able to share a process, so nothing that changes may be
// held by a package. What a composite literal, errors.New or a constant
// conversion makes, and nobody assigns to, is no state.
func TestHouse_NoPackageState(t *testing.T) {
	set, list := sources(t)
	for _, src := range list {
		if src.test || src.generated() {
			continue
		}
		for _, decl := range src.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: init() hides the flow", set.Position(d.Pos()))
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					checkVars(t, set, d)
				}
			}
		}
	}
}

func checkVars(t *testing.T, set *token.FileSet, decl *ast.GenDecl) {
	t.Helper()
	for _, spec := range decl.Specs {
		v := spec.(*ast.ValueSpec)
		if v.Names[0].Name == "_" { // a compile-time assertion
			continue
		}
		if len(v.Values) == 0 {
			if len(v.Names) == 1 && isEmbed(decl) {
				continue
			}
			t.Errorf("%s: package variable %s starts empty, so something must fill it", set.Position(v.Pos()), v.Names[0].Name)
			continue
		}
		for _, value := range v.Values {
			if mutable(value) {
				t.Errorf("%s: package variable %s holds state", set.Position(v.Pos()), v.Names[0].Name)
			}
		}
	}
}

func isEmbed(decl *ast.GenDecl) bool {
	return decl.Doc != nil && strings.Contains(decl.Doc.List[len(decl.Doc.List)-1].Text, "//go:embed")
}

// mutable tells whether an initial value is made to change: pointers to
// structs, channels, maps made empty, locks, pools and the like.
func mutable(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.CallExpr:
		name := callName(v.Fun)
		switch name {
		case "make", "new":
			return true
		}
		return strings.HasPrefix(name, "prometheus.") || strings.HasPrefix(name, "slog.")
	case *ast.UnaryExpr:
		return v.Op == token.AND
	case *ast.CompositeLit:
		return strings.HasPrefix(callName(v.Type), "sync.") || strings.HasPrefix(callName(v.Type), "atomic.")
	}
	return false
}

func callName(fun ast.Expr) string {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if pkg, ok := f.X.(*ast.Ident); ok {
			return pkg.Name + "." + f.Sel.Name
		}
	}
	return ""
}
