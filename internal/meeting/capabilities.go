package meeting

import (
	"github.com/carillon-rtc/carillon/api"
)

// Capability is what an attendee may do with one medium.
type Capability string

// The capabilities (meetings spec section 5).
const (
	SendReceive Capability = "SendReceive"
	Send        Capability = "Send"
	Receive     Capability = "Receive"
	None        Capability = "None"
)

// Sends tells whether the attendee may send the medium.
func (c Capability) Sends() bool { return c == SendReceive || c == Send }

// Receives tells whether the attendee may receive the medium.
func (c Capability) Receives() bool { return c == SendReceive || c == Receive }

// Capabilities are an attendee's rights.
type Capabilities struct{ Audio, Video, Content Capability }

func (c Capabilities) shape() *api.AttendeeCapabilities {
	return &api.AttendeeCapabilities{Audio: new(string(c.Audio)), Video: new(string(c.Video)), Content: new(string(c.Content))}
}

// capabilitiesFrom reads what a request asks for; nil asks for the default.
// The validator has seen to it that all three are there.
func capabilitiesFrom(in *api.AttendeeCapabilities, f *api.MeetingFeaturesConfiguration) (Capabilities, error) {
	if in == nil {
		return defaultCapabilities(f), nil
	}
	c := Capabilities{Capability(deref(in.Audio)), Capability(deref(in.Video)), Capability(deref(in.Content))}
	return c, c.check(f)
}

// defaultCapabilities is everything that the meeting allows. Where it has no
// video, nobody can receive content either, so the default is None for both.
func defaultCapabilities(f *api.MeetingFeaturesConfiguration) Capabilities {
	c := Capabilities{SendReceive, SendReceive, SendReceive}
	if noVideo(f) {
		c.Video, c.Content = None, None
	}
	if noContent(f) {
		c.Content = None
	}
	return c
}

func noVideo(f *api.MeetingFeaturesConfiguration) bool {
	return f.Video != nil && deref(f.Video.MaxResolution) == "None"
}

func noContent(f *api.MeetingFeaturesConfiguration) bool {
	return f.Content != nil && deref(f.Content.MaxResolution) == "None"
}

// check holds the rules of meaning between the media (meetings spec section 5).
func (c Capabilities) check(f *api.MeetingFeaturesConfiguration) error {
	switch {
	case c.Content.Receives() && !c.Video.Receives():
		return api.Errorf(api.BadRequest,
			"Content capability %s requires the Video capability SendReceive or Receive, it is %s", c.Content, c.Video)
	case noVideo(f) && c.Video != None:
		return api.Errorf(api.BadRequest,
			"Video capability must be None in a meeting whose Video.MaxResolution is None, it is %s", c.Video)
	case noContent(f) && c.Content != None:
		return api.Errorf(api.BadRequest,
			"Content capability must be None in a meeting whose Content.MaxResolution is None, it is %s", c.Content)
	}
	return nil
}

// features fills in the one default that answers show, and checks the rules
// (meetings spec section 6).
func (s *Service) features(in *api.MeetingFeaturesConfiguration) (api.MeetingFeaturesConfiguration, error) {
	var f api.MeetingFeaturesConfiguration
	if in != nil {
		f = *in
	}
	if f.Audio == nil || f.Audio.EchoReduction == nil {
		f.Audio = &api.AudioFeatures{EchoReduction: new("UNAVAILABLE")}
	}
	if !highDef(&f) {
		return f, nil
	}
	limit := s.limits.HighDefAttendees
	if f.Attendee == nil || f.Attendee.MaxCount == nil {
		return f, api.Errorf(api.BadRequest,
			"FHD video and UHD content require MeetingFeatures.Attendee.MaxCount, at most %d", limit)
	}
	if n := *f.Attendee.MaxCount; n > int64(limit) {
		return f, api.Errorf(api.BadRequest,
			"MeetingFeatures.Attendee.MaxCount is %d, with FHD video or UHD content at most %d is allowed", n, limit)
	}
	return f, nil
}

func highDef(f *api.MeetingFeaturesConfiguration) bool {
	return f.Video != nil && deref(f.Video.MaxResolution) == "FHD" ||
		f.Content != nil && deref(f.Content.MaxResolution) == "UHD"
}

// attendeeLimit is how many attendees a meeting may have.
func (s *Service) attendeeLimit(f *api.MeetingFeaturesConfiguration) int {
	limit := s.limits.Attendees
	if f.Attendee != nil && f.Attendee.MaxCount != nil {
		limit = min(limit, int(*f.Attendee.MaxCount))
	}
	return limit
}
