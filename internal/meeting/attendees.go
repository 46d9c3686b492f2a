package meeting

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/store"
)

func (s *Service) createAttendee(ctx context.Context, in *api.CreateAttendeeRequest) (*api.CreateAttendeeResponse, error) {
	item := api.CreateAttendeeRequestItem{ExternalUserId: in.ExternalUserId, Capabilities: in.Capabilities, Tags: in.Tags}
	var a *AttendeeRecord
	var created bool
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		r, err := s.vacancyIn(ctx, tx, *in.MeetingId)
		if err != nil {
			return err
		}
		a, created, err = r.add(ctx, &item)
		return err
	})
	if err != nil {
		return nil, err
	}
	if created {
		s.counters.attendees.Add(1)
	}
	return &api.CreateAttendeeResponse{Attendee: new(a.shape())}, nil
}

func (s *Service) batchCreateAttendee(ctx context.Context, in *api.BatchCreateAttendeeRequest) (*api.BatchCreateAttendeeResponse, error) {
	var b batch
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		m, err := find(ctx, tx, *in.MeetingId)
		if err != nil {
			return err
		}
		b, err = s.addAll(ctx, tx, m, in.Attendees)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.counters.attendees.Add(b.created)
	return &api.BatchCreateAttendeeResponse{Attendees: b.attendees, Errors: b.errors}, nil
}

// batch is what became of several attendees, in the order of the request.
type batch struct {
	attendees []api.Attendee
	errors    []api.CreateAttendeeError
	created   uint64
}

// addAll adds attendees; what a rule forbids becomes an entry of Errors, what
// the store cannot do fails the call.
func (s *Service) addAll(ctx context.Context, tx *store.Tx, m *Record, items []api.CreateAttendeeRequestItem) (batch, error) {
	b := batch{attendees: []api.Attendee{}, errors: []api.CreateAttendeeError{}}
	r, err := s.vacancy(tx, m)
	if err != nil {
		return b, err
	}
	for i := range items {
		a, created, err := r.add(ctx, &items[i])
		var refused *api.Error
		switch {
		case errors.As(err, &refused):
			b.errors = append(b.errors, api.CreateAttendeeError{
				ExternalUserId: items[i].ExternalUserId,
				ErrorCode:      new(refused.Code.Short(api.CallFrom(ctx).Service)),
				ErrorMessage:   &refused.Message,
			})
		case err != nil:
			return b, err
		default:
			b.attendees = append(b.attendees, a.shape())
			if created {
				b.created++
			}
		}
	}
	return b, nil
}

// vacancy adds attendees to one meeting within one write.
type vacancy struct {
	s     *Service
	tx    *store.Tx
	m     *Record
	taken int // attendees created and not deleted
	limit int
}

func (s *Service) vacancy(tx *store.Tx, m *Record) (*vacancy, error) {
	v := &vacancy{s: s, tx: tx, m: m, limit: s.attendeeLimit(&m.Features)}
	err := tx.QueryRow(`SELECT COUNT(*) FROM attendees WHERE meeting_id = $1`, m.MeetingID).Scan(&v.taken)
	return v, err
}

// vacancyIn finds a living meeting of the caller's account and its vacancy at
// once.
func (s *Service) vacancyIn(ctx context.Context, tx *store.Tx, id string) (*vacancy, error) {
	v := &vacancy{s: s, tx: tx}
	m, err := scanMeeting(tx.QueryRow(`SELECT `+meetingColumns+`,
			(SELECT COUNT(*) FROM attendees WHERE attendees.meeting_id = meetings.meeting_id) FROM meetings
		WHERE meeting_id = $1 AND account_id = $2 AND ended_ms = 0`, strings.ToLower(id), api.CallFrom(ctx).AccountID), &v.taken)
	if errors.Is(err, store.ErrNoRows) {
		return nil, meetingNotFound(id)
	}
	if err != nil {
		return nil, err
	}
	v.m, v.limit = m, s.attendeeLimit(&m.Features)
	return v, nil
}

// add returns the attendee with the item's ExternalUserId as it is, whatever
// else the item says, or creates it (meetings spec section 3). Most users are
// new, so the one who is there is only looked for where the item is refused or
// the user's place taken.
func (v *vacancy) add(ctx context.Context, item *api.CreateAttendeeRequestItem) (a *AttendeeRecord, created bool, err error) {
	a, err = v.plan(ctx, item)
	if err == nil {
		if created, err = v.insert(a, item.Tags); created || err != nil {
			return a, created, err
		}
	}
	there, findErr := scanAttendee(v.tx.QueryRow(`SELECT `+attendeeColumns+` FROM attendees
		WHERE meeting_id = $1 AND external_user_id = $2`, v.m.MeetingID, deref(item.ExternalUserId)))
	switch {
	case findErr == nil:
		return there, false, nil
	case err != nil && errors.Is(findErr, store.ErrNoRows):
		return nil, false, err
	default:
		return nil, false, findErr
	}
}

// plan is the attendee that an item asks for, or why there cannot be one.
func (v *vacancy) plan(ctx context.Context, item *api.CreateAttendeeRequestItem) (*AttendeeRecord, error) {
	user := deref(item.ExternalUserId)
	if err := checkExternalID(api.CallFrom(ctx), "externalUserId", user); err != nil {
		return nil, err
	}
	c, err := capabilitiesFrom(item.Capabilities, &v.m.Features)
	if err != nil {
		return nil, err
	}
	if len(item.Tags) > maxAttendeeTags {
		return nil, api.Errorf(api.TooManyTags, "Attendee %q would have %d tags, %d are allowed", user, len(item.Tags), maxAttendeeTags)
	}
	if v.taken >= v.limit {
		return nil, api.Errorf(api.LimitExceeded, "Meeting <%s> has %d attendees, more are not allowed", v.m.MeetingID, v.taken)
	}
	a := &AttendeeRecord{MeetingID: v.m.MeetingID, AttendeeID: uuid.NewString(), ExternalUserID: user, Capabilities: c}
	a.JoinToken = newJoinToken(a.AttendeeID)
	return a, nil
}

// insert reports false if the meeting has an attendee of the same user.
func (v *vacancy) insert(a *AttendeeRecord, tags []api.Tag) (inserted bool, err error) {
	n, err := v.tx.Exec(`INSERT INTO attendees (meeting_id, attendee_id, external_user_id, join_token, audio, video, content, created_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (meeting_id, external_user_id) DO NOTHING`,
		a.MeetingID, a.AttendeeID, a.ExternalUserID, a.JoinToken,
		string(a.Capabilities.Audio), string(a.Capabilities.Video), string(a.Capabilities.Content), v.s.nowMs())
	if err != nil || n == 0 {
		return false, err
	}
	v.taken++
	return true, v.s.tags.Put(v.tx, v.m.AccountID, a.resource(), a.AttendeeID, tags, maxAttendeeTags)
}

// A join token is the unpadded standard base64 of
//
//	<AttendeeId>:<random UUID>      36 + 1 + 36 = 73 bytes, 98 characters
//
// The bytes are hexadecimal digits, '-' and ':', whose base64 has neither '+'
// nor '/': it fits the older namespace's pattern, and a WebSocket header
// (meetings spec section 4).
func newJoinToken(attendeeID string) string {
	return base64.RawStdEncoding.EncodeToString([]byte(attendeeID + ":" + uuid.NewString()))
}

// tokenAttendee is the attendee id that a token claims, or "" when it has not
// the form of a token. The claim is checked against the store.
func tokenAttendee(token string) string {
	const idLength, length = 36, 98
	if len(token) != length {
		return ""
	}
	plain, err := base64.RawStdEncoding.DecodeString(token)
	if err != nil || plain[idLength] != ':' {
		return ""
	}
	return string(plain[:idLength])
}

func (s *Service) getAttendee(ctx context.Context, in *api.GetAttendeeRequest) (*api.GetAttendeeResponse, error) {
	q := s.store.Reader(ctx)
	m, err := find(ctx, q, *in.MeetingId)
	if err != nil {
		return nil, err
	}
	a, err := findAttendee(q, m, *in.AttendeeId)
	if err != nil {
		return nil, err
	}
	return &api.GetAttendeeResponse{Attendee: new(a.shape())}, nil
}

func (s *Service) deleteAttendee(ctx context.Context, in *api.DeleteAttendeeRequest) (*api.Empty, error) {
	var a *AttendeeRecord
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		m, err := find(ctx, tx, *in.MeetingId)
		if err != nil {
			return err
		}
		if a, err = findAttendee(tx, m, *in.AttendeeId); err != nil {
			return err
		}
		if _, err = tx.Exec(`DELETE FROM attendees WHERE meeting_id = $1 AND attendee_id = $2`, a.MeetingID, a.AttendeeID); err != nil {
			return err
		}
		return s.tags.RemoveTree(tx, m.AccountID, a.resource())
	})
	if err != nil {
		return nil, err
	}
	s.counters.deleted.Add(1)
	s.publish("meeting."+a.MeetingID+".attendee.deleted", bus.AttendeeDeleted{AttendeeID: a.AttendeeID})
	return &api.Empty{}, nil
}

func (s *Service) updateAttendeeCapabilities(ctx context.Context, in *api.UpdateAttendeeCapabilitiesRequest) (*api.UpdateAttendeeCapabilitiesResponse, error) {
	var a *AttendeeRecord
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		m, err := find(ctx, tx, *in.MeetingId)
		if err != nil {
			return err
		}
		if a, err = findAttendee(tx, m, *in.AttendeeId); err != nil {
			return err
		}
		c, err := capabilitiesFrom(in.Capabilities, &m.Features)
		if err != nil {
			return err
		}
		a.Capabilities = c
		return setCapabilities(tx, a)
	})
	if err != nil {
		return nil, err
	}
	s.publish("meeting."+a.MeetingID+".attendee.capabilities", bus.AttendeeCapabilities{AttendeeIDs: []string{a.AttendeeID}})
	return &api.UpdateAttendeeCapabilitiesResponse{Attendee: new(a.shape())}, nil
}

func setCapabilities(tx *store.Tx, a *AttendeeRecord) error {
	_, err := tx.Exec(`UPDATE attendees SET audio = $3, video = $4, content = $5 WHERE meeting_id = $1 AND attendee_id = $2`,
		a.MeetingID, a.AttendeeID, string(a.Capabilities.Audio), string(a.Capabilities.Video), string(a.Capabilities.Content))
	return err
}

func (s *Service) batchUpdateAttendeeCapabilitiesExcept(ctx context.Context, in *api.BatchUpdateAttendeeCapabilitiesExceptRequest) (*api.Empty, error) {
	excluded := make(map[string]bool, len(in.ExcludedAttendeeIds))
	for _, item := range in.ExcludedAttendeeIds {
		excluded[strings.ToLower(deref(item.AttendeeId))] = true
	}
	var changed []string
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		m, err := find(ctx, tx, *in.MeetingId)
		if err != nil {
			return err
		}
		c, err := capabilitiesFrom(in.Capabilities, &m.Features)
		if err != nil {
			return err
		}
		all, err := attendeesOf(tx, m.MeetingID)
		if err != nil {
			return err
		}
		for i := range all {
			if a := &all[i]; !excluded[a.AttendeeID] && a.Capabilities != c {
				a.Capabilities = c
				changed = append(changed, a.AttendeeID)
				if err := setCapabilities(tx, a); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(changed) > 0 {
		s.publish("meeting."+strings.ToLower(*in.MeetingId)+".attendee.capabilities", bus.AttendeeCapabilities{AttendeeIDs: changed})
	}
	return &api.Empty{}, nil
}

// attendeesOf reads all attendees of a meeting.
func attendeesOf(q store.Queryer, meetingID string) ([]AttendeeRecord, error) {
	rows, err := q.Query(`SELECT `+attendeeColumns+` FROM attendees WHERE meeting_id = $1 ORDER BY attendee_id`, meetingID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	var all []AttendeeRecord
	for rows.Next() {
		a, err := scanAttendee(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, *a)
	}
	return all, rows.Err()
}
