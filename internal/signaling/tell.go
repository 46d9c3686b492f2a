package signaling

import (
	"time"

	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/signaling/frame"
)

// The methods of conference.Client: what the room tells becomes a frame in the
// outbox. They never block and never call the room.
var _ conference.Client = (*client)(nil)

// Index implements conference.Client.
func (c *client) Index(x conference.Index) {
	index := &frame.Index{
		AtCapacity:                        &x.AtCapacity,
		Sources:                           make([]*frame.StreamDescriptor, 0, len(x.Sources)),
		PausedAtSourceIds:                 x.PausedAtSource,
		NumParticipants:                   &x.NumParticipants,
		SupportedReceiveCodecIntersection: make([]frame.VideoCodec, 0, len(x.Codecs)),
	}
	for i := range x.Sources {
		index.Sources = append(index.Sources, descriptor(&x.Sources[i]))
	}
	for _, codec := range x.Codecs {
		index.SupportedReceiveCodecIntersection = append(index.SupportedReceiveCodecIntersection, frame.VideoCodec(codec))
	}
	c.send(frame.Signal_INDEX, &frame.Signal{Index: index})
}

func descriptor(s *conference.Source) *frame.StreamDescriptor {
	d := &frame.StreamDescriptor{
		StreamId:       &s.StreamID,
		GroupId:        &s.GroupID,
		AttendeeId:     &s.AttendeeID,
		ExternalUserId: &s.ExternalUserID,
		TrackLabel:     &s.TrackLabel,
		MediaType:      frame.MediaType_VIDEO.Enum(),
		MaxBitrateKbps: &s.MaxBitrateKbps,
		AvgBitrateBps:  &s.AvgBitrateBps,
	}
	d.Framerate, d.Width, d.Height = known(&s.Framerate), known(&s.Width), known(&s.Height)
	return d
}

// known leaves out what is 0, that is, unknown.
func known(v *uint32) *uint32 {
	if *v == 0 {
		return nil
	}
	return v
}

// Roster implements conference.Client. The mere presence of `muted` separates a
// change of mute from a departure (signaling spec 5.1).
func (c *client) Roster(changes []conference.RosterChange) {
	streams := make([]*frame.AudioStream, 0, len(changes))
	for i := range changes {
		r := &changes[i]
		s := &frame.AudioStream{AudioStreamId: &r.AudioStreamID}
		switch {
		case r.Dropped:
			s.Dropped = new(true)
		case r.Left:
		default:
			s.Muted = &r.Muted
			if r.AttendeeID != "" {
				s.AttendeeId, s.ExternalUserId = &r.AttendeeID, &r.ExternalUserID
			}
		}
		streams = append(streams, s)
	}
	c.send(frame.Signal_AUDIO_STREAM_ID_INFO, &frame.Signal{AudioStreamIdInfo: &frame.AudioStreamIdInfo{Streams: streams}})
}

// Volumes implements conference.Client. It is called several times a second for
// everybody, and allocates nothing.
func (c *client) Volumes(volumes []conference.Volume) {
	b := c.server.buffers.get()
	*b = frame.AppendVolumes(*b, time.Now(), len(volumes), func(i int) frame.Volume { return frame.Volume(volumes[i]) })
	c.queue(b)
}

// Bitrates implements conference.Client.
func (c *client) Bitrates(streams []conference.StreamBitrate, availableOutgoingKbps uint32) {
	bitrates := &frame.Bitrates{
		Bitrates:                       make([]*frame.Bitrate, 0, len(streams)),
		ServerAvailableOutgoingBitrate: known(&availableOutgoingKbps),
	}
	for i := range streams {
		bitrates.Bitrates = append(bitrates.Bitrates, &frame.Bitrate{SourceStreamId: &streams[i].StreamID, AvgBitrateBps: &streams[i].AvgBitrateBps})
	}
	c.send(frame.Signal_BITRATES, &frame.Signal{Bitrates: bitrates})
}

// Data implements conference.Client. An ingest time of 0 tells the sender that
// its message was throttled (signaling spec 6).
func (c *client) Data(messages []conference.DataMessage) {
	out := make([]*frame.DataMessage, 0, len(messages))
	for i := range messages {
		m := &messages[i]
		ingest := int64(0)
		if !m.IngestTime.IsZero() {
			ingest = m.IngestTime.UnixNano()
		}
		out = append(out, &frame.DataMessage{
			Topic: &m.Topic, Data: m.Data, LifetimeMs: &m.LifetimeMs,
			SenderAttendeeId: &m.SenderAttendeeID, SenderExternalUserId: &m.SenderExternalUserID,
			IngestTimeNs: &ingest,
		})
	}
	c.send(frame.Signal_DATA_MESSAGE, &frame.Signal{DataMessage: &frame.DataMessages{Messages: out}})
}

// End implements conference.Client. A client in a call ignores most close codes
// and has to be told by AUDIO_STATUS; it then closes by itself, and when it has
// not after the time of grace, the server does (signaling spec 1.6, 9.2).
func (c *client) End(e conference.Ending) {
	c.ended.Store(true)
	c.server.stats.ended.Add(1)
	at := time.Now()
	if e.AudioStatus != 0 {
		c.send(frame.Signal_AUDIO_STATUS, &frame.Signal{AudioStatus: &frame.AudioStatus{AudioStatus: &e.AudioStatus}})
		at = at.Add(c.server.limits.EndGrace)
	}
	code := e.CloseCode
	if code == 0 {
		code = closeRetry
	}
	c.out.finish(farewell{code: code, reason: e.Reason, at: at})
}
