// Package rewrite is the arithmetic that makes one continuous stream of pieces
// of several: extended sequence numbers and picture ids, and the offsets by which
// a piece of a source continues what was sent before.
//
// It knows packets only by their numbers, holds no locks and does not allocate.
package rewrite

import "time"

// ClockRate is the RTP clock of every video format, in Hz (RFC 7741, 9628, 6184).
const ClockRate = 90000

// Ticks is a duration in RTP clock ticks, modulo 2^32. Counting in microseconds
// keeps the product inside an int64 for longer than any meeting.
func Ticks(d time.Duration) uint32 {
	return uint32(d.Microseconds() * (ClockRate / 10000) / 100)
}

// Extend16 is the 64-bit number nearest to near whose low 16 bits are seq
// (RFC 3711 section 3.3.1 does the same for SRTP's packet index). near should be
// at least 1<<15, so that numbers before it stay above zero.
func Extend16(near uint64, seq uint16) uint64 {
	return near + uint64(int64(int16(seq-uint16(near))))
}

// ExtendBits is the 32-bit number nearest to near whose low bits are v; bits is
// the width of v, below 32. Picture ids have 7 or 15 bits, and a source may
// change between the two.
func ExtendBits(near uint32, v uint16, bits uint8) uint32 {
	shift := 32 - bits
	delta := int32((uint32(v)-near)<<shift) >> shift
	return near + uint32(delta)
}

// Position is one packet's place in a stream.
type Position struct {
	Seq       uint64 // extended sequence number
	Timestamp uint32
	PictureID uint32 // extended; meaningful if HasPictureID
	TL0       uint8  // TL0PICIDX; meaningful if HasTL0

	HasPictureID bool
	HasTL0       bool
}

// Segment is a piece of one source that was sent with the same offsets. From
// First on, positions of the source map to positions of the output.
type Segment struct {
	// First is the source's position at which the segment began: what lies
	// before it was never meant for this output.
	First uint64

	seq uint64
	ts  uint32
	pid uint32
	tl0 uint8
}

// Map is where a packet of the source stands in the output.
func (s Segment) Map(in Position) Position {
	in.Seq += s.seq
	in.Timestamp += s.ts
	in.PictureID += s.pid
	in.TL0 += s.tl0
	return in
}

// Renumbers tells whether the picture numbers of in change, or its 7-bit
// picture id has run over and needs 15 bits from now on.
func (s Segment) Renumbers(in Position, pictureIDBits uint8) bool {
	return s.pid != 0 || s.tl0 != 0 || pictureIDBits == 7 && in.PictureID&0x7fff > 0x7f
}

// SourceSeq is the source's sequence number that was sent as out.
func (s Segment) SourceSeq(out uint64) uint64 { return out - s.seq }

// OutputSeq is the output's sequence number for the source's number in.
func (s Segment) OutputSeq(in uint64) uint64 { return in + s.seq }

// Output is the newest position of an outgoing stream, and so the place where
// the next segment goes on.
type Output struct {
	newest   Position
	at       time.Time // arrival of the first packet with the newest timestamp
	started  bool
	anyPID   bool
	anyTL0   bool
	firstSeq uint16
}

// NewOutput is a stream that has sent nothing yet; its first packet will have the
// sequence number firstSeq.
func NewOutput(firstSeq uint16) Output { return Output{firstSeq: firstSeq} }

// Started tells whether a packet has been sent.
func (o *Output) Started() bool { return o.started }

// Highest is the highest extended sequence number sent.
func (o *Output) Highest() uint64 { return o.newest.Seq }

// Begin makes the segment that starts with the packet in, which arrived at at.
// Its sequence number and picture numbers follow those of the last segment
// without a gap; its timestamp advances by the time that passed since the newest
// picture, at least by one millisecond, because clocks of different sources have
// nothing in common but our own.
func (o *Output) Begin(in Position, at time.Time) Segment {
	s := o.continuing(in)
	if o.started {
		step := max(at.Sub(o.at), time.Millisecond)
		s.ts = o.newest.Timestamp + Ticks(step) - in.Timestamp
	}
	return s
}

// Resume is Begin for a packet of the same source as the segment before: the
// source's own clock went on, so the timestamps keep their offset.
func (o *Output) Resume(in Position, before Segment) Segment {
	s := o.continuing(in)
	s.ts = before.ts
	return s
}

func (o *Output) continuing(in Position) Segment {
	s := Segment{First: in.Seq}
	if o.started {
		s.seq = o.newest.Seq + 1 - in.Seq
	} else {
		// One cycle up, so that extending a number just below never goes under zero.
		s.seq = 1<<16 + uint64(o.firstSeq) - in.Seq
	}
	if in.HasPictureID && o.anyPID {
		s.pid = o.newest.PictureID + 1 - in.PictureID
	}
	if in.HasTL0 && o.anyTL0 {
		s.tl0 = o.newest.TL0 + 1 - in.TL0
	}
	return s
}

// Sent notes a packet that was sent at position out and whose source packet
// arrived at at. A reordered packet leaves the newest position alone.
func (o *Output) Sent(out Position, at time.Time) {
	if o.started && out.Seq <= o.newest.Seq {
		return
	}
	newer := !o.started || int32(out.Timestamp-o.newest.Timestamp) > 0
	o.newest.Seq = out.Seq
	if newer {
		o.newest.Timestamp, o.at = out.Timestamp, at
	}
	if out.HasPictureID && (!o.anyPID || int32(out.PictureID-o.newest.PictureID) > 0) {
		o.newest.PictureID, o.anyPID = out.PictureID, true
	}
	if out.HasTL0 && (!o.anyTL0 || int8(out.TL0-o.newest.TL0) > 0) {
		o.newest.TL0, o.anyTL0 = out.TL0, true
	}
	o.started = true
}

// TimestampAt is the RTP timestamp of the output at the moment now, for sender
// reports (RFC 3550 section 6.4.1).
func (o *Output) TimestampAt(now time.Time) uint32 {
	return o.newest.Timestamp + Ticks(now.Sub(o.at))
}
