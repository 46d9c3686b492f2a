package conference

import (
	"time"

	"github.com/carillon-rtc/carillon/internal/video"
)

// starvedAfter is how long after it stopped flowing an encoding counts as
// starving, which shows as a bad connection on its tile.
const starvedAfter = 2 * time.Second

// camera is the video of one participant while it is on: a camera, or the
// picture of a content share. Turned off and on again it is a new one with a
// larger group id (signaling spec 2.5).
type camera struct {
	owner     *Participant
	group     uint32
	layers    []*layer // in the client's order: low, mid, hi
	publisher *video.Publisher
	codecs    []video.Codec // of the publisher
	rids      []string      // of its simulcast layers
	lookDue   time.Time     // next look at what flows
}

// layer is one encoding of a camera: one stream id.
type layer struct {
	camera   *camera
	id       uint32
	index    int // in camera.layers
	declared SendStream
	flowing  bool      // packets came lately
	starving bool      // packets came once, but not for a while
	stopped  time.Time // when they last ceased to come
	bps      uint32    // measured
}

// listed tells whether the layer belongs into INDEX: of a simulcast camera only
// layers that really flow, of a single encoding always.
func (l *layer) listed() bool {
	if len(l.camera.layers) == 1 {
		return true
	}
	if l.declared.MaxBitrateKbps == 0 {
		return false
	}
	// A camera all of whose layers are silent stays visible as its lowest one.
	return l.flowing || l.starving && l.lowestEnabled() && !l.camera.flowing()
}

func (l *layer) lowestEnabled() bool {
	for _, other := range l.camera.layers {
		if other.declared.MaxBitrateKbps != 0 {
			return other == l
		}
	}
	return false
}

func (c *camera) flowing() bool {
	for _, l := range c.layers {
		if l.flowing {
			return true
		}
	}
	return false
}

func (l *layer) source() Source {
	owner := l.camera.owner
	return Source{
		StreamID: l.id, GroupID: l.camera.group,
		AttendeeID: owner.id.AttendeeID, ExternalUserID: owner.id.ExternalUserID,
		TrackLabel:     l.declared.TrackLabel,
		MaxBitrateKbps: l.declared.MaxBitrateKbps,
		AvgBitrateBps:  l.average(),
		Framerate:      l.declared.Framerate,
		Width:          l.declared.Width, Height: l.declared.Height,
	}
}

// average is the measured bit rate, or the declared one until there is one.
func (l *layer) average() uint32 {
	if l.bps != 0 {
		return l.bps
	}
	return l.declared.AvgBitBps
}

// newCamera puts the video of p on air with fresh ids.
func (r *room) newCamera(p *Participant, streams []SendStream) *camera {
	c := &camera{owner: p, group: r.nextStream}
	for i, s := range streams {
		l := &layer{camera: c, id: r.nextStream, index: i, declared: s}
		r.nextStream++
		c.layers = append(c.layers, l)
		r.streams[l.id] = l
	}
	p.camera = c
	r.cameras = append(r.cameras, c)
	r.changed()
	return c
}

// dropCamera takes the video of p off the air.
func (r *room) dropCamera(p *Participant) {
	c := p.camera
	if c == nil {
		return
	}
	p.camera = nil
	for _, l := range c.layers {
		delete(r.streams, l.id)
	}
	for i := range r.cameras {
		if r.cameras[i] == c {
			r.cameras = append(r.cameras[:i:i], r.cameras[i+1:]...)
			break
		}
	}
	for _, q := range r.sessions {
		q.loseSource(c)
	}
	p.media.publisher.Store(nil)
	if c.publisher != nil {
		p.media.layers = knownLayers{c.rids, c.publisher.Streams()}
		r.later(c.publisher.Close)
	}
	r.changed()
}

// redeclare takes over what the client now says of its encodings, whose ids
// stay as long as the camera is on.
func (c *camera) redeclare(streams []SendStream) {
	for i, l := range c.layers {
		if l.declared != streams[i] {
			l.declared = streams[i]
			c.owner.room.changed()
		}
	}
}

// allocations names the camera's streams to the client that sends them.
func (c *camera) allocations() []Allocation {
	out := make([]Allocation, 0, len(c.layers))
	for _, l := range c.layers {
		out = append(out, Allocation{TrackLabel: l.declared.TrackLabel, StreamID: l.id, GroupID: c.group})
	}
	return out
}
