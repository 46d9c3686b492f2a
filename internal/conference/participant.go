package conference

import (
	"sync"
	"time"

	"github.com/carillon-rtc/carillon/internal/trace"
)

// Participant is one session of an attendee in a live meeting. Its methods are
// safe for concurrent use, but must not be called from within a [Client]
// method. After [Participant.Leave], [Participant.Drop] or [Client.End] they do
// nothing.
type Participant struct {
	room    *room
	options JoinOptions
	client  Client
	trace   *trace.Trace
	media   media

	// negotiation lets one Subscribe run at a time. It is taken before the
	// room's lock and guards the media's answerer and session.
	negotiation sync.Mutex

	// The rest is guarded by the room's lock.

	id       Identity // its rights change
	begun    bool     // the client may be called
	detached bool     // the client must not be called any more
	gone     bool     // removed from the room
	ending   *Ending  // ended before it had begun

	rosterID  uint32 // audio stream id; 0: not in the roster
	muted     bool
	audio     bool      // has an audio connection
	connected bool      // media flows
	deadline  time.Time // when it counts as dropped; zero: not in question

	lastIndex    *Index
	codecs       []Codec // that it can receive; nil before the first offer
	camera       *camera // nil: off
	receivers    map[string]*receiver
	volumesStale bool  // has not got the last volumes
	mediaState   int32 // what followMedia last saw
	strength     strengthMeter
	downlink     downlink
}

func newParticipant(r *room, id Identity, o JoinOptions, c Client) *Participant {
	p := &Participant{
		room: r, id: id, options: o, client: c,
		trace:     r.rooms.traces.For(id.MeetingID, id.AttendeeID),
		receivers: make(map[string]*receiver),
		strength:  strengthMeter{value: goodStrength},
	}
	p.media.participant = p
	return p
}

// Identity tells who this is, with the rights that it has now.
func (p *Participant) Identity() Identity {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	return p.id
}

// Begin lets the room call the client, and at once tells it the index.
// It is called once, after JOIN was acknowledged.
func (p *Participant) Begin() {
	p.room.lock()
	defer p.room.unlock()
	p.begun = true
	if p.ending != nil {
		p.client.End(*p.ending)
		p.ending = nil
		return
	}
	p.sendIndex(p.room.census())
}

// reachable says whether the client may be called.
func (p *Participant) reachable() bool { return p.begun && !p.detached }

// end tells the client that it is over. The caller removes p from the room.
func (p *Participant) end(e Ending) {
	if p.detached {
		return
	}
	p.detached = true
	p.trace.Step("ended", "reason", e.Reason, "status", e.AudioStatus, "close", e.CloseCode)
	if !p.begun {
		p.ending = &e
		return
	}
	p.client.End(e)
}

// Leave ends the session as its client asked: the others see it leave.
func (p *Participant) Leave() {
	p.room.lock()
	defer p.room.unlock()
	if p.gone {
		return
	}
	p.trace.Step("leave")
	p.detached = true
	p.room.remove(p, false)
}

// Drop tells that the client's socket was lost. The participant stays in the
// roster for [Limits.ResumeGrace]; then, unless it came back, it counts as
// dropped. One that the roster never showed is removed at once.
func (p *Participant) Drop() {
	p.room.lock()
	defer p.room.unlock()
	if p.gone {
		return
	}
	p.trace.Step("socket-lost")
	p.detached = true
	if p.rosterID == 0 {
		p.room.remove(p, true)
		return
	}
	p.expire(time.Now().Add(p.room.rooms.limits.ResumeGrace))
	if !p.connected {
		p.room.dropCamera(p)
	}
}

// expire sets when p counts as dropped, unless that is already sooner.
func (p *Participant) expire(at time.Time) {
	if p.deadline.IsZero() || at.Before(p.deadline) {
		p.deadline = at
	}
}

// SetMuted takes over the client's mute state and tells everybody, the sender
// included.
func (p *Participant) SetMuted(muted bool) {
	p.room.lock()
	defer p.room.unlock()
	p.setMuted(muted)
}

func (p *Participant) setMuted(muted bool) {
	if p.gone || p.muted == muted {
		return
	}
	p.muted = muted
	if leg := p.media.leg.Load(); leg != nil {
		leg.SetMuted(muted)
	}
	if p.rosterID != 0 {
		change := RosterChange{AudioStreamID: p.rosterID, Muted: muted}
		p.room.tell([]RosterChange{change}, func(*Participant) bool { return true })
	}
}

// Send delivers data messages to all other attendees. Messages that no client
// would send (topic, size) are dropped. It returns true when the sender went
// over a hard limit and is to be hung up: the caller then closes its socket and
// calls Drop or Leave.
func (p *Participant) Send(messages []DataMessage) (hangup bool) {
	r := p.room
	r.lock()
	defer r.unlock()
	now := time.Now()
	for _, m := range messages {
		if p.gone || !r.mail.valid(&m) {
			continue
		}
		m.SenderAttendeeID, m.SenderExternalUserID = p.id.AttendeeID, p.id.ExternalUserID
		switch r.mail.admit(p.id.AttendeeID, now) {
		case hangUp:
			p.trace.Warn("data-limit-exceeded")
			r.rooms.stats.dataHangups.Add(1)
			return true
		case throttle:
			r.rooms.stats.dataThrottled.Add(1)
			m.IngestTime = time.Time{}
			if p.reachable() {
				p.client.Data([]DataMessage{m})
			}
		case deliver:
			m.IngestTime = r.mail.stamp(now)
			r.mail.keep(m)
			r.post(p, m)
		}
	}
	return false
}

// post delivers a message to everybody in the roster but its sender and shares.
func (r *room) post(from *Participant, m DataMessage) {
	r.rooms.stats.dataMessages.Add(1)
	one := []DataMessage{m}
	for _, q := range r.sessions {
		if q.rosterID != 0 && q.reachable() && !q.id.Content && q.id.AttendeeID != from.id.AttendeeID {
			q.client.Data(one)
		}
	}
}

// replay delivers the messages that were sent before p came and still live.
func (p *Participant) replay() {
	if p.id.Content {
		return
	}
	if kept := p.room.mail.replay(p.id.AttendeeID, time.Now()); len(kept) > 0 {
		p.client.Data(kept)
	}
}
