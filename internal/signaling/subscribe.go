package signaling

import (
	"strings"

	"github.com/carillon-rtc/carillon/internal/conference"
	"github.com/carillon-rtc/carillon/internal/signaling/frame"
)

// audioLabel is the track label of the one audio descriptor of JavaScript
// clients. C++ clients leave media_type out.
const audioLabel = "AmazonChimeExpressAudio"

// subscribeRequest turns SUBSCRIBE into what the room understands: of the send
// descriptors only video's are left, and one receive id for each video section.
func subscribeRequest(q *frame.Subscribe) conference.SubscribeRequest {
	r := conference.SubscribeRequest{
		OfferSDP:         q.GetSdpOffer(),
		Audio:            q.GetAudioHost() != "",
		AudioMuted:       q.GetAudioMuted(),
		Sends:            q.GetDuplex() == frame.Duplex_DUPLEX || q.GetDuplex() == frame.Duplex_TX,
		ReceiveStreamIDs: videoReceives(q.GetSdpOffer(), q.GetReceiveStreamIds()),
	}
	for _, d := range q.GetSendStreams() {
		if isAudio(d) {
			continue
		}
		r.SendStreams = append(r.SendStreams, conference.SendStream{
			TrackLabel:     d.GetTrackLabel(),
			MaxBitrateKbps: d.GetMaxBitrateKbps(),
			Framerate:      d.GetFramerate(),
			StreamID:       d.GetStreamId(),
			GroupID:        d.GetGroupId(),
			Width:          d.GetWidth(),
			Height:         d.GetHeight(),
			AvgBitBps:      d.GetAvgBitrateBps(),
		})
	}
	return r
}

func isAudio(d *frame.StreamDescriptor) bool {
	if d.MediaType != nil {
		return d.GetMediaType() == frame.MediaType_AUDIO
	}
	return d.GetTrackLabel() == audioLabel
}

// videoReceives aligns the receive ids with the offer's video sections. C++
// clients count their audio section too (signaling spec 2.4); they are known by
// a list that is just that much longer.
func videoReceives(offer string, ids []uint32) []uint32 {
	offer = "\n" + offer
	audio, video := strings.Count(offer, "\nm=audio"), strings.Count(offer, "\nm=video")
	if audio == 0 || len(ids) != audio+video {
		return ids
	}
	out := make([]uint32, 0, video)
	i := 0
	for line := range strings.Lines(offer) {
		if !strings.HasPrefix(line, "m=audio") && !strings.HasPrefix(line, "m=video") {
			continue
		}
		if line[2] == 'v' {
			out = append(out, ids[i])
		}
		i++
	}
	return out
}

// wanted counts the streams that a client asks for.
func wanted(ids []uint32) int {
	n := 0
	for _, id := range ids {
		if id != 0 {
			n++
		}
	}
	return n
}

// subscribeAck builds the answer. One allocation is always there: the real
// service gives a dummy to those who send nothing (signaling spec 2.5).
func subscribeAck(duplex frame.Duplex, r conference.SubscribeResult) *frame.Signal {
	ack := &frame.SubscribeAck{Duplex: &duplex, SdpAnswer: &r.AnswerSDP}
	for i := range r.Allocations {
		a := &r.Allocations[i]
		ack.Allocations = append(ack.Allocations, &frame.StreamAllocation{TrackLabel: &a.TrackLabel, StreamId: &a.StreamID, GroupId: &a.GroupID})
	}
	if len(ack.Allocations) == 0 {
		ack.Allocations = []*frame.StreamAllocation{{TrackLabel: new(""), StreamId: new(uint32(1)), GroupId: new(uint32(1))}}
	}
	for i := range r.Tracks {
		t := &r.Tracks[i]
		ack.Tracks = append(ack.Tracks, &frame.TrackMapping{StreamId: &t.StreamID, Ssrc: &t.SSRC, TrackLabel: &t.TrackLabel})
	}
	s := &frame.Signal{Suback: ack}
	if r.ViewOnly {
		// The answer stands, but the camera has to stop (signaling spec 2.5, 9.1).
		s.Error = &frame.Error{Status: new(uint32(206)), Description: new("video may not be sent: view only")}
	}
	return s
}

func videoSubscriptions(in []*frame.VideoSubscription) []conference.VideoSubscription {
	out := make([]conference.VideoSubscription, 0, len(in))
	for _, v := range in {
		out = append(out, conference.VideoSubscription{
			MID:               v.GetMid(),
			AttendeeID:        v.GetAttendeeId(),
			StreamID:          v.GetStreamId(),
			GroupID:           v.GetGroupId(),
			Priority:          v.GetPriority(),
			TargetBitrateKbps: v.GetTargetBitrateKbps(),
			QualityPreference: uint32(max(0, v.GetQualityAdaptationPreference())),
		})
	}
	return out
}
