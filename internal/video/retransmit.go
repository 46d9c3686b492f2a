package video

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"

	"github.com/carillon-rtc/carillon/internal/video/payload"
	"github.com/carillon-rtc/carillon/internal/video/rewrite"
)

const (
	rtxTable   = historyPackets // remembered times of retransmission
	minRTT     = 20 * time.Millisecond
	assumedRTT = 50 * time.Millisecond
)

// retransmitter is a receiver's side of answering NACKs. Its memory is taken
// with the first NACK.
type retransmitter struct {
	seq     uint16    // next number of the RTX stream (RFC 4588 section 4)
	sent    []rtxSent // by outgoing number, modulo rtxTable
	fetched []byte
	body    []byte
}

type rtxSent struct {
	ext uint64
	at  time.Time
}

// RTCP takes reports and requests of the receiver. Those about other SSRCs are
// passed over, so a session may give each packet to each of its sections.
func (d *DownTrack) RTCP(pkts []rtcp.Packet, now time.Time) {
	d.mu.Lock()
	keyframe := false
	for _, pkt := range pkts {
		switch pkt := pkt.(type) {
		case *rtcp.TransportLayerNack:
			if pkt.MediaSSRC == d.cfg.SSRC {
				d.nack(pkt.Nacks, now)
			}
		case *rtcp.PictureLossIndication:
			keyframe = keyframe || pkt.MediaSSRC == d.cfg.SSRC
		case *rtcp.FullIntraRequest:
			for _, f := range pkt.FIR {
				keyframe = keyframe || f.SSRC == d.cfg.SSRC
			}
		case *rtcp.ReceiverReport:
			d.receptionReports(pkt.Reports, now)
		case *rtcp.SenderReport:
			d.receptionReports(pkt.Reports, now)
		}
	}
	var ask *layer
	if keyframe {
		d.stats.PLIs++
		if d.cur != nil {
			ask = d.cur.layer
		} else if d.takes {
			ask = d.want
		}
	}
	d.mu.Unlock()
	d.request(ask, now)
}

// nack answers what a Generic NACK asks for (RFC 4585 section 6.2.1).
func (d *DownTrack) nack(pairs []rtcp.NackPair, now time.Time) {
	for _, pair := range pairs {
		d.resend(pair.PacketID, now)
		for i := range uint16(16) {
			if pair.LostPackets&(1<<i) != 0 {
				d.resend(pair.PacketID+i+1, now)
			}
		}
	}
}

// resend answers one number unless it was answered within a round trip.
func (d *DownTrack) resend(seq uint16, now time.Time) {
	d.stats.NACKs++
	if !d.out.Started() || d.paused {
		return
	}
	ext := rewrite.Extend16(d.out.Highest(), seq)
	seg := d.segmentOf(ext)
	if seg == nil {
		d.stats.Missed++
		return
	}
	if d.rtx.sent == nil {
		d.rtx.sent = make([]rtxSent, rtxTable)
	}
	before := &d.rtx.sent[ext%rtxTable]
	if before.ext == ext && now.Sub(before.at) < max(d.rtt(), minRTT) {
		return
	}
	var p packet
	if !d.fetch(seg.SourceSeq(ext), seg, &p) {
		d.stats.Missed++
		return
	}
	*before = rtxSent{ext: ext, at: now}
	d.writeAgain(&p, seg)
}

// segmentOf finds the segment in which a packet was sent.
func (d *DownTrack) segmentOf(ext uint64) *segment {
	for i := range d.segments {
		s := &d.segments[i]
		if s.src != nil && ext >= s.first && ext <= s.last {
			return s
		}
	}
	return nil
}

// fetch reads a packet of a segment from its source's history.
func (d *DownTrack) fetch(ext uint64, seg *segment, p *packet) bool {
	if !seg.src.layer.pub.fetch(seg.src, ext, p, d.rtx.fetched[:0]) {
		return false
	}
	d.rtx.fetched = p.payload
	if len(p.payload) > 0 {
		p.info, _ = payload.Parse(p.codec.format, p.payload)
	}
	p.pos.HasPictureID = p.info.PictureIDBits != 0
	p.pos.HasTL0, p.pos.TL0 = p.info.HasTL0, p.info.TL0PICIDX
	return true
}

// catchUp sends a packet that came before its segment could begin.
func (d *DownTrack) catchUp(ext uint64, seg *segment, begun *packet) {
	var p packet
	if d.fetch(ext, seg, &p) && p.codec == seg.codec {
		p.at = begun.at
		d.send(&p, seg)
	}
}

// writeAgain sends a packet with the numbers it had: on the RTX stream, with the
// original sequence number before the payload, or as it was.
func (d *DownTrack) writeAgain(p *packet, seg *segment) {
	codec, ok := d.codecs[p.codec.key]
	if !ok {
		return
	}
	out := seg.Map(p.pos)
	h := &d.header
	h.Timestamp, h.Marker = out.Timestamp, p.marker
	body := d.rtx.body[:0]
	if d.cfg.RTXSSRC != 0 && codec.RTX != 0 {
		h.SSRC, h.PayloadType, h.SequenceNumber = d.cfg.RTXSSRC, codec.RTX, d.rtx.seq
		d.rtx.seq++
		body = binary.BigEndian.AppendUint16(body, uint16(out.Seq))
	} else {
		h.SSRC, h.PayloadType, h.SequenceNumber = d.cfg.SSRC, codec.PayloadType, uint16(out.Seq)
	}
	d.rtx.body = p.info.Rewrite(body, p.payload, uint16(out.PictureID&0x7fff), out.TL0)
	d.orient(p.orientation)
	if err := d.cfg.Sink.WriteRTP(h, d.rtx.body); err != nil {
		d.stats.SinkErrors++
	}
	d.stats.Retransmitted++
}
