package video

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"github.com/carillon-rtc/carillon/internal/video/payload"
	"github.com/carillon-rtc/carillon/internal/video/rewrite"
)

// received is what the publisher found out about a packet.
type received struct {
	pos  rewrite.Position
	info payload.Info
}

// receive does the accounting of one packet, with the lock held. deliver: it is
// new and goes to the receivers; woke: its layer has just become active.
func (p *Publisher) receive(pkt *packet, h *rtp.Header) (deliver, woke bool) {
	if p.closed {
		return false, false
	}
	at := p.since(pkt.at)
	st, ok := p.streamOf(h)
	if !ok {
		p.unknown++
		return false, false
	}
	l, seq := st.layer, h.SequenceNumber
	if st.rtx {
		l.stats.RTX++
		// RFC 4588 section 4: the original sequence number precedes the payload.
		// Without one the packet is only padding, sent to probe the path.
		if len(pkt.payload) < 2 || l.src == nil {
			return false, false
		}
		seq, pkt.payload = binary.BigEndian.Uint16(pkt.payload), pkt.payload[2:]
		pkt.codec = p.table.Load().rtx[h.PayloadType&0x7f]
	} else {
		pkt.codec = p.table.Load().media[h.PayloadType&0x7f]
	}
	if pkt.codec == nil {
		p.unknown++
		return false, false
	}
	if l.src == nil || (!st.rtx && l.src.ssrc != h.SSRC) {
		l.restart(h.SSRC, seq)
	}
	if !p.number(pkt, l, seq, st.rtx, at) {
		return false, false
	}
	pkt.pos.Timestamp = h.Timestamp
	l.count(pkt, h.MarshalSize(), st.rtx, at)
	return true, p.understand(pkt, l, at)
}

// streamOf finds the layer of a packet: by its SSRC, else by the RID that the
// first packets of a stream carry (RFC 8852), else, without simulcast, by its
// payload type.
func (p *Publisher) streamOf(h *rtp.Header) (stream, bool) {
	if s, ok := p.streams[h.SSRC]; ok {
		return s, true
	}
	s, ok := p.learn(h)
	if ok {
		p.remember(h.SSRC, s)
	}
	return s, ok
}

func (p *Publisher) learn(h *rtp.Header) (stream, bool) {
	t := p.table.Load()
	if len(p.cfg.RIDs) > 0 {
		if l := p.layerByRID(h, p.cfg.Extensions.RepairedRID); l != nil {
			return stream{layer: l, rtx: true}, true
		}
		if l := p.layerByRID(h, p.cfg.Extensions.RID); l != nil {
			return stream{layer: l, rtx: t.rtx[h.PayloadType&0x7f] != nil}, true
		}
		return stream{}, false
	}
	if len(p.layers) != 1 {
		return stream{}, false
	}
	if t.media[h.PayloadType&0x7f] != nil {
		return stream{layer: p.layers[0]}, true
	}
	return stream{layer: p.layers[0], rtx: true}, t.rtx[h.PayloadType&0x7f] != nil
}

func (p *Publisher) layerByRID(h *rtp.Header, id uint8) *layer {
	if id == 0 {
		return nil
	}
	rid := h.GetExtension(id)
	if len(rid) == 0 {
		return nil
	}
	for _, l := range p.layers {
		if l.rid == string(rid) {
			return l
		}
	}
	return nil
}

// remember binds an SSRC to a stream in place of the one that it replaces.
func (p *Publisher) remember(ssrc uint32, s stream) {
	for old, other := range p.streams {
		if other == s {
			delete(p.streams, old)
		}
	}
	if len(p.streams) < maxStreams {
		p.streams[ssrc] = s
	}
}

// number extends the sequence number and keeps the account of gaps; false if the
// packet is a duplicate, too old or not to be trusted.
func (p *Publisher) number(pkt *packet, l *layer, seq uint16, rtx bool, at time.Duration) bool {
	highest := l.src.highest
	ext, kind := l.src.arrive(seq, rtx)
	switch kind {
	case arrivalOld, arrivalJump:
		l.stats.Duplicates++
		return false
	case arrivalRestart:
		l.restart(l.src.ssrc, seq)
		ext, _ = l.src.arrive(seq, rtx)
	case arrivalNew:
		if ext > highest+1 {
			if !l.src.missing.gap(highest+1, ext, at) && len(l.downTracks()) > 0 {
				l.requestKeyframe(at)
			}
		} else if ext < highest && l.src.missing.found(ext, at) && rtx {
			l.stats.Recovered++
		}
	}
	pkt.src, pkt.pos.Seq, pkt.newest = l.src, ext, l.src.highest
	return true
}

// count measures the packet.
func (l *layer) count(pkt *packet, header int, rtx bool, at time.Duration) {
	size := header + len(pkt.payload)
	l.codec = pkt.codec
	l.stats.Packets++
	l.stats.Bytes += uint64(size)
	l.rate.add(size, at)
	if !rtx {
		l.src.report.packet(pkt.pos.Timestamp, at)
	}
	if m := &l.src.missing; len(m.packets) > 0 && at-m.checked >= nackCheck {
		l.askAgain(at)
	}
}

// understand reads the payload, keeps it for retransmission and reports whether
// the layer has just become active.
func (p *Publisher) understand(pkt *packet, l *layer, at time.Duration) (woke bool) {
	if len(pkt.payload) > 0 {
		pkt.info, _ = payload.Parse(pkt.codec.format, pkt.payload)
		l.src.number(pkt)
		l.lastAt = at
		if !l.active {
			l.active, woke, p.changed = true, true, true
		}
	}
	if pkt.info.Keyframe {
		width, height := l.width, l.height
		l.keyframe(pkt.info, pkt, at)
		p.changed = p.changed || width != l.width || height != l.height
	}
	if len(l.downTracks()) > 0 || (woke && len(p.attached()) > 0) {
		l.src.hist.put(pkt, at)
	}
	return woke
}

// number fills in the extended picture numbers.
func (s *source) number(pkt *packet) {
	i := &pkt.info
	pkt.pos.HasTL0, pkt.pos.TL0 = i.HasTL0, i.TL0PICIDX
	if i.PictureIDBits == 0 {
		return
	}
	if s.pictureID == 0 {
		s.pictureID = 1<<16 | uint32(i.PictureID)
	}
	s.pictureID = rewrite.ExtendBits(s.pictureID, i.PictureID, i.PictureIDBits)
	pkt.pos.HasPictureID, pkt.pos.PictureID = true, s.pictureID
}
