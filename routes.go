package carillon

import (
	"net"
	"net/http"
	"strings"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/web"
)

// routes tells apart who is meant by a request. AWS's routes begin with none of
// the paths that Carillon keeps for itself, and a signed request is always
// AWS's. Nothing here cleans or unescapes paths: signatures cover them as sent.
func (s *Server) routes() http.Handler {
	own := map[string]http.Handler{
		"/healthz":              http.HandlerFunc(s.healthz),
		"/metrics":              s.metrics(),
		"/nearest-media-region": http.HandlerFunc(s.nearestMediaRegion),
		"/v2/turn_sessions":     s.signaling.TURNSessions(),
		"/v1/client-events":     s.signaling.ClientEvents(),
	}
	control, page := s.control(), web.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		switch {
		case strings.HasPrefix(path, "/control/"):
			s.signaling.ServeHTTP(w, r)
		case own[path] != nil:
			own[path].ServeHTTP(w, r)
		case strings.HasPrefix(path, "/carillon/control/"):
			control.ServeHTTP(w, r)
		case path == "/" && isNearestHost(r.Host):
			s.nearestMediaRegion(w, r)
		case s.cfg.Page != PageOff && strings.HasPrefix(path, "/carillon/lobby/"):
			s.lobby.ServeHTTP(w, r)
		case s.cfg.Page != PageOff && web.Serves(path) && !signed(r):
			page.ServeHTTP(w, r)
		default:
			s.aws.ServeHTTP(w, r)
		}
	})
}

// signed tells whether a request means an AWS API. STS is asked at "/", by POST
// and in browsers by OPTIONS before it; the page's visitors only read.
func signed(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	return !reads || r.Header.Get("Authorization") != "" || r.URL.Query().Has("X-Amz-Algorithm")
}

// isNearestHost tells AWS's two names for the question after the nearest region
// (meetings spec 10).
func isNearestHost(host string) bool {
	return strings.HasPrefix(host, "nearest-media-region") || strings.HasPrefix(host, "nearest-us-gov-media-region")
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// nearestMediaRegion answers as nearest-media-region.l.chime.aws does
// (meetings spec 10). One machine serves all region names, so the configured
// one is as near as any.
func (s *Server) nearestMediaRegion(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	writeJSON(w, map[string]string{"region": s.cfg.Region})
}

// baseURL is scheme://host[:port] for URLs in answers: the listener and host
// name that the client used, or the configured public address with that
// listener's port.
func (s *Server) baseURL(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && host == "" {
		host = addr.String() // HTTP/1.0 needs no Host
	}
	if s.cfg.PublicAddress != "" {
		_, port, err := net.SplitHostPort(host)
		switch host = s.cfg.PublicAddress; {
		case err == nil:
			host = net.JoinHostPort(host, port)
		case strings.Contains(host, ":"):
			host = "[" + host + "]"
		}
	}
	return scheme + "://" + host
}

// lobbyCall is the owner, asking for the person in the lobby.
func (s *Server) lobbyCall(r *http.Request) *api.Call {
	return &api.Call{
		Service: api.ServiceMeetings, ServiceKnown: true,
		AccountID: s.cfg.AccountID, Region: s.cfg.Region, BaseURL: s.baseURL(r),
		Principal: "arn:aws:iam::" + s.cfg.AccountID + ":root", UserAgent: r.UserAgent(), RemoteAddr: r.RemoteAddr,
	}
}
