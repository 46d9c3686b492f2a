package signaling

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/carillon-rtc/carillon/internal/conference"
)

// ClientEvents answers `POST /v1/client-events`, where clients report what
// happened to them (signaling spec 11):
//
//	Authorization: Bearer <token>
//	{"metadata": {"meetingId", "attendeeId", …},
//	 "events": [{"type": "Meet", "v": 1, "payloads": [{"name", "ts", …}]}]}   →  {}
//
// A page that closes cannot set headers; it posts to `?beacon=1` with the
// token as "authorization" in the body. Events are counted; those that tell of
// a failure go to the attendee's trace. A report that comes after the end of
// the meeting is welcome but belongs to nobody any more.
func (s *Server) ClientEvents() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowPost(w, r, "authorization, content-type") {
			return
		}
		if err := s.clientEvents(w, r); err != nil {
			s.stats.clientEventsRefused.Add(1)
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, struct{}{})
	})
}

// report is the part of a post that is looked at.
type report struct {
	Authorization string `json:"authorization"`
	Metadata      *struct {
		MeetingID string `json:"meetingId"`
	} `json:"metadata"`
	Events []struct {
		Type     string `json:"type"`
		Payloads []struct {
			Name string `json:"name"`
		} `json:"payloads"`
	} `json:"events"`
}

func (s *Server) clientEvents(w http.ResponseWriter, r *http.Request) error {
	report, err := readReport(w, r, s.limits.EventBytes)
	if err != nil {
		return err
	}
	token := r.Header.Get("Authorization")
	if r.URL.Query().Get("beacon") == "1" {
		token = report.Authorization
	}
	token = strings.TrimPrefix(token, "Bearer ")
	if token == "" {
		return &httpError{http.StatusForbidden, "the join token is missing"}
	}
	id, err := s.identify(r.Context(), report.Metadata.MeetingID, token)
	switch {
	case errors.Is(err, conference.ErrMeetingEnded), errors.Is(err, conference.ErrDraining):
		id = conference.Identity{}
	case err != nil:
		return err
	}
	s.recordEvents(id, report)
	return nil
}

func readReport(w http.ResponseWriter, r *http.Request, limit int64) (*report, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, &httpError{http.StatusRequestEntityTooLarge, fmt.Sprintf("at most %d bytes of events at once", limit)}
		}
		return nil, &httpError{http.StatusBadRequest, "the body could not be read"}
	}
	var p report
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, &httpError{http.StatusBadRequest, "the body is not JSON of client events: " + err.Error()}
	}
	if p.Metadata == nil || p.Metadata.MeetingID == "" {
		return nil, &httpError{http.StatusBadRequest, "metadata.meetingId is missing"}
	}
	if len(p.Events) == 0 {
		return nil, &httpError{http.StatusBadRequest, "events are missing"}
	}
	return &p, nil
}

// maxLoggedEvents bounds the names that one post puts into the log.
const maxLoggedEvents = 50

func (s *Server) recordEvents(id conference.Identity, p *report) {
	var names []string
	count := 0
	for _, e := range p.Events {
		for _, payload := range e.Payloads {
			count++
			if len(names) < maxLoggedEvents {
				names = append(names, s.clip(payload.Name))
			}
		}
	}
	s.stats.clientEvents.Add(uint64(count))
	s.log.Debug("client events", "meeting", id.MeetingID, "attendee", id.AttendeeID, "events", names)
	if id.AttendeeID == "" {
		return
	}
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), "failed") {
			s.config.Trace.For(id.MeetingID, id.AttendeeID).Warn("client-event", "name", name)
		}
	}
}
