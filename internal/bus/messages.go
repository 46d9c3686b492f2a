package bus

import "encoding/json"

// MeetingEnded is published on meeting.<MeetingId>.ended when a meeting has
// ended, by DeleteMeeting or by itself. Live rooms send everybody away.
type MeetingEnded struct{}

// AttendeeDeleted is published on meeting.<MeetingId>.attendee.deleted.
// The live room removes the attendee and its content share.
type AttendeeDeleted struct {
	AttendeeID string `json:"AttendeeId"`
}

// AttendeeCapabilities is published on meeting.<MeetingId>.attendee.capabilities
// when rights have changed. The live room reads the records again.
type AttendeeCapabilities struct {
	AttendeeIDs []string `json:"AttendeeIds"`
}

// Presence is published on conference.<MeetingId>.presence whenever the number
// of audio connections changes, and with 0 when the room closes. Meetings end
// by it (events spec section 5).
type Presence struct {
	Meeting string
	// AudioConnections counts attendees with an audio connection, muted ones
	// included, content shares and views without audio not.
	AudioConnections int
	// Connections counts all connected attendees, those without audio
	// included. Zero also says that the publisher does not count them.
	Connections int `json:",omitempty"`
}

// Transcription is published on meeting.<MeetingId>.transcription. The live
// room passes it to its clients as a status message (meetings spec section 8).
type Transcription struct {
	// Type is started, interrupted, resumed, stopped or failed.
	Type string
	// EventTimeMs is when it happened, in ms since 1970.
	EventTimeMs int64
	// Region is where the speech is transcribed.
	Region string `json:",omitempty"`
	// Configuration is the TranscriptionConfiguration of the API as JSON text.
	Configuration json.RawMessage `json:",omitempty"`
	// Message explains a failure.
	Message string `json:",omitempty"`
}
