package conference

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// recorder is a Client that writes down what it is told.
type recorder struct {
	mu     sync.Mutex
	events []string // one short line for each call
	index  Index
	roster map[uint32]RosterChange
	data   []DataMessage
	volume []Volume
	ending *Ending
	rates  int
	rated  []StreamBitrate // last told
}

func (c *recorder) note(format string, args ...any) {
	c.events = append(c.events, fmt.Sprintf(format, args...))
}

func (c *recorder) Index(ix Index) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index = ix
	var sources []string
	for _, s := range ix.Sources {
		sources = append(sources, fmt.Sprintf("%s=%d/%d", s.AttendeeID, s.StreamID, s.GroupID))
	}
	c.note("index n=%d full=%v [%s]", ix.NumParticipants, ix.AtCapacity, strings.Join(sources, " "))
}

func (c *recorder) Roster(changes []RosterChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roster == nil {
		c.roster = make(map[uint32]RosterChange)
	}
	var parts []string
	for _, ch := range changes {
		_, known := c.roster[ch.AudioStreamID]
		switch {
		case !known && ch.AttendeeID == "":
			c.note("UNKNOWN ID %d", ch.AudioStreamID)
		case ch.Left || ch.Dropped:
			delete(c.roster, ch.AudioStreamID)
		case !known:
			c.roster[ch.AudioStreamID] = ch
		}
		what := "+" + ch.AttendeeID
		switch {
		case ch.Left:
			what = "left"
		case ch.Dropped:
			what = "dropped"
		case ch.AttendeeID == "":
			what = fmt.Sprintf("muted=%v", ch.Muted)
		}
		parts = append(parts, fmt.Sprintf("%d%s", ch.AudioStreamID, what))
	}
	c.note("roster %s", strings.Join(parts, " "))
}

func (c *recorder) Volumes(v []Volume) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.volume = slices.Clone(v)
}

func (c *recorder) Bitrates(streams []StreamBitrate, _ uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rates++
	c.rated = slices.Clone(streams)
}

func (c *recorder) Data(messages []DataMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = append(c.data, messages...)
	for _, m := range messages {
		c.note("data %s from %s throttled=%v", m.Data, m.SenderAttendeeID, m.IngestTime.IsZero())
	}
}

func (c *recorder) End(e Ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = &e
	c.note("end %d %d", e.AudioStatus, e.CloseCode)
}

// take returns and forgets the events.
func (c *recorder) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.events
	c.events = nil
	return out
}

// records is a Records with one meeting, "m". A token is the attendee id.
type records struct {
	mu    sync.Mutex
	ended bool
	caps  map[string]Capabilities
	reads int
	delay time.Duration // from the moment that an answer is true to its arrival
}

func everything() Capabilities {
	both := Capability{Send: true, Receive: true}
	return Capabilities{both, both, both}
}

func newRecords(attendees ...string) *records {
	r := &records{caps: make(map[string]Capabilities)}
	for _, a := range attendees {
		r.caps[a] = everything()
	}
	return r
}

func (r *records) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *records) Identify(_ context.Context, meetingID, token string) (Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || meetingID != "m" {
		return Identity{}, ErrMeetingEnded
	}
	c, ok := r.caps[token]
	if !ok {
		return Identity{}, ErrAttendeeUnavailable
	}
	return Identity{MeetingID: meetingID, AttendeeID: token, ExternalUserID: "ext-" + token, Capabilities: c}, nil
}

func (r *records) Attendees(_ context.Context, meetingID string) (map[string]Capabilities, error) {
	caps, delay, err := r.attendees(meetingID)
	time.Sleep(delay)
	return caps, err
}

func (r *records) attendees(meetingID string) (map[string]Capabilities, time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if r.ended || meetingID != "m" {
		return nil, 0, ErrMeetingEnded
	}
	out := make(map[string]Capabilities, len(r.caps))
	for k, v := range r.caps {
		out[k] = v
	}
	return out, r.delay, nil
}
