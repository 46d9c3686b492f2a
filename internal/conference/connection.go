package conference

import (
	"time"

	"github.com/carillon-rtc/carillon/internal/audio"
	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
)

// followMedia brings the participant in line with its media connection.
func (p *Participant) followMedia() {
	state := p.media.state.Load()
	if p.gone || state == p.mediaState {
		return
	}
	p.mediaState = state
	p.room.presenceDue = true
	switch state {
	case mediaConnected:
		p.connected = true
		p.media.joinMix()
	case mediaClosed, mediaLost:
		p.connected = false
		p.media.leaveMix()
		p.room.dropCamera(p)
		if p.detached {
			return // Drop has set how long it may stay away
		}
		grace := p.room.rooms.limits.ResumeGrace
		if state == mediaLost {
			grace = zombieGrace // it has been away for long already
		}
		p.expire(time.Now().Add(grace))
	}
}

// attachAudio takes over the negotiated audio. The leg itself joins the mix
// when the connection stands, so that nobody mixes for the unconnected.
func (m *media) attachAudio(a *sdp.Answer) {
	m.audio = a.Audio
	if m.state.Load() == mediaConnected && m.leg.Load() == nil {
		m.joinMix()
	}
}

// joinMix gives the participant its place in the mix.
func (m *media) joinMix() {
	p := m.participant
	if m.audio == nil || m.leg.Load() != nil || p.gone {
		return
	}
	hears, speaks := p.audioRights()
	leg := p.room.mix().Add(audio.LegConfig{
		Sink: m.session, SSRC: m.audio.SSRC, PayloadType: m.audio.PayloadType,
		Owner: p.id.BaseAttendeeID(), Hears: hears, Speaks: speaks,
	})
	leg.SetMuted(p.muted)
	m.leg.Store(leg)
}

func (m *media) leaveMix() {
	if leg := m.leg.Swap(nil); leg != nil {
		m.participant.room.later(leg.Close)
	}
}

// audioRights: a content share speaks by its own right and hears nothing.
func (p *Participant) audioRights() (hears, speaks bool) {
	if p.id.Content {
		return false, p.id.Capabilities.Content.Send
	}
	return p.id.Capabilities.Audio.Receive, p.id.Capabilities.Audio.Send
}

// mix is the room's mix, opened by the first who needs it.
func (r *room) mix() *audio.Room {
	if r.mixer == nil {
		r.mixer = r.rooms.audio.NewRoom()
	}
	return r.mixer
}

// close ends what a room holds when the last participant has left.
func (r *room) close() {
	r.lock()
	defer r.unlock()
	if r.ended == nil {
		r.rooms.keepMail(r.id, r.mail)
	}
	r.ended = ErrLeft // nobody can be here any more
	if r.mixer != nil {
		r.later(r.mixer.Close)
		r.mixer = nil
	}
}

// setRights applies changed rights to a live session.
func (p *Participant) setRights(rights Capabilities) {
	p.id.Capabilities = rights
	p.trace.Step("rights-changed", "rights", rights)
	if leg := p.media.leg.Load(); leg != nil {
		leg.SetRights(p.audioRights())
	}
	if p.camera != nil && !p.mayPublish() {
		p.room.dropCamera(p)
	}
	for _, rx := range p.receivers {
		if rx.layer != nil && !p.maySee(rx.layer.camera.owner) {
			rx.show(nil)
		}
	}
	p.room.changed()
}

// level is how loud p is, as attenuation in dB: RFC 6464's level as it is.
func (p *Participant) level() uint32 {
	leg := p.media.leg.Load()
	if leg == nil || p.muted {
		return 127
	}
	return uint32(leg.Level())
}
