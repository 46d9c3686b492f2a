package signaling

import (
	"context"
	"errors"

	"github.com/carillon-rtc/carillon/internal/conference"
)

// Rooms is what signalling needs of the live rooms. [RoomsOf] makes one of
// conference.Rooms.
type Rooms interface {
	// Authenticate tells who holds a token, which may end in "#content".
	Authenticate(ctx context.Context, meetingID, token string) (conference.Identity, error)
	// Join lets a client in. No method of it is called before Begin.
	Join(ctx context.Context, id conference.Identity, o conference.JoinOptions, c conference.Client) (Participant, error)
}

// Participant is a client's session in its room; conference.Participant is one.
type Participant interface {
	Begin()
	Subscribe(ctx context.Context, q conference.SubscribeRequest, reply func(conference.SubscribeResult)) error
	SetMuted(muted bool)
	Send(messages []conference.DataMessage) (hangup bool)
	Pause(streamIDs []uint32)
	Resume(streamIDs []uint32)
	UpdateVideos(added []conference.VideoSubscription, removedMIDs []string)
	Leave()
	Drop()
}

// RoomsOf adapts rooms whose Join returns a participant of its own type P.
func RoomsOf[P Participant](rooms interface {
	Authenticate(ctx context.Context, meetingID, token string) (conference.Identity, error)
	Join(ctx context.Context, id conference.Identity, o conference.JoinOptions, c conference.Client) (P, error)
}) Rooms {
	return adapter[P]{rooms, rooms.Join}
}

type adapter[P Participant] struct {
	authenticator
	join func(ctx context.Context, id conference.Identity, o conference.JoinOptions, c conference.Client) (P, error)
}

type authenticator interface {
	Authenticate(ctx context.Context, meetingID, token string) (conference.Identity, error)
}

// Join implements Rooms. A typed nil must not hide in the interface.
func (a adapter[P]) Join(ctx context.Context, id conference.Identity, o conference.JoinOptions, c conference.Client) (Participant, error) {
	p, err := a.join(ctx, id, o, c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Close codes (signaling spec 1.5, 9.2). 4500 to 4599 make clients come back.
const (
	closeUnavailable = 4403
	closeAtCapacity  = 4409
	closeEnded       = 4410
	closeRetry       = 4500
)

const reasonDraining = "server is draining"

// refusal says how to turn a client away: the close code with its reason, and
// the AUDIO_STATUS that says the same to clients that do not look at codes.
type refusal struct {
	code   int
	reason string
	status uint32
}

func refusalOf(err error) refusal {
	switch {
	case errors.Is(err, conference.ErrMeetingEnded):
		return refusal{closeEnded, "meeting ended", 410}
	case errors.Is(err, conference.ErrAttendeeUnavailable):
		return refusal{closeUnavailable, "attendee unavailable", 403}
	case errors.Is(err, conference.ErrContentCapacity):
		return refusal{closeAtCapacity, "content share limit reached", 409}
	case errors.Is(err, conference.ErrDraining):
		return refusal{closeRetry, reasonDraining, 503}
	}
	return refusal{closeRetry, "internal error", 500}
}
