package meeting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/store"
)

// Record is a meeting as it was created.
type Record struct {
	AccountID, MeetingID, ExternalMeetingID string
	// Region is where the API call was made, MediaRegion where the media is.
	Region, MediaRegion string
	PrimaryMeetingID    string // empty unless the meeting is a replica
	Created             time.Time
	Details
}

// Details are the parts of a meeting that no query asks for.
type Details struct {
	HostID        string                           `json:",omitempty"`
	Features      api.MeetingFeaturesConfiguration `json:",omitzero"`
	TenantIDs     []string                         `json:",omitempty"`
	Notifications *api.NotificationsConfiguration  `json:",omitempty"`
	NetworkType   string                           `json:",omitempty"`
}

// ARN returns the meeting's ARN in its usual form.
func (m *Record) ARN() string {
	return "arn:aws:chime:" + m.Region + ":" + m.AccountID + ":" + m.resource()
}

// resource is the resource part of the ARN, under which tags are kept.
func (m *Record) resource() string { return "meeting/" + m.MeetingID }

// AttendeeRecord is an attendee.
type AttendeeRecord struct {
	MeetingID, AttendeeID, ExternalUserID string
	JoinToken                             string // secret: never log it
	Capabilities                          Capabilities
}

func (a *AttendeeRecord) resource() string {
	return "meeting/" + a.MeetingID + "/attendee/" + a.AttendeeID
}

// shape is the attendee as the API shows it.
func (a *AttendeeRecord) shape() api.Attendee {
	return api.Attendee{
		AttendeeId: &a.AttendeeID, ExternalUserId: &a.ExternalUserID, JoinToken: &a.JoinToken,
		Capabilities: a.Capabilities.shape(),
	}
}

const meetingColumns = `account_id, meeting_id, external_meeting_id, region, media_region, primary_meeting_id, created_ms, details`

// scanner is a row of either kind.
type scanner interface{ Scan(dest ...any) error }

// scanMeeting reads the meetingColumns, and what comes after them into more.
func scanMeeting(row scanner, more ...any) (*Record, error) {
	var m Record
	var createdMs int64
	var details string
	err := row.Scan(append([]any{&m.AccountID, &m.MeetingID, &m.ExternalMeetingID, &m.Region, &m.MediaRegion, &m.PrimaryMeetingID,
		&createdMs, &details}, more...)...)
	if err != nil {
		return nil, err
	}
	m.Created = time.UnixMilli(createdMs).UTC()
	if err := json.Unmarshal([]byte(details), &m.Details); err != nil {
		return nil, fmt.Errorf("meeting %s: details: %w", m.MeetingID, err)
	}
	return &m, nil
}

// find returns a living meeting of the caller's account.
func find(ctx context.Context, q store.Queryer, id string) (*Record, error) {
	m, err := scanMeeting(q.QueryRow(`SELECT `+meetingColumns+` FROM meetings
		WHERE meeting_id = $1 AND account_id = $2 AND ended_ms = 0`, strings.ToLower(id), api.CallFrom(ctx).AccountID))
	if errors.Is(err, store.ErrNoRows) {
		return nil, meetingNotFound(id)
	}
	return m, err
}

// meetingNotFound is the error in the words observed, angle brackets included
// (meetings spec section 13).
func meetingNotFound(id string) error {
	return api.Errorf(api.NotFound, "Meeting <%s> not found", id)
}

func attendeeNotFound(id string) error {
	return api.Errorf(api.NotFound, "Attendee <%s> not found", id)
}

const attendeeColumns = `meeting_id, attendee_id, external_user_id, join_token, audio, video, content`

func scanAttendee(row scanner) (*AttendeeRecord, error) {
	var a AttendeeRecord
	c := &a.Capabilities
	err := row.Scan(&a.MeetingID, &a.AttendeeID, &a.ExternalUserID, &a.JoinToken, &c.Audio, &c.Video, &c.Content)
	return &a, err
}

func findAttendee(q store.Queryer, m *Record, id string) (*AttendeeRecord, error) {
	a, err := scanAttendee(q.QueryRow(`SELECT `+attendeeColumns+` FROM attendees
		WHERE meeting_id = $1 AND attendee_id = $2`, m.MeetingID, strings.ToLower(id)))
	if errors.Is(err, store.ErrNoRows) {
		return nil, attendeeNotFound(id)
	}
	return a, err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// optional is nil for what is not there: absent values are left out of answers.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
