package conference

import (
	"slices"
	"time"

	"github.com/carillon-rtc/carillon/internal/rtc/sdp"
	"github.com/carillon-rtc/carillon/internal/video"
)

// contentKeyframes is how often content senders are asked for a keyframe,
// unless they asked to be spared (signaling spec 3.9).
const contentKeyframes = 10 * time.Second

// knownLayers are the SSRCs by which the simulcast layers of a session were
// found. SDP does not name them, and a sender stops naming the RIDs with the
// first receiver report: a camera that was off for a while goes on without.
type knownLayers struct {
	rids    []string
	streams []video.SSRCs
}

// attachCamera gives a camera its publisher, or tells the one that it has of a
// renegotiation.
func (m *media) attachCamera(c *camera, a *sdp.Answer) {
	codecs := videoCodecs(a.Camera.Codecs)
	if c.publisher != nil {
		if !slices.Equal(codecs, c.codecs) {
			c.codecs = codecs
			c.publisher.SetCodecs(codecs)
		}
		return
	}
	cfg := video.PublisherConfig{
		Codecs: codecs, Feedback: m.session, LocalSSRC: 1,
		Extensions: video.Extensions{
			MID: a.Extensions.MID, RID: a.Extensions.RID, RepairedRID: a.Extensions.RepairedRID,
			Orientation: a.Extensions.VideoOrientation,
		},
	}
	if a.Audio != nil {
		cfg.LocalSSRC = a.Audio.SSRC
	}
	for _, l := range a.Camera.Layers {
		if l.RID != "" {
			cfg.RIDs = append(cfg.RIDs, l.RID)
		} else if l.SSRC != 0 {
			cfg.Streams = append(cfg.Streams, video.SSRCs{Media: l.SSRC, RTX: l.RTXSSRC})
		}
	}
	if len(cfg.RIDs) > 0 && slices.Equal(cfg.RIDs, m.layers.rids) {
		cfg.Streams = m.layers.streams
	}
	if c.owner.id.Content && !c.owner.options.NoPeriodicKeyframes {
		cfg.KeyframeEvery = contentKeyframes
	}
	c.codecs, c.rids = codecs, cfg.RIDs
	c.publisher = video.NewPublisher(cfg)
	m.publisher.Store(c.publisher)
}

// sameEncodings tells whether the camera can go on under the ids that it has.
func (c *camera) sameEncodings(streams []SendStream, s *sdp.VideoSection) bool {
	var rids []string
	for _, l := range s.Layers {
		if l.RID != "" {
			rids = append(rids, l.RID)
		}
	}
	return len(c.layers) == len(streams) && slices.Equal(rids, c.rids)
}

// publishRoutes tells the packets' side where things now go.
func (m *media) publishRoutes(a *sdp.Answer) {
	to := &routes{
		levelID: a.Extensions.AudioLevel, twccID: a.Extensions.TransportCC,
		downs: make(map[uint32]*video.DownTrack, len(m.participant.receivers)),
	}
	if a.Audio != nil {
		to.audioPT, to.audioSSRC = a.Audio.PayloadType, a.Audio.SSRC
	}
	for _, rx := range m.participant.receivers {
		to.downs[rx.ssrc] = rx.down
	}
	m.routes.Store(to)
}

// lookAtCameras does what is due for senders and receivers of video, and takes
// over which layers flow.
func (r *room) lookAtCameras(now time.Time) {
	for _, c := range r.cameras {
		changed := c.publisher.Tick(now)
		if !changed && now.Before(c.lookDue) {
			continue
		}
		c.lookDue = now.Add(time.Second)
		for i, info := range c.publisher.Layers(now) {
			if i < len(c.layers) {
				c.layers[i].look(info, now)
			}
		}
	}
}

// look takes over what was measured of a layer.
func (l *layer) look(info video.LayerInfo, now time.Time) {
	l.bps = uint32(min(info.BitsPerSecond, 1<<32-1))
	if l.flowing && !info.Active {
		l.stopped = now
	}
	flowing := info.Active
	starving := !flowing && !l.stopped.IsZero() && now.Sub(l.stopped) >= starvedAfter
	if flowing != l.flowing || starving != l.starving {
		l.flowing, l.starving = flowing, starving
		l.camera.owner.room.changed()
	}
}
