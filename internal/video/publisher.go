package video

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Extensions are the ids of the RTP header extensions of a sending section, 0
// for those not negotiated.
type Extensions struct {
	MID         uint8 // urn:ietf:params:rtp-hdrext:sdes:mid; not read, see Publisher.Handles
	RID         uint8 // urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
	RepairedRID uint8 // urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
	Orientation uint8 // urn:3gpp:video-orientation
}

// SSRCs are a media stream announced by SSRC and its retransmission stream
// (ssrc-group FID), 0 if it has none.
type SSRCs struct{ Media, RTX uint32 }

// PublisherConfig describes one sending section.
type PublisherConfig struct {
	Codecs     []Codec
	Extensions Extensions
	// RIDs are the simulcast layers by name, lowest quality first (a=simulcast);
	// empty without RID simulcast.
	RIDs []string
	// Streams are the SSRCs the offer announced: one, or one for each layer of a
	// SIM group, lowest first. May be empty: a single unannounced stream is found
	// by its payload type. With RIDs they are, in the same order, what an earlier
	// publisher of the same media session had learned ([Publisher.Streams]): Chromium
	// stops sending RIDs with the first receiver report and does not begin again
	// when the camera is switched off and on.
	Streams []SSRCs
	// LocalSSRC is the sender SSRC written into RTCP.
	LocalSSRC uint32
	Feedback  Feedback
	// KeyframeEvery asks for a keyframe at this distance while somebody receives;
	// 0 = never. Content senders expect 10 s (signaling spec 3.9).
	KeyframeEvery time.Duration
}

// Publisher receives one client's camera or screen. All methods are safe for
// concurrent use; RTP is meant to be called from one read loop.
type Publisher struct {
	cfg   PublisherConfig
	table atomic.Pointer[codecTable]
	subs  atomic.Pointer[[]*DownTrack] // attached, whatever layer they receive

	mu       sync.Mutex
	layers   []*layer
	streams  map[uint32]stream
	base     time.Time // where durations count from
	feedback []rtcp.Packet
	seqs     []uint16 // scratch of NACKs
	reported time.Duration
	changed  bool // since the last Tick
	closed   bool
	unknown  uint64
}

// stream is what an SSRC of the sender carries.
type stream struct {
	layer *layer
	rtx   bool
}

// maxStreams bounds the SSRCs remembered for one section.
const maxStreams = 32

// packet is one media packet on its way from a publisher to its receivers. It
// and its payload are valid during the call only.
type packet struct {
	received
	src         *source
	codec       *sourceCodec
	payload     []byte
	at          time.Time
	newest      uint64 // the source's highest sequence number
	marker      bool
	orientation uint8 // value of video-orientation, noOrientation if absent
}

const noOrientation = 0xff

// NewPublisher makes a publisher that waits for its first packet.
func NewPublisher(cfg PublisherConfig) *Publisher {
	p := &Publisher{cfg: cfg, streams: make(map[uint32]stream)}
	p.table.Store(newCodecTable(cfg.Codecs))
	for _, rid := range cfg.RIDs {
		p.addLayer(rid)
	}
	if len(cfg.RIDs) == 0 {
		for range max(len(cfg.Streams), 1) {
			p.addLayer("")
		}
	}
	for i, s := range cfg.Streams[:min(len(cfg.Streams), len(p.layers))] {
		if s.Media != 0 {
			p.streams[s.Media] = stream{layer: p.layers[i]}
		}
		if s.RTX != 0 {
			p.streams[s.RTX] = stream{layer: p.layers[i], rtx: true}
		}
	}
	return p
}

// Streams are the SSRCs announced or learned so far, one entry for each layer,
// zero where nothing is known.
func (p *Publisher) Streams() []SSRCs {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]SSRCs, len(p.layers))
	for ssrc, s := range p.streams {
		if s.rtx {
			out[s.layer.index].RTX = ssrc
		} else {
			out[s.layer.index].Media = ssrc
		}
	}
	return out
}

func (p *Publisher) addLayer(rid string) *layer {
	l := &layer{pub: p, index: len(p.layers), rid: rid}
	p.layers = append(p.layers, l)
	return l
}

// Handles reports whether a payload type belongs to this section, media or
// retransmission. In a bundle the payload types of sections of different media
// differ, so it tells this section's packets from the microphone's.
func (p *Publisher) Handles(payloadType uint8) bool {
	t := p.table.Load()
	return t.media[payloadType&0x7f] != nil || t.rtx[payloadType&0x7f] != nil
}

// SetCodecs replaces the codecs after a renegotiation.
func (p *Publisher) SetCodecs(codecs []Codec) { p.table.Store(newCodecTable(codecs)) }

// RTP takes one packet of the sender, which arrived at arrival. Header and
// payload are neither kept nor changed. If h.Padding is set and h.PaddingSize is
// 0, the padding is still part of the payload.
func (p *Publisher) RTP(h *rtp.Header, payload []byte, arrival time.Time) {
	pkt := packet{at: arrival, marker: h.Marker, orientation: noOrientation}
	if v := h.GetExtension(p.cfg.Extensions.Orientation); p.cfg.Extensions.Orientation != 0 && len(v) == 1 {
		pkt.orientation = v[0]
	}
	pkt.payload = unpad(h, payload)

	p.mu.Lock()
	deliver, woke := p.receive(&pkt, h)
	out := p.takeFeedback()
	p.mu.Unlock()

	p.send(out)
	if woke {
		p.reselect(arrival, !pkt.info.Keyframe)
	}
	if deliver {
		for _, d := range pkt.src.layer.downTracks() {
			d.forward(&pkt)
		}
	}
}

// unpad takes padding off that the transport left on (RFC 3550 section 5.1).
func unpad(h *rtp.Header, payload []byte) []byte {
	if !h.Padding || h.PaddingSize != 0 || len(payload) == 0 {
		return payload
	}
	n := int(payload[len(payload)-1])
	return payload[:max(len(payload)-n, 0)]
}

// RTCP takes the sender's reports; others are ignored.
func (p *Publisher) RTCP(pkts []rtcp.Packet, arrival time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.since(arrival)
	for _, pkt := range pkts {
		sr, ok := pkt.(*rtcp.SenderReport)
		if !ok {
			continue
		}
		if s := p.streams[sr.SSRC]; s.layer != nil && !s.rtx && s.layer.src != nil && s.layer.src.ssrc == sr.SSRC {
			s.layer.src.report.sender(sr, at)
		}
	}
}

// Tick does what is due by time, for the receivers too: call it every 50 to
// 100 ms. It answers whether, since the last call, a layer has started, stopped
// or changed its picture size, which is when clients want a new INDEX.
func (p *Publisher) Tick(now time.Time) (changed bool) {
	p.mu.Lock()
	at := p.since(now)
	reselect := false
	for _, l := range p.layers {
		reselect = p.tickLayer(l, at) || reselect
	}
	if at-p.reported >= time.Second {
		p.reported = at
		p.report(at)
	}
	changed, p.changed = p.changed, false
	out := p.takeFeedback()
	p.mu.Unlock()

	p.send(out)
	if reselect {
		p.reselect(now, true)
	}
	for _, d := range p.attached() {
		d.tick(now)
	}
	return changed
}

// tickLayer reports whether the layer has just fallen silent.
func (p *Publisher) tickLayer(l *layer, at time.Duration) (stopped bool) {
	if l.src == nil {
		return false
	}
	l.askAgain(at)
	every := p.cfg.KeyframeEvery
	periodic := every > 0 && l.active && at-l.keyAt >= every && len(l.downTracks()) > 0
	if (l.deferred || periodic) && at-l.askedAt >= keyframeSpacing {
		l.requestKeyframe(at)
	}
	if l.active && at-l.lastAt > layerIdle {
		l.active, stopped, p.changed = false, true, true
	}
	return stopped
}

// report writes one receiver report for all streams.
func (p *Publisher) report(at time.Duration) {
	var blocks []rtcp.ReceptionReport
	for _, l := range p.layers {
		if l.src != nil && l.src.report.received > 0 {
			blocks = append(blocks, l.src.block(at))
		}
	}
	if len(blocks) > 0 {
		p.feedback = append(p.feedback, &rtcp.ReceiverReport{SSRC: p.cfg.LocalSSRC, Reports: blocks})
	}
}

// Close detaches all receivers. Later packets are ignored.
func (p *Publisher) Close() {
	p.mu.Lock()
	p.closed = true
	subs := p.attached()
	p.subs.Store(nil)
	p.mu.Unlock()
	for _, d := range subs {
		d.detachFrom(p)
	}
}

// requestKeyframe asks one layer for a keyframe.
func (p *Publisher) requestKeyframe(l *layer, now time.Time) {
	p.mu.Lock()
	l.requestKeyframe(p.since(now))
	out := p.takeFeedback()
	p.mu.Unlock()
	p.send(out)
}

// pick is the layer for a receiver's choice: the chosen one or, while it is
// silent, the best active one below, else the next above. nil if none is active.
func (p *Publisher) pick(selected int) *layer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if selected < 0 || selected >= len(p.layers) {
		selected = len(p.layers) - 1
	}
	for i := selected; i >= 0; i-- {
		if p.layers[i].active {
			return p.layers[i]
		}
	}
	for _, l := range p.layers[selected+1:] {
		if l.active {
			return l
		}
	}
	return nil
}

// fetch copies a sent packet out of a source's history.
func (p *Publisher) fetch(src *source, ext uint64, pkt *packet, dst []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	pkt.src = src
	return src.hist.get(ext, pkt, dst)
}

func (p *Publisher) attached() []*DownTrack {
	if list := p.subs.Load(); list != nil {
		return *list
	}
	return nil
}

func (p *Publisher) add(d *DownTrack) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	list := append(slices.Clone(p.attached()), d)
	p.subs.Store(&list)
	return true
}

func (p *Publisher) remove(d *DownTrack) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(p.attached()), func(o *DownTrack) bool { return o == d })
	p.subs.Store(&list)
}

func (p *Publisher) reselect(now time.Time, ask bool) {
	for _, d := range p.attached() {
		d.reselect(now, ask)
	}
}

// since is the time since shortly before the publisher's first event.
func (p *Publisher) since(t time.Time) time.Duration {
	if p.base.IsZero() {
		p.base = t.Add(-time.Second)
	}
	return max(t.Sub(p.base), 0)
}

func (p *Publisher) takeFeedback() []rtcp.Packet {
	out := p.feedback
	p.feedback = nil
	return out
}

func (p *Publisher) send(pkts []rtcp.Packet) {
	if len(pkts) > 0 && p.cfg.Feedback != nil {
		_ = p.cfg.Feedback.WriteRTCP(pkts) // lost like a datagram; asked again later
	}
}
