package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-rtc/carillon/internal/conference"
)

// TURNSessions answers `POST /v2/turn_sessions`, by which SDKs up to 3.19 and
// the native ones fetch TURN credentials (signaling spec 7.2):
//
//	X-Chime-Auth-Token: _aws_wt_session=<token>
//	{"meetingId": "…"}                  →  {"username", "password", "ttl", "uris"}
//
// 403 tells the client that its token is no good, 404 that the meeting is over.
func (s *Server) TURNSessions() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowPost(w, r, "content-type, x-chime-auth-token") {
			return
		}
		if err := s.turnSession(w, r); err != nil {
			s.stats.turnRefused.Add(1)
			writeError(w, err)
			return
		}
		s.stats.turnSessions.Add(1)
	})
}

func (s *Server) turnSession(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		MeetingID string `json:"meetingId"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&body); err != nil || body.MeetingID == "" {
		return &httpError{http.StatusBadRequest, `the body must be {"meetingId": "<id>"}`}
	}
	token, ok := strings.CutPrefix(r.Header.Get("X-Chime-Auth-Token"), tokenProtocol+"=")
	if !ok {
		return &httpError{http.StatusForbidden, "X-Chime-Auth-Token must be " + tokenProtocol + "=<join token>"}
	}
	if _, err := s.identify(r.Context(), body.MeetingID, token); err != nil {
		return err
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	var t *Credentials
	if s.config.TURNSessions != nil {
		t = s.config.TURNSessions(host)
	}
	if t == nil {
		return &httpError{http.StatusServiceUnavailable, "this server has no TURN"}
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"username": t.Username, "password": t.Password, "ttl": int64(t.TTL / time.Second), "uris": t.URIs,
	})
	return nil
}

// identify checks a token for an HTTP request.
func (s *Server) identify(ctx context.Context, meeting, token string) (conference.Identity, error) {
	if bounded(token) == "" {
		return conference.Identity{}, conference.ErrAttendeeUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.CallWait)
	defer cancel()
	return s.config.Rooms.Authenticate(ctx, meeting, token)
}

// httpError is a refusal with its status.
type httpError struct {
	status  int
	message string
}

func (e *httpError) Error() string { return e.message }

// writeError answers with the status that fits err and its text as JSON.
func writeError(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*httpError](err)
	switch {
	case ok:
	case errors.Is(err, conference.ErrAttendeeUnavailable):
		e = &httpError{http.StatusForbidden, "attendee unavailable"}
	case errors.Is(err, conference.ErrMeetingEnded):
		e = &httpError{http.StatusNotFound, "meeting ended"}
	case errors.Is(err, conference.ErrDraining):
		e = &httpError{http.StatusServiceUnavailable, reasonDraining}
	default:
		e = &httpError{http.StatusInternalServerError, "internal error"}
	}
	writeJSON(w, e.status, map[string]string{"message": e.message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone; nothing to do
}

// allowPost sets the headers that let pages from anywhere post here, answers
// preflights and refuses other methods. It is false when all is said.
func allowPost(w http.ResponseWriter, r *http.Request, headers string) bool {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodPost:
		return true
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", headers)
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "POST, OPTIONS")
		writeError(w, &httpError{http.StatusMethodNotAllowed, "use POST"})
	}
	return false
}
