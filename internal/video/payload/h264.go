package payload

import "encoding/binary"

// NAL unit types of H.264 table 7-1 and RFC 6184 section 5.2.
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
	nalFUB   = 29
)

// parseH264 finds the beginning of a keyframe: a sequence parameter set, or an
// IDR slice where the sender sends no parameter sets, alone, in a STAP-A or as
// the first fragment of an FU-A (RFC 6184 sections 5.6 to 5.8).
func parseH264(b []byte) (Info, bool) {
	if len(b) < 2 {
		return Info{}, false
	}
	var i Info
	switch t := b[0] & 0x1f; t {
	case nalIDR, nalSPS:
		i.readNAL(b)
	case nalSTAPA:
		return parseSTAPA(b[1:])
	case nalFUA, nalFUB:
		// FU header: S E R and the type of the fragmented unit.
		start, kind := b[1]&0x80 != 0, b[1]&0x1f
		i.Keyframe = start && (kind == nalIDR || kind == nalSPS)
	case 0, 30, 31:
		return Info{}, false
	}
	return i, true
}

// parseSTAPA walks the units of an aggregation packet, each behind its 16-bit size.
func parseSTAPA(b []byte) (Info, bool) {
	var i Info
	for len(b) > 2 {
		size := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if size == 0 || size > len(b) {
			return Info{}, false
		}
		i.readNAL(b[:size])
		b = b[size:]
	}
	return i, true
}

func (i *Info) readNAL(nal []byte) {
	switch nal[0] & 0x1f {
	case nalIDR:
		i.Keyframe = true
	case nalSPS:
		i.Keyframe = true
		i.Width, i.Height = spsSize(nal[1:])
	}
}

// spsSize reads the picture size of a sequence parameter set (H.264 section
// 7.3.2.1.1), 0×0 when the set is cut short or makes no sense.
func spsSize(sps []byte) (width, height uint16) {
	r := bitReader{b: sps}
	profile := r.bits(8)
	r.bits(16) // constraint flags, level
	r.ue()     // seq_parameter_set_id
	chroma := uint32(1)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128:
		if chroma = r.ue(); chroma == 3 {
			r.bits(1)
		}
		r.ue()
		r.ue()
		r.bits(1)
		if r.bits(1) == 1 {
			return 0, 0 // scaling matrices: not worth reading for a size
		}
	}
	r.ue() // log2_max_frame_num_minus4
	switch r.ue() {
	case 0:
		r.ue()
	case 1:
		r.bits(1)
		r.ue()
		r.ue()
		for n := r.ue(); n > 0 && !r.short; n-- {
			r.ue()
		}
	}
	r.ue()
	r.bits(1)
	w := uint64(r.ue()+1) * 16
	rows := uint64(r.ue()+1) * 16
	frames := r.bits(1)
	if frames == 0 {
		rows *= 2
		r.bits(1)
	}
	r.bits(1)
	var left, right, top, bottom uint32
	if r.bits(1) == 1 {
		left, right, top, bottom = r.ue(), r.ue(), r.ue(), r.ue()
	}
	cropX, cropY := uint64(1), uint64(2-frames)
	if chroma == 1 || chroma == 2 {
		cropX = 2
	}
	if chroma == 1 {
		cropY *= 2
	}
	cutX, cutY := cropX*(uint64(left)+uint64(right)), cropY*(uint64(top)+uint64(bottom))
	if r.short || w > 16384 || rows > 16384 || cutX >= w || cutY >= rows {
		return 0, 0
	}
	return uint16(w - cutX), uint16(rows - cutY)
}

// bitReader reads bits and Exp-Golomb codes (H.264 section 9.1) and skips
// emulation prevention bytes (00 00 03).
type bitReader struct {
	b     []byte
	at    int // next byte
	zeros int // zero bytes just before at
	cur   byte
	left  int  // unread bits of cur
	short bool // the data ended too early
}

func (r *bitReader) bit() uint32 {
	if r.left == 0 {
		if r.zeros >= 2 && r.at < len(r.b) && r.b[r.at] == 3 {
			r.at, r.zeros = r.at+1, 0
		}
		if r.at >= len(r.b) {
			r.short = true
			return 0
		}
		r.cur, r.left = r.b[r.at], 8
		r.at++
		if r.cur == 0 {
			r.zeros++
		} else {
			r.zeros = 0
		}
	}
	r.left--
	return uint32(r.cur>>r.left) & 1
}

func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for ; n > 0; n-- {
		v = v<<1 | r.bit()
	}
	return v
}

func (r *bitReader) ue() uint32 {
	n := 0
	for r.bit() == 0 {
		if n++; r.short || n > 31 {
			r.short = true
			return 0
		}
	}
	return 1<<n - 1 + r.bits(n)
}
