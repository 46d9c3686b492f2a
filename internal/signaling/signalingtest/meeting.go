package signalingtest

import (
	"context"
	"fmt"

	"github.com/carillon-rtc/carillon/internal/signaling/frame"
)

// Join says how to join.
type Join struct {
	SessionID uint64 // equal ids mean resume; 0: none, as old SDKs
	Flags     uint32 // 0: HAS_STREAM_UPDATE
}

// Join joins and waits for JOIN_ACK and INDEX, in this order.
func (c *Client) Join(ctx context.Context, j Join) (*frame.JoinAck, *frame.Index, error) {
	flags := j.Flags
	if flags == 0 {
		flags = uint32(frame.JoinFlag_HAS_STREAM_UPDATE)
	}
	join := &frame.Join{
		ProtocolVersion:           new(uint32(2)),
		Flags:                     &flags,
		WantsCompressedSdp:        new(true),
		ServerSideNetworkAdaption: frame.NetworkAdaption_DEFAULT_ADAPTION.Enum(),
		ClientDetails:             &frame.ClientDetails{ClientSource: new("carillon-signalingtest"), PlatformName: new("go")},
	}
	if j.SessionID != 0 {
		join.AudioSessionId = &j.SessionID
	}
	if err := c.Send(frame.Signal_JOIN, &frame.Signal{Join: join}); err != nil {
		return nil, nil, err
	}
	s, err := c.Await(ctx, frame.Signal_JOIN_ACK, frame.Signal_INDEX)
	if err != nil {
		return nil, nil, err
	}
	if s.Error != nil {
		return nil, nil, &StatusError{s.GetError().GetStatus(), s.GetError().GetDescription()}
	}
	if s.Joinack == nil {
		return nil, nil, fmt.Errorf("signalingtest: %v came before JOIN_ACK", s.GetType())
	}
	ack := s.GetJoinack()
	if s, err = c.Await(ctx, frame.Signal_INDEX); err != nil {
		return nil, nil, err
	}
	return ack, s.GetIndex(), nil
}

// Subscribe is a complete new state of the client's media.
type Subscribe struct {
	Offer     string
	AudioHost string // MediaPlacement.AudioHostUrl; empty: no audio
	Muted     bool
	Videos    []*frame.StreamDescriptor // what the client sends; none: receive only
	Receive   []uint32                  // a stream id for each m=video section, 0 for none
}

// Answer is what a server says to it.
type Answer struct {
	SDP         string
	Allocations []*frame.StreamAllocation
	Tracks      []*frame.TrackMapping
	ViewOnly    bool // the camera was refused
}

// Subscribe sends the state and waits for the answer.
func (c *Client) Subscribe(ctx context.Context, q Subscribe) (*Answer, error) {
	sub := &frame.Subscribe{
		Duplex:           frame.Duplex_RX.Enum(),
		SdpOffer:         &q.Offer,
		ReceiveStreamIds: q.Receive,
		AudioCheckin:     new(false),
		AudioMuted:       &q.Muted,
	}
	if q.AudioHost != "" {
		sub.AudioHost = &q.AudioHost
		sub.SendStreams = append(sub.SendStreams, &frame.StreamDescriptor{
			MediaType: frame.MediaType_AUDIO.Enum(), TrackLabel: new("AmazonChimeExpressAudio"),
			StreamId: new(uint32(1)), GroupId: new(uint32(1)), Framerate: new(uint32(15)),
			MaxBitrateKbps: new(uint32(600)), AvgBitrateBps: new(uint32(400000)),
		})
	}
	if len(q.Videos) > 0 {
		sub.Duplex = frame.Duplex_DUPLEX.Enum()
		sub.SendStreams = append(sub.SendStreams, q.Videos...)
	}
	if err := c.Send(frame.Signal_SUBSCRIBE, &frame.Signal{Sub: sub}); err != nil {
		return nil, err
	}
	s, err := c.Await(ctx, frame.Signal_SUBSCRIBE_ACK)
	if err != nil {
		return nil, err
	}
	status := s.GetError().GetStatus()
	if status >= 300 {
		return nil, &StatusError{status, s.GetError().GetDescription()}
	}
	ack := s.GetSuback()
	return &Answer{SDP: ack.GetSdpAnswer(), Allocations: ack.GetAllocations(), Tracks: ack.GetTracks(), ViewOnly: status == 206}, nil
}

// Camera describes a camera without simulcast.
func Camera(maxKbps uint32) *frame.StreamDescriptor {
	return &frame.StreamDescriptor{
		MediaType: frame.MediaType_VIDEO.Enum(), TrackLabel: new("AmazonChimeExpressVideo"),
		StreamId: new(uint32(2)), GroupId: new(uint32(2)), Framerate: new(uint32(15)), MaxBitrateKbps: &maxKbps,
	}
}

// Mute tells the local mute state.
func (c *Client) Mute(muted bool) error {
	return c.Send(frame.Signal_AUDIO_CONTROL, &frame.Signal{AudioControl: &frame.AudioControl{Muted: &muted}})
}

// SendData sends one data message to everybody else.
func (c *Client) SendData(topic string, data []byte, lifetimeMs uint32) error {
	return c.Send(frame.Signal_DATA_MESSAGE, &frame.Signal{DataMessage: &frame.DataMessages{
		Messages: []*frame.DataMessage{{Topic: &topic, Data: data, LifetimeMs: &lifetimeMs}},
	}})
}

// Pause stops the server from sending streams; Resume undoes it.
func (c *Client) Pause(streamIDs ...uint32) error {
	return c.Send(frame.Signal_PAUSE, &frame.Signal{Pause: &frame.PauseResume{StreamIds: streamIDs}})
}

// Resume lets the server send streams again.
func (c *Client) Resume(streamIDs ...uint32) error {
	return c.Send(frame.Signal_RESUME, &frame.Signal{Pause: &frame.PauseResume{StreamIds: streamIDs}})
}

// SwitchStream has another layer sent on a receiving section, without an offer.
func (c *Client) SwitchStream(mid, attendeeID string, streamID uint32) error {
	return c.Send(frame.Signal_REMOTE_VIDEO_UPDATE, &frame.Signal{RemoteVideoUpdate: &frame.RemoteVideoUpdate{
		AddedOrUpdatedVideoSubscriptions: []*frame.VideoSubscription{{Mid: &mid, AttendeeId: &attendeeID, StreamId: &streamID}},
	}})
}

// Leave leaves the meeting, waits for LEAVE_ACK and closes.
func (c *Client) Leave(ctx context.Context) error {
	defer c.Close()
	if err := c.Send(frame.Signal_LEAVE, &frame.Signal{Leave: &frame.Leave{}}); err != nil {
		return err
	}
	_, err := c.Await(ctx, frame.Signal_LEAVE_ACK)
	return err
}
