package carillon

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"time"
)

// control serves Carillon's own commands: status, trace, clock. They show the
// token of the data folder, so only who can read that folder may ask.
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /carillon/control/status", s.controlStatus)
	mux.HandleFunc("GET /carillon/control/trace", s.controlTrace)
	mux.HandleFunc("POST /carillon/control/clock/advance", s.controlAdvance)
	want := []byte("Bearer " + s.keys.ControlToken)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "the control token of the data folder is missing or wrong", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) controlStatus(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{
		"addresses":     s.addresses,
		"uptimeSeconds": int(time.Since(s.started).Seconds()),
		"clock":         s.cfg.Clock.Now().Format(time.RFC3339),
		"turn":          s.cfg.TURN,
		"rules":         s.cfg.Rules,
		"limits":        s.cfg.Limits,
		"draining":      s.draining.Load(),
		"counts":        s.counts(),
	})
}

func (s *Server) controlTrace(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	steps := s.trace.Steps(q.Get("meeting"), q.Get("attendee"))
	if steps == nil {
		writeJSON(w, []struct{}{})
		return
	}
	writeJSON(w, steps)
}

func (s *Server) controlAdvance(w http.ResponseWriter, r *http.Request) {
	if !s.cfg.TestMode {
		http.Error(w, "the clock can only be driven in test mode: start the server with --test-mode", http.StatusConflict)
		return
	}
	by, err := time.ParseDuration(r.URL.Query().Get("by"))
	if err != nil || by <= 0 {
		http.Error(w, "by: want how far to go forward, such as 24h", http.StatusBadRequest)
		return
	}
	s.cfg.Clock.Advance(by)
	writeJSON(w, map[string]time.Time{"Now": s.cfg.Clock.Now()})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // an error means that the client has gone
}
