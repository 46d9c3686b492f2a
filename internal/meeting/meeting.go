// Package meeting keeps meetings and attendees as records: it creates, finds
// and ends them, and answers the operations of chime-sdk-meetings and their
// elders in the chime namespace (meetings spec sections 1 to 13).
//
// SQL holds the truth. Live rooms are elsewhere, perhaps on another machine:
// they ask [Service.Identify] and [Service.Attendees], hear of changes over the
// bus (meeting.<id>.*), and tell who is present (conference.<id>.presence).
//
// # A meeting's life
//
//	created ──► idle clock runs ──► somebody connects ──► … ──► ended ──► purged
//
// A meeting ends by DeleteMeeting, with its primary, or by a clock
// (events spec section 5). From that moment on it does not exist for anybody:
// queries go by ended_ms = 0. [Service.Run] keeps the clocks and removes what
// has ended, in bounded batches.
package meeting

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/clock"
	"github.com/carillon-rtc/carillon/internal/store"
)

// Errors of [Service.Identify] and [Service.Attendees].
var (
	// ErrEnded: the meeting never was or has ended.
	ErrEnded = errors.New("meeting has ended")
	// ErrNoAttendee: the token belongs to no attendee of the meeting.
	ErrNoAttendee = errors.New("no such attendee")
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations is the package's schema.
func Migrations() store.MigrationSet {
	dir, _ := fs.Sub(migrations, "migrations") // fails only for a malformed name
	return store.MigrationSet{Domain: "meeting", FS: dir}
}

// Limits are the quotas (meetings spec section 12). Zero takes the published
// value.
type Limits struct {
	Meetings         int // that live at once in an account: 250
	Attendees        int // created and not deleted, of a meeting: 250
	HighDefAttendees int // the same with FHD video or UHD content: 25
	Replicas         int // of a primary meeting: 4
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		value     *int
		published int
	}{{&l.Meetings, 250}, {&l.Attendees, 250}, {&l.HighDefAttendees, 25}, {&l.Replicas, 4}} {
		if *f.value == 0 {
			*f.value = f.published
		}
	}
	return l
}

// The number of tags that a meeting and an attendee may have.
const (
	maxMeetingTags  = 50
	maxAttendeeTags = 10
)

// Tags keeps tags on resources; package tagging does. resource is the resource
// part of the ARN.
type Tags interface {
	Put(tx *store.Tx, accountID, resource, arn string, tags []api.Tag, maxTags int) error
	Remove(tx *store.Tx, accountID, resource string, keys []string) error
	RemoveTree(tx *store.Tx, accountID, resource string) error
	List(q store.Queryer, accountID, resource string) ([]api.Tag, error)
}

// Config is what a service needs. Store, Bus, Clock and Tags are required.
type Config struct {
	Store  *store.Store
	Bus    bus.Bus
	Clock  clock.Clock
	Tags   Tags
	Limits Limits
	// Ends are the rules by which meetings end; the zero value is [GuideEnds].
	Ends Ends
	// AudioHost returns host:port of the media port as the client of a call
	// reaches it, for MediaPlacement. Nil: the host of Call.BaseURL, port 3478.
	AudioHost func(*api.Call) string
	// SpeechEngine tells that somebody transcribes. Without it a transcription
	// that is started fails at once, in words that its meeting can read.
	SpeechEngine bool
	Log          *slog.Logger // nil: silence
}

// Service answers the operations on meetings. It is safe for concurrent use.
type Service struct {
	store        *store.Store
	bus          bus.Bus
	clock        clock.Clock
	tags         Tags
	limits       Limits
	ends         Ends
	audioHost    func(*api.Call) string
	speechEngine bool
	log          *slog.Logger

	kick    chan struct{} // wakes Run
	started chan struct{} // closed when Run has started the clocks

	unfollow  func() // ends the subscription to presence
	followErr error  // why there is none

	mu       sync.Mutex
	presence map[string]bus.Presence // what Run has still to look at

	counters counters
}

// New returns a service. Its [Service.Run] must run for meetings to end by
// themselves; until then, or until the bus is closed, it follows presence.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Ends == (Ends{}) {
		c.Ends = GuideEnds()
	}
	if c.AudioHost == nil {
		c.AudioHost = defaultAudioHost
	}
	s := &Service{
		store: c.Store, bus: c.Bus, clock: c.Clock, tags: c.Tags, limits: c.Limits.withDefaults(), ends: c.Ends,
		audioHost: c.AudioHost, speechEngine: c.SpeechEngine, log: c.Log,
		kick: make(chan struct{}, 1), started: make(chan struct{}), presence: make(map[string]bus.Presence),
	}
	// From the start, so that nobody who connects before Run has begun is missed.
	s.unfollow, s.followErr = s.bus.Subscribe("conference.*.presence", s.onPresence)
	return s
}

// Register gives the operations to the registry.
func (s *Service) Register(r *api.Registry) {
	api.Handle(r, api.CreateMeeting, s.createMeeting)
	api.Handle(r, api.CreateMeetingWithAttendees, s.createMeetingWithAttendees)
	api.Handle(r, api.GetMeeting, s.getMeeting)
	api.Handle(r, api.ListMeetings, s.listMeetings)
	api.Handle(r, api.DeleteMeeting, s.deleteMeeting)

	api.Handle(r, api.CreateAttendee, s.createAttendee)
	api.Handle(r, api.BatchCreateAttendee, s.batchCreateAttendee)
	api.Handle(r, api.GetAttendee, s.getAttendee)
	api.Handle(r, api.ListAttendees, s.listAttendees)
	api.Handle(r, api.DeleteAttendee, s.deleteAttendee)
	api.Handle(r, api.UpdateAttendeeCapabilities, s.updateAttendeeCapabilities)
	api.Handle(r, api.BatchUpdateAttendeeCapabilitiesExcept, s.batchUpdateAttendeeCapabilitiesExcept)

	api.Handle(r, api.StartMeetingTranscription, s.startMeetingTranscription)
	api.Handle(r, api.StopMeetingTranscription, s.stopMeetingTranscription)

	api.Handle(r, api.TagMeeting, s.tagMeeting)
	api.Handle(r, api.UntagMeeting, s.untagMeeting)
	api.Handle(r, api.ListMeetingTags, s.listMeetingTags)
	api.Handle(r, api.TagAttendee, s.tagAttendee)
	api.Handle(r, api.UntagAttendee, s.untagAttendee)
	api.Handle(r, api.ListAttendeeTags, s.listAttendeeTags)
}

// publish tells live rooms something. A message that is lost heals itself: rooms
// read the records again every few seconds.
func (s *Service) publish(subject string, message any) {
	data, err := json.Marshal(message)
	if err == nil {
		err = s.bus.Publish(subject, data)
	}
	if err != nil {
		s.log.Warn("meeting: not published", "subject", subject, "error", err)
	}
}

func (s *Service) nowMs() int64 { return s.clock.Now().UnixMilli() }

// Stats are counts since the service was made, and what lives now.
type Stats struct {
	// ActiveMeetings and Attendees are how many live now.
	ActiveMeetings, Attendees int64
	// MeetingsCreated, AttendeesCreated and AttendeesDeleted count what calls did.
	MeetingsCreated, AttendeesCreated, AttendeesDeleted uint64
	// MeetingsEnded counts all ends, EndedByClock those that nobody asked for.
	MeetingsEnded, EndedByClock uint64
}

type counters struct {
	meetings, attendees, deleted, ended, byClock atomic.Uint64
}

// Stats returns the counts. What lives is read from the store; when that fails,
// it is reported as 0.
func (s *Service) Stats() Stats {
	c := &s.counters
	st := Stats{
		MeetingsCreated: c.meetings.Load(), AttendeesCreated: c.attendees.Load(), AttendeesDeleted: c.deleted.Load(),
		MeetingsEnded: c.ended.Load(), EndedByClock: c.byClock.Load(),
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.store.QueryRow(ctx, `SELECT COALESCE(SUM(active), 0) FROM meeting_counts`).Scan(&st.ActiveMeetings)
	if err == nil {
		err = s.store.QueryRow(ctx, `SELECT COUNT(*) FROM attendees WHERE meeting_id IN
			(SELECT meeting_id FROM meetings WHERE ended_ms = 0)`).Scan(&st.Attendees)
	}
	if err != nil {
		s.log.Warn("meeting: counts not read", "error", err)
	}
	return st
}
