package meeting

import (
	"net"
	"net/url"

	"github.com/carillon-rtc/carillon/api"
)

// meetingShape is the meeting as the API shows it to the client of a call.
func (s *Service) meetingShape(call *api.Call, m *Record) *api.Meeting {
	tenants := m.TenantIDs
	if tenants == nil {
		tenants = []string{}
	}
	return &api.Meeting{
		MeetingId:         &m.MeetingID,
		MeetingHostId:     optional(m.HostID),
		ExternalMeetingId: optional(m.ExternalMeetingID),
		MediaRegion:       &m.MediaRegion,
		MediaPlacement:    s.placement(call, m.MeetingID),
		MeetingFeatures:   &m.Features,
		PrimaryMeetingId:  optional(m.PrimaryMeetingID),
		TenantIds:         tenants,
		MeetingArn:        new(m.ARN()),
	}
}

// placement is where the media of a meeting is for the client of a call: under
// the host by which it has reached the API. It is computed for each answer and
// never stored. Old clients read the screen keys, so all eight are there; none
// has a query string, because clients append their own (meetings spec
// section 10).
func (s *Service) placement(call *api.Call, id string) *api.MediaPlacement {
	http := call.BaseURL
	ws := http
	if u, err := url.Parse(call.BaseURL); err == nil {
		scheme := "ws"
		if u.Scheme == "https" {
			scheme = "wss"
		}
		ws = scheme + "://" + u.Host
	}
	return &api.MediaPlacement{
		AudioHostUrl:      new(s.audioHost(call)),
		AudioFallbackUrl:  new(ws + "/calls/" + id),
		SignalingUrl:      new(ws + "/control/" + id),
		TurnControlUrl:    new(http + "/v2/turn_sessions"),
		ScreenDataUrl:     new(ws + "/v2/screen/" + id),
		ScreenSharingUrl:  new(ws + "/v2/screen/" + id),
		ScreenViewingUrl:  new(ws + "/ws/connect/" + id),
		EventIngestionUrl: new(http + "/v1/client-events"),
	}
}

func defaultAudioHost(call *api.Call) string {
	host := "127.0.0.1"
	if u, err := url.Parse(call.BaseURL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return net.JoinHostPort(host, "3478")
}
