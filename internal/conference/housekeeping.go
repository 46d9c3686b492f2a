package conference

import (
	"slices"
	"time"

	"github.com/carillon-rtc/carillon/internal/bus"
)

// What comes with time.
const (
	tickEvery     = 100 * time.Millisecond
	volumesEvery  = 200 * time.Millisecond // 5 Hz (signaling spec 5.2)
	bitratesEvery = 4 * time.Second        // signaling spec 4.2
	refreshEvery  = 10 * time.Second       // of the records, so that a lost command heals
	// mailEvery is how often the messages of rooms that stand empty are looked
	// through when there is nothing else to do.
	mailEvery = 10 * time.Second
	// zombieGrace is how long a client whose media is gone may take to notice
	// it and come back, before it is shown as dropped and sent away.
	zombieGrace = 3 * time.Second
)

// keepHouse ticks all rooms while there are any, and attends to media
// connections as they change. Without rooms it rests, but for the messages that
// are left in them; whoever opens a room wakes it.
func (s *Rooms) keepHouse() {
	ticker := time.NewTicker(tickEvery)
	ticker.Stop()
	defer ticker.Stop()
	var list []*room
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.awake:
			ticker.Reset(tickEvery)
		case p := <-s.stirred:
			p.room.lock()
			p.followMedia()
			p.room.unlock()
		case now := <-ticker.C:
			list = s.live(list[:0])
			for _, r := range list {
				r.tick(now)
			}
			s.flush() // reports and requests to senders
			switch mail := s.expireMail(now); {
			case len(list) > 0:
			case mail:
				ticker.Reset(mailEvery)
			default:
				ticker.Stop()
			}
			clear(list)
		}
	}
}

func (r *room) tick(now time.Time) {
	r.lock()
	defer r.unlock() // sends the indexes that waited
	for _, p := range r.sessions {
		p.followMedia()
	}
	r.dropOverdue(now)
	r.lookAtCameras(now)
	if !now.Before(r.volumes.due) {
		r.volumes.due = now.Add(volumesEvery)
		r.sendVolumes(now)
	}
	if !now.Before(r.nextBitrates) {
		r.nextBitrates = now.Add(bitratesEvery)
		r.sendBitrates()
	}
	if !now.Before(r.nextRefresh) && !r.refreshing && r.ended == nil {
		r.nextRefresh = now.Add(refreshEvery)
		r.refreshing = true
		r.presenceDue, r.presence = true, bus.Presence{} // once more, should the last word have been lost
		r.rooms.wg.Go(func() {
			r.refresh()
			r.lock()
			r.refreshing = false
			r.unlock()
		})
	}
}

// dropOverdue removes those that did not come back in time.
func (r *room) dropOverdue(now time.Time) {
	overdue := func(p *Participant) bool { return !p.deadline.IsZero() && !now.Before(p.deadline) }
	for i := slices.IndexFunc(r.sessions, overdue); i >= 0; i = slices.IndexFunc(r.sessions, overdue) {
		p := r.sessions[i]
		p.trace.Warn("dropped")
		r.rooms.stats.drops.Add(1)
		// A client that is still there does not know that its media is dead;
		// this close code makes it join again.
		p.end(Ending{CloseCode: closeRetry, Reason: "media connection lost"})
		r.remove(p, true)
	}
}
