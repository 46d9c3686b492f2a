// Package conference is one live meeting on this machine: the roster and who is
// present, who hears and sees whom, and data messages.
//
// A [Rooms] holds the live rooms. A room opens when the first client joins and
// closes when the last one has left. What a client may do comes from [Records],
// the meeting records' side, which are re-read when a room opens, at each join
// and every ten seconds, so that a lost command on the bus heals itself.
//
// The package knows nothing of WebSocket frames: a signalling client calls
// [Rooms.Authenticate], [Rooms.Join] and the methods of [Participant], and is
// told of changes through its [Client] interface.
//
// # Who runs what
//
// A room has one lock, under which everything but packets happens, the calls of
// Client included. Packets come from the network's read loop and find their way
// (leg of the mix, publisher, receiving section) through atomic pointers, so
// they never wait for a room. One goroutine for all rooms looks after what comes
// with time: volumes, bit rates, drops, changes of the media connections, and
// the next reading of the records. It sleeps while there is no room.
//
// # The life of a session
//
//	Join ── Begin: INDEX ── first Subscribe: in the roster ── media connected: in the mix
//	  └── socket lost: stays for Limits.ResumeGrace, then dropped, unless the same attendee is announced again
//
// An attendee has one place in the roster. A second session of it takes the
// first one's place when it is announced: silently if it has the same
// audio_session_id (a client that came back), with status 301 otherwise.
package conference

import (
	"context"
	"errors"
	"time"
)

// Errors that tell why a client may not be, or stay, in a meeting.
var (
	// ErrMeetingEnded: the meeting never was or has ended (close 4410).
	ErrMeetingEnded = errors.New("meeting ended")
	// ErrAttendeeUnavailable: the token belongs to no attendee of the meeting (close 4403).
	ErrAttendeeUnavailable = errors.New("attendee unavailable")
	// ErrDraining: the server is going down; the client is to come back (close 4500).
	ErrDraining = errors.New("server is draining")
	// ErrContentCapacity: two content shares run already (error 409 on the third).
	ErrContentCapacity = errors.New("content share limit reached")
	// ErrBadOffer: no answer to the offer exists, so the client must not come
	// back with the same one (error 400).
	ErrBadOffer = errors.New("offer cannot be answered")
	// ErrLeft: the participant is no longer in the room.
	ErrLeft = errors.New("participant has left")
)

// Capability is what an attendee may do with one medium.
type Capability struct{ Send, Receive bool }

// Capabilities are an attendee's rights (spec/meetings.md section 5).
type Capabilities struct{ Audio, Video, Content Capability }

// Identity is who a client is, once its token has been checked.
type Identity struct {
	AccountID         string
	MeetingID         string
	ExternalMeetingID string
	MediaRegion       string
	AttendeeID        string // with "#content" for a content share
	ExternalUserID    string // the base attendee's, for content too
	Content           bool
	Capabilities      Capabilities
}

// BaseAttendeeID is the attendee id without "#content".
func (id Identity) BaseAttendeeID() string {
	if id.Content {
		return id.AttendeeID[:len(id.AttendeeID)-len("#content")]
	}
	return id.AttendeeID
}

// Records is what live rooms ask of the meeting records. Errors are
// [ErrMeetingEnded], [ErrAttendeeUnavailable], or a failure of the store.
type Records interface {
	// Identify finds the attendee that a join token (without any "#content")
	// belongs to. The token must belong to this very meeting.
	Identify(ctx context.Context, meetingID, joinToken string) (Identity, error)
	// Attendees returns the rights of all attendees that exist now, by
	// attendee id.
	Attendees(ctx context.Context, meetingID string) (map[string]Capabilities, error)
}

// Client is a signalling client as the room sees it. Its methods are called in
// order, never concurrently for one participant, never before
// [Participant.Begin], and must not block: a client that cannot keep up is cut
// by its own side. Slices belong to the callee only during the call.
type Client interface {
	// Index tells the complete set of video sources and replaces the last one.
	Index(Index)
	// Roster tells changes of presence and mute. The first call of a session
	// is the full roster, the receiver included (spec/signaling.md section 5.1).
	Roster([]RosterChange)
	// Volumes is a full statement of levels and signal strengths; who is not
	// listed is silent (section 5.2).
	Volumes([]Volume)
	// Bitrates tells the measured bit rates of the sources that this client
	// could receive and, in kbit/s, what the server thinks it can take (0: unknown).
	Bitrates(streams []StreamBitrate, availableOutgoingKbps uint32)
	// Data delivers data messages. IngestTime zero tells the sender that its
	// message was throttled (section 6).
	Data([]DataMessage)
	// End ends the session: AUDIO_STATUS first (unless 0), then, after a time
	// of grace, the close code. No method is called after it.
	End(Ending)
}

// Ending says how a session ends (spec/signaling.md section 9.2).
type Ending struct {
	AudioStatus uint32 // 0: none
	CloseCode   int    // WebSocket close code
	Reason      string
}

// Index is the video sources that a participant could receive.
type Index struct {
	AtCapacity      bool
	Sources         []Source
	PausedAtSource  []uint32 // stream ids
	NumParticipants uint32   // content shares not counted
	Codecs          []Codec  // that every participant can receive
}

// Source is one encoding of one camera or content share.
type Source struct {
	StreamID, GroupID          uint32
	AttendeeID, ExternalUserID string
	TrackLabel                 string
	MaxBitrateKbps             uint32
	AvgBitrateBps              uint32
	Framerate, Width, Height   uint32 // 0: unknown
}

// Codec is a video codec with the wire value of INDEX's codec intersection
// (spec/signaling.md section 3.5).
type Codec uint32

// The codecs that clients name.
const (
	VP8             Codec = 1
	H264Baseline    Codec = 2
	H264Constrained Codec = 3 // constrained baseline, 42e01f
	H264Main        Codec = 4
	H264High        Codec = 5
	H264CHP         Codec = 6
	VP9Profile0     Codec = 8
	AV1             Codec = 11
)

// RosterChange is one entry of the roster or a change to it.
type RosterChange struct {
	AudioStreamID              uint32
	Left, Dropped              bool   // gone; then the fields below are empty
	AttendeeID, ExternalUserID string // only when joining
	Muted                      bool   // meaningful unless gone
}

// Volume is one attendee's level and signal strength.
type Volume struct {
	AudioStreamID  uint32
	Volume         uint32 // attenuation in dB: 0 loudest, 42 and more silent
	SignalStrength uint32 // 0 none, 1 weak, 2 good
}

// StreamBitrate is the measured rate of one source.
type StreamBitrate struct{ StreamID, AvgBitrateBps uint32 }

// DataMessage is one data message.
type DataMessage struct {
	Topic                                  string
	Data                                   []byte
	LifetimeMs                             uint32
	SenderAttendeeID, SenderExternalUserID string
	IngestTime                             time.Time // zero: throttled
}

// JoinOptions is what a client says of itself when it joins.
type JoinOptions struct {
	AudioSessionID         uint64 // 0: an old client; equal to the last one means resume
	ExcludeSelfContent     bool   // flag 32 of JOIN
	NoPeriodicKeyframes    bool   // for content senders
	ServerSideAdaption     uint32 // as in JOIN, 0 when absent
	RemoteAddress          string // for the trace
	ClientName, ClientInfo string // for the trace
}

// SendStream describes one video encoding that a client sends.
type SendStream struct {
	TrackLabel                                  string
	MaxBitrateKbps, Framerate                   uint32
	StreamID, GroupID, Width, Height, AvgBitBps uint32 // as the client says; 0 when absent
}

// SubscribeRequest is a complete new state of one participant's media, not a delta.
type SubscribeRequest struct {
	OfferSDP         string
	Audio            bool         // the client has an audio host
	AudioMuted       bool         // initial mute state
	Sends            bool         // duplex: the camera (or content video) is on
	SendStreams      []SendStream // video only, in the client's order: low, mid, hi
	ReceiveStreamIDs []uint32     // one for each m=video section of the offer; may be short
}

// SubscribeResult answers a SubscribeRequest.
type SubscribeResult struct {
	AnswerSDP   string
	Allocations []Allocation // one for each of SendStreams; a dummy when there is none
	Tracks      []Track
	ViewOnly    bool // the camera was refused: error 206 rides on the answer
}

// Allocation names a stream that the client sends.
type Allocation struct {
	TrackLabel        string
	StreamID, GroupID uint32
}

// Track names a stream that the client receives; TrackLabel is "v_<mid>".
type Track struct {
	StreamID, SSRC uint32
	TrackLabel     string
}

// VideoSubscription changes what is sent on one receiving section without a new offer.
type VideoSubscription struct {
	MID, AttendeeID   string
	StreamID, GroupID uint32
	Priority          uint32
	TargetBitrateKbps uint32
	QualityPreference uint32
}
