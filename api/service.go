package api

import "time"

// Time is the type of timestamps in shapes. Its wire form depends on the
// field, not on the value; see TimeFormat.
type Time = time.Time

// Empty is the output of operations that answer nothing.
type Empty struct{}

// Service is one of the six services. The zero value is the old namespace.
type Service uint8

// The six services (operations spec section 1).
const (
	ServiceChime Service = iota
	ServiceMeetings
	ServiceIdentity
	ServiceMessaging
	ServiceVoice
	ServiceMediaPipelines

	serviceCount
)

// ID returns the service's id as it stands in SDK package names and in the
// command names of the AWS CLI, such as "chime-sdk-meetings".
func (s Service) ID() string { return services[s%serviceCount].id }

// EndpointPrefix returns the first label of the service's host name at AWS,
// such as "meetings-chime".
func (s Service) EndpointPrefix() string { return services[s%serviceCount].endpointPrefix }

// String returns the service's id.
func (s Service) String() string { return s.ID() }

// Services returns all services, in the order of their values.
func Services() []Service {
	return []Service{ServiceChime, ServiceMeetings, ServiceIdentity, ServiceMessaging, ServiceVoice, ServiceMediaPipelines}
}

var services = [serviceCount]struct{ id, endpointPrefix string }{
	ServiceChime:          {"chime", "chime"},
	ServiceMeetings:       {"chime-sdk-meetings", "meetings-chime"},
	ServiceIdentity:       {"chime-sdk-identity", "identity-chime"},
	ServiceMessaging:      {"chime-sdk-messaging", "messaging-chime"},
	ServiceVoice:          {"chime-sdk-voice", "voice-chime"},
	ServiceMediaPipelines: {"chime-sdk-media-pipelines", "media-pipelines-chime"},
}
