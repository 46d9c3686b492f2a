// Package lobby lets people start and join meetings in the web application,
// without AWS credentials.
//
//	POST /carillon/lobby/meetings                 {Name, Title}  starts one
//	POST /carillon/lobby/meetings/{id}/attendees  {Name}         joins one
//
// Both answer {Meeting, Attendee} as the meetings API would. A meeting's link
// carries its id, which cannot be guessed: who has the link may join. Who may
// start one is set by [Access]. Meetings that an application has made through
// the API are not joined here: it decides who gets in, and its clients, the
// ones thrown out included, know the id.
package lobby

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/carillon-rtc/carillon/api"
)

// Meetings is what the lobby asks of the meetings API. The context carries an
// api.Call.
type Meetings interface {
	CreateMeeting(context.Context, *api.CreateMeetingRequest) (*api.CreateMeetingResponse, error)
	GetMeeting(context.Context, *api.GetMeetingRequest) (*api.GetMeetingResponse, error)
	CreateAttendee(context.Context, *api.CreateAttendeeRequest) (*api.CreateAttendeeResponse, error)
}

// Access says who may start a meeting.
type Access int

// The settings.
const (
	LocalStarts  Access = iota // only from this machine
	AnyoneStarts               // whoever reaches the server
)

// Config is what a lobby needs.
type Config struct {
	Meetings Meetings
	Access   Access
	Region   string                          // media region of meetings started here
	Call     func(r *http.Request) *api.Call // the call on whose behalf Meetings is asked
	Log      *slog.Logger
}

// Lobby serves the requests. It is safe for concurrent use.
type Lobby struct {
	cfg Config
	mux *http.ServeMux
}

// New returns a lobby.
func New(cfg Config) *Lobby {
	l := &Lobby{cfg: cfg, mux: http.NewServeMux()}
	l.mux.HandleFunc("POST /carillon/lobby/meetings", l.answer(l.start))
	l.mux.HandleFunc("POST /carillon/lobby/meetings/{id}/attendees", l.answer(l.join))
	return l
}

// ServeHTTP implements http.Handler.
func (l *Lobby) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.mux.ServeHTTP(w, r) }

// lobbyHost marks the meetings that were started here; it is their MeetingHostId.
const lobbyHost = "carillon-lobby"

const (
	maxBody = 4096
	maxName = 48 // characters; "<8 hex>#<name>" must fit an ExternalUserId of 64
)

// visit is the body of both requests.
type visit struct {
	Name  string // of the person
	Title string // of the meeting
}

// seat is the answer to both requests.
type seat struct {
	Meeting  *api.Meeting
	Attendee *api.Attendee
}

// refusal is an error with its HTTP status and words for the person.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.message }

func (l *Lobby) answer(serve func(ctx context.Context, r *http.Request, v visit) (*seat, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := readVisit(w, r)
		var s *seat
		if err == nil {
			s, err = serve(api.WithCall(r.Context(), l.cfg.Call(r)), r, v)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if err != nil {
			refused := l.refuse(err)
			w.WriteHeader(refused.status)
			_ = json.NewEncoder(w).Encode(map[string]string{"Code": refused.code, "Message": refused.message})
			return
		}
		_ = json.NewEncoder(w).Encode(s)
	}
}

// readVisit checks that the request comes from our own page: another site's
// page could otherwise start meetings in its visitor's name. A JSON body cannot
// be sent across sites without a preflight, which is not answered here.
func readVisit(w http.ResponseWriter, r *http.Request) (v visit, err error) {
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return v, &refusal{http.StatusForbidden, "Forbidden", "requests from other sites are refused"}
		}
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return v, &refusal{http.StatusUnsupportedMediaType, "BadRequest", "the body must be application/json"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	if err != nil {
		return v, &refusal{http.StatusBadRequest, "BadRequest", "the body must be {\"Name\": …, \"Title\": …}: " + err.Error()}
	}
	v.Name, v.Title = tidy(v.Name), tidy(v.Title)
	if v.Name == "" {
		return v, &refusal{http.StatusBadRequest, "BadRequest", "Name must not be empty"}
	}
	return v, nil
}

func (l *Lobby) start(ctx context.Context, r *http.Request, v visit) (*seat, error) {
	if l.cfg.Access == LocalStarts && !local(r) {
		return nil, &refusal{http.StatusForbidden, "Forbidden",
			"meetings can only be started from the machine that Carillon runs on; ask for a link, or let the owner set --page open"}
	}
	if utf8.RuneCountInString(v.Title) < 2 {
		v.Title = "Meeting"
	}
	made, err := l.cfg.Meetings.CreateMeeting(ctx, &api.CreateMeetingRequest{
		ClientRequestToken: new(uuid.NewString()),
		ExternalMeetingId:  &v.Title,
		MeetingHostId:      new(lobbyHost),
		MediaRegion:        &l.cfg.Region,
	})
	if err != nil {
		return nil, err
	}
	return l.enter(ctx, made.Meeting, v.Name)
}

func (l *Lobby) join(ctx context.Context, r *http.Request, v visit) (*seat, error) {
	id := r.PathValue("id")
	if uuid.Validate(id) != nil {
		return nil, &refusal{http.StatusNotFound, "NotFound", "this is not a meeting link; a part of it may be missing"}
	}
	found, err := l.cfg.Meetings.GetMeeting(ctx, &api.GetMeetingRequest{MeetingId: &id})
	if err != nil {
		return nil, err
	}
	if by := found.Meeting.MeetingHostId; by == nil || *by != lobbyHost {
		return nil, api.Errorf(api.NotFound, "Meeting <%s> was not started here", id)
	}
	return l.enter(ctx, found.Meeting, v.Name)
}

// enter makes an attendee. The random part in front of the name lets two people
// of one name meet; the page shows what follows "#".
func (l *Lobby) enter(ctx context.Context, m *api.Meeting, name string) (*seat, error) {
	made, err := l.cfg.Meetings.CreateAttendee(ctx, &api.CreateAttendeeRequest{
		MeetingId:      m.MeetingId,
		ExternalUserId: new(rand.Text()[:8] + "#" + name),
	})
	if err != nil {
		return nil, err
	}
	return &seat{m, made.Attendee}, nil
}

func (l *Lobby) refuse(err error) *refusal {
	var refused *refusal
	var failed *api.Error
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &failed) && failed.Code == api.NotFound:
		return &refusal{http.StatusNotFound, "NotFound", "this meeting has ended, or never was"}
	case errors.As(err, &failed) && failed.Code == api.LimitExceeded:
		return &refusal{http.StatusConflict, "LimitExceeded", failed.Message}
	case errors.As(err, &failed) && failed.Code.Status() < 500:
		return &refusal{failed.Code.Status(), failed.Code.String(), failed.Message}
	}
	l.cfg.Log.Error("lobby request failed", "err", err)
	return &refusal{http.StatusInternalServerError, "ServiceFailure", "the server could not do this; its log says why"}
}

// local tells whether a request was made on this machine, and not by a proxy
// on it for somebody else.
func local(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return false
	}
	return r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}

// maxEncoded is the longest text in bytes that still fits after encode.
const maxEncoded = 34

// tidy makes a typed name fit an ExternalUserId or ExternalMeetingId, whose
// pattern knows Latin letters only (meetings spec 2). Any other name becomes
// "=" and its base64url form, which the page turns back.
func tidy(name string) string {
	name = strings.Join(strings.Fields(strings.ToValidUTF8(name, "")), " ")
	if plain(name) && utf8.RuneCountInString(name) <= maxName {
		return name
	}
	for len(name) > maxEncoded {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return "=" + base64.RawURLEncoding.EncodeToString([]byte(name))
}

// plain tells whether a name can stand as it is. One that begins with "=" would
// be taken for an encoded one, and "aws:" is reserved.
func plain(name string) bool {
	if strings.HasPrefix(name, "=") || strings.HasPrefix(strings.ToLower(name), "aws:") {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0xc0 && c <= 0xff:
			return false
		}
		return !strings.ContainsRune(" -_&@+=,(){}[]/«».:|'\"#", c)
	})
}
