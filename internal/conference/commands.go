package conference

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-rtc/carillon/internal/bus"
)

// readTimeout bounds a read of the records that no client waits for.
const readTimeout = 5 * time.Second

// follow subscribes to what the meeting records tell. One subscription serves
// all rooms: meetings that are not here cost one look into a table.
func (s *Rooms) follow() error {
	for subject, fn := range map[string]func(r *room, data []byte){
		"meeting.*.ended":                 (*room).onEnded,
		"meeting.*.attendee.deleted":      (*room).onDeleted,
		"meeting.*.attendee.capabilities": (*room).onCapabilities,
		"meeting.*.transcription":         (*room).onTranscription,
	} {
		stop, err := s.bus.Subscribe(subject, func(subject string, data []byte) {
			if r := s.find(meetingOf(subject)); r != nil {
				fn(r, data)
			}
		})
		if err != nil {
			for _, stop := range s.unsubscribe {
				stop()
			}
			return fmt.Errorf("conference: subscribe to %s: %w", subject, err)
		}
		s.unsubscribe = append(s.unsubscribe, stop)
	}
	return nil
}

// meetingOf is the second token of a subject.
func meetingOf(subject string) string {
	_, rest, _ := strings.Cut(subject, ".")
	id, _, _ := strings.Cut(rest, ".")
	return id
}

func (r *room) onEnded([]byte) {
	r.lock()
	defer r.unlock()
	r.version++
	r.log.Info("meeting ended")
	r.finish(ErrMeetingEnded, endMeeting)
}

func (r *room) onDeleted(data []byte) {
	var msg bus.AttendeeDeleted
	if err := json.Unmarshal(data, &msg); err != nil {
		r.log.Error("bad command", "subject", "attendee.deleted", "error", err)
		return
	}
	r.lock()
	defer r.unlock()
	r.version++
	delete(r.caps, msg.AttendeeID)
	r.expel(msg.AttendeeID)
}

// onCapabilities re-reads all rights: the message only says that some changed.
func (r *room) onCapabilities([]byte) {
	r.lock()
	r.version++
	r.unlock()
	r.refresh()
}

// refresh reads the records on behalf of the room itself.
func (r *room) refresh() {
	ctx, cancel := context.WithTimeout(r.rooms.ctx, readTimeout)
	defer cancel()
	if err := r.read(ctx); err != nil && r.rooms.ctx.Err() == nil {
		r.log.Warn("meeting records unavailable", "error", err)
	}
}

// publishPresence tells how many connections the meeting has, when that
// changed. Content shares are none (events spec 5).
func (r *room) publishPresence() {
	if !r.presenceDue {
		return
	}
	r.presenceDue = false
	now := bus.Presence{Meeting: r.id}
	for _, p := range r.sessions {
		if p.connected && !p.id.Content {
			now.Connections++
			if p.audio {
				now.AudioConnections++
			}
		}
	}
	if now == r.presence {
		return
	}
	r.presence = now
	data, err := json.Marshal(now)
	if err == nil {
		err = r.rooms.bus.Publish("conference."+r.id+".presence", data)
	}
	if err != nil {
		r.log.Warn("presence not published", "error", err)
	}
}
