package meeting

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/store"
)

func (s *Service) createMeeting(ctx context.Context, in *api.CreateMeetingRequest) (*api.CreateMeetingResponse, error) {
	wanted, err := s.plan(ctx, in)
	if err != nil {
		return nil, err
	}
	var m *Record
	var created bool
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		m, created, err = s.findOrCreate(tx, wanted)
		return err
	})
	if err != nil {
		return nil, err
	}
	if created {
		s.counters.meetings.Add(1)
	}
	return &api.CreateMeetingResponse{Meeting: s.meetingShape(api.CallFrom(ctx), m)}, nil
}

// createMeetingWithAttendees makes a meeting like createMeeting, or finds it by
// its token, and adds the attendees. Failures of single attendees do not fail
// the call (meetings spec section 2).
func (s *Service) createMeetingWithAttendees(ctx context.Context, in *api.CreateMeetingWithAttendeesRequest) (*api.CreateMeetingWithAttendeesResponse, error) {
	wanted, err := s.plan(ctx, &api.CreateMeetingRequest{
		ClientRequestToken: in.ClientRequestToken, MediaRegion: in.MediaRegion, MeetingHostId: in.MeetingHostId,
		ExternalMeetingId: in.ExternalMeetingId, NotificationsConfiguration: in.NotificationsConfiguration,
		MeetingFeatures: in.MeetingFeatures, PrimaryMeetingId: in.PrimaryMeetingId, TenantIds: in.TenantIds,
		Tags: in.Tags, MediaPlacementNetworkType: in.MediaPlacementNetworkType,
	})
	if err != nil {
		return nil, err
	}
	var m *Record
	var created bool
	var b batch
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if m, created, err = s.findOrCreate(tx, wanted); err != nil {
			return err
		}
		b, err = s.addAll(ctx, tx, m, in.Attendees)
		return err
	})
	if err != nil {
		return nil, err
	}
	if created {
		s.counters.meetings.Add(1)
	}
	s.counters.attendees.Add(b.created)
	return &api.CreateMeetingWithAttendeesResponse{
		Meeting: s.meetingShape(api.CallFrom(ctx), m), Attendees: b.attendees, Errors: b.errors,
	}, nil
}

// planned is a meeting that a call asks for, as far as the request alone can
// tell. Whether it comes to be depends on the token.
type planned struct {
	Record
	details string // JSON of Details
	token   string
	tags    []api.Tag
}

// plan checks a request. The rules that need the store are findOrCreate's.
func (s *Service) plan(ctx context.Context, in *api.CreateMeetingRequest) (*planned, error) {
	call := api.CallFrom(ctx)
	region := deref(in.MediaRegion)
	if region == "" {
		region = defaultMediaRegion
	}
	if err := checkMediaRegion(region); err != nil {
		return nil, err
	}
	if in.ExternalMeetingId != nil {
		if err := checkExternalID(call, "externalMeetingId", *in.ExternalMeetingId); err != nil {
			return nil, err
		}
	}
	if err := checkNotifications(call, in.NotificationsConfiguration); err != nil {
		return nil, err
	}
	features, err := s.features(in.MeetingFeatures)
	if err != nil {
		return nil, err
	}
	p := &planned{
		Record: Record{
			AccountID: call.AccountID, MeetingID: newMeetingID(), ExternalMeetingID: deref(in.ExternalMeetingId),
			Region: controlRegion(call), MediaRegion: region, PrimaryMeetingID: strings.ToLower(deref(in.PrimaryMeetingId)),
			Created: time.UnixMilli(s.nowMs()).UTC(),
			Details: Details{
				HostID: deref(in.MeetingHostId), Features: features, TenantIDs: in.TenantIds,
				Notifications: in.NotificationsConfiguration, NetworkType: deref(in.MediaPlacementNetworkType),
			},
		},
		token: deref(in.ClientRequestToken),
		tags:  in.Tags,
	}
	details, err := json.Marshal(p.Details)
	p.details = string(details)
	return p, err
}

// newMeetingID returns a UUID that begins with the time (RFC 9562 section 5.7).
// Rows of new meetings and of their attendees so come to lie side by side in
// the store's trees, and a group of writes changes few pages instead of some for
// each caller. The id is no secret; join tokens are.
func newMeetingID() string { return uuid.Must(uuid.NewV7()).String() }

// findOrCreate returns the account's living meeting with the token, whatever
// else the request says, or creates it. Callers with one token come here one
// after the other, because there is one writer; the unique index keeps the
// promise where there are more (meetings spec section 2).
//
// Most tokens are new, so the meeting is inserted first, and looked for only
// where its token was taken; the caller's transaction undoes it if the account
// has no room. A replica is looked for first: the rules of its primary meeting
// hold for new replicas only.
func (s *Service) findOrCreate(tx *store.Tx, p *planned) (m *Record, created bool, err error) {
	if p.PrimaryMeetingID != "" {
		if m, err = s.withToken(tx, p); !errors.Is(err, store.ErrNoRows) {
			return m, false, err
		}
		if err = s.checkPrimary(tx, p); err != nil {
			return nil, false, err
		}
	}
	if created, err = s.insert(tx, p); err != nil {
		return nil, false, err
	}
	if !created {
		m, err = s.withToken(tx, p)
		return m, false, err
	}
	n, err := tx.Exec(`INSERT INTO meeting_counts (account_id, active) VALUES ($1, 1)
		ON CONFLICT (account_id) DO UPDATE SET active = meeting_counts.active + 1 WHERE meeting_counts.active < $2`,
		p.AccountID, s.limits.Meetings)
	if err != nil {
		return nil, false, err
	}
	if n == 0 {
		return nil, false, api.Errorf(api.LimitExceeded, "The account has %d active meetings, more are not allowed", s.limits.Meetings)
	}
	return &p.Record, true, nil
}

// withToken is the living meeting that was created with the request's token.
func (s *Service) withToken(tx *store.Tx, p *planned) (*Record, error) {
	return scanMeeting(tx.QueryRow(`SELECT `+meetingColumns+` FROM meetings
		WHERE account_id = $1 AND client_token = $2`, p.AccountID, p.token))
}

// insert reports false if a meeting with the token is there.
func (s *Service) insert(tx *store.Tx, p *planned) (inserted bool, err error) {
	now := p.Created.UnixMilli()
	c := clocks{created: now, idleSince: now, lonelySince: now, replica: p.PrimaryMeetingID != ""}
	n, err := tx.Exec(`INSERT INTO meetings (account_id, meeting_id, external_meeting_id, region, media_region,
			primary_meeting_id, details, created_ms, client_token, transcription, ended_ms, idle_since_ms, lonely_since_ms, ends_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, $10, $11, $12)
		ON CONFLICT (account_id, client_token) DO NOTHING`,
		p.AccountID, p.MeetingID, p.ExternalMeetingID, p.Region, p.MediaRegion, p.PrimaryMeetingID, p.details, now, p.token,
		c.idleSince, c.lonelySince, s.ends.at(c))
	if err != nil || n == 0 {
		return false, err
	}
	return true, s.tags.Put(tx, p.AccountID, p.resource(), p.ARN(), p.tags, maxMeetingTags)
}

// checkPrimary holds the rules for replicas (meetings spec section 7).
func (s *Service) checkPrimary(tx *store.Tx, p *planned) error {
	if p.PrimaryMeetingID == "" {
		return nil
	}
	var primarys string
	err := tx.QueryRow(`SELECT primary_meeting_id FROM meetings WHERE meeting_id = $1 AND account_id = $2 AND ended_ms = 0`,
		p.PrimaryMeetingID, p.AccountID).Scan(&primarys)
	if errors.Is(err, store.ErrNoRows) {
		return meetingNotFound(p.PrimaryMeetingID)
	}
	if err != nil {
		return err
	}
	if primarys != "" {
		return api.Errorf(api.BadRequest, "PrimaryMeetingId %s is a replica itself; it must name a primary meeting", p.PrimaryMeetingID)
	}
	var n int
	err = tx.QueryRow(`SELECT COUNT(*) FROM meetings
		WHERE primary_meeting_id = $1 AND primary_meeting_id <> '' AND ended_ms = 0`, p.PrimaryMeetingID).Scan(&n)
	if err == nil && n >= s.limits.Replicas {
		err = api.Errorf(api.LimitExceeded, "Meeting <%s> has %d replicas, more are not allowed", p.PrimaryMeetingID, n)
	}
	return err
}

func (s *Service) getMeeting(ctx context.Context, in *api.GetMeetingRequest) (*api.GetMeetingResponse, error) {
	m, err := find(ctx, s.store.Reader(ctx), *in.MeetingId)
	if err != nil {
		return nil, err
	}
	return &api.GetMeetingResponse{Meeting: s.meetingShape(api.CallFrom(ctx), m)}, nil
}

func (s *Service) deleteMeeting(ctx context.Context, in *api.DeleteMeetingRequest) (*api.Empty, error) {
	var ended []string
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		m, err := find(ctx, tx, *in.MeetingId)
		if err != nil {
			return err
		}
		ended, err = s.end(tx, m.MeetingID)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.tellEnded(ended)
	s.wake()
	return &api.Empty{}, nil
}

// Find tells the tags' owner whether a meeting, or an attendee of one
// (meeting/<id>/attendee/<id>), lives in the account.
func (s *Service) Find(q store.Queryer, accountID string, arn api.ARN) (bool, error) {
	var one int
	err := q.QueryRow(`SELECT 1 FROM meetings WHERE meeting_id = $1 AND account_id = $2 AND ended_ms = 0`, arn.ID, accountID).Scan(&one)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// MaxTags is how many tags a meeting may have, for the tags' owner.
func (s *Service) MaxTags() int { return maxMeetingTags }
