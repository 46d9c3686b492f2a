package carillon

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/carillon-rtc/carillon/api"
	"github.com/carillon-rtc/carillon/internal/awshttp"
	"github.com/carillon-rtc/carillon/internal/bus"
	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/iam"
	"github.com/carillon-rtc/carillon/internal/lobby"
	"github.com/carillon-rtc/carillon/internal/meeting"
	"github.com/carillon-rtc/carillon/internal/signaling"
	"github.com/carillon-rtc/carillon/internal/store"
	"github.com/carillon-rtc/carillon/internal/tagging"
)

// migrations are the schemas of all domains.
func migrations() []store.MigrationSet {
	return []store.MigrationSet{meeting.Migrations(), tagging.Migrations()}
}

// wire joins the parts: records below, live rooms beside them on the bus,
// sockets and APIs on top.
func (s *Server) wire() error {
	s.bus = bus.NewLocal()
	s.onClose(func() { _ = s.bus.Close() })
	registry := s.wireRecords()
	if err := s.wireRooms(); err != nil {
		return err
	}
	return s.wireAPI(registry)
}

func (s *Server) wireRecords() *api.Registry {
	tags := tagging.New(s.store)
	ends := meeting.GuideEnds()
	if s.cfg.Rules == RulesCurrent {
		ends = meeting.CurrentEnds()
	}
	s.meetings = meeting.New(meeting.Config{
		Store: s.store, Bus: s.bus, Clock: s.cfg.Clock, Tags: tags, Ends: ends, AudioHost: s.audioHost, Log: s.log,
		Limits: meeting.Limits{
			Meetings: s.cfg.Limits.Meetings, Attendees: s.cfg.Limits.Attendees,
			HighDefAttendees: s.cfg.Limits.HighDefAttendees, Replicas: s.cfg.Limits.Replicas,
		},
	})
	tags.Kind("meeting", tagging.Kind{Max: s.meetings.MaxTags(), AnyCase: true, Find: s.meetings.Find})
	registry := api.NewRegistry()
	s.meetings.Register(registry)
	tags.Register(registry)
	return registry
}

func (s *Server) wireRooms() error {
	rooms, err := conference.New(conference.Config{
		Records: records{s.meetings}, Bus: s.bus, Media: s.media, Audio: s.mixer, Trace: s.trace, Log: s.log,
		Limits: conference.Limits{
			Videos: s.cfg.Limits.Videos, ContentShares: orNone(s.cfg.Limits.ContentShares),
			VideoReceives: s.cfg.Limits.VideoSubscriptions + s.cfg.Limits.ContentShares, // shares do not count
		},
	})
	if err != nil {
		return err
	}
	s.rooms = rooms
	s.onClose(rooms.Close)
	sockets := signaling.Config{
		Rooms: signaling.RoomsOf(rooms), TURNSessions: s.turnCredentials, Trace: s.trace, Log: s.log,
		Limits: signaling.Limits{VideoSubscriptions: uint32(s.cfg.Limits.VideoSubscriptions)},
	}
	if s.cfg.TURN {
		sockets.TURN = s.turnCredentials
	}
	s.signaling = signaling.New(sockets)
	s.onClose(s.signaling.Close)
	return nil
}

// orNone is a limit whose zero would mean a default: 0 is meant as it is.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

func (s *Server) wireAPI(registry *api.Registry) error {
	accounts, err := iam.New(iam.Config{
		AccountID: s.cfg.AccountID, OwnerKeys: []iam.Key{{AccessKeyID: s.keys.AccessKeyID, Secret: s.keys.SecretAccessKey}},
	})
	if err != nil {
		return err
	}
	var rate *awshttp.Rate
	if s.cfg.Limits.APIRate > 0 {
		rate = &awshttp.Rate{PerSecond: float64(s.cfg.Limits.APIRate), Burst: s.cfg.Limits.APIBurst}
	}
	s.aws = awshttp.New(awshttp.Config{
		Registry: registry, IAM: accounts, Bounds: s.cfg.Limits.bound, BaseURL: s.baseURL, Rate: rate, Log: s.log,
		Query: map[string]awshttp.QueryService{"sts": {
			Name: "sts", Namespace: awshttp.STSNamespace, Actions: accounts.STS(), Open: map[string]bool{"GetCallerIdentity": true},
		}},
	})
	access := lobby.LocalStarts
	if s.cfg.Page == PageOpen {
		access = lobby.AnyoneStarts
	}
	s.lobby = lobby.New(lobby.Config{Meetings: inProcess{registry}, Access: access, Region: s.mediaRegion(), Call: s.lobbyCall, Log: s.log})
	return nil
}

// mediaRegion is the region of meetings started in the lobby. The configured
// region is any name, for ARNs; not every such name is a media region.
func (s *Server) mediaRegion() string {
	if meeting.IsMediaRegion(s.cfg.Region) {
		return s.cfg.Region
	}
	return "us-east-1"
}

// bound answers for the models' bounds that are quotas.
func (l Limits) bound(q api.Quota) (int64, bool) {
	value := map[api.Quota]int{
		api.QuotaMeetingAttendees: l.CreateWithAttendees,
		api.QuotaBatchAttendees:   l.BatchAttendees,
		api.QuotaExceptAttendees:  l.Attendees,
		api.QuotaMaxCount:         l.Attendees,
	}[q]
	return int64(value), value > 0
}

// audioHost is host:port of the media port for MediaPlacement.AudioHostUrl.
func (s *Server) audioHost(call *api.Call) string {
	host, port, _ := net.SplitHostPort(s.addresses.Media)
	if s.cfg.PublicAddress != "" {
		host = s.cfg.PublicAddress
	}
	return net.JoinHostPort(host, port)
}

// turnLife is how long TURN credentials hold: clients never renew them, so at
// least as long as a meeting can last (signaling spec 7.1).
const turnLife = 25 * time.Hour

// turnCredentials lets a client relay; host is the name by which it reached us.
func (s *Server) turnCredentials(host string) *signaling.Credentials {
	mediaHost, mediaPort, _ := net.SplitHostPort(s.addresses.Media)
	_, tlsPort, _ := net.SplitHostPort(s.addresses.TLS)
	if s.cfg.PublicAddress != "" {
		mediaHost, host = s.cfg.PublicAddress, s.cfg.PublicAddress
	}
	media := net.JoinHostPort(mediaHost, mediaPort)
	username, password := s.media.Credentials(turnLife)
	return &signaling.Credentials{Username: username, Password: password, TTL: turnLife, URIs: []string{
		"turn:" + media + "?transport=udp",
		"turn:" + media + "?transport=tcp",
		"turns:" + net.JoinHostPort(host, tlsPort) + "?transport=tcp",
	}}
}

// records lets live rooms ask the meeting records. On a cluster these are
// questions to the store, not to another room of the house.
type records struct{ meetings *meeting.Service }

// Identify implements conference.Records.
func (r records) Identify(ctx context.Context, meetingID, joinToken string) (conference.Identity, error) {
	a, m, err := r.meetings.Identify(ctx, meetingID, joinToken)
	if err != nil {
		return conference.Identity{}, liveError(err)
	}
	return conference.Identity{
		AccountID: m.AccountID, MeetingID: m.MeetingID, ExternalMeetingID: m.ExternalMeetingID, MediaRegion: m.MediaRegion,
		AttendeeID: a.AttendeeID, ExternalUserID: a.ExternalUserID, Capabilities: rights(a.Capabilities),
	}, nil
}

// Attendees implements conference.Records.
func (r records) Attendees(ctx context.Context, meetingID string) (map[string]conference.Capabilities, error) {
	all, err := r.meetings.Attendees(ctx, meetingID)
	if err != nil {
		return nil, liveError(err)
	}
	byID := make(map[string]conference.Capabilities, len(all))
	for _, a := range all {
		byID[a.AttendeeID] = rights(a.Capabilities)
	}
	return byID, nil
}

func liveError(err error) error {
	switch {
	case errors.Is(err, meeting.ErrEnded):
		return conference.ErrMeetingEnded
	case errors.Is(err, meeting.ErrNoAttendee):
		return conference.ErrAttendeeUnavailable
	}
	return err
}

func rights(c meeting.Capabilities) conference.Capabilities {
	of := func(one meeting.Capability) conference.Capability {
		return conference.Capability{Send: one.Sends(), Receive: one.Receives()}
	}
	return conference.Capabilities{Audio: of(c.Audio), Video: of(c.Video), Content: of(c.Content)}
}

// inProcess asks the API's handlers without HTTP.
type inProcess struct{ registry *api.Registry }

// CreateMeeting implements lobby.Meetings.
func (p inProcess) CreateMeeting(ctx context.Context, in *api.CreateMeetingRequest) (*api.CreateMeetingResponse, error) {
	return invoke(ctx, p.registry, api.CreateMeeting, in)
}

// GetMeeting implements lobby.Meetings.
func (p inProcess) GetMeeting(ctx context.Context, in *api.GetMeetingRequest) (*api.GetMeetingResponse, error) {
	return invoke(ctx, p.registry, api.GetMeeting, in)
}

// CreateAttendee implements lobby.Meetings.
func (p inProcess) CreateAttendee(ctx context.Context, in *api.CreateAttendeeRequest) (*api.CreateAttendeeResponse, error) {
	return invoke(ctx, p.registry, api.CreateAttendee, in)
}

func invoke[In, Out any](ctx context.Context, registry *api.Registry, op api.Op[In, Out], in *In) (*Out, error) {
	handler := registry.Handler(op.Operation())
	if handler == nil {
		return nil, api.Errorf(api.NotImplemented, "%s is not built", op.Operation().Name)
	}
	out, err := handler.Call(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}
