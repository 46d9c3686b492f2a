package meeting

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/carillon-rtc/carillon/internal/store"
)

// Identify finds the attendee that a join token (without "#content") belongs
// to, in the meeting that it is presented for: [ErrEnded], [ErrNoAttendee], or
// a failure of the store. It is one indexed read.
func (s *Service) Identify(ctx context.Context, meetingID, joinToken string) (AttendeeRecord, Record, error) {
	var a AttendeeRecord
	var m Record
	var createdMs int64
	var details string
	var id, user, token, audio, video, content sql.NullString
	err := s.store.QueryRow(ctx, `SELECT m.account_id, m.meeting_id, m.external_meeting_id, m.region, m.media_region,
			m.primary_meeting_id, m.created_ms, m.details,
			a.attendee_id, a.external_user_id, a.join_token, a.audio, a.video, a.content
		FROM meetings m LEFT JOIN attendees a ON a.meeting_id = m.meeting_id AND a.attendee_id = $2
		WHERE m.meeting_id = $1 AND m.ended_ms = 0`, strings.ToLower(meetingID), tokenAttendee(joinToken)).
		Scan(&m.AccountID, &m.MeetingID, &m.ExternalMeetingID, &m.Region, &m.MediaRegion,
			&m.PrimaryMeetingID, &createdMs, &details, &id, &user, &token, &audio, &video, &content)
	if errors.Is(err, store.ErrNoRows) {
		return a, m, ErrEnded
	}
	if err != nil {
		return a, m, err
	}
	m.Created = time.UnixMilli(createdMs).UTC()
	if err := json.Unmarshal([]byte(details), &m.Details); err != nil {
		return a, m, err
	}
	if !id.Valid || subtle.ConstantTimeCompare([]byte(token.String), []byte(joinToken)) != 1 {
		return a, m, ErrNoAttendee
	}
	a = AttendeeRecord{
		MeetingID: m.MeetingID, AttendeeID: id.String, ExternalUserID: user.String, JoinToken: token.String,
		Capabilities: Capabilities{Capability(audio.String), Capability(video.String), Capability(content.String)},
	}
	return a, m, nil
}

// Attendees returns all attendees of a meeting that exist now: [ErrEnded], or a
// failure of the store.
func (s *Service) Attendees(ctx context.Context, meetingID string) ([]AttendeeRecord, error) {
	id := strings.ToLower(meetingID)
	all, err := attendeesOf(s.store.Reader(ctx), id)
	if err != nil {
		return nil, err
	}
	// Asked last: attendees of a meeting that ends meanwhile must not be believed.
	var one int
	err = s.store.QueryRow(ctx, `SELECT 1 FROM meetings WHERE meeting_id = $1 AND ended_ms = 0`, id).Scan(&one)
	if errors.Is(err, store.ErrNoRows) {
		return nil, ErrEnded
	}
	return all, err
}
