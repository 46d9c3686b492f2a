package video

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/carillon-rtc/carillon/internal/video/rewrite"
)

// Best selects the highest layer that is sending.
const Best = -1

// DownTrackConfig describes one receiving section.
type DownTrackConfig struct {
	Sink Sink
	// SSRC of the video, RTXSSRC of its retransmissions (0: none negotiated; what
	// is lost is then sent again as it was).
	SSRC, RTXSSRC uint32
	// Codecs the receiver negotiated, with its payload types.
	Codecs []Codec
	// Orientation is the receiver's id of urn:3gpp:video-orientation, 0 if it has none.
	Orientation uint8
	// CNAME is written beside sender reports (RFC 3550 section 6.5.1).
	CNAME string
}

// blindStart is how long a receiver waits for a keyframe before it is given the
// picture as it comes: some payloads hide their keyframes (end-to-end encryption).
const blindStart = 4 * time.Second

// keptSegments is how many of the last segments a NACK may reach back to.
const keptSegments = 4

// DownTrack is one receiving section of one client: one outgoing stream fed by
// at most one publisher at a time. All methods are safe for concurrent use.
type DownTrack struct {
	cfg    DownTrackConfig
	codecs map[string]Codec // by key

	mu       sync.Mutex
	pub      *Publisher
	selected int
	paused   bool
	closed   bool

	want  *layer    // layer to be received, nil while none is active
	cur   *source   // source being forwarded, nil while waiting for a keyframe
	feeds [2]*layer // layers whose list of receivers this is in

	waitSince     time.Time // first packet offered while waiting
	waitTimestamp uint32    // of the last packet offered while waiting
	askedAt       time.Time

	checked *sourceCodec // codec that target and takes are about
	target  Codec
	takes   bool

	segments [keptSegments]segment // newest first
	out      rewrite.Output
	header   rtp.Header // reused for each packet; the sink does not keep it
	scratch  []byte     // payloads that had to be rewritten
	ext      [1]byte

	rtx      retransmitter
	reports  senderState
	received receiverState
	rate     rate
	base     time.Time
	stats    DownTrackStats
}

// segment is a piece of a source with the outgoing numbers first to last.
type segment struct {
	rewrite.Segment
	src         *source
	codec       *sourceCodec
	first, last uint64
}

// NewDownTrack makes a section that sends nothing until a publisher is attached.
func NewDownTrack(cfg DownTrackConfig) *DownTrack {
	d := &DownTrack{cfg: cfg, codecs: make(map[string]Codec, len(cfg.Codecs)), selected: Best}
	for _, c := range cfg.Codecs {
		if _, twice := d.codecs[c.key()]; !twice {
			d.codecs[c.key()] = c
		}
	}
	d.header.Version = 2
	d.out = rewrite.NewOutput(uint16(rand.Uint32())) //nolint:gosec // RFC 3550 wants no secrecy here
	d.rtx.seq = uint16(rand.Uint32())                //nolint:gosec
	return d
}

// Attach makes p the source, in place of another one, and asks it for a keyframe,
// with which sending begins. selected is the index of the wanted layer, or Best.
// Attaching the same publisher again only changes the selection.
func (d *DownTrack) Attach(p *Publisher, selected int) {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	if d.pub != p {
		d.detach()
		if !p.add(d) {
			d.mu.Unlock()
			return
		}
		d.pub = p
	}
	d.selected = selected
	ask := d.choose()
	d.mu.Unlock()
	d.request(ask, time.Now())
}

// SelectLayer changes the wanted layer: an index, or Best. The switch happens at
// that layer's next keyframe, which is asked for.
func (d *DownTrack) SelectLayer(selected int) {
	d.mu.Lock()
	d.selected = selected
	ask := d.choose()
	d.mu.Unlock()
	d.request(ask, time.Now())
}

// Detach ends the flow from the current publisher.
func (d *DownTrack) Detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.detach()
}

func (d *DownTrack) detachFrom(p *Publisher) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pub == p {
		d.detach()
	}
}

func (d *DownTrack) detach() {
	if d.pub == nil {
		return
	}
	d.stop()
	d.pub.remove(d)
	d.pub = nil
	d.segments = [keptSegments]segment{} // let go of the sources and their histories
	d.checked = nil
}

// Pause stops sending; the place in the numbering is kept.
func (d *DownTrack) Pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused = true
	d.stop()
}

// Resume goes on with the next keyframe, which is asked for.
func (d *DownTrack) Resume() {
	d.mu.Lock()
	d.paused = false
	ask := d.choose()
	d.mu.Unlock()
	d.request(ask, time.Now())
}

// Close detaches for good.
func (d *DownTrack) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.detach()
	d.closed = true
}

// Publisher is the one attached, nil if none.
func (d *DownTrack) Publisher() *Publisher {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pub
}

// Layer is the index of the layer being sent, -1 while nothing is.
func (d *DownTrack) Layer() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cur == nil {
		return -1
	}
	return d.cur.layer.index
}

// stop leaves all layers.
func (d *DownTrack) stop() {
	d.want, d.cur = nil, nil
	d.waitSince = time.Time{}
	d.settle()
}

// reselect is called when a layer of the publisher starts or stops.
func (d *DownTrack) reselect(now time.Time, ask bool) {
	d.mu.Lock()
	l := d.choose()
	d.mu.Unlock()
	if ask {
		d.request(l, now)
	}
}

// choose sets the wanted layer and answers the one to ask for a keyframe, nil if
// that is not needed. While no layer is active the last choice stands: after a
// silence of the sender the same source goes on.
func (d *DownTrack) choose() (ask *layer) {
	if d.pub == nil || d.paused {
		return nil
	}
	l := d.pub.pick(d.selected)
	if l == nil {
		return nil
	}
	if l != d.want {
		d.want = l
		d.settle()
	}
	if d.waiting() {
		return d.want
	}
	return nil
}

// waiting: the wanted layer is not yet, or no longer, the one that flows.
func (d *DownTrack) waiting() bool {
	return d.want != nil && (d.cur == nil || d.cur.layer != d.want)
}

// request asks for a keyframe, without the lock.
func (d *DownTrack) request(l *layer, now time.Time) {
	if l == nil {
		return
	}
	d.mu.Lock()
	d.askedAt = now
	d.mu.Unlock()
	l.pub.requestKeyframe(l, now)
}

// settle brings the layers' lists of receivers in line with cur and want.
func (d *DownTrack) settle() {
	var wanted [2]*layer
	wanted[0] = d.want
	if d.cur != nil && d.cur.layer != d.want {
		wanted[1] = d.cur.layer
	}
	for _, l := range wanted {
		if l != nil && !slices.Contains(d.feeds[:], l) {
			l.join(d)
		}
	}
	for _, l := range d.feeds {
		if l != nil && !slices.Contains(wanted[:], l) {
			l.leave(d)
		}
	}
	d.feeds = wanted
}
