package video

import (
	"time"

	"github.com/carillon-rtc/carillon/internal/video/rewrite"
)

const (
	sourceWindow = 1024 // packets back that duplicates are known of
	maxDropout   = 3000 // RFC 3550 appendix A.1: a longer jump is a restart
)

// source is one run of one SSRC: from its first packet to the moment at which
// the sender starts its numbering anew. Guarded by the publisher's lock.
type source struct {
	layer *layer
	ssrc  uint32

	first, highest uint64 // extended sequence numbers
	seen           [sourceWindow / 64]uint64
	probation      uint32 // next number after a jump, plus 1<<16; 0 if none

	pictureID uint32 // extended, of the last packet; 0 = none yet
	hist      history
	missing   missing
	report    reception
}

// arrivalKind is what a sequence number means to a source.
type arrivalKind uint8

const (
	arrivalNew     arrivalKind = iota
	arrivalOld                 // a duplicate, or too late to tell
	arrivalJump                // far off: the first of a restart, or garbage
	arrivalRestart             // the second in a row that is far off
)

func newSource(l *layer, ssrc uint32, seq uint16) *source {
	s := &source{layer: l, ssrc: ssrc}
	// One cycle up, so that a reordered packet before the first one has a number.
	s.first = 1<<16 + uint64(seq)
	s.highest = s.first - 1
	return s
}

// arrive extends a sequence number and notes it as seen.
func (s *source) arrive(seq uint16, retransmitted bool) (uint64, arrivalKind) {
	ext := rewrite.Extend16(s.highest, seq)
	switch ahead := int64(ext - s.highest); {
	case ahead > maxDropout || ahead < -maxDropout:
		return ext, s.jump(seq, retransmitted)
	case ahead <= -sourceWindow:
		return ext, arrivalOld
	case ahead > 0:
		s.skip(ahead)
		s.highest = ext
	}
	s.probation = 0
	word, bit := &s.seen[ext%sourceWindow/64], uint64(1)<<(ext%64)
	if *word&bit != 0 {
		return ext, arrivalOld
	}
	*word |= bit
	return ext, arrivalNew
}

// skip forgets the marks of the ahead numbers after the highest.
func (s *source) skip(ahead int64) {
	if ahead >= sourceWindow {
		clear(s.seen[:])
		return
	}
	for n := s.highest + 1; n <= s.highest+uint64(ahead); n++ {
		s.seen[n%sourceWindow/64] &^= 1 << (n % 64)
	}
}

func (s *source) jump(seq uint16, retransmitted bool) arrivalKind {
	if retransmitted {
		return arrivalOld
	}
	if s.probation == 1<<16|uint32(seq) {
		return arrivalRestart
	}
	s.probation = 1<<16 | uint32(seq+1)
	return arrivalJump
}

// missing are the packets that a source waits for, in the order of their numbers.
type missing struct {
	packets []missingPacket
	checked time.Duration
	rtt     time.Duration // measured from NACK to arrival; 0 = not yet
}

type missingPacket struct {
	ext   uint64
	shown uint64 // number of the packet that showed the gap
	since time.Duration
	asked time.Duration
	tries uint8
}

// Bounds of asking for lost packets.
const (
	maxMissing     = 256
	reorderPackets = 2                     // further packets after which a gap counts as loss
	reorderTime    = 10 * time.Millisecond // or the time after which it does
	nackCheck      = 5 * time.Millisecond
	nackTries      = 8
	nackGiveUp     = time.Second
	defaultRTT     = 100 * time.Millisecond
	minRetry       = 20 * time.Millisecond
)

// gap notes the numbers from..to-1 as missing; false if they are too many.
func (m *missing) gap(from, to uint64, at time.Duration) bool {
	if to-from+uint64(len(m.packets)) > maxMissing {
		m.packets = m.packets[:0]
		return false
	}
	for ext := from; ext < to; ext++ {
		m.packets = append(m.packets, missingPacket{ext: ext, shown: to, since: at})
	}
	return true
}

// found removes a number that arrived and reports whether it was missed.
func (m *missing) found(ext uint64, at time.Duration) bool {
	for i := range m.packets {
		p := &m.packets[i]
		if p.ext > ext {
			return false
		}
		if p.ext != ext {
			continue
		}
		if p.tries == 1 {
			m.sample(at - p.asked)
		}
		m.packets = append(m.packets[:i], m.packets[i+1:]...)
		return true
	}
	return false
}

func (m *missing) sample(rtt time.Duration) {
	if m.rtt == 0 {
		m.rtt = rtt
		return
	}
	m.rtt += (rtt - m.rtt) / 8
}

// before removes what a keyframe at ext has made needless.
func (m *missing) before(ext uint64) {
	n := 0
	for n < len(m.packets) && m.packets[n].ext < ext {
		n++
	}
	m.packets = append(m.packets[:0], m.packets[n:]...)
}

// due appends the numbers to ask for now, and reports whether it gave one up.
func (m *missing) due(dst []uint16, highest uint64, at time.Duration) (seqs []uint16, gaveUp bool) {
	m.checked = at
	retry := m.rtt
	if retry == 0 {
		retry = defaultRTT
	}
	retry = max(retry+retry/4, minRetry)
	kept := m.packets[:0]
	for _, p := range m.packets {
		switch {
		case p.tries >= nackTries || at-p.since > nackGiveUp:
			gaveUp = true
			continue
		case p.tries == 0 && (highest-p.shown >= reorderPackets || at-p.since >= reorderTime),
			p.tries > 0 && at-p.asked >= retry:
			p.tries++
			p.asked = at
			dst = append(dst, uint16(p.ext))
		}
		kept = append(kept, p)
	}
	m.packets = kept
	return dst, gaveUp
}
