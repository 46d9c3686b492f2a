package video

import (
	"time"
)

// keyframeRetry is after how long a receiver that still waits asks again.
const keyframeRetry = time.Second

// forward offers one packet of a layer that feeds this receiver.
func (d *DownTrack) forward(p *packet) {
	d.mu.Lock()
	var ask *layer
	if !d.paused && d.pub == p.src.layer.pub {
		ask = d.offer(p)
	}
	d.mu.Unlock()
	if ask != nil {
		d.request(ask, p.at)
	}
}

// offer sends the packet if it is its turn. It answers the layer to ask for a
// keyframe when the packet shows that one is needed.
func (d *DownTrack) offer(p *packet) (ask *layer) {
	if !d.supports(p.codec) {
		d.stats.Unsupported++
		if p.src == d.cur {
			d.cur = nil
		}
		return nil
	}
	seg := &d.segments[0]
	if p.src == d.cur && p.codec == seg.codec {
		if p.pos.Seq < seg.First {
			d.stats.Late++
			return nil
		}
		d.send(p, seg)
		return nil
	}
	if p.src == d.cur && p.pos.Seq < seg.First {
		d.stats.Late++ // of the codec before
		return nil
	}
	lost := d.cur != nil && d.cur.layer == p.src.layer
	if lost { // the sender began anew, or changed the codec
		d.cur = nil
	}
	if p.src.layer != d.want || !d.mayBegin(p) {
		if lost {
			return d.want
		}
		return nil
	}
	d.begin(p)
	return nil
}

// supports looks the receiver's payload type up; the answer is remembered,
// because the codec changes rarely.
func (d *DownTrack) supports(c *sourceCodec) bool {
	if c != d.checked {
		d.checked = c
		d.target, d.takes = d.codecs[c.key]
	}
	return d.takes
}

// mayBegin: the packet begins a keyframe, or a picture after blindStart in vain.
func (d *DownTrack) mayBegin(p *packet) bool {
	if p.info.Keyframe {
		return true
	}
	if d.cur != nil || len(p.payload) == 0 {
		return false
	}
	if d.waitSince.IsZero() {
		d.waitSince, d.waitTimestamp = p.at, p.pos.Timestamp
	}
	newPicture := p.pos.Timestamp != d.waitTimestamp
	d.waitTimestamp = p.pos.Timestamp
	return newPicture && p.at.Sub(d.waitSince) >= blindStart
}

// begin starts a segment with the packet. If the packet comes late, those after
// it that were not wanted until now follow from the history.
func (d *DownTrack) begin(p *packet) {
	last := d.segments[0]
	copy(d.segments[1:], d.segments[:])
	seg := &d.segments[0]
	*seg = segment{src: p.src, codec: p.codec}
	if last.src == p.src {
		seg.Segment = d.out.Resume(p.pos, last.Segment)
	} else {
		seg.Segment = d.out.Begin(p.pos, p.at)
	}
	seg.first = seg.OutputSeq(p.pos.Seq)
	d.cur = p.src
	d.waitSince = time.Time{}
	d.stats.Switches++
	d.settle()
	d.send(p, seg)
	for ext := p.pos.Seq + 1; ext <= p.newest; ext++ {
		d.catchUp(ext, seg, p)
	}
}

// send writes one packet of the current segment.
func (d *DownTrack) send(p *packet, seg *segment) {
	out := seg.Map(p.pos)
	body := p.payload
	if p.info.Numbered() && seg.Renumbers(p.pos, p.info.PictureIDBits) {
		d.scratch = p.info.Rewrite(d.scratch[:0], body, uint16(out.PictureID&0x7fff), out.TL0)
		body = d.scratch
	}
	h := &d.header
	h.SSRC, h.PayloadType = d.cfg.SSRC, d.target.PayloadType
	h.SequenceNumber, h.Timestamp, h.Marker = uint16(out.Seq), out.Timestamp, p.marker
	d.orient(p.orientation)
	if err := d.cfg.Sink.WriteRTP(h, body); err != nil {
		d.stats.SinkErrors++
	}
	d.out.Sent(out, p.at)
	seg.last = max(seg.last, out.Seq)
	d.count(p, len(body))
}

// orient writes the video-orientation extension, the only one that is passed on.
func (d *DownTrack) orient(orientation uint8) {
	h := &d.header
	h.Extension, h.ExtensionProfile, h.Extensions = false, 0, h.Extensions[:0]
	if orientation == noOrientation || d.cfg.Orientation == 0 {
		return
	}
	d.ext[0] = orientation
	_ = h.SetExtension(d.cfg.Orientation, d.ext[:]) // fails only for an id out of range
}

func (d *DownTrack) count(p *packet, size int) {
	if d.base.IsZero() {
		d.base = p.at
	}
	d.stats.Packets++
	d.stats.Bytes += uint64(size)
	d.rate.add(size, max(p.at.Sub(d.base), 0))
	if p.info.Keyframe && p.pos.Timestamp != d.reports.keyTimestamp {
		d.stats.Keyframes++
		d.reports.keyTimestamp = p.pos.Timestamp
	}
}

// tick does what is due by time.
func (d *DownTrack) tick(now time.Time) {
	d.mu.Lock()
	var ask *layer
	if d.waiting() && (d.takes || d.checked == nil) && now.Sub(d.askedAt) >= keyframeRetry {
		ask = d.want
	}
	report := d.senderReport(now)
	d.mu.Unlock()
	d.request(ask, now)
	if report != nil {
		if err := d.cfg.Sink.WriteRTCP(report); err != nil {
			d.mu.Lock()
			d.stats.SinkErrors++
			d.mu.Unlock()
		}
	}
}
