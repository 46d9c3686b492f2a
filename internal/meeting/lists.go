package meeting

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/google/uuid"

	"github.com/carillon-rtc/carillon/api"
)

// pageSize is how many entries a page has when the caller does not say.
const pageSize = 99

// page is a part of a list: limit entries behind the one with the id after.
type page struct {
	list  string // what is listed, so that a token of one list is none of another
	after string
	limit int
}

// readPage reads a NextToken: the list and the last id seen, in base64. It is a
// place in the caller's own data and gives no rights, so it is not signed, but
// what does not look like one of ours is refused.
func readPage(list string, token *string, maxResults *int64) (page, error) {
	p := page{list: list, limit: pageSize}
	if maxResults != nil {
		p.limit = int(*maxResults)
	}
	if token == nil || *token == "" {
		return p, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(*token)
	list, after, ok := strings.Cut(string(plain), " ")
	if err == nil && ok && list == p.list && uuid.Validate(after) == nil {
		p.after = after
		return p, nil
	}
	return p, api.Errorf(api.BadRequest, "NextToken is not one that this list has given")
}

// next is the token of the page behind this one.
func (p page) next(last string) *string {
	return new(base64.RawURLEncoding.EncodeToString([]byte(p.list + " " + last)))
}

func (s *Service) listMeetings(ctx context.Context, in *api.ListMeetingsRequest) (*api.ListMeetingsResponse, error) {
	p, err := readPage("meetings", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	call := api.CallFrom(ctx)
	rows, err := s.store.Query(ctx, `SELECT `+meetingColumns+` FROM meetings
		WHERE account_id = $1 AND ended_ms = 0 AND meeting_id > $2 ORDER BY meeting_id LIMIT $3`,
		call.AccountID, p.after, p.limit+1)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	out := &api.ListMeetingsResponse{Meetings: []api.Meeting{}}
	for rows.Next() {
		m, err := scanMeeting(rows)
		if err != nil {
			return nil, err
		}
		if len(out.Meetings) == p.limit { // there is one more
			out.NextToken = p.next(*out.Meetings[p.limit-1].MeetingId)
			break
		}
		out.Meetings = append(out.Meetings, *s.meetingShape(call, m))
	}
	return out, rows.Err()
}

func (s *Service) listAttendees(ctx context.Context, in *api.ListAttendeesRequest) (*api.ListAttendeesResponse, error) {
	m, err := find(ctx, s.store.Reader(ctx), *in.MeetingId)
	if err != nil {
		return nil, err
	}
	p, err := readPage(m.MeetingID, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.Query(ctx, `SELECT `+attendeeColumns+` FROM attendees
		WHERE meeting_id = $1 AND attendee_id > $2 ORDER BY attendee_id LIMIT $3`, m.MeetingID, p.after, p.limit+1)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	out := &api.ListAttendeesResponse{Attendees: []api.Attendee{}}
	for rows.Next() {
		a, err := scanAttendee(rows)
		if err != nil {
			return nil, err
		}
		if len(out.Attendees) == p.limit {
			out.NextToken = p.next(*out.Attendees[p.limit-1].AttendeeId)
			break
		}
		out.Attendees = append(out.Attendees, a.shape())
	}
	return out, rows.Err()
}
