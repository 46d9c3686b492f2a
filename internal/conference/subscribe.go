package conference

import (
	"context"
	"slices"

	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
)

// grant is what the room allows of one SubscribeRequest.
type grant struct {
	sends    bool   // the camera may be on
	viewOnly bool   // the client wanted it on, but it may not be
	promised bool   // it goes on only now and was counted in advance
	videos   []bool // for each m=video section: a video will be sent on it
}

// Subscribe replaces the whole state of the participant's media by what the
// request says: it answers the offer, puts the camera on or off the air and
// connects the receiving sections. reply is called exactly once if the error is
// nil, before any further Client call, and must not block. The first one puts
// the participant into the roster. Errors are [ErrLeft], [ErrBadOffer] and those
// of a media session that cannot be had or does not fit the offer; they leave
// everything as it was.
func (p *Participant) Subscribe(ctx context.Context, q SubscribeRequest, reply func(SubscribeResult)) error {
	p.negotiation.Lock()
	defer p.negotiation.Unlock()
	g, err := p.grant(&q)
	if err != nil {
		return err
	}
	defer p.withdrawPromise(&g)
	if err := ctx.Err(); err != nil {
		return err
	}
	answer, err := p.media.answer(q.OfferSDP, g)
	if err != nil {
		p.trace.Warn("offer-refused", "error", err)
		return err
	}
	p.room.lock()
	defer p.room.unlock()
	if p.gone {
		return ErrLeft
	}
	if g.promised {
		g.promised = false
		p.room.promised-- // apply keeps it
	}
	result := p.apply(&q, g, answer)
	p.room.later(p.room.rooms.flush) // requests for keyframes
	p.trace.Step("offer-answered", "sends", g.sends, "receives", len(result.Tracks), "view_only", g.viewOnly)
	reply(result)
	p.setMuted(q.AudioMuted)
	if p.rosterID == 0 {
		p.room.announce(p)
		p.replay()
	}
	return nil
}

// grant decides what of the request is allowed, at this moment.
func (p *Participant) grant(q *SubscribeRequest) (grant, error) {
	r := p.room
	r.lock()
	defer r.unlock()
	if p.gone {
		return grant{}, ErrLeft
	}
	wants := q.Sends && len(q.SendStreams) > 0
	g := grant{sends: wants && p.mayPublish()}
	g.viewOnly = wants && !g.sends
	if g.promised = g.sends && p.camera == nil && !p.id.Content; g.promised {
		r.promised++
	}
	received := 0
	for _, id := range q.ReceiveStreamIDs {
		l := r.streams[id]
		ok := l != nil && p.maySee(l.camera.owner) && received < r.rooms.limits.VideoReceives
		if ok {
			received++
		}
		g.videos = append(g.videos, ok)
	}
	return g, nil
}

// withdrawPromise ends the counting in advance of a camera that will not go on
// air.
func (p *Participant) withdrawPromise(g *grant) {
	if g.promised {
		p.room.lock()
		p.room.promised--
		p.room.unlock()
	}
}

// mayPublish says whether p may have its camera, or its content's picture, on.
func (p *Participant) mayPublish() bool {
	if p.id.Content {
		return p.id.Capabilities.Content.Send
	}
	return p.id.Capabilities.Video.Send &&
		(p.camera != nil || p.room.cameraCount(false) < p.room.rooms.limits.Videos)
}

// apply brings the room in line with an answered offer.
func (p *Participant) apply(q *SubscribeRequest, g grant, a *sdp.Answer) SubscribeResult {
	if p.codecs == nil {
		p.learnCodecs(a)
	}
	if audio := q.Audio && a.Audio != nil; audio != p.audio {
		p.audio, p.room.presenceDue = audio, true
	}
	p.media.attachAudio(a)
	result := SubscribeResult{
		AnswerSDP:   a.SDP,
		Allocations: p.publish(q, g, a),
		Tracks:      p.receive(q, a),
		ViewOnly:    g.viewOnly,
	}
	p.media.publishRoutes(a)
	return result
}

// learnCodecs takes the codecs from the first offer and keeps to them, so that
// the order or choice of later offers never moves INDEX.
func (p *Participant) learnCodecs(a *sdp.Answer) {
	p.codecs = []Codec{}
	for _, k := range a.OfferedVideo {
		if slices.Contains(p.room.rooms.codecs, Codec(k)) {
			p.codecs = append(p.codecs, Codec(k))
		}
	}
	if len(p.codecs) == 0 && len(a.OfferedVideo) == 0 {
		p.codecs = nil // without video it has no say
	}
	p.room.changed()
}

// publish puts the camera on or off the air.
func (p *Participant) publish(q *SubscribeRequest, g grant, a *sdp.Answer) []Allocation {
	if !g.sends || a.Camera == nil || a.Camera.Direction == sdp.Inactive {
		p.room.dropCamera(p)
		return dummies(q)
	}
	if p.camera != nil && !p.camera.sameEncodings(q.SendStreams, a.Camera) {
		p.room.dropCamera(p) // simulcast was switched on or off
	}
	if p.camera == nil {
		p.room.newCamera(p, q.SendStreams)
	} else {
		p.camera.redeclare(q.SendStreams)
	}
	p.media.attachCamera(p.camera, a)
	return p.camera.allocations()
}

// dummies are what the real service allocates when nothing may be sent: one
// entry for each encoding that the client named, and one if it named none.
func dummies(q *SubscribeRequest) []Allocation {
	out := []Allocation{{StreamID: 1, GroupID: 1}}
	if q.Sends && len(q.SendStreams) > 0 {
		out = slices.Repeat(out, len(q.SendStreams))
		for i := range out {
			out[i].TrackLabel = q.SendStreams[i].TrackLabel
		}
	}
	return out
}
