// Package web holds the browser application, built by Vite into dist/ and
// embedded into the binary. It is plain files: the application talks to the
// lobby's and the signalling endpoints of the server that it came from.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var dist embed.FS

const notBuilt = `<!doctype html><meta charset="utf-8"><title>Carillon</title>
<p>Carillon is running, but this binary was built without its web application. Build it with <code>make build</code>.`

// securityPolicy lets the page load nothing from elsewhere; media and sockets
// go to wherever the meeting is. The client library compiles its protocol
// decoder at run time, hence 'unsafe-eval', and styles elements in place.
const securityPolicy = "default-src 'self'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; " +
	"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; " +
	"connect-src 'self' ws: wss: http: https:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// Serves tells whether a path belongs to the application.
func Serves(path string) bool {
	return path == "/" || path == "/index.html" || path == "/favicon.svg" || path == "/notices.txt" ||
		strings.HasPrefix(path, "/assets/") || strings.HasPrefix(path, "/m/")
}

// Handler serves the application. /m/<meeting id> is the link to a meeting and
// shows the same page as /.
func Handler() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name above is a constant
	}
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		index = []byte(notBuilt)
	}
	assets := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the link is the key to the meeting
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		case path.Ext(r.URL.Path) == "" || r.URL.Path == "/index.html":
			h.Set("Content-Type", "text/html; charset=utf-8")
			h.Set("Cache-Control", "no-cache")
			h.Set("Content-Security-Policy", securityPolicy)
			_, _ = w.Write(index)
		default:
			if strings.HasPrefix(r.URL.Path, "/assets/") { // names carry a hash of their content
				h.Set("Cache-Control", "public, max-age=31536000, immutable")
			}
			assets.ServeHTTP(w, r)
		}
	})
}
