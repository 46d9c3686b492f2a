package meeting_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/clock"
	"github.com/carillon-rtc/carillon/internal/meeting"
	"github.com/carillon-rtc/carillon/internal/store"
	"github.com/carillon-rtc/carillon/internal/tagging"
)

const account = "000000000000"

// stage is a service with a real store, bus and lifecycle clock around it.
type stage struct {
	t     testing.TB
	dir   string
	store *store.Store
	bus   *bus.Local
	clock clock.Lifecycle
	*meeting.Service
	registry *api.Registry
	ctx      context.Context // of a call of chime-sdk-meetings

	mu    sync.Mutex
	heard []string // subject and data of what was published on meeting.>
}

func newStage(t testing.TB, limits meeting.Limits, ends meeting.Ends) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir()}
	s.ctx = as(api.ServiceMeetings, account)
	s.open(limits, ends)
	t.Cleanup(s.close)
	return s
}

func (s *stage) open(limits meeting.Limits, ends meeting.Ends) {
	s.t.Helper()
	st, err := store.Open(context.Background(), store.Config{
		Dir: s.dir, Migrations: []store.MigrationSet{meeting.Migrations(), tagging.Migrations()},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.store, s.bus = st, bus.NewLocal()
	tags := tagging.New(st)
	s.Service = meeting.New(meeting.Config{
		Store: st, Bus: s.bus, Clock: &s.clock, Tags: tags, Limits: limits, Ends: ends,
		AudioHost: func(*api.Call) string { return "media.example:3478" },
	})
	tags.Kind("meeting", tagging.Kind{Max: s.MaxTags(), AnyCase: true, Find: s.Find})
	s.registry = api.NewRegistry()
	s.Register(s.registry)
	tags.Register(s.registry)
	if _, err := s.bus.Subscribe("meeting.>", func(subject string, data []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heard = append(s.heard, subject+" "+string(data))
	}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) close() {
	s.bus.Close()
	if err := s.store.Close(); err != nil {
		s.t.Error(err)
	}
}

// run starts Service.Run; the returned function ends it.
func (s *stage) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	<-s.Started()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			s.t.Error("Run:", err)
		}
	}
}

// as is the context of a call.
func as(service api.Service, account string) context.Context {
	return api.WithCall(context.Background(), &api.Call{
		Service: service, ServiceKnown: true, AccountID: account, Region: "eu-west-1", BaseURL: "https://chime.example:8443",
	})
}

// try calls an operation's handler.
func try[In, Out any](s *stage, ctx context.Context, op api.Op[In, Out], in In) (*Out, error) {
	h := s.registry.Handler(op.Operation())
	if h == nil {
		s.t.Fatalf("%s is not registered", op.Operation().Name)
	}
	out, err := h.Call(ctx, &in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

// do is try for a call that must succeed.
func do[In, Out any](s *stage, op api.Op[In, Out], in In) *Out {
	s.t.Helper()
	out, err := try(s, s.ctx, op, in)
	if err != nil {
		s.t.Fatalf("%s: %v", op.Operation().Name, err)
	}
	return out
}

// refused wants an error of a code, and of a text unless that is empty.
func (s *stage) refused(err error, code api.Code, message string) {
	s.t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Code != code || message != "" && e.Message != message {
		s.t.Errorf("got error %v, want %v %q", err, code, message)
	}
}

func request(token string) api.CreateMeetingRequest {
	return api.CreateMeetingRequest{ClientRequestToken: &token, MediaRegion: new("eu-central-1"), ExternalMeetingId: new("standup")}
}

// meeting creates a meeting with a token.
func (s *stage) meeting(token string) string {
	s.t.Helper()
	return *do(s, api.CreateMeeting, request(token)).Meeting.MeetingId
}

func (s *stage) attendee(meetingID, user string) *api.Attendee {
	s.t.Helper()
	return do(s, api.CreateAttendee, api.CreateAttendeeRequest{MeetingId: &meetingID, ExternalUserId: &user}).Attendee
}

func (s *stage) lives(meetingID string) bool {
	_, err := try(s, s.ctx, api.GetMeeting, api.GetMeetingRequest{MeetingId: &meetingID})
	return err == nil
}

// present tells the service what a live room would.
func (s *stage) present(p bus.Presence) {
	s.t.Helper()
	data, _ := json.Marshal(p)
	if err := s.bus.Publish("conference."+p.Meeting+".presence", data); err != nil {
		s.t.Fatal(err)
	}
}

// eventually waits for something that another goroutine is about to do.
func (s *stage) eventually(what string, ok func() bool) {
	s.t.Helper()
	for range 2500 {
		if ok() {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.t.Fatalf("it did not happen: %s", what)
}

func (s *stage) hears(want string) {
	s.t.Helper()
	s.eventually(want, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, h := range s.heard {
			if h == want {
				return true
			}
		}
		return false
	})
}

// column reads one number of a meeting's row.
func (s *stage) column(name, meetingID string) (n int64) {
	s.t.Helper()
	err := s.store.QueryRow(context.Background(), fmt.Sprintf(`SELECT %s FROM meetings WHERE meeting_id = $1`, name), meetingID).Scan(&n)
	if err != nil && !errors.Is(err, store.ErrNoRows) {
		s.t.Fatal(err)
	}
	return n
}
