package conference

import (
	"cmp"
	"slices"
)

// announce puts p into the roster after its first SUBSCRIBE was answered. It
// gets the full roster, the others its entry. An older session of the same
// attendee gives way, in the order of signaling spec 9.3: new id in, old id
// out, old video gone, 301 to the old one unless the same client resumed.
func (r *room) announce(p *Participant) {
	old := r.present[p.id.AttendeeID]
	r.present[p.id.AttendeeID] = p
	p.rosterID = r.nextRoster
	r.nextRoster++
	p.volumesStale = true
	changes := []RosterChange{p.entry()}
	if old != nil {
		changes = append(changes, RosterChange{AudioStreamID: old.rosterID, Left: true})
		old.rosterID = 0
	}
	r.tell(changes, func(q *Participant) bool { return q != p && q != old })
	p.client.Roster(r.roster())
	if old != nil {
		r.dropCamera(old)
		old.supersede(p)
		r.forget(old)
	}
}

// supersede tells p, an older session, that another one has taken its place. A
// client that resumes is told nothing that it would show to its user.
func (p *Participant) supersede(by *Participant) {
	if p.options.AudioSessionID != 0 && p.options.AudioSessionID == by.options.AudioSessionID {
		p.trace.Step("resumed-elsewhere")
		p.end(Ending{CloseCode: closeNormal, Reason: "resumed on another socket"})
		return
	}
	p.trace.Step("taken-over")
	p.end(Ending{AudioStatus: 301, CloseCode: closeNormal, Reason: "joined from another device"})
}

// withdraw takes p out of the roster. dropped says that its network failed.
func (r *room) withdraw(p *Participant, dropped bool) {
	if p.rosterID == 0 {
		return
	}
	gone := RosterChange{AudioStreamID: p.rosterID, Left: !dropped, Dropped: dropped}
	p.rosterID = 0
	delete(r.present, p.id.AttendeeID)
	r.tell([]RosterChange{gone}, func(q *Participant) bool { return q != p })
}

// roster is everybody who is present, in order of their ids.
func (r *room) roster() []RosterChange {
	var all []RosterChange
	for _, p := range r.sessions {
		if p.rosterID != 0 {
			all = append(all, p.entry())
		}
	}
	slices.SortFunc(all, func(a, b RosterChange) int { return cmp.Compare(a.AudioStreamID, b.AudioStreamID) })
	return all
}

func (p *Participant) entry() RosterChange {
	return RosterChange{
		AudioStreamID: p.rosterID,
		AttendeeID:    p.id.AttendeeID, ExternalUserID: p.id.ExternalUserID,
		Muted: p.muted,
	}
}

// tell sends roster changes to those in the roster that want accepts. All of
// them have got the full roster before and each change since, so nobody hears
// of an id that it was not told of (signaling spec 5.1).
func (r *room) tell(changes []RosterChange, want func(*Participant) bool) {
	for _, q := range r.sessions {
		if q.rosterID != 0 && q.reachable() && want(q) {
			q.client.Roster(changes)
		}
	}
}
