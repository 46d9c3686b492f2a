package conference

import (
	"slices"
	"time"
)

// indexPause is the shortest time between two rounds of INDEX, so that a burst
// of joins costs one round, not one for each join.
const indexPause = 80 * time.Millisecond

// exactParticipants is up to how many participants a change of their number is
// worth an INDEX: clients choose layers by the first few (signaling spec 3.8).
const exactParticipants = 16

// census is what everybody's index has in common.
type census struct {
	participants uint32
	codecs       []Codec
	full         bool // no further camera may come
}

func (r *room) census() census {
	return census{r.participants(), r.codecs(), r.cameraCount(false) >= r.rooms.limits.Videos}
}

// indexOf builds the complete index that p is to know (signaling spec 4.1).
func (r *room) indexOf(p *Participant, c census) Index {
	ix := Index{NumParticipants: c.participants, Codecs: c.codecs}
	if p.id.Content {
		return ix
	}
	ix.AtCapacity = !p.id.Capabilities.Video.Send || p.camera == nil && c.full
	for _, c := range r.cameras {
		if !p.maySee(c.owner) {
			continue
		}
		for _, l := range c.layers {
			if l.listed() {
				ix.Sources = append(ix.Sources, l.source())
			}
			if l.listed() && l.starving {
				ix.PausedAtSource = append(ix.PausedAtSource, l.id)
			}
		}
	}
	return ix
}

// maySee tells whether p may receive the video of owner: never its own camera,
// its own content only if it did not say otherwise, and nothing without the right.
func (p *Participant) maySee(owner *Participant) bool {
	switch {
	case p == owner, p.id.Content, p.id.AttendeeID == owner.id.AttendeeID:
		return false
	case owner.id.Content && p.id.AttendeeID == owner.id.BaseAttendeeID() && p.options.ExcludeSelfContent:
		return false
	case owner.id.Content:
		return p.id.Capabilities.Content.Receive
	}
	return p.id.Capabilities.Video.Receive
}

// participants counts the attendees that are here, content shares not.
func (r *room) participants() uint32 {
	here := make(map[string]struct{}, len(r.sessions))
	for _, p := range r.sessions {
		if !p.id.Content {
			here[p.id.AttendeeID] = struct{}{}
		}
	}
	return uint32(len(here))
}

// codecs is what all subscribed participants can receive, in the order of the
// configuration; before anybody has subscribed, all that is negotiated. An empty
// intersection is left empty: clients ignore it.
func (r *room) codecs() []Codec {
	var all []Codec
	for _, c := range r.rooms.codecs {
		if !slices.ContainsFunc(r.sessions, func(p *Participant) bool {
			return !p.id.Content && p.codecs != nil && !slices.Contains(p.codecs, c)
		}) {
			all = append(all, c)
		}
	}
	return all
}

// cameraCount counts the cameras on air and those that an answer under way
// promises, or the content shares on air.
func (r *room) cameraCount(content bool) int {
	n := 0
	for _, c := range r.cameras {
		if c.owner.id.Content == content {
			n++
		}
	}
	if !content {
		n += r.promised
	}
	return n
}

// changed notes that somebody's index may have changed; unlock sends what did.
func (r *room) changed() { r.indexDue = true }

// sendIndexes tells everybody whose index changed materially.
func (r *room) sendIndexes(now time.Time) {
	r.indexDue, r.indexSent = false, now
	c := r.census()
	for _, p := range r.sessions {
		p.sendIndex(c)
	}
}

// sendIndex tells p its index, unless it knows it already: an INDEX without a
// change makes some clients subscribe again without end (signaling spec 3.6).
func (p *Participant) sendIndex(c census) {
	if !p.reachable() {
		return
	}
	ix := p.room.indexOf(p, c)
	if p.lastIndex != nil && !p.lastIndex.differs(&ix) {
		return
	}
	p.lastIndex = &ix
	p.room.rooms.stats.indexes.Add(1)
	p.client.Index(ix)
}

// differs tells whether a client has to know b when it knows a. Average bit
// rates ride on BITRATES, and large meetings are not counted to the head.
func (a *Index) differs(b *Index) bool {
	return a.AtCapacity != b.AtCapacity ||
		min(a.NumParticipants, exactParticipants) != min(b.NumParticipants, exactParticipants) ||
		!slices.Equal(a.Codecs, b.Codecs) ||
		!slices.Equal(a.PausedAtSource, b.PausedAtSource) ||
		!slices.EqualFunc(a.Sources, b.Sources, func(x, y Source) bool {
			x.AvgBitrateBps, y.AvgBitrateBps = 0, 0
			return x == y
		})
}
