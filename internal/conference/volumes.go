package conference

import (
	"slices"
	"time"
)

const (
	silent       = 42          // attenuation in dB from which clients show nothing
	goodStrength = 2           // signal strengths (signaling spec 5.2)
	weakStrength = 1           //
	noStrength   = 0           //
	repeatVolume = time.Second // active speaker detection wants to hear at least so often
)

// volumes is what was last told of levels and signal strengths.
type volumes struct {
	due  time.Time // next look
	last []Volume
	sent time.Time
}

// sendVolumes tells everybody who is loud and whose connection is bad: a full
// statement, left out when it would repeat the last one.
func (r *room) sendVolumes(now time.Time) {
	current := r.measureVolumes(now)
	same := slices.Equal(current, r.volumes.last)
	quiet := len(current) == 1 && current[0].AudioStreamID == 0
	again := !same || !quiet && now.Sub(r.volumes.sent) >= repeatVolume
	if again {
		r.volumes.last, r.volumes.sent = current, now
	}
	for _, p := range r.sessions {
		if p.rosterID == 0 || !p.reachable() || p.id.Content || !again && !p.volumesStale {
			continue
		}
		p.volumesStale = false
		p.client.Volumes(r.volumes.last)
	}
}

// measureVolumes lists all who can be heard or have a bad connection. When that
// is nobody, one entry with an id that means nobody says "all silent".
func (r *room) measureVolumes(now time.Time) []Volume {
	var out []Volume
	for _, p := range r.sessions {
		level := p.level()
		strength := p.measureStrength(now)
		if p.rosterID != 0 && (level < silent || strength != goodStrength) {
			out = append(out, Volume{p.rosterID, level, strength})
		}
	}
	if out == nil {
		out = []Volume{{SignalStrength: goodStrength}}
	}
	return out
}

// sendBitrates tells everybody the measured rates of what it could receive, and
// how much that may be.
func (r *room) sendBitrates() {
	for _, p := range r.sessions {
		if p.rosterID == 0 || !p.reachable() {
			continue
		}
		var streams []StreamBitrate
		for _, c := range r.cameras {
			if !p.maySee(c.owner) {
				continue
			}
			for _, l := range c.layers {
				if l.listed() {
					streams = append(streams, StreamBitrate{l.id, l.average()})
				}
			}
		}
		p.client.Bitrates(streams, p.downlinkKbps())
	}
}
