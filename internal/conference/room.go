package conference

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/carillon-rtc/carillon/internal/audio"
	"github.com/carillon-rtc/carillon/internal/bus"
)

// WebSocket close codes of ended sessions (signaling spec 9.2).
const (
	closeNormal      = 1000
	closeUnavailable = 4403 // attendee unavailable
	closeEnded       = 4410 // meeting ended
	closeRetry       = 4500 // come back to the same address
)

// The endings that more than one place sends.
var (
	endMeeting  = Ending{AudioStatus: 410, CloseCode: closeEnded, Reason: "meeting ended"}
	endAttendee = Ending{AudioStatus: 411, CloseCode: closeUnavailable, Reason: "attendee unavailable"}
)

// room is one live meeting.
//
// One lock guards all of it and the unexported state of its participants,
// except what is marked otherwise. Clients are called with the lock held, which
// keeps their calls in order; they must not call back. Media packets never take
// it. What may block or calls back (closing sessions, legs and publishers) is
// put off with later and runs when the lock is released.
type room struct {
	rooms *Rooms
	id    string
	log   *slog.Logger

	uses int // joins under way and participants; guarded by Rooms.mu

	mu       sync.Mutex
	ended    error                   // why nobody may join any more
	caps     map[string]Capabilities // of all attendees that exist, by id; nil until first read
	version  uint64                  // grows when the bus tells of a change, so that an older read is not believed
	reads    uint64                  // begun; each has the next number
	readDone uint64                  // number of the youngest that caps come from
	sessions []*Participant          // all that joined, oldest first
	present  map[string]*Participant // who stands in the roster, by attendee id
	cameras  []*camera               // on air, in order of group ids
	promised int                     // cameras that were granted and are about to go on air
	streams  map[uint32]*layer       // on air, by stream id
	mail     mailbox
	mixer    *audio.Room // nil until somebody's media is connected

	nextRoster uint32 // next audio stream id; never reused
	nextStream uint32 // next video stream or group id; never reused

	indexDue     bool         // somebody's index may have changed
	indexSent    time.Time    // last round of indexes
	presenceDue  bool         // the number of audio connections may have changed
	presence     bus.Presence // as last published
	volumes      volumes
	nextBitrates time.Time
	nextRefresh  time.Time
	refreshing   bool
	afterUnlock  []func()
}

func newRoom(rooms *Rooms, id string, now time.Time) *room {
	return &room{
		rooms: rooms, id: id, log: rooms.log.With("meeting", id),
		presence:   bus.Presence{Meeting: id},
		present:    make(map[string]*Participant),
		streams:    make(map[uint32]*layer),
		mail:       newMailbox(rooms.limits.Data),
		nextRoster: firstID(now),
		// 1 names the audio in dummy allocations, so video starts at 2.
		nextStream:   max(2, firstID(now)),
		nextRefresh:  now.Add(refreshEvery),
		nextBitrates: now.Add(bitratesEvery),
	}
}

// idTime is how long a room may take for each id on average.
const idTime = 250 * time.Millisecond

// firstID is where the ids of a room that opens now begin: beyond those of any
// room that the meeting had before, on a server that was killed too. Clients
// keep their roster by id over a reconnection, and take who has another one's
// old id for somebody who is still there (signaling spec 5.1). 32 bits last
// until 2060.
func firstID(now time.Time) uint32 {
	since := now.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return uint32(max(1, since/idTime))
}

func (r *room) lock() { r.mu.Lock() }

// unlock sends the indexes that are due, releases the lock and then does what
// was put off. Indexes that follow too closely on the last ones wait for the
// next tick.
func (r *room) unlock() {
	now := time.Now()
	if r.indexDue && now.Sub(r.indexSent) >= indexPause {
		r.sendIndexes(now)
	}
	r.publishPresence()
	after := r.afterUnlock
	r.afterUnlock = nil
	r.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// later puts f off until the lock is released.
func (r *room) later(f func()) { r.afterUnlock = append(r.afterUnlock, f) }

// admit adds a session. An older one of the same attendee that never got as far
// as the roster gives way at once; one in the roster gives way in announce.
func (r *room) admit(p *Participant) error {
	if r.ended != nil {
		return r.ended
	}
	rights, ok := r.caps[p.id.BaseAttendeeID()]
	if !ok {
		return ErrAttendeeUnavailable
	}
	if p.id.Content && rights.Content == (Capability{}) {
		return ErrAttendeeUnavailable
	}
	p.id.Capabilities = rights
	if p.id.Content && r.shares(p.id.AttendeeID) >= r.rooms.limits.ContentShares {
		return ErrContentCapacity
	}
	for _, old := range slices.Clone(r.sessions) {
		if old.id.AttendeeID == p.id.AttendeeID && old.rosterID == 0 {
			old.supersede(p)
			r.forget(old)
		}
	}
	r.sessions = append(r.sessions, p)
	r.rooms.use(r)
	r.changed()
	return nil
}

// shares counts the content shares of others than the attendee.
func (r *room) shares(attendee string) int {
	others := make(map[string]struct{})
	for _, p := range r.sessions {
		if p.id.Content && p.id.AttendeeID != attendee {
			others[p.id.AttendeeID] = struct{}{}
		}
	}
	return len(others)
}

// remove takes p out of the meeting for good, and its content share with it.
// dropped says that its network failed rather than that it left.
func (r *room) remove(p *Participant, dropped bool) {
	if p.gone {
		return
	}
	if !p.id.Content && p.rosterID != 0 {
		r.endShares(p.id.AttendeeID, dropped)
	}
	r.dropCamera(p)
	r.withdraw(p, dropped)
	r.forget(p)
}

// endShares removes what an attendee shares, before it goes itself.
func (r *room) endShares(attendee string, dropped bool) {
	for _, q := range slices.Clone(r.sessions) {
		if q.id.Content && q.id.BaseAttendeeID() == attendee && !q.gone {
			q.end(endAttendee)
			r.remove(q, dropped)
		}
	}
}

// forget releases what p holds, once it is out of the roster.
func (r *room) forget(p *Participant) {
	if p.gone {
		return
	}
	p.gone, p.detached = true, true
	p.connected = false
	r.presenceDue = true
	p.trace.Step("removed")
	r.dropCamera(p)
	for _, rx := range p.receivers {
		r.later(rx.down.Close)
	}
	r.sessions = slices.DeleteFunc(r.sessions, func(q *Participant) bool { return q == p })
	r.changed()
	r.later(p.media.close)
	r.later(func() { r.rooms.release(r) })
}

// finish ends the meeting here: nobody may join, everybody is told.
func (r *room) finish(why error, e Ending) {
	r.ended = why
	for _, p := range slices.Clone(r.sessions) {
		p.end(e)
		r.forget(p)
	}
	clear(r.present)
}

// expel removes an attendee that no longer exists, with its content share, or
// only the content share.
func (r *room) expel(attendee string) {
	for _, p := range slices.Clone(r.sessions) {
		if (p.id.BaseAttendeeID() == attendee || p.id.AttendeeID == attendee) && !p.gone {
			p.trace.Warn("expelled")
			p.end(endAttendee)
			r.remove(p, false)
		}
	}
}

// apply takes over the rights that attendees now have.
func (r *room) apply(caps map[string]Capabilities) {
	r.caps = caps
	for _, p := range slices.Clone(r.sessions) {
		rights, ok := caps[p.id.BaseAttendeeID()]
		switch {
		case p.gone:
		case !ok, p.id.Content && rights.Content == (Capability{}):
			r.expel(p.id.AttendeeID)
		case rights != p.id.Capabilities:
			p.setRights(rights)
		}
	}
}
