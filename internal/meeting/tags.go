package meeting

import (
	"context"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/store"
)

func (s *Service) tagMeeting(ctx context.Context, in *api.TagMeetingRequest) (*api.Empty, error) {
	return s.onMeeting(ctx, *in.MeetingId, func(tx *store.Tx, m *Record) error {
		return s.tags.Put(tx, m.AccountID, m.resource(), m.ARN(), in.Tags, maxMeetingTags)
	})
}

func (s *Service) untagMeeting(ctx context.Context, in *api.UntagMeetingRequest) (*api.Empty, error) {
	return s.onMeeting(ctx, *in.MeetingId, func(tx *store.Tx, m *Record) error {
		return s.tags.Remove(tx, m.AccountID, m.resource(), in.TagKeys)
	})
}

// onMeeting runs fn in a write on a living meeting.
func (s *Service) onMeeting(ctx context.Context, id string, fn func(*store.Tx, *Record) error) (*api.Empty, error) {
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		m, err := find(ctx, tx, id)
		if err != nil {
			return err
		}
		return fn(tx, m)
	})
	return &api.Empty{}, err
}

func (s *Service) listMeetingTags(ctx context.Context, in *api.ListMeetingTagsRequest) (*api.ListMeetingTagsResponse, error) {
	q := s.store.Reader(ctx)
	m, err := find(ctx, q, *in.MeetingId)
	if err != nil {
		return nil, err
	}
	tags, err := s.tags.List(q, m.AccountID, m.resource())
	return &api.ListMeetingTagsResponse{Tags: tags}, err
}

func (s *Service) tagAttendee(ctx context.Context, in *api.TagAttendeeRequest) (*api.Empty, error) {
	return s.onAttendee(ctx, *in.MeetingId, *in.AttendeeId, func(tx *store.Tx, m *Record, a *AttendeeRecord) error {
		return s.tags.Put(tx, m.AccountID, a.resource(), a.AttendeeID, in.Tags, maxAttendeeTags)
	})
}

func (s *Service) untagAttendee(ctx context.Context, in *api.UntagAttendeeRequest) (*api.Empty, error) {
	return s.onAttendee(ctx, *in.MeetingId, *in.AttendeeId, func(tx *store.Tx, m *Record, a *AttendeeRecord) error {
		return s.tags.Remove(tx, m.AccountID, a.resource(), in.TagKeys)
	})
}

// onAttendee runs fn in a write on an attendee of a living meeting.
func (s *Service) onAttendee(ctx context.Context, meetingID, id string, fn func(*store.Tx, *Record, *AttendeeRecord) error) (*api.Empty, error) {
	return s.onMeeting(ctx, meetingID, func(tx *store.Tx, m *Record) error {
		a, err := findAttendee(tx, m, id)
		if err != nil {
			return err
		}
		return fn(tx, m, a)
	})
}

func (s *Service) listAttendeeTags(ctx context.Context, in *api.ListAttendeeTagsRequest) (*api.ListAttendeeTagsResponse, error) {
	q := s.store.Reader(ctx)
	m, err := find(ctx, q, *in.MeetingId)
	if err != nil {
		return nil, err
	}
	a, err := findAttendee(q, m, *in.AttendeeId)
	if err != nil {
		return nil, err
	}
	tags, err := s.tags.List(q, m.AccountID, a.resource())
	return &api.ListAttendeeTagsResponse{Tags: tags}, err
}
