package video

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"github.com/carillon-rtc/carillon/internal/video/payload"
)

const (
	// keyframeSpacing is the least time between two requests to one layer.
	keyframeSpacing = 500 * time.Millisecond
	// layerIdle is how long a layer may be silent and still count as sending. A
	// still screen is repeated about once a second by Chromium.
	layerIdle = 1500 * time.Millisecond
)

// layer is one encoding of a publisher's picture. Except for receivers, its
// fields are guarded by the publisher's lock.
type layer struct {
	pub   *Publisher
	index int
	rid   string

	receivers atomic.Pointer[[]*DownTrack] // copy-on-write, nil when nobody

	src    *source
	codec  *sourceCodec // of the last packet
	active bool
	lastAt time.Duration // of the last media packet
	rate   rate

	width, height uint16
	keyTimestamp  uint32 // of the last keyframe
	keyAt         time.Duration
	askedAt       time.Duration
	asked         bool // askedAt is set
	deferred      bool // a request came too early and is due

	stats LayerStats
}

func (l *layer) downTracks() []*DownTrack {
	if list := l.receivers.Load(); list != nil {
		return *list
	}
	return nil
}

// join and leave change the list of receivers. When the last one leaves, the
// history is given back.
func (l *layer) join(d *DownTrack) {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	list := append(slices.Clone(l.downTracks()), d)
	l.receivers.Store(&list)
}

func (l *layer) leave(d *DownTrack) {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(l.downTracks()), func(o *DownTrack) bool { return o == d })
	if len(list) > 0 {
		l.receivers.Store(&list)
		return
	}
	l.receivers.Store(nil)
	if l.src != nil {
		l.src.hist = history{}
		l.src.missing.packets = nil
	}
}

// requestKeyframe sends a PLI or, within keyframeSpacing of the last, remembers
// to. A layer that has not sent anything yet begins with a keyframe by itself.
func (l *layer) requestKeyframe(at time.Duration) {
	if l.src == nil {
		return
	}
	if l.asked && at-l.askedAt < keyframeSpacing {
		l.deferred = true
		return
	}
	l.asked, l.askedAt, l.deferred = true, at, false
	l.stats.PLIs++
	l.pub.feedback = append(l.pub.feedback, &rtcp.PictureLossIndication{
		SenderSSRC: l.pub.cfg.LocalSSRC, MediaSSRC: l.src.ssrc,
	})
}

// keyframe notes the beginning of a keyframe, which answers what was asked for.
func (l *layer) keyframe(info payload.Info, p *packet, at time.Duration) {
	if info.Width != 0 {
		l.width, l.height = info.Width, info.Height
	}
	if l.stats.Keyframes > 0 && p.pos.Timestamp == l.keyTimestamp {
		return // a further slice or parameter set of the same picture
	}
	l.stats.Keyframes++
	l.keyTimestamp, l.keyAt, l.deferred = p.pos.Timestamp, at, false
	p.src.missing.before(p.pos.Seq)
}

// restart gives the layer a new run of numbers. Receivers notice by the source
// and wait for its keyframe.
func (l *layer) restart(ssrc uint32, seq uint16) {
	l.src = newSource(l, ssrc, seq)
}

// askAgain asks for the packets that are missing and due, if anyone wants them.
func (l *layer) askAgain(at time.Duration) {
	m := &l.src.missing
	if len(m.packets) == 0 {
		return
	}
	if len(l.downTracks()) == 0 {
		m.packets = m.packets[:0]
		return
	}
	seqs, gaveUp := m.due(l.pub.seqs[:0], l.src.highest, at)
	l.pub.seqs = seqs
	if len(seqs) > 0 {
		l.stats.NACKs += uint64(len(seqs))
		l.pub.feedback = append(l.pub.feedback, &rtcp.TransportLayerNack{
			SenderSSRC: l.pub.cfg.LocalSSRC, MediaSSRC: l.src.ssrc,
			Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
		})
	}
	if gaveUp {
		l.requestKeyframe(at)
	}
}
