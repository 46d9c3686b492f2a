package conference

import (
	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
	"github.com/carillon-rtc/carillon/internal/video"
)

// receiver is one receiving section of a participant: a stream of packets that
// goes on under the same SSRC whatever is shown on it.
type receiver struct {
	mid    string
	ssrc   uint32
	down   *video.DownTrack
	layer  *layer // what is shown; nil: nothing
	paused bool   // by the client
}

// show connects the section to a layer, or to nothing. Sending starts with the
// next keyframe, which is asked for; the caller flushes.
func (rx *receiver) show(l *layer) {
	rx.layer = l
	if l == nil {
		rx.down.Detach()
		return
	}
	rx.down.Attach(l.camera.publisher, l.index)
}

// pause stops or restarts sending on behalf of the client.
func (rx *receiver) pause(paused bool) {
	if rx.paused == paused {
		return
	}
	rx.paused = paused
	if paused {
		rx.down.Pause()
	} else {
		rx.down.Resume()
	}
}

// receive connects the answered receiving sections to what the request wants on
// them and closes those that the offer no longer has.
func (p *Participant) receive(q *SubscribeRequest, a *sdp.Answer) []Track {
	live := make(map[string]bool, len(a.Receive))
	var tracks []Track
	for i := range a.Receive {
		s := &a.Receive[i]
		live[s.MID] = true
		if !s.Subscribed() || s.Index >= len(q.ReceiveStreamIDs) {
			// The mid keeps its SSRC, so the numbering must be kept for it too.
			if rx := p.receivers[s.MID]; rx != nil {
				rx.show(nil)
				rx.pause(false)
			}
			continue
		}
		rx := p.section(s)
		id := q.ReceiveStreamIDs[s.Index]
		tracks = append(tracks, Track{StreamID: id, SSRC: s.SSRC, TrackLabel: s.Label})
		l := p.room.streams[id] // nil: it ended meanwhile, and INDEX says so
		if l != nil && !p.maySee(l.camera.owner) {
			l = nil
		}
		if rx.layer != nil && l != nil && rx.layer.camera != l.camera {
			rx.pause(false) // a tile's pause does not outlive its camera
		}
		rx.show(l)
	}
	for mid, rx := range p.receivers {
		if !live[mid] {
			p.room.later(rx.down.Close)
			delete(p.receivers, mid)
		}
	}
	return tracks
}

// section is the receiver of an answered section, made on first sight.
func (p *Participant) section(s *sdp.VideoSection) *receiver {
	rx := p.receivers[s.MID]
	if rx == nil || rx.ssrc != s.SSRC {
		if rx != nil {
			p.room.later(rx.down.Close)
		}
		rx = &receiver{mid: s.MID, ssrc: s.SSRC, down: video.NewDownTrack(video.DownTrackConfig{
			Sink: p.media.session, SSRC: s.SSRC, RTXSSRC: s.RTXSSRC, Codecs: videoCodecs(s.Codecs),
			CNAME: serverCNAME,
		})}
		p.receivers[s.MID] = rx
	}
	return rx
}

// loseSource empties the sections that showed a camera that went off.
func (p *Participant) loseSource(c *camera) {
	for _, rx := range p.receivers {
		if rx.layer != nil && rx.layer.camera == c {
			rx.show(nil)
			rx.pause(false)
		}
	}
}

// serverCNAME names the sender of everything that the server sends, which makes
// clients play a room's audio and video in step (RFC 3550 section 6.5.1).
const serverCNAME = "carillon"

func videoCodecs(codecs []sdp.Codec) []video.Codec {
	out := make([]video.Codec, 0, len(codecs))
	for _, c := range codecs {
		out = append(out, video.Codec{PayloadType: c.PayloadType, RTX: c.RTX, Name: c.Name, Fmtp: c.Fmtp})
	}
	return out
}

// Pause stops sending the given streams to this client, which paused its tiles.
// A tile shows a camera, so any of its streams names it: the layer may have
// changed since the client last said which one it means.
func (p *Participant) Pause(streamIDs []uint32) { p.pause(streamIDs, true) }

// Resume goes on sending the given streams, each from its next keyframe.
func (p *Participant) Resume(streamIDs []uint32) { p.pause(streamIDs, false) }

func (p *Participant) pause(streamIDs []uint32, paused bool) {
	p.room.lock()
	defer p.room.unlock()
	p.room.later(p.room.rooms.flush)
	for _, id := range streamIDs {
		l := p.room.streams[id]
		for _, rx := range p.receivers {
			if l != nil && rx.layer != nil && rx.layer.camera == l.camera {
				rx.pause(paused)
			}
		}
	}
}

// UpdateVideos changes what is sent on sections that are negotiated already:
// another layer, or nothing on the removed ones (signaling spec 4.4). Updates
// that name no such section or no stream are passed over.
func (p *Participant) UpdateVideos(added []VideoSubscription, removedMIDs []string) {
	p.room.lock()
	defer p.room.unlock()
	if p.gone {
		return
	}
	p.room.later(p.room.rooms.flush)
	for _, mid := range removedMIDs {
		if rx := p.receivers[mid]; rx != nil {
			rx.show(nil)
		}
	}
	for i := range added {
		rx := p.receivers[added[i].MID]
		if rx == nil {
			continue
		}
		if l := p.room.wanted(&added[i]); l != nil && l != rx.layer && p.maySee(l.camera.owner) {
			rx.show(l)
		}
	}
}

// wanted is the layer that a subscription asks for: a stream by its id, or the
// best layer of a group within the target bit rate. nil: there is none.
func (r *room) wanted(v *VideoSubscription) *layer {
	if l := r.streams[v.StreamID]; l != nil {
		return l
	}
	for _, c := range r.cameras {
		if c.group == v.GroupID {
			return c.within(v.TargetBitrateKbps)
		}
	}
	return nil
}

// within is the best layer of at most kbps, or else the lowest one; 0 is no limit.
func (c *camera) within(kbps uint32) *layer {
	best := c.layers[0]
	for _, l := range c.layers[1:] {
		if l.listed() && (kbps == 0 || l.declared.MaxBitrateKbps <= kbps) {
			best = l
		}
	}
	return best
}
