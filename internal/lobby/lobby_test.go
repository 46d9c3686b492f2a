package lobby

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/carillon-rtc/carillon/api"
)

// desk records what the lobby asks for; it knows one meeting.
type desk struct {
	meeting string
	host    *string
	names   []string
}

func (d *desk) CreateMeeting(_ context.Context, in *api.CreateMeetingRequest) (*api.CreateMeetingResponse, error) {
	d.meeting, d.host = uuid.NewString(), in.MeetingHostId
	d.names = append(d.names, *in.ExternalMeetingId)
	return &api.CreateMeetingResponse{Meeting: &api.Meeting{MeetingId: &d.meeting}}, nil
}

func (d *desk) GetMeeting(_ context.Context, in *api.GetMeetingRequest) (*api.GetMeetingResponse, error) {
	if *in.MeetingId != d.meeting {
		return nil, api.Errorf(api.NotFound, "Meeting <%s> not found", *in.MeetingId)
	}
	return &api.GetMeetingResponse{Meeting: &api.Meeting{MeetingId: &d.meeting, MeetingHostId: d.host}}, nil
}

func (d *desk) CreateAttendee(_ context.Context, in *api.CreateAttendeeRequest) (*api.CreateAttendeeResponse, error) {
	d.names = append(d.names, *in.ExternalUserId)
	return &api.CreateAttendeeResponse{Attendee: &api.Attendee{ExternalUserId: in.ExternalUserId}}, nil
}

func TestLobby(t *testing.T) {
	d := &desk{}
	l := New(Config{Meetings: d, Region: "us-east-1", Log: slog.New(slog.DiscardHandler),
		Call: func(*http.Request) *api.Call { return &api.Call{} }})
	const meetings = "/carillon/lobby/meetings"

	tests := []struct {
		name, path, body, from string
		header                 map[string]string
		want                   int
		says                   string
	}{
		{name: "start", path: meetings, body: `{"Name":"Ada","Title":"Standup"}`, want: 200, says: "MeetingId"},
		{name: "start from another machine", path: meetings, body: `{"Name":"Eve"}`, from: "192.0.2.7:5", want: 403, says: "--page open"},
		{name: "start through a proxy on this machine", path: meetings, body: `{"Name":"Eve"}`, header: map[string]string{"X-Forwarded-For": "192.0.2.7"}, want: 403},
		{name: "start from another site", path: meetings, body: `{"Name":"Eve"}`, header: map[string]string{"Origin": "https://evil.example"}, want: 403, says: "other sites"},
		{name: "start by a form", path: meetings, body: `Name=Eve`, header: map[string]string{"Content-Type": "text/plain"}, want: 415},
		{name: "no name", path: meetings, body: `{"Name":"  "}`, want: 400, says: "Name must not be empty"},
		{name: "no JSON", path: meetings, body: `{`, want: 400},
		{name: "too long", path: meetings, body: `{"Name":"` + strings.Repeat("x", 5000) + `"}`, want: 400},
		{name: "join from another machine", path: meetings + "/{id}/attendees", body: `{"Name":"Bob"}`, from: "192.0.2.7:5", want: 200, says: "#Bob"},
		{name: "join what has ended", path: meetings + "/" + uuid.NewString() + "/attendees", body: `{"Name":"Bob"}`, want: 404, says: "has ended"},
		{name: "join a broken link", path: meetings + "/1234/attendees", body: `{"Name":"Bob"}`, want: 404, says: "not a meeting link"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, strings.Replace(tt.path, "{id}", d.meeting, 1), strings.NewReader(tt.body))
			r.RemoteAddr = "127.0.0.1:5"
			if tt.from != "" {
				r.RemoteAddr = tt.from
			}
			r.Header.Set("Content-Type", "application/json")
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			l.ServeHTTP(w, r)
			if w.Code != tt.want || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%d %s, want %d with %q", w.Code, w.Body, tt.want, tt.says)
			}
		})
	}
}

// Whoever knows the id of an application's meeting, such as an attendee that it
// has thrown out, does not get in without the application.
func TestLobby_MeetingsOfTheAPI(t *testing.T) {
	for _, host := range []*string{nil, new("somebody")} {
		d := &desk{meeting: uuid.NewString(), host: host}
		l := New(Config{Meetings: d, Region: "us-east-1", Log: slog.New(slog.DiscardHandler),
			Call: func(*http.Request) *api.Call { return &api.Call{} }})
		r := httptest.NewRequest(http.MethodPost, "/carillon/lobby/meetings/"+d.meeting+"/attendees", strings.NewReader(`{"Name":"Eve"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if l.ServeHTTP(w, r); w.Code != 404 || len(d.names) != 0 {
			t.Errorf("%d %s, attendees %v", w.Code, w.Body, d.names)
		}
	}
}

func TestTidy(t *testing.T) {
	// The pattern of ExternalUserId (meetings spec 2).
	pattern := regexp.MustCompile(`^[-_&@+=,(){}\[\]/«».:|'"#a-zA-Z0-9À-ÿ\s]{1,52}$`)
	for _, name := range []string{"Ada", " Ada  Lovelace ", "Łukasz", "山田太郎", strings.Repeat("界", 99), "aws:me", "=x", "a\xffb", "Zoë «Z»", "🎉"} {
		got := tidy(name)
		if !pattern.MatchString(got) {
			t.Errorf("tidy(%q) = %q, which breaks the pattern", name, got)
		}
		if encoded, ok := strings.CutPrefix(got, "="); ok {
			back, err := base64.RawURLEncoding.DecodeString(encoded)
			if err != nil || !strings.HasPrefix(name, string(back)) {
				t.Errorf("tidy(%q) decodes to %q, %v", name, back, err)
			}
		}
	}
}
